/* control.c - see control.h. */
#include "init/control.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "init/clock.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#define REQUEST_MAX 4096
#define REPLY_MAX   (4u << 20)
/* For a request to arrive and for a reply to be taken; the work in between has no limit here. */
#define PEER_TIMEOUT_MS 10000

typedef struct Client {
        int fd; /* -1: the slot is free */
        enum { READING, WORKING, WRITING } phase;
        uint64_t deadline;
        Buf in, out;
        size_t sent;
} Client;

struct Control {
        int listener, epoll;
        uint32_t tag;
        char *path;
        ControlRequestFn request;
        ControlGoneFn gone;
        void *data;
        Client clients[CONTROL_CLIENTS];
};

static int make_address(const char *path, struct sockaddr_un *ret, Err *e) {
        *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
        if (strlen(path) >= sizeof ret->sun_path)
                return err_set(e, ERR_USAGE, ENAMETOOLONG, "socket %s", path);
        strcpy(ret->sun_path, path);
        return 0;
}

static int watch(Control *c, int op, int fd, uint32_t events, uint32_t tag) {
        struct epoll_event ev = { .events = events, .data.u32 = tag };
        return epoll_ctl(c->epoll, op, fd, &ev);
}

int control_new(const char *path, int epoll, uint32_t tag, ControlRequestFn request,
                ControlGoneFn gone, void *data, Control **ret, Err *e) {
        struct sockaddr_un sa;
        if (make_address(path, &sa, e) < 0)
                return -1;
        _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return err_set(e, ERR_IO, errno, "socket");
        unlink(path);
        mode_t mask = umask(0177);
        int r = bind(fd, (struct sockaddr *)&sa, sizeof sa);
        int bind_errno = errno;
        umask(mask);
        if (r < 0 || listen(fd, CONTROL_CLIENTS) < 0)
                return err_set(e, ERR_IO, r < 0 ? bind_errno : errno, "listen on %s", path);

        Control *c = xcalloc(1, sizeof *c);
        *c = (Control){ .listener = fd_take(&fd),
                        .epoll = epoll,
                        .tag = tag,
                        .path = xstrdup(path),
                        .request = request,
                        .gone = gone,
                        .data = data };
        for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
                c->clients[i].fd = -1;
        if (watch(c, EPOLL_CTL_ADD, c->listener, EPOLLIN, tag) < 0) {
                err_set(e, ERR_IO, errno, "watch %s", path);
                control_free(c);
                return -1;
        }
        *ret = c;
        return 0;
}

static void client_close(Control *c, unsigned slot) {
        Client *cl = &c->clients[slot];
        if (cl->fd < 0)
                return;
        bool working = cl->phase == WORKING;
        close(cl->fd);
        buf_done(&cl->in);
        buf_done(&cl->out);
        *cl = (Client){ .fd = -1 };
        if (working)
                c->gone(c->data, slot);
}

void control_free(Control *c) {
        if (!c)
                return;
        for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
                client_close(c, i);
        close(c->listener);
        unlink(c->path);
        free(c->path);
        free(c);
}

static void client_accept(Control *c) {
        _cleanup_fd_ int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        struct ucred peer;
        socklen_t len = sizeof peer;
        if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.uid != 0)
                return;
        for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
                if (c->clients[i].fd >= 0)
                        continue;
                if (watch(c, EPOLL_CTL_ADD, fd, EPOLLIN, c->tag + 1 + i) == 0)
                        c->clients[i] = (Client){ .fd = fd_take(&fd),
                                                  .deadline = clock_ms() + PEER_TIMEOUT_MS };
                return;
        }
}

