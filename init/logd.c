/* logd.c - see logd.h.  One loop, one event at a time; nothing in it waits for a writer, a reader
 * or the console. */
#include "init/logd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "init/clock.h"
#include "init/logkmsg.h"
#include "init/logquery.h"
#include "init/logstreams.h"
#include "init/logwatch.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { FDS_MAX = 16, LAST_WORDS_MS = 50, RECEIVE_MAX = 64 };
/* More than all streams, files and clients that are served at once. */
enum { DESCRIPTORS_MAX = 4096 };

typedef struct Logd Logd;

/* What has no state of its own but its descriptor. */
typedef struct Source {
        LogWatch watch;
        Logd *owner;
} Source;

struct Logd {
        const LogdOptions *o;
        int epoll;
        LogRing *ring;
        LogFiles *files;
        LogStreams *streams;
        LogQuery *query;
        Source log, init, signals, mounts;
        LogSink *init_sink;
        uint64_t end_at; /* SIGTERM has come; UINT64_MAX: not yet */
};

static void say(Logd *d, const char *text) {
        logring_append(d->ring, logstreams_now(), "logd", 4, text, strlen(text));
}

static void on_tell(void *data, const char *text) {
        say(data, text);
}

int logd_bind(const char *path, int type) {
        struct sockaddr_un addr = { .sun_family = AF_UNIX };
        size_t n = strlen(path);
        if (n >= sizeof addr.sun_path) {
                errno = ENAMETOOLONG;
                return -1;
        }
        memcpy(addr.sun_path, path, n);
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -1;
        unlink(path);
        if (bind(fd, (struct sockaddr *)&addr, sizeof addr) == 0 &&
            (type != SOCK_STREAM || listen(fd, 64) == 0))
                return fd;
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
}

/* A stream: its name, and a descriptor beside it. */
static bool receive_stream(Logd *d) {
        char name[LOGRING_SOURCE_MAX];
        union {
                char space[CMSG_SPACE(FDS_MAX * sizeof(int))];
                struct cmsghdr align;
        } control;
        struct iovec iov = { .iov_base = name, .iov_len = sizeof name };
        struct msghdr msg = { .msg_iov = &iov,
                              .msg_iovlen = 1,
                              .msg_control = control.space,
                              .msg_controllen = sizeof control.space };
        ssize_t n = recvmsg(d->log.watch.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0)
                return errno == EINTR;
        if (msg.msg_flags & MSG_TRUNC) /* the name is longer than names are */
                n = 0;
        bool taken = false;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < count; i++) {
                        int fd;
                        memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
                        if (taken)
                                logwatch_let_go(fd);
                        else
                                logstreams_add(d->streams, fd, name, (size_t)n);
                        taken = true;
                }
        }
        return true;
}

static void on_log(LogWatch *w, uint32_t events) {
        Logd *d = ((Source *)w)->owner;
        (void)events;
        for (int i = 0; i < RECEIVE_MAX && receive_stream(d); i++)
                continue;
}

/* A line of one of init's own programs. */
static void on_init(LogWatch *w, uint32_t events) {
        Logd *d = ((Source *)w)->owner;
        char line[2048];
        (void)events;
        for (int i = 0; i < RECEIVE_MAX; i++) {
                ssize_t n = recv(w->fd, line, sizeof line - 1, MSG_DONTWAIT);
                if (n < 0)
                        return;
                logring_append(d->ring, logstreams_now(), "init", 4, line, (size_t)n);
                line[n] = '\n';
                if (d->init_sink && logsink_on_disk(d->init_sink))
                        logsink_write(d->init_sink, line, (size_t)n + 1);
        }
}

static void on_signal(LogWatch *w, uint32_t events) {
        Logd *d = ((Source *)w)->owner;
        struct signalfd_siginfo si;
        (void)events;
        if (read(w->fd, &si, sizeof si) == (ssize_t)sizeof si && d->end_at == UINT64_MAX)
                d->end_at = clock_ms() + LAST_WORDS_MS;
}

