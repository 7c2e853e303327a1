/* stub.c - see stub.h.
 *
 * Of the drivers for disks all that the kernel has as modules come along, because nobody knows
 * where an image will run; which of them go in is decided in the machine, by the devices it has. */
#include "lib/build/stub.h"

#include <string.h>
#include <sys/stat.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/build/kmodules.h"
#include "lib/fs/gzip.h"

enum { GZIP_LEVEL = 6, MAX_ALIASES = 8192 };

/* Where a root partition or a medium may be: buses first, then hosts, then what sits on them. */
static const char *const storage[] = {
        "virtio_pci", "virtio_mmio", "hv_vmbus",    "pci_hyperv",  "vmd",          "xhci_pci",
        "ehci_pci",   "ohci_pci",    "uhci_hcd",    "virtio_blk",  "virtio_scsi",  "nvme",
        "ahci",       "ata_piix",    "ata_generic", "hv_storvsc",  "xen_blkfront", "xen_scsifront",
        "vmw_pvscsi", "mptspi",      "mptsas",      "mpt3sas",     "megaraid_sas", "hpsa",
        "smartpqi",   "sdhci_pci",   "sdhci_acpi",  "sdhci_iproc", "bcm2835",      "usb_storage",
        "uas",        "sd_mod",      "mmc_block",
};

/* What the SD slot of a Raspberry Pi 4 has its voltages from, and what its USB ports hang on:
 * without them the drivers above find nothing there. */
static const char *const pi[] = { "fixed", "gpio_regulator", "reset_raspberrypi", "phy_generic",
                                  "dwc2" };

typedef struct FileSystem {
        const char *name, *module;
} FileSystem;

static const FileSystem file_systems[] = {
        { "squashfs", "squashfs" }, { "erofs", "erofs" }, { "ext4", "ext4" },
        { "iso9660", "isofs" },     { "btrfs", "btrfs" }, { "xfs", "xfs" },
};

typedef struct Plan {
        const StubOptions *o;
        KModules *modules;
        KModuleList list;     /* everything that comes along, in order */
        const char *fixed[4]; /* what is loaded whatever the hardware is */
        size_t n_fixed;
        bool needed;
} Plan;

static void plan_done(Plan *p) {
        kmodules_free(p->modules);
        kmodules_list_done(&p->list);
}

static const char *module_of(const char *fs) {
        for (size_t i = 0; i < ARRAY_LEN(file_systems); i++)
                if (str_eq(file_systems[i].name, fs))
                        return file_systems[i].module;
        return fs;
}

/* A module without which there is no way. */
static int require(Plan *p, const char *name, const char *what, Err *e) {
        if (kmodules_find(p->modules, name)) {
                p->fixed[p->n_fixed++] = name;
                return kmodules_add(p->modules, name, &p->list, e);
        }
        if (!kmodules_knows_builtin(p->modules) || kmodules_is_builtin(p->modules, name))
                return 0;
        err_set(e, ERR_SPEC, 0, "kernel %s has no driver for %s (%s), built in or as a module",
                kmodules_version(p->modules), what, name);
        return err_hint(e, "another kernel, or format kernel+initrd, which needs none");
}

static int add_storage(Plan *p, Err *e) {
        bool any = !kmodules_knows_builtin(p->modules);
        for (size_t i = 0; i < ARRAY_LEN(storage); i++) {
                any |= kmodules_is_builtin(p->modules, storage[i]) ||
                       kmodules_find(p->modules, storage[i]);
                if (kmodules_add(p->modules, storage[i], &p->list, e) < 0)
                        return -1;
        }
        bool for_pi = kmodules_is_builtin(p->modules, "sdhci_iproc") ||
                      kmodules_find(p->modules, "sdhci_iproc");
        for (size_t i = 0; i < ARRAY_LEN(pi) && for_pi; i++)
                if (kmodules_add(p->modules, pi[i], &p->list, e) < 0)
                        return -1;
        if (p->o->root == STUB_ISO && kmodules_add(p->modules, "sr_mod", &p->list, e) < 0)
                return -1;
        return any ? 0
                   : err_set(e, ERR_SPEC, 0, "kernel %s has no driver for any disk",
                             kmodules_version(p->modules));
}

