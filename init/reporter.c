/* reporter.c - see reporter.h.
 *
 * The port comes late: its driver may be a module, and its name arrives in a message of the device
 * after that.  The host may never read: every wait has an end. */
#include "init/reporter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>

#include "init/bootlog.h"
#include "init/clock.h"
#include "init/log.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/base/bootreport.h"

enum { PATIENCE_MS = 5000, HURRY_MS = 1000, LOOK_AGAIN_MS = 20, ANSWER_MS = 1000 };

/* Whatever stands there: a container may have write access to /run. */
static BootReport *read_log(void) {
        static char text[BOOTREPORT_LOG_MAX];
        struct stat st;
        size_t len = 0;
        _cleanup_fd_ int fd = open(BOOTLOG_PATH, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
                ssize_t n;
                while (len < sizeof text && (n = read(fd, text + len, sizeof text - len)) > 0)
                        len += (size_t)n;
        }
        BootReport *r = bootreport_from_log(text, len);
        bootreport_set_made(r, log_uptime());
        return r;
}

int reporter_print(bool json) {
        _cleanup_buf_ Buf b = { 0 };
        BootReport *r = read_log();
        if (json)
                bootreport_add_json(r, &b);
        else
                bootreport_add_table(r, &b);
        bootreport_free(r);
        return fwrite(b.data, 1, b.len, stdout) == b.len && fflush(stdout) == 0 ? 0 : 1;
}

/* The first entry of dir whose file NAME/attr holds this text; false when there is none. */
static bool find_entry(const char *dir, const char *attr, const char *text, char *name, size_t n) {
        bool found = false;
        DIR *d = opendir(dir);
        for (struct dirent *de; d && !found && (de = readdir(d));) {
                char path[512], line[128];
                if (de->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof path, "%s/%s/%s", dir, de->d_name, attr);
                found = sys_read_line(path, line, sizeof line) && str_eq(line, text);
                if (found)
                        snprintf(name, n, "%s", de->d_name);
        }
        if (d)
                closedir(d);
        return found;
}

/* A device that has ports: number 3 of the virtio specification, section 5. */
static bool has_console_device(void) {
        char name[256];
        return find_entry("/sys/bus/virtio/devices", "device", "0x0003", name, sizeof name);
}

static void nap(void) {
        const struct timespec t = { .tv_nsec = LOOK_AGAIN_MS * 1000000L };
        nanosleep(&t, NULL);
}

/* Descriptor of the port, -1 when there is none in time. */
static int open_port(uint64_t deadline) {
        for (;;) {
                char name[256], path[300];
                if (find_entry("/sys/class/virtio-ports", "name", BOOTREPORT_PORT, name,
                               sizeof name)) {
                        snprintf(path, sizeof path, "/dev/%s", name);
                        int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
                        if (fd >= 0)
                                return fd;
                }
                if (clock_ms() >= deadline)
                        return -1;
                nap();
        }
}

/* As long as nobody holds the other end, the port is hung up, which ends every poll at once. */
static bool await_port(int fd, short events, uint64_t deadline) {
        for (uint64_t now; (now = clock_ms()) < deadline;) {
                struct pollfd pfd = { .fd = fd, .events = events };
                if (poll(&pfd, 1, (int)(deadline - now)) > 0 && pfd.revents & events)
                        return true;
                nap();
        }
        return false;
}

void reporter_send(int fd, const char *p, size_t n, uint64_t deadline) {
        while (n > 0) {
                ssize_t w = write(fd, p, n);
                if (w > 0) {
                        p += w;
                        n -= (size_t)w;
                        continue;
                }
                if ((w < 0 && errno != EAGAIN && errno != EINTR) ||
                    !await_port(fd, POLLOUT, deadline))
                        return;
        }
        /* It stands in a queue of the device, where power-off would leave it. */
        await_port(fd, POLLIN, MIN(deadline, clock_ms() + ANSWER_MS));
}

/* Until the report is finished or somebody wants it now. */
static BootReport *await_report(bool now) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigprocmask(SIG_BLOCK, &set, NULL);
        _cleanup_fd_ int signals = signalfd(-1, &set, SFD_CLOEXEC);
        _cleanup_fd_ int changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (changes >= 0)
                inotify_add_watch(changes, BOOTLOG_PATH, IN_MODIFY);
        for (;;) {
                BootReport *r = read_log();
                if (now || bootreport_is_finished(r) || signals < 0)
                        return r;
                bootreport_free(r);
                char drop[1024];
                struct pollfd fds[] = { { .fd = signals, .events = POLLIN },
                                        { .fd = changes, .events = POLLIN } };
                if (poll(fds, ARRAY_LEN(fds), -1) > 0 && fds[1].revents)
                        (void)!read(changes, drop, sizeof drop);
                now = fds[0].revents != 0;
        }
}

void reporter_run(bool now) {
        _cleanup_buf_ Buf b = { 0 };
        if (!has_console_device())
                return;
        BootReport *r = await_report(now);
        /* who has no such port goes down without delay */
        uint64_t deadline =
                clock_ms() + (uint64_t)(bootreport_is_finished(r) ? PATIENCE_MS : HURRY_MS);
        _cleanup_fd_ int fd = open_port(deadline);
        if (fd >= 0) {
                bootreport_add_json(r, &b);
                reporter_send(fd, b.data, b.len, deadline);
        }
        bootreport_free(r);
}