static void on_mounts(LogWatch *w, uint32_t events) {
        Logd *d = ((Source *)w)->owner;
        (void)events;
        logfiles_check(d->files);
}

static int watch(Logd *d, Source *s, int fd, uint32_t events, void (*ready)(LogWatch *, uint32_t)) {
        *s = (Source){ .watch = { .ready = ready, .fd = fd }, .owner = d };
        return fd < 0 ? 0 : logwatch_set(d->epoll, EPOLL_CTL_ADD, &s->watch, events);
}

static int open_signals(void) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigprocmask(SIG_BLOCK, &set, NULL);
        signal(SIGPIPE, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Files of a service that copies the log to files itself would be the same ones. */
static bool wants_files(const LogdOptions *o) {
        return o->dir && access("/containers/services/logwrite", F_OK) < 0;
}

static int set_up(Logd *d, Err *e) {
        const LogdOptions *o = d->o;
        int signals = open_signals();
        d->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (d->epoll < 0 || signals < 0 || o->fd_log < 0 || o->fd_query < 0)
                return err_set(e, ERR_IO, errno, "sockets");
        if (logring_open(o->fd_ring, o->bytes, o->lines, &d->ring, e) < 0)
                return -1;
        if (wants_files(o))
                d->files = logfiles_new(o->dir, "/run/log", on_tell, d);
        const LogStreamsConfig c = { .ring = d->ring,
                                     .files = d->files,
                                     .epoll = d->epoll,
                                     .fifos = o->fifos,
                                     .line_max = MIN(MAX(o->line, (uint64_t)16),
                                                     (uint64_t)LOGRING_LINE_MAX),
                                     .rate = o->rate };
        d->streams = logstreams_new(&c);
        d->query = logquery_new(d->ring, d->epoll, o->fd_query);
        d->init_sink = logfiles_open(d->files, "init", 4, true);
        if (watch(d, &d->signals, signals, EPOLLIN, on_signal) < 0 ||
            watch(d, &d->log, o->fd_log, EPOLLIN, on_log) < 0 ||
            watch(d, &d->init, o->fd_init, EPOLLIN, on_init) < 0)
                return err_set(e, ERR_IO, errno, "epoll");
        if (d->files)
                watch(d, &d->mounts, open("/proc/self/mounts", O_RDONLY | O_CLOEXEC), EPOLLPRI,
                      on_mounts);
        logkmsg_watch(o->kmsg, d->epoll, d->ring, d->files);
        /* What the last daemon read and who sends now: its streams are found again. */
        if (o->fifos)
                logstreams_scan(d->streams, o->fifos);
        return 0;
}

static void loop(Logd *d) {
        for (;;) {
                uint64_t now = clock_ms(), t = MIN(logstreams_deadline(d->streams), d->end_at);
                uint64_t left = t > now ? t - now : 0;
                int wait = t == UINT64_MAX ? -1 : (int)MIN(left, (uint64_t)60000);
                struct epoll_event ev;
                int n = epoll_wait(d->epoll, &ev, 1, wait);
                if (n > 0) {
                        LogWatch *w = ev.data.ptr;
                        w->ready(w, ev.events);
                } else if (n < 0 && errno != EINTR) {
                        return;
                }
                now = clock_ms();
                logstreams_tick(d->streams, now);
                logquery_pump(d->query);
                if (now >= d->end_at)
                        return;
        }
}

static void raise_limit(void) {
        struct rlimit l;
        if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= DESCRIPTORS_MAX)
                return;
        l.rlim_cur = MIN(l.rlim_max, (rlim_t)DESCRIPTORS_MAX);
        setrlimit(RLIMIT_NOFILE, &l);
}

int logd_run(const LogdOptions *o) {
        _cleanup_err_ Err e = ERR_INIT;
        Logd d = { .o = o, .epoll = -1, .end_at = UINT64_MAX };
        sys_write("/proc/self/oom_score_adj", "-900"); /* it is small, and all others write to it */
        raise_limit();
        if (set_up(&d, &e) < 0) {
                fprintf(stderr, "logd: %s\n", e.text);
                return 1;
        }
        loop(&d);
        logquery_free(d.query);
        logstreams_free(d.streams);
        logsink_close(d.init_sink);
        logring_free(d.ring);
        return 0;
}

