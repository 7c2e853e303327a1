/* logstreams.c - see logstreams.h.
 *
 * A descriptor that somebody sends keeps its flags with the sender, who could make it block us
 * after poll(2) has called it readable.  Pipes are therefore opened once more, which gives flags of
 * our own, and sockets are read with MSG_DONTWAIT. */
#include "init/logstreams.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>

#include "init/clock.h"
#include "init/logwatch.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum {
        STREAMS_MAX = 1024,
        READ_BYTES = 16 << 10,
        READS_MAX = 4, /* in a row: the others come first then */
        REPORT_MS = 2000,
};

/* A stream may be ahead of its rate by what it could have said in ten seconds. */
#define BURST_US UINT64_C(10000000)

typedef struct Stream {
        LogWatch watch;
        struct Stream *next;
        LogStreams *owner;
        bool is_socket, is_named; /* named: a FIFO, which may have no writer yet */
        bool is_ours;             /* a FIFO that init has made for this name */
        dev_t dev;
        ino_t ino;
        LogSink *sink;
        char *line; /* what has come of the next line, NULL: nothing */
        size_t len;
        uint64_t tokens_us, refilled, dropped, report_at;
        size_t name_len;
        char name[];
} Stream;

struct LogStreams {
        LogStreamsConfig c;
        Stream *list;
        size_t n, ours;
        uint64_t refused, refused_at;
};

int64_t logstreams_now(void) {
        struct timespec ts = { 0 };
        clock_gettime(CLOCK_REALTIME, &ts);
        return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void say(LogStreams *s, const char *text) {
        static const char source[] = "logd";
        logring_append(s->c.ring, logstreams_now(), source, sizeof source - 1, text, strlen(text));
}

static void report(Stream *st) {
        char text[LOGRING_SOURCE_MAX + 64];
        if (!st->dropped)
                return;
        snprintf(text, sizeof text, "%s: %llu lines dropped, more than %llu a second", st->name,
                 (unsigned long long)st->dropped, (unsigned long long)st->owner->c.rate);
        say(st->owner, text);
        st->dropped = 0;
        st->report_at = UINT64_MAX;
}

/* Token bucket; a token is the time that one line may take. */
static bool may_store(Stream *st) {
        uint64_t rate = st->owner->c.rate, now = clock_ms();
        if (!rate)
                return true;
        uint64_t cost = MAX(1000000 / rate, (uint64_t)1);
        st->tokens_us = MIN(BURST_US, st->tokens_us + (now - st->refilled) * 1000);
        st->refilled = now;
        if (st->tokens_us < cost) {
                if (!st->dropped++)
                        st->report_at = now + REPORT_MS;
                return false;
        }
        st->tokens_us -= cost;
        return true;
}

static void store_line(Stream *st, const char *p, size_t n) {
        if (n > 0 && p[n - 1] == '\r')
                n--;
        if (may_store(st))
                logring_append(st->owner->c.ring, logstreams_now(), st->name, st->name_len, p, n);
}

static void keep_part(Stream *st, const char *p, size_t n) {
        size_t room = st->owner->c.line_max - st->len;
        if (n == 0)
                return;
        if (!st->line)
                st->line = xmalloc(st->owner->c.line_max);
        memcpy(st->line + st->len, p, MIN(n, room));
        st->len += MIN(n, room);
}

static void end_line(Stream *st, const char *p, size_t n) {
        if (!st->line) {
                store_line(st, p, MIN(n, st->owner->c.line_max));
                return;
        }
        keep_part(st, p, n);
        store_line(st, st->line, st->len);
        free(st->line);
        st->line = NULL;
        st->len = 0;
}

static void take_bytes(Stream *st, const char *p, size_t n) {
        if (st->sink)
                logsink_write(st->sink, p, n);
        while (n > 0) {
                const char *nl = memchr(p, '\n', n);
                if (!nl) {
                        keep_part(st, p, n);
                        return;
                }
                size_t len = (size_t)(nl - p);
                end_line(st, p, len);
                p += len + 1;
                n -= len + 1;
        }
}

static void stream_free(Stream *st) {
        LogStreams *s = st->owner;
        for (Stream **p = &s->list; *p; p = &(*p)->next) {
                if (*p == st) {
                        *p = st->next;
                        break;
                }
        }
        s->n--;
        s->ours -= st->is_ours;
        if (st->line)
                end_line(st, "", 0);
        report(st);
        logwatch_close(s->c.epoll, &st->watch);
        logsink_close(st->sink);
        free(st);
}

static void on_readable(LogWatch *w, uint32_t events) {
        Stream *st = (Stream *)w;
        static char buf[READ_BYTES];
        for (int i = 0; i < READS_MAX; i++) {
                ssize_t n = st->is_socket ? recv(w->fd, buf, sizeof buf, MSG_DONTWAIT)
                                          : read(w->fd, buf, sizeof buf);
                /* Nothing to read and an error that stays, a socket's error queue for one: its
                 * events would never end. */
                bool broken = n < 0 && errno == EAGAIN && events & EPOLLERR;
                if (n < 0 && (errno == EAGAIN || errno == EINTR) && !broken)
                        return;
                /* What the last writer left was read before the next one came. */
                if (n == 0 && st->is_named && !(events & EPOLLHUP))
                        return;
                if (n <= 0) {
                        stream_free(st);
                        return;
                }
                take_bytes(st, buf, (size_t)n);
        }
}

/* A descriptor with flags that nobody else can change; takes fd. */
static int open_again(int fd) {
        char path[40];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        int own = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (own < 0) {
                fcntl(fd, F_SETFL, O_NONBLOCK);
                return fd;
        }
        close(fd);
        return own;
}

static bool is_anonymous(int fd) {
        struct statfs fs;
        return fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC;
}

/* A container that is left behind has its FIFO under a name with a dot until that is renamed. */
static bool is_ours(const LogStreams *s, const struct stat *st, const char *name, size_t n) {
        char path[PATH_MAX];
        struct stat have;
        if (!s->c.fifos || memchr(name, '/', n))
                return false;
        for (int dot = 0; dot < 2; dot++) {
                snprintf(path, sizeof path, "%s/%s%.*s", s->c.fifos, dot ? "." : "", (int)n, name);
                if (lstat(path, &have) == 0 && have.st_dev == st->st_dev &&
                    have.st_ino == st->st_ino)
                        return true;
        }
        return false;
}

static void refuse(LogStreams *s, int fd) {
        logwatch_let_go(fd);
        if (!s->refused++)
                s->refused_at = clock_ms() + REPORT_MS;
}

static Stream *find(LogStreams *s, const struct stat *st) {
        for (Stream *p = s->list; p; p = p->next)
                if (p->dev == st->st_dev && p->ino == st->st_ino)
                        return p;
        return NULL;
}

static void replace(Stream *st, int fd) {
        LogWatch old = st->watch;
        st->watch.fd = fd;
        if (logwatch_set(st->owner->c.epoll, EPOLL_CTL_ADD, &st->watch, EPOLLIN) < 0) {
                st->watch = old;
                logwatch_let_go(fd);
                return;
        }
        logwatch_close(st->owner->c.epoll, &old);
}

void logstreams_add(LogStreams *s, int fd, const char *name, size_t n) {
        struct stat st;
        if (fstat(fd, &st) < 0 || n == 0 || n > LOGRING_SOURCE_MAX ||
            (!S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode))) {
                logwatch_let_go(fd);
                return;
        }
        bool is_socket = S_ISSOCK(st.st_mode);
        if (!is_socket)
                fd = open_again(fd);
        Stream *same = find(s, &st);
        if (same) {
                replace(same, fd);
                return;
        }
        bool ours = is_ours(s, &st, name, n);
        if ((ours ? s->ours : s->n - s->ours) >= STREAMS_MAX) {
                refuse(s, fd);
                return;
        }
        Stream *p = xcalloc(1, sizeof *p + n + 1);
        *p = (Stream){ .watch = { .ready = on_readable, .fd = fd },
                       .next = s->list,
                       .owner = s,
                       .is_socket = is_socket,
                       .is_named = !is_socket && !is_anonymous(fd),
                       .is_ours = ours,
                       .dev = st.st_dev,
                       .ino = st.st_ino,
                       .sink = logfiles_open(s->c.files, name, n, ours),
                       .tokens_us = BURST_US,
                       .refilled = clock_ms(),
                       .report_at = UINT64_MAX,
                       .name_len = n };
        memcpy(p->name, name, n);
        for (size_t i = 0; i < n; i++) /* a line break would forge lines of others */
                if ((unsigned char)p->name[i] < ' ' || p->name[i] == 0x7f)
                        p->name[i] = '?';
        logsink_touch(p->sink);
        s->list = p;
        s->n++;
        s->ours += ours;
        if (logwatch_set(s->c.epoll, EPOLL_CTL_ADD, &p->watch, EPOLLIN) < 0)
                stream_free(p);
        else if (!p->is_named) /* its writer may be gone already, which poll(2) does not tell */
                on_readable(&p->watch, EPOLLIN);
}