static int plan_make(Plan *p, const Tree *t, const StubOptions *o, Err *e) {
        p->o = o;
        if (kmodules_open(t, &p->modules, e) < 0)
                return -1;
        if (o->root != STUB_FILE && add_storage(p, e) < 0)
                return -1;
        if (o->root == STUB_ISO && require(p, "isofs", "the file system iso9660", e) < 0)
                return -1;
        if (o->root != STUB_PARTITION && require(p, "loop", "the loop device", e) < 0)
                return -1;
        _cleanup_free_ char *what = xasprintf("the file system %s", o->fs);
        if (require(p, module_of(o->fs), what, e) < 0)
                return -1;
        p->needed = o->root != STUB_PARTITION || p->list.n > 0;
        return 0;
}

/* --- the list that the stub reads (pkg/bootloader/drivers.h)
 * -------------------------------------- */

typedef struct Lines {
        Buf text;
        size_t aliases;
} Lines;

static void add_name(void *ctx, const KModule *m) {
        buf_addf(ctx, " %s.ko", m->name);
}

static void add_alias(void *ctx, const char *pattern, size_t len, const KModule *m) {
        Lines *l = ctx;
        buf_addf(&l->text, "alias %.*s %s.ko\n", (int)len, pattern, m->name);
        l->aliases++;
}

static int write_list(const Plan *p, Buf *ret, Err *e) {
        Lines l = { 0 };
        for (size_t i = 0; i < p->list.n; i++) {
                buf_addf(&l.text, "module %s.ko", p->list.items[i]->name);
                kmodules_each_dep(p->modules, p->list.items[i], add_name, &l.text);
                buf_addc(&l.text, '\n');
        }
        kmodules_each_alias(p->modules, &p->list, add_alias, &l);
        for (size_t i = 0; i < p->list.n; i++)
                if (str_eq(p->list.items[i]->name, "crc32c_generic"))
                        buf_adds(&l.text, "load crc32c_generic.ko\n");
        for (size_t i = 0; i < p->n_fixed; i++)
                buf_addf(&l.text, "load %s.ko\n", p->fixed[i]);
        *ret = l.text;
        return l.aliases <= MAX_ALIASES
                       ? 0
                       : err_set(e, ERR_VERIFY, 0, "lib/modules/%s/modules.alias: too many aliases",
                                 kmodules_version(p->modules));
}

/* --- cpio "newc"
 * ---------------------------------------------------------------------------------- */

typedef struct Cpio {
        Extents *out;
        uint64_t start;
        uint32_t inode;
} Cpio;

static void pad(Cpio *c, unsigned align) {
        uint64_t over = (extents_size(c->out) - c->start) % align;
        if (over)
                extents_zero(c->out, align - over);
}

/* major, minor: of a device node; time stays 0, which nobody sees */
static void add_header(Cpio *c, const char *name, uint32_t mode, uint32_t size, unsigned major,
                       unsigned minor) {
        char *text = arena_printf(extents_arena(c->out),
                                  "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s",
                                  mode ? ++c->inode : 0, mode, 0, 0, S_ISDIR(mode) ? 2 : 1, 0, size,
                                  0, 0, major, minor, (unsigned)strlen(name) + 1, 0, name);
        Content content = content_bytes(text, strlen(text) + 1);
        extents_add(c->out, &content);
        pad(c, 4);
}

static void add_file(Cpio *c, const char *name, uint32_t mode, const Content *content) {
        add_header(c, name, S_IFREG | mode, (uint32_t)content->size, 0, 0);
        if (content->size)
                extents_add(c->out, content);
        pad(c, 4);
}

static int check_size(const char *name, uint64_t size, Err *e) {
        if (size <= UINT32_MAX)
                return 0;
        return err_set(e, ERR_SPEC, 0, "%s: an initramfs cannot hold a file of 4 GiB or more",
                       name);
}

