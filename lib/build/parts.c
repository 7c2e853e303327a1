/* parts.c - see parts.h. */
#include "lib/build/parts.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/spool.h"
#include "lib/base/str.h"
#include "lib/base/uuid.h"
#include "lib/build/bootfiles.h"
#include "lib/disk/uki.h"
#include "lib/fs/cpio.h"
#include "lib/fs/erofs.h"
#include "lib/fs/gzip.h"
#include "lib/fs/inodes.h"
#include "lib/fs/squashfs.h"
#include "lib/rootfs/kernel_image.h"

enum { GZIP_LEVEL = 6, CMDLINE_LIMIT = 1 << 16, ROOT_IMAGES = 2, STUBS = 3 };
#define KERNEL_LIMIT ((uint64_t)1 << 30)

struct Parts {
        const FormatJob *job;
        const PartsOptions *o;
        char *cmdline;
        Tree *root; /* what a root file system image holds */
        Extents *kernel, *initrd;
        Spool kernel_spool, spool; /* of kernel, of initrd */
        Extents *images[ROOT_IMAGES];
        struct {
                Extents *data;
                bool made, needed;
        } stubs[STUBS][ROOT_IMAGES];
        Bootfiles *bootfiles, *firmware;
};

Parts *parts_new(const FormatJob *job, const PartsOptions *o) {
        Parts *p = xcalloc(1, sizeof *p);
        p->job = job;
        p->o = o;
        p->spool.blob.fd = p->kernel_spool.blob.fd = -1;
        return p;
}

void parts_free(Parts *p) {
        if (!p)
                return;
        for (size_t i = 0; i < ROOT_IMAGES; i++) {
                extents_free(p->images[i]);
                for (size_t k = 0; k < STUBS; k++)
                        extents_free(p->stubs[k][i].data);
        }
        extents_free(p->kernel);
        extents_free(p->initrd);
        spool_done(&p->spool);
        spool_done(&p->kernel_spool);
        bootfiles_free(p->bootfiles);
        bootfiles_free(p->firmware);
        tree_free(p->root);
        free(p->cmdline);
        free(p);
}

const PartsOptions *parts_options(const Parts *p) {
        return p->o;
}

/* --- what the kernel section left ----------------------------------------------------------- */

Content boot_part(const Tree *t, const char *name) {
        for (size_t i = tree_count(t); i-- > 0;) {
                const Entry *entry = tree_entry(t, i);
                if (entry->type == ENTRY_FILE && str_eq(entry->name, name))
                        return entry->content;
        }
        return (Content){ 0 };
}

int parts_cmdline(Parts *p, const char **ret, Err *e) {
        Content c = boot_part(p->job->tree, "boot/cmdline");
        if (!p->cmdline && content_load(&c, CMDLINE_LIMIT, &p->cmdline, e) < 0)
                return err_wrap(e, "kernel command line");
        *ret = p->cmdline;
        return 0;
}

static bool has_root(const char *cmdline) {
        for (const char *at = cmdline; (at = strstr(at, "root=")); at++)
                if (at == cmdline || at[-1] == ' ')
                        return true;
        return false;
}

int parts_cmdline_root(Parts *p, const char *root, char **ret, Err *e) {
        const char *text;
        if (parts_cmdline(p, &text, e) < 0)
                return -1;
        *ret = !root || has_root(text) ? xstrdup(text)
                                       : xasprintf("%s%sroot=%s ro", text, *text ? " " : "", root);
        return 0;
}

/* Into a scratch file beside the outputs. */
static int inflate_kernel(Parts *p, const Content *image, Content *ret, Err *e) {
        Content payload;
        _cleanup_free_ char *dir = path_dir(p->job->prefix);
        if (kernel_image_payload(image, &payload, e) < 0 ||
            spool_open(dir, &p->kernel_spool, e) < 0)
                return -1;
        _cleanup_sink_ Sink *s = spool_sink(&p->kernel_spool);
        int r = kernel_image_inflate(&payload, KERNEL_LIMIT, s, e);
        spool_seal(&p->kernel_spool);
        *ret = spool_since(&p->kernel_spool, 0);
        return r;
}

