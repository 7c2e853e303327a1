/* log.c - one console line per call.
 *
 * Standard error is the console in every boot process; /dev/kmsg is not used because it would
 * stamp, rate-limit and, with `quiet`, hide what the user has to see.
 *
 * A console may stop taking output for ever: one Ctrl-S on a serial line does it.  Process 1 and
 * the supervisor must go on then, so a line that finds no room within a while is lost, and as long
 * as there is none the next lines do not wait at all. */
#include "init/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A full buffer of 4 KiB at 9600 baud takes four seconds. */
enum { PATIENCE_MS = 6000 };

bool log_has_room(int fd) {
        static bool stuck;
        struct pollfd p = { .fd = fd, .events = POLLOUT };
        int n;
        do
                n = poll(&p, 1, stuck ? 0 : PATIENCE_MS);
        while (n < 0 && errno == EINTR);
        stuck = n == 0;
        return !stuck;
}

/* Where copies go, and what was said before that was known. */
static struct sockaddr_un copy_address;
static char early[LOG_PIECE];
static size_t early_len;

/* A socket for each line: one that is kept would be closed under us by whoever closes all
 * descriptors of a child. */
static void send_copy(const char *line, size_t n) {
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return;
        (void)!sendto(fd, line, n, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&copy_address,
                      sizeof(copy_address));
        close(fd);
}

/* line ends with a newline, which the copy does not have. */
static void copy(const char *line, size_t n) {
        if (copy_address.sun_path[0]) {
                send_copy(line, n - 1);
        } else if (n <= sizeof(early) - early_len) {
                memcpy(early + early_len, line, n);
                early_len += n;
        }
}

void log_copy_to(const char *path) {
        copy_address.sun_family = AF_UNIX;
        strncpy(copy_address.sun_path, path, sizeof(copy_address.sun_path) - 1);
        for (size_t i = 0; i < early_len;) {
                size_t n = (size_t)((char *)memchr(early + i, '\n', early_len - i) - (early + i));
                send_copy(early + i, n);
                i += n + 1;
        }
        early_len = 0;
}

static void emit(const char *prefix, const char *fmt, va_list ap) {
        char line[LOG_PIECE];
        int saved = errno;
        int used = snprintf(line, sizeof(line) - 1, "%s", prefix);
        int more = vsnprintf(line + used, sizeof(line) - 1 - (size_t)used, fmt, ap);
        if (more < 0)
                more = 0;
        size_t n = (size_t)used + (size_t)more;
        if (n > sizeof(line) - 2)
                n = sizeof(line) - 2;
        line[n++] = '\n';
        copy(line, n);
        ssize_t w = 0;
        if (log_has_room(STDERR_FILENO))
                do
                        w = write(STDERR_FILENO, line, n);
                while (w < 0 && errno == EINTR);
        errno = saved;
}

void log_line(const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        emit("", fmt, ap);
        va_end(ap);
}

void log_init(const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        emit("linuxkit: ", fmt, ap);
        va_end(ap);
}

double log_uptime(void) {
        struct timespec ts = { 0 };
        clock_gettime(CLOCK_BOOTTIME, &ts);
        return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void log_stage(const char *stage) {
        log_init("%s at %.2fs", stage, log_uptime());
}
