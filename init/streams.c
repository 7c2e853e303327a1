/* streams.c - output of a container on its way to the console and the log.
 *
 * A container may end and leave a process that still holds its pipes; waiting for end of file would
 * then block the boot, closing the pipes would kill that process.  With our log daemon the pipes
 * are FIFOs of its directory, under a name that it passes over as long as they are ours, and it
 * inherits them; else a keeper process does. */
#include "init/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

#include "init/clock.h"
#include "init/log.h"
#include "init/sys.h"
#include "lib/base/mem.h"

enum {
        LINE_MAX_BYTES = 4096,
        LOG_MAX_BYTES = 4 << 20, /* /run is 10 % of RAM for everything together */
        MAX_REST = 64,           /* reads after the end: more than a pipe holds */
        LOG_PATIENCE_MS = 1000,  /* a log daemon that was killed is back by then */
        DRAIN_MS = 300,
};

typedef struct Stream {
        int read_fd, write_fd; /* our end and the container's end of the pipe; -1 when closed */
        int console_fd;        /* where lines go */
        int log_fd;            /* file, or pipe to the log daemon; -1 for none */
        char *name;            /* of the stream */
        char *fifo;            /* of the container, NULL: a pipe without a name */
        LogPipe log;           /* from us to our log daemon */
        bool stuck;            /* the log has taken nothing for long */
        uint64_t logged;
        size_t len;
        char line[LINE_MAX_BYTES];
} Stream;

struct Streams {
        bool console;
        LogTarget to;
        Stream v[2]; /* standard output, standard error */
};

static void close_fd(int *fd) {
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

/* The FIFO to the log daemon goes with its name; what is in it must have been read by then. */
static void close_log(Stream *st) {
        close_fd(&st->log_fd);
        for (int i = 0; i < DRAIN_MS && !logpipe_is_empty(&st->log); i++)
                poll(NULL, 0, 1);
        if (st->log.path)
                unlink(st->log.path);
        logpipe_done(&st->log);
}

void streams_free(Streams *s) {
        if (!s)
                return;
        for (int i = 0; i < 2; i++) {
                Stream *st = &s->v[i];
                close_fd(&st->read_fd);
                close_fd(&st->write_fd);
                close_log(st);
                if (st->fifo)
                        unlink(st->fifo);
                free(st->fifo);
                free(st->name);
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
                        .read_fd = -1,
                        .write_fd = -1,
                        .log_fd = -1,
                        .console_fd = i + 1,
                        .log = LOGPIPE_INIT,
                };
        return s;
}

Streams *streams_open_console(void) {
        Streams *s = streams_new();
        s->console = true;
        return s;
}

/* To a foreign log daemon.  Returns the write end, -1 when it takes none. */
static int open_remote(const LogTarget *to, const char *name) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -1;
        int r = logsend_stream(to->socket, name, ends[0]);
        close(ends[0]);
        if (r < 0)
                close(ends[1]);
        else
                fcntl(ends[1], F_SETFL, O_NONBLOCK);
        return r < 0 ? -1 : ends[1];
}

/* To our log daemon.  False when that is not possible, and then the files are ours to write. */
static bool open_own(Stream *st, const LogTarget *to) {
        if (logpipe_renew(&st->log, to, st->name, NULL) < 0)
                return false;
        st->log_fd = logpipe_open_writer(st->log.path);
        if (st->log_fd < 0)
                return false;
        fcntl(st->log_fd, F_SETFL, O_NONBLOCK);
        st->fifo = xasprintf("%s/.%s", to->fifos, st->name);
        unlink(st->fifo);
        if (mkfifo(st->fifo, 0600) == 0) {
                st->read_fd = logpipe_open_reader(st->fifo);
                st->write_fd = logpipe_open_writer(st->fifo);
        }
        return true;
}

static int open_pipe(Stream *st, Err *e) {
        int ends[2];
        close_fd(&st->read_fd);
        close_fd(&st->write_fd);
        if (pipe2(ends, O_CLOEXEC) < 0)
                return err_set(e, ERR_IO, errno, "make a pipe for %s", st->name);
        st->read_fd = ends[0];
        st->write_fd = ends[1];
        fcntl(st->read_fd, F_SETFL, O_NONBLOCK);
        return 0;
}