int parts_kernel(Parts *p, const Extents **ret, Err *e) {
        static const unsigned char gzip[2] = { 0x1f, 0x8b };
        unsigned char head[2] = { 0 };
        Content c = boot_part(p->job->tree, "boot/kernel");
        if (!c.size) {
                err_set(e, ERR_USAGE, 0, "there is no kernel");
                return err_hint(e, "the build file needs a kernel section");
        }
        if (!p->kernel) {
                if (c.size > sizeof head && content_read(&c, 0, head, sizeof head, e) < 0)
                        return -1;
                if (str_eq(p->job->arch, "arm64") && memcmp(head, gzip, sizeof gzip) == 0 &&
                    inflate_kernel(p, &c, &c, e) < 0)
                        return err_wrap(e, "kernel");
                p->kernel = extents_new();
                extents_add(p->kernel, &c);
        }
        *ret = p->kernel;
        return 0;
}

int parts_bootable_kernel(Parts *p, const Extents **ret, Err *e) {
        return parts_kernel(p, ret, e) < 0 ? -1 : uki_check_kernel(*ret, p->job->arch, e);
}

/* --- the root file system ------------------------------------------------------------------- */

/* boot.md 16.3: a root on a disk has its console before anything could make one. */
static void add_devices(Tree *t, int64_t mtime) {
        static const struct {
                const char *name;
                uint32_t mode, major, minor;
        } nodes[] = { { "dev/console", 0600, 5, 1 }, { "dev/null", 0666, 1, 3 } };
        for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
                Entry node = { .name = nodes[i].name,
                               .type = ENTRY_CHAR,
                               .mode = nodes[i].mode,
                               .mtime = mtime,
                               .dev_major = nodes[i].major,
                               .dev_minor = nodes[i].minor };
                tree_add(t, &node);
        }
}

/* Everything and the nodes; what is below boot/ is left out when an image is made of it (the
 * "rootfs split" of formats.md 1.2). */
static const Tree *root_tree(Parts *p) {
        if (p->root)
                return p->root;
        const Tree *all = p->job->tree;
        p->root = tree_new();
        for (size_t i = 0; i < tree_count(all); i++)
                tree_add_borrowed(p->root, tree_entry(all, i));
        add_devices(p->root, p->job->mtime);
        return p->root;
}

const char *root_name(RootKind fs) {
        static const char *const names[] = { "squashfs", "erofs", "initrd" };
        return names[fs];
}

/* Bytes of all contents, for a percentage; links to the same content count once more each. */
static uint64_t tree_bytes(const Tree *t) {
        uint64_t sum = 0;
        for (size_t i = 0; i < tree_count(t); i++)
                sum += tree_entry(t, i)->content.size;
        return sum;
}

static int make_image(Parts *p, RootKind fs, Extents *out, Err *e) {
        const Tree *t = root_tree(p);
        ErofsOptions erofs = { .mtime = p->job->mtime };
        SquashfsOptions squashfs = { .mtime = p->job->mtime };
        int r;
        if (fs == ROOT_EROFS) {
                r = erofs_image(t, inodes_skip_boot, &erofs, out, e);
        } else {
                squashfs.progress = progress_start("compress root image", tree_bytes(t));
                r = squashfs_image(t, inodes_skip_boot, &squashfs, p->job->cache, out, e);
                progress_end(squashfs.progress);
        }
        return r < 0 ? err_wrap(e, "%s image", root_name(fs)) : 0;
}

int parts_image(Parts *p, RootKind fs, const Extents **ret, Err *e) {
        if (!p->images[fs]) {
                _cleanup_extents_ Extents *x = extents_new();
                if (make_image(p, fs, x, e) < 0)
                        return -1;
                p->images[fs] = take(x);
        }
        *ret = p->images[fs];
        return 0;
}

/* --- the initrd ----------------------------------------------------------------------------- */

int initrd_write(const FormatJob *job, Sink *out, Err *e) {
        _cleanup_sink_ Sink *gz = NULL;
        if (gzip_sink(out, job->cache, GZIP_LEVEL, &gz, e) < 0)
                return err_wrap(e, "initrd");
        Progress *progress = progress_start("compress initrd", tree_bytes(job->tree));
        gzip_set_progress(gz, progress);
        int r = cpio_write_tree(gz, job->tree, e);
        if (r == 0)
                r = sink_finish(gz, e);
        progress_end(progress);
        return r < 0 ? err_wrap(e, "initrd") : 0;
}

static void add_microcode(Parts *p, Extents *out) {
        Content ucode = boot_part(p->job->tree, "boot/ucode.cpio");
        extents_add(out, &ucode);
        extents_pad(out, 4);
}