void logstreams_scan(LogStreams *s, const char *dir) {
        DIR *d = opendir(dir);
        for (struct dirent *de; d && (de = readdir(d));) {
                if (de->d_name[0] == '.')
                        continue;
                int fd = openat(dirfd(d), de->d_name,
                                O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
                if (fd >= 0)
                        logstreams_add(s, fd, de->d_name, strlen(de->d_name));
        }
        if (d)
                closedir(d);
}

LogStreams *logstreams_new(const LogStreamsConfig *c) {
        LogStreams *s = xcalloc(1, sizeof *s);
        *s = (LogStreams){ .c = *c };
        return s;
}

void logstreams_free(LogStreams *s) {
        if (!s)
                return;
        while (s->list)
                stream_free(s->list);
        free(s);
}

uint64_t logstreams_deadline(const LogStreams *s) {
        uint64_t t = s->refused ? s->refused_at : UINT64_MAX;
        for (const Stream *st = s->list; st; st = st->next)
                t = MIN(t, st->report_at);
        return t;
}

void logstreams_tick(LogStreams *s, uint64_t now_ms) {
        char text[64];
        for (Stream *st = s->list; st; st = st->next)
                if (now_ms >= st->report_at)
                        report(st);
        if (!s->refused || now_ms < s->refused_at)
                return;
        snprintf(text, sizeof text, "%llu streams refused, %d are open",
                 (unsigned long long)s->refused, STREAMS_MAX);
        say(s, text);
        s->refused = 0;
}
