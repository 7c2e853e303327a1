/* job.c - see job.h. */
#include "lib/build/job.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* A pipe or a device is written to as it is: there is nothing that could appear whole. */
static bool is_device(const char *path) {
        struct stat st;
        return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

/* What has left cannot be taken back when a damaged file is found in the cache later; so all is
 * looked at first. */
static int check_contents(const FormatJob *job, Err *e) {
        for (size_t i = 0; i < tree_count(job->tree); i++)
                if (content_check(&tree_entry(job->tree, i)->content, e) < 0)
                        return -1;
        return 0;
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

int job_open(FormatJob *job, const char *suffix, Sink **ret, Err *e) {
        _cleanup_free_ char *path =
                job->output ? xstrdup(job->output) : xasprintf("%s%s", job->prefix, suffix);
        Sink *s = NULL;
        bool is_stdout = job->output && str_eq(job->output, "-");
        bool is_stream = is_stdout || (job->output && is_device(path));
        if (is_stream && check_contents(job, e) < 0)
                return -1;
        if (is_stdout) {
                s = sink_fd(STDOUT_FILENO, "stdout");
        } else if (is_stream) {
                if (open_device(job, &s, e) < 0)
                        return -1;
        } else {
                sweep(path);
                if (sink_file(path, 0644, &s, e) < 0)
                        return -1;
        }
        if (!is_stdout)
                log_info("  %s", path);
        *vec_push(job->sinks, job->n_sinks, job->cap_sinks) = s;
        *ret = s;
        return 0;
}

int job_write(FormatJob *job, const char *suffix, const Extents *x, Err *e) {
        Sink *out = NULL;
        if (job_open(job, suffix, &out, e) < 0)
                return -1;
        _cleanup_free_ char *what = xasprintf("write %s%s", path_base(job->prefix), suffix);
        Progress *p = progress_start(what, extents_size(x));
        int r = extents_write(x, out, p, e);
        progress_end(p);
        return r;
}

void job_leave_out(FormatJob *job, const char *suffix) {
        *vec_push(job->stale, job->n_stale, job->cap_stale) =
                xasprintf("%s%s", job->prefix, suffix);
}

int job_commit(FormatJob *job, Err *e) {
        for (size_t i = 0; i < job->n_sinks; i++)
                if (sink_flush(job->sinks[i], e) < 0)
                        return -1;
        for (size_t i = 0; i < job->n_sinks; i++)
                if (sink_finish(job->sinks[i], e) < 0)
                        return -1;
        for (size_t i = 0; i < job->n_stale; i++)
                unlink(job->stale[i]);
        return 0;
}

void job_done(FormatJob *job) {
        for (size_t i = 0; i < job->n_sinks; i++)
                sink_free(job->sinks[i]);
        for (size_t i = 0; i < job->n_stale; i++)
                free(job->stale[i]);
        free(job->sinks);
        free(job->stale);
        if (job->device)
                close(job->device);
}
