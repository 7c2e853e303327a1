/* logquery.c - see logquery.h. */
#include "init/logquery.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>

#include "init/logjson.h"
#include "init/logstreams.h"
#include "init/logwatch.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { CLIENTS_MAX = 64, FILL_BYTES = 8 << 10, SENDS_MAX = 8 };

typedef struct Client {
        LogWatch watch;
        struct Client *next;
        LogQuery *owner;
        bool asked, follows, marked;
        bool blocked; /* its socket is full; it is asked again when it has room */
        bool silent;  /* it has closed its direction, as `printf '\\0' | nc -U` does */
        LogCursor at;
        uint64_t stop; /* where a dump ends, or the mark stands */
        Buf out;
        size_t sent;
} Client;

struct LogQuery {
        LogWatch watch; /* of the listener */
        LogRing *ring;
        int epoll;
        Client *list; /* the newest first */
        size_t n;
};

static void client_free(Client *c) {
        LogQuery *q = c->owner;
        for (Client **p = &q->list; *p; p = &(*p)->next) {
                if (*p == c) {
                        *p = c->next;
                        break;
                }
        }
        q->n--;
        logwatch_close(q->epoll, &c->watch);
        buf_done(&c->out);
        free(c);
}

static void add_lost(Client *c, uint64_t lost) {
        char text[64];
        static const char source[] = "logd";
        int n = snprintf(text, sizeof text, "%llu lines dropped, this reader is too slow",
                         (unsigned long long)lost);
        const LogEntry e = { .time_ns = logstreams_now(),
                             .source = source,
                             .source_len = sizeof source - 1,
                             .msg = text,
                             .msg_len = (size_t)n };
        logjson_add(&c->out, &e);
}

/* Puts the next lines into the empty buffer; false when there are none for this client. */
static bool fill(Client *c) {
        LogEntry e;
        uint64_t lost;
        while (c->out.len < FILL_BYTES) {
                if (c->marked && c->at.pos >= c->stop) {
                        c->marked = false;
                        buf_addc(&c->out, '\n');
                }
                if (!c->follows && c->at.pos >= c->stop)
                        break;
                bool more = logring_next(c->owner->ring, &c->at, &e, &lost);
                if (lost)
                        add_lost(c, lost);
                if (!more)
                        break;
                logjson_add(&c->out, &e);
        }
        return c->out.len > 0;
}

static void set_state(Client *c, bool blocked, bool silent) {
        if (c->blocked == blocked && c->silent == silent)
                return;
        c->blocked = blocked;
        c->silent = silent;
        logwatch_set(c->owner->epoll, EPOLL_CTL_MOD, &c->watch,
                     (silent ? 0 : (uint32_t)EPOLLIN) | (blocked ? (uint32_t)EPOLLOUT : 0));
}

/* Sends until there is nothing, no room, or it has been much; false when the client is done. */
static bool pump(Client *c) {
        for (int i = 0; i < SENDS_MAX; i++) {
                if (c->sent == c->out.len) {
                        buf_done(&c->out);
                        c->sent = 0;
                        if (!fill(c)) {
                                set_state(c, false, c->silent);
                                return c->follows;
                        }
                }
                ssize_t n = send(c->watch.fd, c->out.data + c->sent, c->out.len - c->sent,
                                 MSG_DONTWAIT | MSG_NOSIGNAL);
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return false;
                if (n < 0)
                        break;
                c->sent += (size_t)n;
        }
        set_state(c, true, c->silent);
        return true;
}

static void begin(Client *c, unsigned char mode) {
        LogRing *ring = c->owner->ring;
        c->asked = true;
        c->follows = mode != LOGQUERY_DUMP;
        c->marked = mode == LOGQUERY_MARKED;
        c->stop = logring_end(ring).pos;
        c->at = mode == LOGQUERY_FOLLOW ? logring_end(ring) : logring_begin(ring);
}

static void on_client(LogWatch *w, uint32_t events) {
        Client *c = (Client *)w;
        unsigned char byte[64];
        if (events & EPOLLOUT)
                set_state(c, false, c->silent);
        if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                return;
        ssize_t n = recv(w->fd, byte, sizeof byte, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n > 0 && !c->asked && byte[0] <= LOGQUERY_MARKED)
                begin(c, byte[0]);
        else if (n == 0 && c->asked && !(events & EPOLLHUP))
                set_state(c, c->blocked, true);
        else if (n <= 0 || !c->asked)
                client_free(c);
}

/* Whoever has waited longest without a word makes room for a new one, or else the oldest of those
 * that do not read what they asked for. */
static bool make_room(LogQuery *q) {
        Client *silent = NULL, *idle = NULL;
        for (Client *c = q->list; c; c = c->next) {
                if (!c->asked)
                        silent = c;
                else if (c->blocked)
                        idle = c;
        }
        if (q->n >= CLIENTS_MAX && (silent || idle))
                client_free(silent ? silent : idle);
        return q->n < CLIENTS_MAX;
}

static void on_listener(LogWatch *w, uint32_t events) {
        LogQuery *q = (LogQuery *)w;
        (void)events;
        int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return;
        if (!make_room(q)) {
                close(fd);
                return;
        }
        Client *c = xcalloc(1, sizeof *c);
        *c = (Client){ .watch = { .ready = on_client, .fd = fd }, .next = q->list, .owner = q };
        q->list = c;
        q->n++;
        if (logwatch_set(q->epoll, EPOLL_CTL_ADD, &c->watch, EPOLLIN) < 0)
                client_free(c);
}

void logquery_pump(LogQuery *q) {
        for (Client *c = q->list, *next; c; c = next) {
                next = c->next;
                if (c->asked && !c->blocked && !pump(c))
                        client_free(c);
        }
}

LogQuery *logquery_new(LogRing *ring, int epoll, int listener) {
        LogQuery *q = xcalloc(1, sizeof *q);
        *q = (LogQuery){ .watch = { .ready = on_listener, .fd = listener },
                         .ring = ring,
                         .epoll = epoll };
        logwatch_set(epoll, EPOLL_CTL_ADD, &q->watch, EPOLLIN);
        return q;
}

void logquery_free(LogQuery *q) {
        if (!q)
                return;
        while (q->list)
                client_free(q->list);
        epoll_ctl(q->epoll, EPOLL_CTL_DEL, q->watch.fd, NULL);
        free(q);
}
