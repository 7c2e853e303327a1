/* logrotate.c - see logrotate.h. */
#include "init/logrotate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How much longer a file may grow while it waits for the end of a line. */
enum { GRACE_BYTES = 64 << 10 };

void logfile_close(LogFile *f) {
        if (f->fd >= 0)
                close(f->fd);
        *f = LOGFILE_INIT;
}

/* True while the open file is still the one at its path: somebody may have deleted it. */
static bool is_current(LogFile *f) {
        struct stat st;
        if (fstat(f->fd, &st) < 0 || st.st_nlink == 0)
                return false;
        f->size = (uint64_t)st.st_size;
        return true;
}

/* The directory may belong to a container: no link is followed, nothing but a file is written to.
 */
static bool open_file(LogFile *f, const char *path) {
        struct stat st;
        int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
        f->fd = open(path, flags, 0640);
        if (f->fd < 0)
                return false;
        if (fstat(f->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
                logfile_close(f);
                errno = EINVAL;
                return false;
        }
        f->size = (uint64_t)st.st_size;
        return true;
}

void logfile_touch(LogFile *f, const char *path) {
        if (f->fd < 0)
                open_file(f, path);
}

static void rotate(LogFile *f, const char *path, unsigned old) {
        char from[PATH_MAX], to[PATH_MAX];
        logfile_close(f);
        for (unsigned i = old; i-- > 0;) {
                int a = i ? snprintf(from, sizeof from, "%s.%u", path, i - 1)
                          : snprintf(from, sizeof from, "%s", path);
                int b = snprintf(to, sizeof to, "%s.%u", path, i);
                if (a < (int)sizeof from && b < (int)sizeof to)
                        (void)!rename(from, to);
        }
        if (old == 0)
                unlink(path);
}

static bool write_all(LogFile *f, const char *path, const char *p, size_t n) {
        if (f->fd < 0 && !open_file(f, path))
                return false;
        while (n > 0) {
                ssize_t w = write(f->fd, p, n);
                if (w < 0 && errno == EINTR)
                        continue;
                if (w <= 0) {
                        int saved = w < 0 ? errno : ENOSPC;
                        logfile_close(f);
                        errno = saved;
                        return false;
                }
                p += w;
                n -= (size_t)w;
                f->size += (size_t)w;
        }
        return true;
}

bool logfile_append(LogFile *f, const char *path, const void *data, size_t n, LogLimits limits) {
        const char *p = data;
        if (n == 0)
                return true;
        if (f->fd >= 0 && !is_current(f))
                logfile_close(f);
        if (f->fd < 0 && !open_file(f, path))
                return false;
        if (!limits.size || f->size + n <= limits.size)
                return write_all(f, path, p, n);
        const char *nl = memrchr(p, '\n', n);
        size_t first = nl ? (size_t)(nl - p) + 1 : n;
        if (!write_all(f, path, p, first))
                return false;
        if (nl || f->size > limits.size + GRACE_BYTES)
                rotate(f, path, limits.old);
        return first == n || write_all(f, path, p + first, n - first);
}
