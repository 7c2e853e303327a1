/* logcap.c - see logcap.h. */
#include "init/logcap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/base/mem.h"

/* The end is fixed before: a writer may be faster than this copy. */
static void copy_part(int from, int to, off_t pos, off_t end) {
        char buf[32 << 10];
        while (pos < end) {
                ssize_t n = pread(from, buf, (size_t)MIN((off_t)sizeof buf, end - pos), pos);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0 || write(to, buf, (size_t)n) != n)
                        return;
                pos += n;
        }
}

void logcap_check(const char *path, uint64_t max) {
        struct stat st;
        if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size <= max)
                return;
        _cleanup_fd_ int from = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (from < 0)
                return;
        char old[PATH_MAX];
        if (snprintf(old, sizeof old, "%s.0", path) < (int)sizeof old) {
                _cleanup_fd_ int to =
                        open(old, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
                if (to >= 0)
                        copy_part(from, to, st.st_size - (off_t)(max / 2), st.st_size);
        }
        (void)!ftruncate(from, 0);
}