static void client_write(Control *c, unsigned slot) {
        Client *cl = &c->clients[slot];
        while (cl->sent < cl->out.len) {
                ssize_t n = send(cl->fd, cl->out.data + cl->sent, cl->out.len - cl->sent,
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return;
                if (n < 0)
                        break;
                cl->sent += (size_t)n;
        }
        client_close(c, slot);
}

void control_reply(Control *c, unsigned slot, json_t *reply) {
        Client *cl = &c->clients[slot];
        char *text = json_dumps(reply, JSON_COMPACT);
        json_decref(reply);
        if (cl->fd >= 0 && cl->phase != WRITING && text) {
                buf_adds(&cl->out, text);
                buf_addc(&cl->out, '\n');
                cl->phase = WRITING;
                cl->deadline = clock_ms() + PEER_TIMEOUT_MS;
                watch(c, EPOLL_CTL_MOD, cl->fd, EPOLLOUT, c->tag + 1 + slot);
        }
        free(text);
}

static void client_request(Control *c, unsigned slot) {
        Client *cl = &c->clients[slot];
        json_t *request = json_loadb(cl->in.data, cl->in.len, JSON_REJECT_DUPLICATES, NULL);
        buf_done(&cl->in);
        if (!json_is_object(request)) {
                json_decref(request);
                client_close(c, slot);
                return;
        }
        cl->phase = WORKING;
        cl->deadline = UINT64_MAX;
        c->request(c->data, slot, request);
        json_decref(request);
}

/* While a request is worked on, only the end of the connection is of interest. */
static void client_read(Control *c, unsigned slot) {
        Client *cl = &c->clients[slot];
        char buf[1024];
        ssize_t n = recv(cl->fd, buf, sizeof buf, MSG_DONTWAIT);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return;
        if (n <= 0 || cl->phase != READING || cl->in.len + (size_t)n > REQUEST_MAX) {
                client_close(c, slot);
                return;
        }
        buf_add(&cl->in, buf, (size_t)n);
        if (memchr(buf, '\n', (size_t)n))
                client_request(c, slot);
}

void control_handle(Control *c, uint32_t tag) {
        unsigned slot = tag - c->tag - 1;
        if (tag == c->tag)
                client_accept(c);
        else if (slot < CONTROL_CLIENTS && c->clients[slot].fd >= 0)
                (c->clients[slot].phase == WRITING ? client_write : client_read)(c, slot);
}

uint64_t control_deadline(const Control *c) {
        uint64_t first = UINT64_MAX;
        for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
                if (c->clients[i].fd >= 0)
                        first = MIN(first, c->clients[i].deadline);
        return first;
}

void control_expire(Control *c, uint64_t now_ms) {
        for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
                if (c->clients[i].fd >= 0 && c->clients[i].deadline <= now_ms)
                        client_close(c, i);
}

static int send_all(int fd, const char *p, size_t n) {
        while (n > 0) {
                ssize_t w = send(fd, p, n, MSG_NOSIGNAL);
                if (w < 0 && errno == EINTR)
                        continue;
                if (w < 0)
                        return -errno;
                p += w;
                n -= (size_t)w;
        }
        return 0;
}

static int receive_all(int fd, Buf *ret) {
        char buf[4096];
        for (;;) {
                ssize_t n = recv(fd, buf, sizeof buf, 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : 0;
                if (ret->len + (size_t)n > REPLY_MAX)
                        return -EMSGSIZE;
                buf_add(ret, buf, (size_t)n);
        }
}

int control_ask(const char *path, const json_t *request, json_t **ret, Err *e) {
        struct sockaddr_un sa;
        if (make_address(path, &sa, e) < 0)
                return -1;
        _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return err_set(e, ERR_IO, errno, "socket");
        if (connect(fd, (struct sockaddr *)&sa, sizeof sa) < 0) {
                bool absent = errno == ENOENT || errno == ECONNREFUSED;
                return err_set(e, absent ? ERR_NOT_FOUND : ERR_IO, errno, "connect to %s", path);
        }
        _cleanup_free_ char *text = json_dumps(request, JSON_COMPACT);
        _cleanup_buf_ Buf reply = { 0 };
        int r = text ? send_all(fd, text, strlen(text)) : -ENOMEM;
        if (r == 0)
                r = send_all(fd, "\n", 1);
        if (r == 0)
                r = receive_all(fd, &reply);
        if (r < 0)
                return err_set(e, ERR_IO, r, "ask the supervisor");
        json_t *answer = reply.len ? json_loadb(reply.data, reply.len, 0, NULL) : NULL;
        if (!json_is_object(answer)) {
                json_decref(answer);
                return err_set(e, ERR_IO, 0, "the supervisor went away without an answer");
        }
        *ret = answer;
        return 0;
}