static const struct {
        const char *name;
        size_t number, fd, text; /* offset in LogdOptions; 0: not this */
} options[] = {
        { "socket-log", 0, 0, offsetof(LogdOptions, socket_log) },
        { "socket-query", 0, 0, offsetof(LogdOptions, socket_query) },
        { "fd-log", 0, offsetof(LogdOptions, fd_log), 0 },
        { "fd-query", 0, offsetof(LogdOptions, fd_query), 0 },
        { "fd-ring", 0, offsetof(LogdOptions, fd_ring), 0 },
        { "max-lines", offsetof(LogdOptions, lines), 0, 0 },
        { "max-line-len", offsetof(LogdOptions, line), 0, 0 },
        { "max-bytes", offsetof(LogdOptions, bytes), 0, 0 },
        { "rate", offsetof(LogdOptions, rate), 0, 0 },
        { "log-dir", 0, 0, offsetof(LogdOptions, dir) },
        { "fifos", 0, 0, offsetof(LogdOptions, fifos) },
        { "kmsg", 0, 0, offsetof(LogdOptions, kmsg) },
};

static bool set_option(LogdOptions *o, const char *name, const char *value) {
        uint64_t number = 0;
        for (size_t i = 0; i < ARRAY_LEN(options); i++) {
                if (!str_eq(options[i].name, name))
                        continue;
                char *base = (char *)o;
                if (options[i].text)
                        *(const char **)(base + options[i].text) = value;
                else if (!str_to_u64(value, &number) || (options[i].fd && number > INT_MAX))
                        return false;
                else if (options[i].fd)
                        *(int *)(base + options[i].fd) = (int)number;
                else
                        *(uint64_t *)(base + options[i].number) = number;
                return true;
        }
        return false;
}

static int usage(const char *name) {
        fprintf(stderr, "Usage: %s [-daemonize]", name);
        for (size_t i = 0; i < ARRAY_LEN(options); i++)
                fprintf(stderr, " [-%s %s]", options[i].name,
                        options[i].text ? "PATH"
                        : options[i].fd ? "FD"
                                        : "N");
        fputs("\n", stderr);
        return 2;
}

/* "-name value", "-name=value", with one dash or two. */
static bool parse(LogdOptions *o, int argc, char **argv) {
        for (int i = 1; i < argc; i++) {
                char name[32];
                const char *arg = argv[i] + strspn(argv[i], "-");
                size_t len = strcspn(arg, "=");
                if (arg == argv[i] || len >= sizeof name)
                        return false;
                memcpy(name, arg, len);
                name[len] = '\0';
                if (str_eq(name, "daemonize") && !arg[len]) {
                        o->daemonize = true;
                        continue;
                }
                const char *value = arg[len] ? arg + len + 1 : ++i < argc ? argv[i] : NULL;
                if (!value || !set_option(o, name, value))
                        return false;
        }
        return true;
}

int logd_main(int argc, char **argv) {
        LogdOptions o = LOGD_DEFAULTS;
        if (!parse(&o, argc, argv))
                return usage(argv[0]);
        if (o.fd_log < 0 && (o.fd_log = logd_bind(o.socket_log, SOCK_DGRAM)) < 0) {
                fprintf(stderr, "logd: %s: %s\n", o.socket_log, strerror(errno));
                return 1;
        }
        if (o.fd_query < 0 && (o.fd_query = logd_bind(o.socket_query, SOCK_STREAM)) < 0) {
                fprintf(stderr, "logd: %s: %s\n", o.socket_query, strerror(errno));
                return 1;
        }
        if (o.daemonize && fork() != 0)
                return 0;
        if (o.daemonize)
                setsid();
        return logd_run(&o);
}