static int add_modules(Cpio *c, const Plan *p, Err *e) {
        _cleanup_buf_ Buf text = { 0 };
        if (!p->list.n)
                return 0;
        if (write_list(p, &text, e) < 0)
                return -1;
        Arena *arena = extents_arena(c->out);
        Content list = content_bytes(arena_strndup(arena, text.data, text.len), text.len);
        add_file(c, "modules", 0644, &list);
        add_header(c, "lib", S_IFDIR | 0755, 0, 0, 0);
        add_header(c, "lib/modules", S_IFDIR | 0755, 0, 0, 0);
        for (size_t i = 0; i < p->list.n; i++) {
                const KModule *m = p->list.items[i];
                Content content;
                if (kmodules_load(m, arena, &content, e) < 0 ||
                    check_size(m->file->name, content.size, e) < 0)
                        return -1;
                add_file(c, arena_printf(arena, "lib/modules/%s.ko", m->name), 0644, &content);
        }
        return 0;
}

static int write_cpio(const Plan *p, const Content *program, Extents *out, Err *e) {
        Cpio c = { .out = out, .start = extents_size(out) };
        if (check_size("stub", program->size, e) < 0)
                return -1;
        add_header(&c, "dev", S_IFDIR | 0755, 0, 0, 0);
        /* the kernel opens it for the first process, before anything is mounted */
        add_header(&c, "dev/console", S_IFCHR | 0600, 0, 5, 1);
        add_header(&c, "proc", S_IFDIR | 0555, 0, 0, 0);
        add_header(&c, "sys", S_IFDIR | 0555, 0, 0, 0);
        add_file(&c, "init", 0755, program);
        if (add_modules(&c, p, e) < 0)
                return -1;
        if (p->o->root == STUB_FILE) {
                uint64_t size = extents_size(p->o->image);
                if (check_size(p->o->name, size, e) < 0)
                        return -1;
                add_header(&c, p->o->name, S_IFREG | 0644, (uint32_t)size, 0, 0);
                extents_append(out, p->o->image);
                pad(&c, 4);
        }
        add_header(&c, "TRAILER!!!", 0, 0, 0, 0);
        pad(&c, 512);
        return 0;
}

static int write_gzip(const Plan *p, const Content *program, Extents *out, Err *e) {
        _cleanup_extents_ Extents *plain = extents_new();
        _cleanup_buf_ Buf packed = { 0 };
        _cleanup_sink_ Sink *memory = sink_buf(&packed);
        _cleanup_sink_ Sink *gzip = NULL;
        if (write_cpio(p, program, plain, e) < 0 ||
            gzip_sink(memory, p->o->cache, GZIP_LEVEL, &gzip, e) < 0 ||
            extents_write(plain, gzip, NULL, e) < 0 || sink_finish(gzip, e) < 0)
                return -1;
        char *copy = arena_alloc(extents_arena(out), packed.len);
        memcpy(copy, packed.data, packed.len);
        Content content = content_bytes(copy, packed.len);
        uint64_t start = extents_size(out);
        extents_add(out, &content);
        Cpio end = { .out = out, .start = start };
        pad(&end, 512); /* the kernel skips zeros between archives */
        return 0;
}

int stub_needed(const Tree *t, const StubOptions *o, bool *ret, Err *e) {
        __attribute__((cleanup(plan_done))) Plan p = { 0 };
        if (plan_make(&p, t, o, e) < 0)
                return -1;
        *ret = p.needed;
        return 0;
}

int stub_initrd(const Tree *t, const Content *stub_program, const StubOptions *o, Extents *out,
                bool *needed, Err *e) {
        __attribute__((cleanup(plan_done))) Plan p = { 0 };
        if (plan_make(&p, t, o, e) < 0)
                return -1;
        *needed = p.needed;
        if (!p.needed)
                return 0;
        int r = o->gzip && o->root != STUB_FILE ? write_gzip(&p, stub_program, out, e)
                                                : write_cpio(&p, stub_program, out, e);
        return r < 0 ? err_wrap(e, "stub initramfs") : 0;
}
