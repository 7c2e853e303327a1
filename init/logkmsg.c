/* logkmsg.c - see logkmsg.h.  The ring's mark is the number of the next kernel message, so that a
 * log daemon that was restarted goes on where the last one was. */
#include "init/logkmsg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>

#include "init/logjson.h"
#include "init/logwatch.h"
#include "lib/base/mem.h"

enum { RECORD_BYTES = 8 << 10, READS_MAX = 64, FIRST_MAX = 256 };

typedef struct Kmsg {
        LogWatch watch;
        int epoll;
        LogRing *ring;
        LogSink *sink;
} Kmsg;

/* The decimal number at *p, which moves behind it and the comma that must follow. */
static bool take_number(const char **p, const char *end, uint64_t *ret) {
        const char *s = *p;
        uint64_t v = 0;
        for (; s < end && *s >= '0' && *s <= '9'; s++)
                if (__builtin_mul_overflow(v, 10, &v) ||
                    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
                        return false;
        if (s == *p || s == end || *s != ',')
                return false;
        *p = s + 1;
        *ret = v;
        return true;
}

bool logkmsg_parse(const char *p, size_t n, LogKmsg *ret) {
        const char *end = p + n;
        uint64_t priority;
        if (!take_number(&p, end, &priority) || !take_number(&p, end, &ret->seq) ||
            !take_number(&p, end, &ret->us))
                return false;
        const char *text = memchr(p, ';', (size_t)(end - p));
        if (!text)
                return false;
        text++;
        const char *nl = memchr(text, '\n', (size_t)(end - text)); /* KEY=VALUE lines may follow */
        ret->msg = text;
        ret->len = (size_t)((nl ? nl : end) - text);
        return true;
}

static int64_t nanoseconds(clockid_t clock) {
        struct timespec ts = { 0 };
        clock_gettime(clock, &ts);
        return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void store(Kmsg *k, const LogKmsg *m) {
        char text[LOGJSON_TIME_SIZE + RECORD_BYTES + 32], when[LOGJSON_TIME_SIZE];
        uint64_t most = (uint64_t)INT64_MAX / 2000;
        int64_t time_ns = nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_MONOTONIC) +
                          (int64_t)MIN(m->us, most) * 1000;
        if (m->seq < logring_mark(k->ring))
                return;
        logjson_time(time_ns, when);
        int n = snprintf(text, sizeof text, "(%llu) - %s: %.*s\n", (unsigned long long)m->seq, when,
                         (int)m->len, m->msg);
        size_t len = MIN((size_t)n, sizeof text - 1);
        logring_append(k->ring, time_ns, "kmsg", 4, text, len - 1);
        logring_set_mark(k->ring, m->seq + 1);
        /* In memory it would only take room: the kernel and the ring have it already. */
        if (k->sink && logsink_on_disk(k->sink))
                logsink_write(k->sink, text, len);
}

/* False when there is no more. */
static bool read_some(Kmsg *k) {
        char buf[RECORD_BYTES];
        for (int i = 0; i < READS_MAX; i++) {
                LogKmsg m;
                ssize_t n = read(k->watch.fd, buf, sizeof buf);
                if (n < 0 && errno == EPIPE) /* the kernel has overwritten the next ones */
                        continue;
                if (n <= 0) {
                        if (n == 0 || (errno != EAGAIN && errno != EINTR))
                                logwatch_close(k->epoll, &k->watch);
                        return false;
                }
                if (logkmsg_parse(buf, (size_t)n, &m))
                        store(k, &m);
        }
        return true;
}

static void on_record(LogWatch *w, uint32_t events) {
        (void)events;
        read_some((Kmsg *)w);
}

void logkmsg_watch(const char *path, int epoll, LogRing *ring, LogFiles *files) {
        static Kmsg k;
        int fd = path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY) : -1;
        if (fd < 0)
                return;
        k = (Kmsg){ .watch = { .ready = on_record, .fd = fd },
                    .epoll = epoll,
                    .ring = ring,
                    .sink = logfiles_open(files, "kmsg", 4, true) };
        if (logwatch_set(epoll, EPOLL_CTL_ADD, &k.watch, EPOLLIN) < 0)
                close(fd);
        else
                /* What there is stands before what others say, unless more comes all the time. */
                for (int i = 0; i < FIRST_MAX && read_some(&k); i++)
                        continue;
}
