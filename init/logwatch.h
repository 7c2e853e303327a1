/* logwatch.h - what the log daemon's loop knows of a descriptor: whom to call when it is ready.
 *
 * The first member of everything that is watched; the loop takes one event at a time, so a handler
 * may free any of them. */
#pragma once

#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

typedef struct LogWatch {
        void (*ready)(struct LogWatch *w, uint32_t events);
        int fd;
} LogWatch;

static inline int logwatch_set(int epoll, int op, LogWatch *w, uint32_t events) {
        struct epoll_event ev = { .events = events, .data.ptr = w };
        return epoll_ctl(epoll, op, w->fd, &ev);
}

/* Closing alone is not enough: whoever sent the descriptor may still hold it open, and events of it
 * would go on. */
static inline void logwatch_close(int epoll, LogWatch *w) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, w->fd, NULL);
        close(w->fd);
}
