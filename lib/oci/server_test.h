/* server_test.h - for unit tests: an HTTP server of a few threads on loopback, whose answers a
 * function makes, and the requests as they came. */
#pragma once

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

typedef struct TestRequest {
        char method[16], path[1024];
        char *headers; /* as they came */
        Buf body;
} TestRequest;

typedef struct TestReply {
        int status;
        Buf headers; /* lines with \r\n */
        Buf body;
        size_t send;     /* bytes of body that are really sent; 0 with cut: none */
        bool cut, stall; /* then the connection is closed, or nothing happens for long */
        bool dribble;    /* with stall: a byte 20 times a second */
        bool raw_length; /* the function gave Content-Length itself */
} TestReply;

typedef struct TestServer TestServer;
struct TestServer {
        void (*answer)(TestServer *s, const TestRequest *q, TestReply *r);
        void *ctx;
        int fd;
        unsigned port;
        pthread_t accepting;
        pthread_mutex_t lock; /* held around answer */
        unsigned n_requests;
        Buf log; /* "METHOD PATH\n" */
        atomic_uint busy;
        atomic_bool stop;
};

/* Value of a header, malloc'ed, or NULL. */
static inline char *test_header(const TestRequest *q, const char *name) {
        for (const char *line = q->headers; line && *line; line = strchr(line, '\n')) {
                line += *line == '\n';
                size_t n = strlen(name);
                if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
                        const char *v = line + n + 1 + strspn(line + n + 1, " ");
                        return xstrndup(v, strcspn(v, "\r\n"));
                }
        }
        return NULL;
}

static inline bool test_fill(int fd, Buf *in) {
        char buf[16384];
        ssize_t n = recv(fd, buf, sizeof buf, 0);
        if (n > 0)
                buf_add(in, buf, (size_t)n);
        return n > 0;
}

static inline bool test_read(int fd, Buf *in, TestRequest *q) {
        const char *end;
        while (!in->len || !(end = strstr(in->data, "\r\n\r\n")))
                if ((in->len && in->data[0] == 0x16) || !test_fill(fd, in))
                        return false; /* 0x16: somebody tries TLS */
        size_t head = (size_t)(end - in->data) + 4;
        uint64_t length = 0;
        if (sscanf(in->data, "%15s %1023s", q->method, q->path) != 2)
                return false;
        q->headers = xstrndup(in->data, head);
        _cleanup_free_ char *text = test_header(q, "content-length");
        if (text)
                str_to_u64(text, &length);
        while (in->len - head < length)
                if (!test_fill(fd, in))
                        return false;
        buf_add(&q->body, in->data + head, length);
        memmove(in->data, in->data + head + length, in->len - head - length + 1);
        in->len -= head + length;
        return true;
}

static inline void test_send(int fd, const void *p, size_t n) {
        for (const char *from = p; n;) {
                ssize_t sent = send(fd, from, n, MSG_NOSIGNAL);
                if (sent <= 0)
                        return;
                from += sent;
                n -= (size_t)sent;
        }
}

typedef struct TestConnection {
        TestServer *server;
        int fd;
} TestConnection;

static inline bool test_answer(TestServer *s, int fd, const TestRequest *q) {
        TestReply r = { .status = 200 };
        pthread_mutex_lock(&s->lock);
        s->n_requests++;
        buf_addf(&s->log, "%s %s\n", q->method, q->path);
        s->answer(s, q, &r);
        pthread_mutex_unlock(&s->lock);
        Buf out = { 0 };
        buf_addf(&out, "HTTP/1.1 %d X\r\n", r.status);
        if (!r.raw_length)
                buf_addf(&out, "Content-Length: %zu\r\n", r.body.len);
        buf_add(&out, r.headers.data, r.headers.len);
        buf_adds(&out, "\r\n");
        if (!str_eq(q->method, "HEAD"))
                buf_add(&out, r.body.data, r.cut || r.stall ? r.send : r.body.len);
        test_send(fd, out.data, out.len);
        for (unsigned i = 0; r.stall && i < 100 && !atomic_load(&s->stop); i++) {
                usleep(50000);
                if (r.dribble)
                        test_send(fd, "x", 1);
        }
        bool go_on = !r.cut && !r.stall;
        buf_done(&out);
        buf_done(&r.headers);
        buf_done(&r.body);
        return go_on;
}

static inline void *test_serve(void *arg) {
        TestConnection *c = arg;
        Buf in = { 0 };
        bool go_on = true;
        while (go_on) {
                TestRequest q = { 0 };
                go_on = test_read(c->fd, &in, &q) && test_answer(c->server, c->fd, &q);
                free(q.headers);
                buf_done(&q.body);
        }
        buf_done(&in);
        close(c->fd);
        atomic_fetch_sub(&c->server->busy, 1);
        free(c);
        return NULL;
}

static inline void *test_accept(void *arg) {
        TestServer *s = arg;
        for (int fd; (fd = accept(s->fd, NULL, NULL)) >= 0;) {
                struct timeval patience = { .tv_usec = 200000 };
                TestConnection *c = xcalloc(1, sizeof *c);
                pthread_t id;
                *c = (TestConnection){ s, fd };
                if (atomic_load(&s->stop))
                        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
                atomic_fetch_add(&s->busy, 1);
                if (pthread_create(&id, NULL, test_serve, c) == 0)
                        pthread_detach(id);
        }
        return NULL;
}

static inline void test_server_start(TestServer *s) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof a;
        pthread_mutex_init(&s->lock, NULL);
        s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (bind(s->fd, (struct sockaddr *)&a, n) < 0 || listen(s->fd, 64) < 0 ||
            getsockname(s->fd, (struct sockaddr *)&a, &n) < 0 ||
            pthread_create(&s->accepting, NULL, test_accept, s) != 0)
                abort();
        s->port = ntohs(a.sin_port);
}

/* Clients have closed their connections before. */
static inline void test_server_stop(TestServer *s) {
        atomic_store(&s->stop, true);
        shutdown(s->fd, SHUT_RDWR);
        pthread_join(s->accepting, NULL);
        close(s->fd);
        for (unsigned i = 0; i < 200 && atomic_load(&s->busy); i++)
                usleep(10000);
        buf_done(&s->log);
        pthread_mutex_destroy(&s->lock);
}

/* How often a line of the log begins so. */
static inline unsigned test_count(TestServer *s, const char *prefix) {
        unsigned n = 0;
        pthread_mutex_lock(&s->lock);
        for (const char *line = s->log.data; line && *line; line = strchr(line, '\n')) {
                line += *line == '\n';
                n += str_has_prefix(line, prefix);
        }
        pthread_mutex_unlock(&s->lock);
        return n;
}
