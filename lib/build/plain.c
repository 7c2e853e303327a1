/* plain.c - formats that are files or tars for something else to boot: tar, docker, kernel+initrd
 * and its relatives (formats.md 1.4). */
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/build/parts.h"
#include "lib/build/writers.h"
#include "lib/fs/inodes.h"
#include "lib/fs/iso9660.h"
#include "lib/fs/tar.h"

int write_tar(FormatJob *job, const Format *f, Err *e) {
        Sink *out = NULL;
        if (job_open(job, f->files[0], &out, e) < 0)
                return -1;
        return tar_write_tree(out, job->tree, e);
}

/* --- kernel+initrd -------------------------------------------------------------------------- */

static int write_part(FormatJob *job, const char *entry, const char *suffix, Err *e) {
        Content c = boot_part(job->tree, entry);
        Sink *out = NULL;
        if (!c.size) {
                job_leave_out(job, suffix);
                return 0;
        }
        if (job_open(job, suffix, &out, e) < 0)
                return -1;
        return sink_content(out, &c, e);
}

/* Microcode first, uncompressed, then the gzip stream directly behind it (yaml.md 19.3). */
int write_kernel_initrd(FormatJob *job, const Format *f, Err *e) {
        Content ucode = boot_part(job->tree, "boot/ucode.cpio");
        Sink *out = NULL;
        if (write_part(job, "boot/kernel", f->files[0], e) < 0 ||
            job_open(job, f->files[1], &out, e) < 0 || sink_content(out, &ucode, e) < 0 ||
            initrd_write(job, out, e) < 0)
                return -1;
        return write_part(job, "boot/cmdline", f->files[2], e);
}

/* --- kernel and an image -------------------------------------------------------------------- */

/* What a kernel whose drivers are modules needs beside the image; the reference has no such file,
 * so it is for architectures that have a stub only. */
static int write_stub(FormatJob *job, const Format *f, const char *suffix, Err *e) {
        const Extents *stub = NULL;
        if (str_eq(job->arch, "amd64") || str_eq(job->arch, "arm64")) {
                if (parts_stub(job->parts, STUB_PARTITION, f->image, &stub, e) < 0)
                        return -1;
        }
        if (stub)
                return job_write(job, suffix, stub, e);
        job_leave_out(job, suffix);
        return 0;
}

int write_kernel_image(FormatJob *job, const Format *f, Err *e) {
        const Extents *image = NULL;
        if (parts_image(job->parts, f->image, &image, e) < 0 ||
            write_part(job, "boot/kernel", f->files[0], e) < 0 ||
            job_write(job, f->files[1], image, e) < 0 ||
            write_part(job, "boot/cmdline", f->files[2], e) < 0)
                return -1;
        return write_stub(job, f, f->files[3], e);
}

/* The tree itself, with Rock Ridge; not bootable. */
int write_kernel_iso(FormatJob *job, const Format *f, Err *e) {
        IsoOptions o = { .volume_id = "LinuxKit",
                         .mtime = job->mtime,
                         .joliet = true,
                         .skip = inodes_skip_boot };
        _cleanup_extents_ Extents *image = extents_new();
        if (iso9660_image(job->tree, &o, image, e) < 0 ||
            write_part(job, "boot/kernel", f->files[0], e) < 0 ||
            job_write(job, f->files[1], image, e) < 0)
                return -1;
        return write_part(job, "boot/cmdline", f->files[2], e);
}

/* The initrd is not unpacked but for the program that mounts the image in it (stub.h). */
int write_kernel_initrd_image(FormatJob *job, const Format *f, Err *e) {
        const Extents *kernel = NULL, *initrd = NULL;
        Sink *out = NULL;
        _cleanup_free_ char *root = xasprintf("file:/root.%s", root_name(f->image));
        _cleanup_free_ char *cmdline = NULL;
        if (parts_kernel(job->parts, &kernel, e) < 0 ||
            parts_stub(job->parts, STUB_FILE, f->image, &initrd, e) < 0 ||
            parts_cmdline_root(job->parts, root, &cmdline, e) < 0 ||
            job_write(job, f->files[0], kernel, e) < 0 ||
            job_write(job, f->files[1], initrd, e) < 0 || job_open(job, f->files[2], &out, e) < 0)
                return -1;
        return sink_write(out, cmdline, strlen(cmdline), e);
}

/* --- tar-kernel-initrd ---------------------------------------------------------------------- */

static int count_write(Sink *s, const void *p, size_t n, Err *e) {
        (void)s, (void)p, (void)n, (void)e;
        return 0;
}

static int count_content(Sink *s, const Content *c, Err *e) {
        (void)s, (void)c, (void)e;
        return 0;
}

static void count_free(Sink *s) {
        (void)s;
}

/* A tar header needs the size first. Compressing into a counter fills the cache of pieces, so the
 * second pass copies: no temporary file and no initrd in memory. */
static int write_initrd_member(FormatJob *job, Sink *out, Err *e) {
        static const SinkOps ops = { .write = count_write,
                                     .content = count_content,
                                     .free = count_free };
        Sink counter = { .ops = &ops };
        Entry entry = {
                .name = "initrd.img", .type = ENTRY_FILE, .mode = 0644, .mtime = job->mtime
        };
        if (initrd_write(job, &counter, e) < 0 ||
            tar_write_stream(out, &entry, counter.written, e) < 0)
                return -1;
        uint64_t start = out->written;
        if (initrd_write(job, out, e) < 0)
                return -1;
        if (out->written - start != counter.written)
                return err_set(e, ERR_INTERNAL, 0, "the initrd changed while it was written");
        return sink_pad(out, 512, e);
}

static int write_member(FormatJob *job, Sink *out, const char *name, Err *e) {
        _cleanup_free_ char *part = xasprintf("boot/%s", name);
        Entry entry = { .name = name,
                        .type = ENTRY_FILE,
                        .mode = 0644,
                        .mtime = job->mtime,
                        .content = boot_part(job->tree, part) };
        return entry.content.size ? tar_write_entry(out, &entry, e) : 0;
}

int write_tar_kernel_initrd(FormatJob *job, const Format *f, Err *e) {
        Sink *out = NULL;
        if (job_open(job, f->files[0], &out, e) < 0 || write_member(job, out, "kernel", e) < 0 ||
            write_initrd_member(job, out, e) < 0 || write_member(job, out, "cmdline", e) < 0 ||
            write_member(job, out, "ucode.cpio", e) < 0)
                return -1;
        return tar_write_end(out, e);
}