int parts_initrd(Parts *p, const Extents **ret, Err *e) {
        if (!p->initrd) {
                _cleanup_free_ char *dir = path_dir(p->job->prefix);
                if (spool_open(dir, &p->spool, e) < 0)
                        return -1;
                _cleanup_sink_ Sink *s = spool_sink(&p->spool);
                if (initrd_write(p->job, s, e) < 0) {
                        spool_done(&p->spool);
                        return -1;
                }
                spool_seal(&p->spool);
                p->initrd = extents_new();
                add_microcode(p, p->initrd);
                Content all = spool_since(&p->spool, 0);
                extents_add(p->initrd, &all);
        }
        *ret = p->initrd;
        return 0;
}

/* --- boot loader and stub ------------------------------------------------------------------- */

static BootfilesOptions bootfiles_options(const Parts *p, const char *override) {
        return (BootfilesOptions){ .cache = p->job->cache,
                                   .registry = p->o->registry,
                                   .arch = p->job->arch,
                                   .override = override,
                                   .locked = p->o->locked };
}

int parts_firmware(Parts *p, Bootfiles **ret, Err *e) {
        BootfilesOptions o = bootfiles_options(p, NULL);
        if (!p->firmware && rpi_firmware_open(&o, &p->firmware, e) < 0)
                return err_wrap(e, "firmware");
        *ret = p->firmware;
        return 0;
}

int parts_boot_file(Parts *p, const char *name, Content *ret, Err *e) {
        BootfilesOptions o = bootfiles_options(p, p->o->bootloader);
        if (!p->bootfiles && bootfiles_open(&o, &p->bootfiles, e) < 0)
                return err_wrap(e, "boot loader");
        return bootfiles_get(p->bootfiles, name, ret, e);
}

static int make_stub(Parts *p, StubRoot where, RootKind fs, Extents *out, bool *needed, Err *e) {
        _cleanup_free_ char *name = xasprintf("root.%s", root_name(fs));
        StubOptions o = { .root = where,
                          .fs = root_name(fs),
                          .gzip = where != STUB_FILE,
                          .cache = p->job->cache };
        Content program = { 0 };
        if (stub_needed(p->job->tree, &o, needed, e) < 0)
                return -1;
        add_microcode(p, out);
        if (!*needed) {
                *needed = extents_size(out) > 0;
                return 0;
        }
        if (where == STUB_FILE) {
                o.name = arena_strdup(extents_arena(out), name);
                if (parts_image(p, fs, &o.image, e) < 0)
                        return -1;
        }
        if (parts_boot_file(p, "stub", &program, e) < 0)
                return -1;
        return stub_initrd(p->job->tree, &program, &o, out, needed, e);
}

int parts_stub(Parts *p, StubRoot where, RootKind fs, const Extents **ret, Err *e) {
        __typeof__(p->stubs[0][0]) *stub = &p->stubs[where][fs];
        if (!stub->made) {
                _cleanup_extents_ Extents *x = extents_new();
                if (make_stub(p, where, fs, x, &stub->needed, e) < 0)
                        return err_wrap(e, "initramfs");
                stub->data = take(x);
                stub->made = true;
        }
        *ret = stub->needed ? stub->data : NULL;
        return 0;
}

int parts_root(Parts *p, bool in_initrd, StubRoot where, const Extents **initrd,
               const Extents **root, Err *e) {
        RootKind kind = in_initrd ? ROOT_INITRD : p->o->root;
        *root = NULL;
        if (kind == ROOT_INITRD)
                return parts_initrd(p, initrd, e);
        if (parts_stub(p, where, kind, initrd, e) < 0)
                return -1;
        return parts_image(p, kind, root, e);
}

/* --- names ---------------------------------------------------------------------------------- */

int parts_id(Parts *p, const Extents *kernel, const Extents *initrd, const Extents *root,
             Digest *ret, Err *e) {
        const Extents *content[] = { kernel, initrd, root };
        const char *cmdline;
        if (parts_cmdline(p, &cmdline, e) < 0)
                return -1;
        _cleanup_hash_ Hash *h = hash_new();
        for (size_t i = 0; i < ARRAY_LEN(content); i++) {
                Digest part = { "" };
                if (content[i] && extents_digest(content[i], &part, e) < 0)
                        return -1;
                hash_update(h, part.text, strlen(part.text) + 1);
        }
        hash_update(h, cmdline, strlen(cmdline));
        hash_final(h, ret);
        return 0;
}

uint32_t parts_signature(const Digest *id) {
        Uuid u = uuid_derive("signature", id);
        uint32_t v =
                (uint32_t)u.b[0] << 24 | (uint32_t)u.b[1] << 16 | (uint32_t)u.b[2] << 8 | u.b[3];
        return v ? v : 1;
}
