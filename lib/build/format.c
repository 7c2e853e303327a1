/* format.c - see format.h.  Names and suffixes are those of yaml.md 19.3. */
#include "lib/build/format.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/build/build.h"
#include "lib/fs/cpio.h"
#include "lib/fs/gzip.h"
#include "lib/fs/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { GZIP_LEVEL = 6 };

/* --- what every format needs ---------------------------------------------------------------- */

/* A pipe or a device is written to as it is: there is nothing that could appear whole. */
static bool is_device(const char *path) {
        struct stat st;
        return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

static int open_device(FormatJob *job, Sink **ret, Err *e) {
        job->device = open(job->output, O_WRONLY | O_CLOEXEC);
        if (job->device < 0) {
                job->device = 0;
                return err_set(e, ERR_IO, errno, "%s", job->output);
        }
        *ret = sink_fd(job->device, job->output);
        return 0;
}

/* Leftovers of builds that were killed while they wrote the same output. */
static void sweep(const char *path) {
        const char *name = path_base(path);
        _cleanup_free_ char *dir =
                name == path ? xstrdup(".") : xstrndup(path, (size_t)(name - path));
        file_tmp_sweep(dir, name);
}

/* Opens PREFIX + suffix, or --o; the sink belongs to the job. */
static int open_output(FormatJob *job, const char *suffix, Sink **ret, Err *e) {
        _cleanup_free_ char *path =
                job->output ? xstrdup(job->output) : xasprintf("%s%s", job->prefix, suffix);
        Sink *s = NULL;
        if (job->output && is_device(path)) {
                if (open_device(job, &s, e) < 0)
                        return -1;
        } else {
                sweep(path);
                if (sink_file(path, 0644, &s, e) < 0)
                        return -1;
        }
        log_info("  %s", path);
        *vec_push(job->sinks, job->n_sinks, job->cap_sinks) = s;
        *ret = s;
        return 0;
}

int format_job_commit(FormatJob *job, Err *e) {
        for (size_t i = 0; i < job->n_sinks; i++)
                if (sink_finish(job->sinks[i], e) < 0)
                        return -1;
        for (size_t i = 0; i < job->n_stale; i++)
                unlink(job->stale[i]);
        return 0;
}

void format_job_done(FormatJob *job) {
        for (size_t i = 0; i < job->n_sinks; i++)
                sink_free(job->sinks[i]);
        for (size_t i = 0; i < job->n_stale; i++)
                free(job->stale[i]);
        free(job->sinks);
        free(job->stale);
        if (job->device)
                close(job->device);
}

/* The kernel's parts stand in the tree as boot/...; the last one of a name wins (yaml.md 19.2).
 * Empty when there is none. */
static Content boot_part(const Tree *t, const char *name) {
        for (size_t i = tree_count(t); i-- > 0;) {
                const Entry *entry = tree_entry(t, i);
                if (entry->type == ENTRY_FILE && str_eq(entry->name, name))
                        return entry->content;
        }
        return (Content){ 0 };
}

/* Bytes of all contents, for a percentage; links to the same content count once more each. */
static uint64_t tree_bytes(const Tree *t) {
        uint64_t sum = 0;
        for (size_t i = 0; i < tree_count(t); i++)
                sum += tree_entry(t, i)->content.size;
        return sum;
}

static int write_cpio_gzip(const FormatJob *job, Sink *out, Err *e) {
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

/* --- tar ------------------------------------------------------------------------------------ */

static int write_stream(FormatJob *job, const char *suffix, Err *e) {
        Sink *out = NULL;
        if (job->output && str_eq(job->output, "-")) {
                out = sink_fd(STDOUT_FILENO, "stdout");
                *vec_push(job->sinks, job->n_sinks, job->cap_sinks) = out;
        } else if (open_output(job, suffix, &out, e) < 0) {
                return -1;
        }
        return tar_write_tree(out, job->tree, e);
}

static int write_tar(FormatJob *job, Err *e) {
        return write_stream(job, ".tar", e);
}

/* The tree has a Dockerfile at its end then: the tar is what `docker build -` reads. */
static int write_docker(FormatJob *job, Err *e) {
        return write_stream(job, ".docker", e);
}

/* --- kernel+initrd -------------------------------------------------------------------------- */

static int write_part(FormatJob *job, const char *entry, const char *suffix, Err *e) {
        Content c = boot_part(job->tree, entry);
        if (!c.size) {
                *vec_push(job->stale, job->n_stale, job->cap_stale) =
                        xasprintf("%s%s", job->prefix, suffix);
                return 0;
        }
        Sink *out = NULL;
        if (open_output(job, suffix, &out, e) < 0)
                return -1;
        return sink_content(out, &c, e);
}

/* Microcode first, uncompressed, then the gzip stream directly behind it (yaml.md 19.3). */
static int write_kernel_initrd(FormatJob *job, Err *e) {
        Content ucode = boot_part(job->tree, "boot/ucode.cpio");
        Sink *out = NULL;
        if (write_part(job, "boot/kernel", "-kernel", e) < 0 ||
            open_output(job, "-initrd.img", &out, e) < 0 || sink_content(out, &ucode, e) < 0 ||
            write_cpio_gzip(job, out, e) < 0)
                return -1;
        return write_part(job, "boot/cmdline", "-cmdline", e);
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
        if (write_cpio_gzip(job, &counter, e) < 0 ||
            tar_write_stream(out, &entry, counter.written, e) < 0)
                return -1;
        uint64_t start = out->written;
        if (write_cpio_gzip(job, out, e) < 0)
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

static int write_tar_kernel_initrd(FormatJob *job, Err *e) {
        Sink *out = NULL;
        if (open_output(job, "-initrd.tar", &out, e) < 0 ||
            write_member(job, out, "kernel", e) < 0 || write_initrd_member(job, out, e) < 0 ||
            write_member(job, out, "cmdline", e) < 0 || write_member(job, out, "ucode.cpio", e) < 0)
                return -1;
        return tar_write_end(out, e);
}

/* --- the table ------------------------------------------------------------------------------ */

static const Format formats[] = {
        { "kernel+initrd", "kernel, gzip cpio initrd and command line as three files", false,
          write_kernel_initrd },
        { "tar", "the root file system as a tar stream", true, write_tar },
        { "tar-kernel-initrd", "kernel, initrd and command line in one tar", false,
          write_tar_kernel_initrd },
        { "docker", "the root file system as a tar for `docker build -`", true, write_docker },
};

char *format_stream_path(const Format *f, const char *output, const char *prefix) {
        return output ? xstrdup(output) : xasprintf("%s.%s", prefix, f->name);
}

const Format *format_find(const char *name) {
        for (size_t i = 0; i < ARRAY_LEN(formats); i++)
                if (str_eq(formats[i].name, name))
                        return &formats[i];
        return NULL;
}

const FormatInfo *build_formats(void) {
        static FormatInfo infos[ARRAY_LEN(formats) + 1];
        for (size_t i = 0; i < ARRAY_LEN(formats); i++)
                infos[i] = (FormatInfo){ formats[i].name, formats[i].help };
        return infos;
}
