/* logfiles.c - see logfiles.h. */
#include "init/logfiles.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "init/clock.h"
#include "init/logrotate.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

/* Streams come from whoever reaches the socket: what they can make us create has a bound. */
enum { SINKS_MAX = 512, FOREIGN_MAX = 32, NAME_MAX_BYTES = 200, RETRY_MS = 2000 };

/* boot.md 11.4 for disks; memory is dearer */
static const LogLimits on_disk = { .size = 1 << 20, .old = 10 };
static const LogLimits in_memory = { .size = 512 << 10, .old = 1 };

typedef struct Dir {
        const char *prefix; /* of the sources whose files are here */
        char *path;
        dev_t dev;
        ino_t ino;
        unsigned generation;
        LogLimits limits;
        bool stopped;
        uint64_t retry_at;
} Dir;

struct LogFiles {
        Dir dirs[3];
        LogSink *list;
        size_t sinks, foreign;
        LogFilesTell tell;
        void *data;
};

struct LogSink {
        LogFiles *owner;
        LogSink *next;
        size_t refs; /* 0: a foreign name, which stays to be counted */
        bool foreign;
        Dir *dir;
        LogFile file;
        unsigned generation;
        bool unusable; /* something that is no file has its name */
        char *path;
};

static void check_dir(Dir *d) {
        struct stat st;
        struct statfs fs;
        if (stat(d->path, &st) < 0 || statfs(d->path, &fs) < 0)
                return;
        if (st.st_dev != d->dev || st.st_ino != d->ino) {
                d->generation++;
                d->retry_at = 0;
        }
        d->dev = st.st_dev;
        d->ino = st.st_ino;
        d->limits = fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC ? in_memory : on_disk;
}

void logfiles_check(LogFiles *f) {
        for (size_t i = 0; i < ARRAY_LEN(f->dirs); i++)
                check_dir(&f->dirs[i]);
}

LogFiles *logfiles_new(const char *log_dir, const char *run_log, LogFilesTell tell, void *data) {
        LogFiles *f = xcalloc(1, sizeof *f);
        *f = (LogFiles){ .dirs = { { .prefix = "onboot.", .path = path_join(run_log, "onboot") },
                                   { .prefix = "shutdown.",
                                     .path = path_join(run_log, "shutdown") },
                                   { .prefix = "", .path = xstrdup(log_dir) } },
                         .tell = tell,
                         .data = data };
        for (size_t i = 0; i < ARRAY_LEN(f->dirs); i++)
                f->dirs[i].limits = in_memory;
        logfiles_check(f);
        return f;
}

static bool is_file_name(const char *s, size_t n) {
        static const char others[] = "._-+@";
        if (n == 0 || n > NAME_MAX_BYTES || s[0] == '.')
                return false;
        for (size_t i = 0; i < n; i++) {
                char c = s[i];
                if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
                    !memchr(others, c, sizeof others - 1))
                        return false;
        }
        return true;
}

LogSink *logfiles_open(LogFiles *f, const char *source, size_t n, bool ours) {
        if (!f || !is_file_name(source, n))
                return NULL;
        _cleanup_free_ char *name = xstrndup(source, n);
        Dir *d = f->dirs;
        while (!str_has_prefix(name, d->prefix))
                d++;
        _cleanup_free_ char *path = xasprintf("%s/%s.log", d->path, name);
        for (LogSink *s = f->list; s; s = s->next) {
                if (str_eq(s->path, path)) {
                        s->refs++;
                        return s;
                }
        }
        size_t *count = ours ? &f->sinks : &f->foreign;
        if (*count >= (ours ? SINKS_MAX : FOREIGN_MAX))
                return NULL;
        LogSink *s = xcalloc(1, sizeof *s);
        *s = (LogSink){ .owner = f,
                        .next = f->list,
                        .refs = 1,
                        .foreign = !ours,
                        .dir = d,
                        .file = LOGFILE_INIT,
                        .generation = d->generation,
                        .path = take(path) };
        f->list = s;
        ++*count;
        return s;
}

void logsink_touch(LogSink *s) {
        if (s)
                logfile_touch(&s->file, s->path);
}

void logsink_close(LogSink *s) {
        if (!s || --s->refs > 0)
                return;
        logfile_close(&s->file);
        s->unusable = false;
        if (s->foreign)
                return;
        LogSink **p = &s->owner->list;
        while (*p != s)
                p = &(*p)->next;
        *p = s->next;
        s->owner->sinks--;
        free(s->path);
        free(s);
}

static void tell_change(LogSink *s, bool stopped, const char *why) {
        char text[PATH_MAX + 128];
        if (s->dir->stopped == stopped)
                return;
        s->dir->stopped = stopped;
        snprintf(text, sizeof text, "files in %s: %s", s->dir->path,
                 stopped ? why : "there is room again");
        s->owner->tell(s->owner->data, text);
}

void logsink_write(LogSink *s, const void *p, size_t n) {
        Dir *d = s->dir;
        if (s->generation != d->generation) {
                logfile_close(&s->file);
                s->generation = d->generation;
                s->unusable = false;
        }
        if (s->unusable || (d->retry_at && clock_ms() < d->retry_at))
                return;
        if (logfile_append(&s->file, s->path, p, n, d->limits)) {
                d->retry_at = 0;
                tell_change(s, false, NULL);
                return;
        }
        if (errno == EINVAL || errno == ELOOP || errno == EISDIR || errno == ENXIO) {
                s->unusable = true;
                return;
        }
        if (errno == ENOENT) /* nobody has made the directory yet */
                check_dir(d);
        else
                tell_change(s, true, strerror(errno));
        d->retry_at = errno == ENOENT ? 0 : clock_ms() + RETRY_MS;
}

bool logsink_on_disk(const LogSink *s) {
        return s->dir->limits.size == on_disk.size;
}
