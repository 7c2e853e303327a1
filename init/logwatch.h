/* logwatch.h - what the log daemon's loop knows of a descriptor: whom to call when it is ready.
 *
 * The first member of everything that is watched; the loop takes one event at a time, so a handler
 * may free any of them. */
#pragma once

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct LogWatch {
        void (*ready)(struct LogWatch *w, uint32_t events);
        int fd;
} LogWatch;

static inline int logwatch_set(int epoll, int op, LogWatch *w, uint32_t events) {
        struct epoll_event ev = { .events = events, .data.ptr = w };
        return epoll_ctl(epoll, op, w->fd, &ev);
}

/* Whoever sends us a socket may have told it to wait for its peer when it is closed (SO_LINGER). */
static inline void logwatch_let_go(int fd) {
        static const struct linger none;
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        close(fd);
}

/* Closing alone is not enough: whoever sent the descriptor may still hold it open, and events of it
 * would go on. */
static inline void logwatch_close(int epoll, LogWatch *w) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, w->fd, NULL);
        logwatch_let_go(w->fd);
}