static int open_stream(Stream *st, const char *dir, const LogTarget *to, Err *e) {
        bool own = to->ours && open_own(st, to);
        if ((st->read_fd < 0 || st->write_fd < 0) && open_pipe(st, e) < 0)
                return -1;
        if (own)
                return 0;
        if (to->socket && !to->ours) {
                st->log_fd = open_remote(to, st->name);
                return 0;
        }
        close_log(st);
        _cleanup_free_ char *path = xasprintf("%s/%s.log", dir, st->name);
        st->log_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        return 0;
}

int streams_open(const char *dir, const char *name, const LogTarget *to, Streams **ret, Err *e) {
        _cleanup_(cleanup_streams) Streams *s = streams_new();
        s->to = *to;
        signal(SIGPIPE, SIG_IGN); /* the log daemon may go away */
        s->v[0].name = xasprintf("%s.out", name);
        s->v[1].name = xstrdup(name);
        if (open_stream(&s->v[0], dir, to, e) < 0 || open_stream(&s->v[1], dir, to, e) < 0)
                return -1;
        *ret = take(s);
        return 0;
}

bool streams_in_files(const Streams *s) {
        return !s->console && (!s->to.socket || s->to.ours);
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

/* A log daemon that is being restarted is waited for; then output is lost, as with a full file
 * system: it must not stop the container. */
static bool has_room(Stream *st) {
        struct pollfd p = { .fd = st->log_fd, .events = POLLOUT };
        st->stuck = poll(&p, 1, st->stuck ? 0 : LOG_PATIENCE_MS) == 0;
        return !st->stuck;
}

static void write_log(Stream *st, const char *p, size_t n) {
        while (n > 0 && st->log_fd >= 0 && (st->log.path || st->logged < LOG_MAX_BYTES)) {
                ssize_t w = write(st->log_fd, p, n);
                if (w < 0 && (errno == EINTR || (errno == EAGAIN && has_room(st))))
                        continue;
                if (w <= 0)
                        return;
                st->logged += (size_t)w;
                p += w;
                n -= (size_t)w;
        }
}

/* A byte for the console.  Escape sequences of a container must not move the cursor, clear the
 * screen or reprogram the terminal; they are C0 and, in UTF-8, C1 control characters. */
static void add_to_line(Stream *st, char c) {
        bool control = (c >= 0 && c < ' ' && c != '\t' && c != '\n') || c == 0x7f;
        bool c1 = ((unsigned char)c & 0xe0) == 0x80 && st->len &&
                  (unsigned char)st->line[st->len - 1] == 0xc2;
        if (c == '\r') /* of "\r\n" */
                return;
        if (c1)
                st->len--;
        st->line[st->len++] = control || c1 ? '?' : c;
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
                add_to_line(st, buf[i]);
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

/* Our log daemon reads what the container's left processes say from now on, also after a restart:
 * the FIFO gets the name that it looks for. */
static bool hand_over(Stream *st, const LogTarget *to) {
        _cleanup_free_ char *path = xasprintf("%s/%s", to->fifos, st->name);
        if (!st->fifo || !st->log.path)
                return false;
        /* Sent first: with the name alone nobody would read before the log daemon's next start, and
         * what is not taken needs the keeper. */
        if (logsend_stream(to->socket, st->name, st->read_fd) < 0) {
                log_init("pass %s to the log: %s", st->name, strerror(errno));
                return false;
        }
        if (rename(st->fifo, path) < 0)
                log_init("rename %s: %s", st->fifo, strerror(errno));
        free(st->fifo);
        st->fifo = NULL;
        /* The other FIFO has lost its name to this one. */
        free(st->log.path);
        st->log.path = NULL;
        if (st->len) {
                st->line[st->len++] = '\n';
                write_console(st);
        }
        close_fd(&st->log_fd);
        close_fd(&st->read_fd);
        return true;
}

void streams_finish(Streams *s) {
        if (s->console)
                return;
        bool open = false;
        for (int i = 0; i < 2; i++) {
                Stream *st = &s->v[i];
                close_fd(&st->write_fd);
                for (int n = 0; n < MAX_REST && st->read_fd >= 0 && carry(st); n++)
                        continue;
                open |= st->read_fd >= 0 && !hand_over(st, &s->to);
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
