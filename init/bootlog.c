/* bootlog.c - see bootlog.h.  No allocation: process 1 uses it. */
#include "init/bootlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/log.h"

/* A service that restarts for ever writes its lines once, but containerd may not: hence a limit. */
enum { LINE_BYTES = 256 };

static void append(double seconds, const char *event, const char *name, const char *detail) {
        char line[LINE_BYTES];
        struct stat st;
        int n = snprintf(line, sizeof(line), "%.6f %s%s%s%s%s", seconds, event, name ? " " : "",
                         name ? name : "", detail ? " " : "", detail ? detail : "");
        if (n < 0)
                return;
        if ((size_t)n > sizeof(line) - 1)
                n = sizeof(line) - 1;
        line[n++] = '\n';
        int saved = errno;
        /* Whatever stands there: a FIFO of a container that has /run would hold process 1. */
        int fd =
                open(BOOTLOG_PATH,
                     O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
                     0644);
        if (fd >= 0) {
                /* Without room the line is missing from the report, and that is all. */
                if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
                    st.st_size < BOOTREPORT_LOG_MAX - LINE_BYTES)
                        (void)!write(fd, line, (size_t)n);
                close(fd);
        }
        errno = saved;
}

void bootlog_note(const char *event, const char *name, const char *detail) {
        append(log_uptime(), event, name, detail);
}

void bootlog_note_at(double seconds, const char *event) {
        append(seconds, event, NULL, NULL);
}
