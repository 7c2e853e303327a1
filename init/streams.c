/* streams.c - output of a container on its way to the console and the log.
 *
 * A container may end and leave a process that still holds its pipes; waiting for end of file would
 * then block the boot, closing the pipes would kill that process.  A keeper process inherits them.
 */
#include "init/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "init/clock.h"
#include "init/log.h"
#include "init/sys.h"
#include "lib/base/mem.h"

enum {
        LINE_MAX_BYTES = 4096,
        LOG_MAX_BYTES = 4 << 20, /* /run is 10 % of RAM for everything together */
        MAX_REST = 64,           /* reads after the end: more than a pipe holds */
};

static const char log_socket[] = "/var/run/linuxkit-external-logging.sock"; /* boot.md 11.1 */

typedef struct Stream {
        int read_fd, write_fd; /* our end and the container's end of the pipe; -1 when closed */
        int console_fd;        /* where lines go */
        int log_fd;            /* file, or pipe to the log daemon; -1 for none */
        uint64_t logged;
        size_t len;
        char line[LINE_MAX_BYTES];
} Stream;

struct Streams {
        bool console, files;
        Stream v[2]; /* standard output, standard error */
};

static void close_fd(int *fd) {
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

void streams_free(Streams *s) {
        if (!s)
                return;
        for (int i = 0; i < 2; i++) {
                close_fd(&s->v[i].read_fd);
                close_fd(&s->v[i].write_fd);
                close_fd(&s->v[i].log_fd);
        }
        free(s);
}

static void cleanup_streams(Streams **s) {
        streams_free(*s);
}

static Streams *streams_new(void) {
        Streams *s = xcalloc(1, sizeof(*s));
        for (int i = 0; i < 2; i++)
                s->v[i] = (Stream){
                        .read_fd = -1, .write_fd = -1, .log_fd = -1, .console_fd = i + 1
                };
        return s;
}

Streams *streams_open_console(void) {
        Streams *s = streams_new();
        s->console = true;
        return s;
}

/* boot.md 11.3: one datagram, the stream's name, with the read end of a pipe.  Returns the write
 * end, -1 when no daemon takes it. */
static int open_remote(const char *name) {
        _cleanup_fd_ int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_un addr = { .sun_family = AF_UNIX };
        memcpy(addr.sun_path, log_socket, sizeof(log_socket));
        int ends[2];
        if (sock < 0 || pipe2(ends, O_CLOEXEC) < 0)
                return -1;
        union {
                char space[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control = { 0 };
        struct iovec iov = { .iov_base = (void *)name, .iov_len = strlen(name) };
        struct msghdr msg = { .msg_name = &addr,
                              .msg_namelen = sizeof(addr),
                              .msg_iov = &iov,
                              .msg_iovlen = 1,
                              .msg_control = control.space,
                              .msg_controllen = sizeof(control.space) };
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &ends[0], sizeof(int));
        ssize_t n = sendmsg(sock, &msg, MSG_NOSIGNAL);
        close(ends[0]);
        if (n < 0) {
                close(ends[1]);
                return -1;
        }
        fcntl(ends[1], F_SETFL, O_NONBLOCK);
        return ends[1];
}

static int open_stream(Stream *st, const char *dir, const char *name, bool files, Err *e) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
                return err_set(e, ERR_IO, errno, "make a pipe for %s", name);
        st->read_fd = ends[0];
        st->write_fd = ends[1];
        fcntl(st->read_fd, F_SETFL, O_NONBLOCK);
        if (!files) {
                st->log_fd = open_remote(name);
                return 0;
        }
        _cleanup_free_ char *path = xasprintf("%s/%s.log", dir, name);
        st->log_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        return 0;
}

int streams_open(const char *dir, const char *name, Streams **ret, Err *e) {
        _cleanup_(cleanup_streams) Streams *s = streams_new();
        s->files = access(log_socket, F_OK) < 0;
        signal(SIGPIPE, SIG_IGN); /* the log daemon may go away */
        _cleanup_free_ char *out = xasprintf("%s.out", name);
        if (open_stream(&s->v[0], dir, out, s->files, e) < 0 ||
            open_stream(&s->v[1], dir, name, s->files, e) < 0)
                return -1;
        *ret = take(s);
        return 0;
}

bool streams_in_files(const Streams *s) {
        return s->files;
}

void streams_attach(const Streams *s) {
        int null = open("/dev/null", O_RDWR);
        if (null >= 0)
                dup2(null, STDIN_FILENO);
        if (null > STDERR_FILENO)
                close(null);
        if (s->console)
                return;
        dup2(s->v[0].write_fd, STDOUT_FILENO);
        dup2(s->v[1].write_fd, STDERR_FILENO);
}

/* A console that somebody has stopped costs the output there, not the boot: the log has it. */
static void write_console(Stream *st) {
        size_t done = 0;
        while (done < st->len && log_has_room(st->console_fd)) {
                size_t piece = MIN(st->len - done, (size_t)LOG_PIECE);
                ssize_t n = write(st->console_fd, st->line + done, piece);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        break;
                done += (size_t)n;
        }
        st->len = 0;
}

static void write_log(Stream *st, const char *p, size_t n) {
        if (st->log_fd < 0 || st->logged >= LOG_MAX_BYTES)
                return;
        /* A full file system or a slow daemon loses output; it must not stop the container. */
        if (write(st->log_fd, p, n) == (ssize_t)n)
                st->logged += n;
}

/* One read.  False at end of file or when nothing is there. */
static bool carry(Stream *st) {
        char buf[LINE_MAX_BYTES];
        ssize_t n;
        do
                n = read(st->read_fd, buf, sizeof(buf));
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return false;
        if (n == 0) {
                if (st->len) { /* the last line has no end */
                        st->line[st->len++] = '\n';
                        write_console(st);
                }
                close_fd(&st->read_fd);
                return false;
        }
        write_log(st, buf, (size_t)n);
        for (ssize_t i = 0; i < n; i++) {
                st->line[st->len++] = buf[i];
                if (buf[i] == '\n' || st->len == sizeof(st->line) - 1)
                        write_console(st);
        }
        return true;
}

/* For poll(2): how long until the deadline. */
static int time_left(uint64_t deadline_ms) {
        uint64_t now = clock_ms();
        if (deadline_ms == UINT64_MAX)
                return -1;
        return deadline_ms > now ? (int)MIN(deadline_ms - now, (uint64_t)INT32_MAX) : 0;
}

int streams_wait(Streams *s, pid_t pid, uint64_t deadline_ms, bool *expired) {
        _cleanup_fd_ int pidfd = pidfd_open(pid, 0);
        while (pidfd >= 0) {
                struct pollfd p[3] = { { .fd = pidfd, .events = POLLIN },
                                       { .fd = s->v[0].read_fd, .events = POLLIN },
                                       { .fd = s->v[1].read_fd, .events = POLLIN } };
                if (poll(p, ARRAY_LEN(p), time_left(deadline_ms)) < 0 && errno != EINTR)
                        break;
                for (int i = 0; i < 2; i++)
                        if (p[i + 1].revents)
                                carry(&s->v[i]);
                if (p[0].revents)
                        break;
                if (clock_ms() >= deadline_ms) {
                        *expired = true;
                        deadline_ms = UINT64_MAX;
                        pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
                }
        }
        return sys_wait(pid);
}

/* What else the runner has open (the pipe to pid 1, say) is not for the keeper to hold. */
static void close_unrelated(Streams *s) {
        enum { HIGH = 200 };
        int *const fds[] = { &s->v[0].read_fd, &s->v[0].log_fd, &s->v[1].read_fd, &s->v[1].log_fd };
        int last = HIGH;
        for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
                if (*fds[i] < 0)
                        continue;
                *fds[i] = fcntl(*fds[i], F_DUPFD_CLOEXEC, last);
                if (*fds[i] >= last)
                        last = *fds[i] + 1;
        }
        close_range(3, HIGH - 1, 0);
        close_range((unsigned)last, ~0U, 0);
}

/* The keeper: carries until the last holder of the pipes has gone. */
static void keep(Streams *s) {
        for (;;) {
                struct pollfd p[2] = { { .fd = s->v[0].read_fd, .events = POLLIN },
                                       { .fd = s->v[1].read_fd, .events = POLLIN } };
                if (p[0].fd < 0 && p[1].fd < 0)
                        return;
                if (poll(p, ARRAY_LEN(p), -1) < 0)
                        continue;
                for (int i = 0; i < 2; i++)
                        if (p[i].revents)
                                carry(&s->v[i]);
        }
}

void streams_finish(Streams *s) {
        if (s->console)
                return;
        bool open = false;
        for (int i = 0; i < 2; i++) {
                close_fd(&s->v[i].write_fd);
                for (int n = 0; n < MAX_REST && s->v[i].read_fd >= 0 && carry(&s->v[i]); n++)
                        continue;
                open |= s->v[i].read_fd >= 0;
        }
        if (!open)
                return;
        if (fork() == 0) {
                setsid();
                close_unrelated(s);
                signal(SIGTERM, SIG_IGN); /* ends with the processes it serves, not before them */
                keep(s);
                _exit(0);
        }
}
