/* grpc.c - see grpc.h.  The session's callbacks only record what happened; a finished call moves to
 * the list `finished` and is delivered when nghttp2 has returned, since user code must not run
 * while the library walks its own structures. */
#include "init/grpc.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "init/clock.h"
#include "lib/base/mem.h"

/* grpc-message is an error text for people; more than this of it helps nobody. */
#define TEXT_MAX_LEN 2048
/* A fair share of one grpc_handle(): a peer that never stops sending must not own the loop. */
#define READ_ROUNDS 16

typedef struct Call Call;
struct Call {
        Call *next;
        uint64_t id;
        int32_t stream; /* -1: never became a stream */
        uint64_t deadline;
        GrpcMessageFn message;
        GrpcDoneFn done;
        void *data;
        Buf out;
        size_t sent;
        GrpcFramer framer;
        Buf reply;
        unsigned replies;
        bool has_status;
        bool broken; /* framing or HTTP status wrong */
        GrpcStatus status;
        Buf text;
};

/* A message of a server stream that waits to be delivered. */
typedef struct Message Message;
struct Message {
        Message *next;
        uint64_t call;
        Buf body;
};

struct Grpc {
        int fd;
        nghttp2_session *session;
        Call *open, *finished;
        Message *messages, **messages_tail;
        size_t queued; /* bytes in messages */
        uint64_t last_id;
        Buf unsent; /* what nghttp2 gave and the socket did not take yet */
};

static void call_free(Call *c) {
        if (!c)
                return;
        buf_done(&c->out);
        buf_done(&c->reply);
        buf_done(&c->text);
        grpc_framer_done(&c->framer);
        free(c);
}

static Call *call_unlink(Call **list, uint64_t id) {
        for (Call **p = list; *p; p = &(*p)->next) {
                if ((*p)->id == id) {
                        Call *c = *p;
                        *p = c->next;
                        c->next = NULL;
                        return c;
                }
        }
        return NULL;
}

static void call_finish(Grpc *g, Call *c) {
        call_unlink(&g->open, c->id);
        Call **p = &g->finished;
        while (*p)
                p = &(*p)->next;
        *p = c;
}

static Call *call_of_stream(Grpc *g, int32_t stream) {
        return nghttp2_session_get_stream_user_data(g->session, stream);
}

static ssize_t on_read_body(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t length,
                            uint32_t *flags, nghttp2_data_source *source, void *user) {
        (void)session;
        (void)source;
        Call *c = call_of_stream(user, stream);
        if (!c) /* abandoned before its body went out */
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        size_t n = MIN(length, c->out.len - c->sent);
        memcpy(buf, c->out.data + c->sent, n);
        c->sent += n;
        if (c->sent == c->out.len)
                *flags |= NGHTTP2_DATA_FLAG_EOF;
        return (ssize_t)n;
}

static bool name_is(const uint8_t *name, size_t n, const char *want) {
        return n == strlen(want) && memcmp(name, want, n) == 0;
}

static void call_set_status(Call *c, const uint8_t *value, size_t n) {
        unsigned v = 0;
        bool good = n > 0 && n <= 3;
        for (size_t i = 0; good && i < n; i++) {
                good = value[i] >= '0' && value[i] <= '9';
                v = v * 10 + (unsigned)(value[i] - '0');
        }
        c->status = good ? (GrpcStatus)v : GRPC_UNKNOWN;
        c->has_status = true;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user) {
        (void)session;
        (void)flags;
        Call *c = call_of_stream(user, frame->hd.stream_id);
        if (!c)
                return 0;
        if (name_is(name, name_len, ":status") && !name_is(value, value_len, "200"))
                c->broken = true;
        else if (name_is(name, name_len, "grpc-status"))
                call_set_status(c, value, value_len);
        else if (name_is(name, name_len, "grpc-message") && c->text.len == 0)
                grpc_percent_decode(&c->text, value, MIN(value_len, (size_t)TEXT_MAX_LEN));
        return 0;
}

typedef struct Delivery {
        Grpc *g;
        Call *c;
} Delivery;

static void on_message(void *data, const uint8_t *msg, size_t n) {
        Delivery *d = data;
        if (!d->c->message) {
                buf_clear(&d->c->reply);
                if (n > 0)
                        buf_add(&d->c->reply, msg, n);
                d->c->replies++;
                return;
        }
        Message *m = xcalloc(1, sizeof *m);
        m->call = d->c->id;
        if (n > 0)
                buf_add(&m->body, msg, n);
        d->g->queued += n;
        *d->g->messages_tail = m;
        d->g->messages_tail = &m->next;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream,
                         const uint8_t *data, size_t len, void *user) {
        (void)flags;
        Grpc *g = user;
        Delivery d = { .g = g, .c = call_of_stream(g, stream) };
        if (!d.c || d.c->broken)
                return 0;
        if (grpc_framer_feed(&d.c->framer, data, len, on_message, &d) < 0 || d.c->replies > 1 ||
            g->queued > GRPC_MAX_MESSAGE) {
                d.c->broken = true;
                nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
        }
        return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t error, void *user) {
        (void)session;
        Grpc *g = user;
        Call *c = call_of_stream(g, stream);
        if (!c)
                return 0;
        if (c->broken ||
            (c->has_status && c->status == GRPC_OK && !grpc_framer_is_idle(&c->framer))) {
                c->status = GRPC_INTERNAL;
                buf_clear(&c->text);
                buf_adds(&c->text, "malformed reply");
        } else if (!c->has_status) {
                c->status = error == NGHTTP2_REFUSED_STREAM ? GRPC_UNAVAILABLE : GRPC_INTERNAL;
                buf_clear(&c->text);
                buf_addf(&c->text, "stream closed (%s)", nghttp2_http2_strerror(error));
        }
        nghttp2_session_set_stream_user_data(session, stream, NULL);
        call_finish(g, c);
        return 0;
}

/* A request that nghttp2 accepted but could not put on the wire (after GOAWAY, say). */
static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int error,
                             void *user) {
        Grpc *g = user;
        if (frame->hd.type != NGHTTP2_HEADERS)
                return 0;
        for (Call *c = g->open; c; c = c->next) {
                if (c->stream == frame->hd.stream_id) {
                        c->status = GRPC_UNAVAILABLE;
                        buf_addf(&c->text, "not sent (%s)", nghttp2_strerror(error));
                        nghttp2_session_set_stream_user_data(session, c->stream, NULL);
                        call_finish(g, c);
                        break;
                }
        }
        return 0;
}

static int session_new(Grpc *g, Err *e) {
        nghttp2_session_callbacks *cb;
        if (nghttp2_session_callbacks_new(&cb) != 0)
                return err_set(e, ERR_IO, ENOMEM, "HTTP/2 session");
        nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_chunk);
        nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
        nghttp2_session_callbacks_set_on_frame_not_send_callback(cb, on_frame_not_send);
        int r = nghttp2_session_client_new(&g->session, cb, g);
        nghttp2_session_callbacks_del(cb);
        static const nghttp2_settings_entry settings[] = {
                { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
                { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20 },
                { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 64 << 10 },
        };
        if (r == 0)
                r = nghttp2_submit_settings(g->session, NGHTTP2_FLAG_NONE, settings,
                                            ARRAY_LEN(settings));
        /* The window of the whole connection is 64 KiB else, shared by every call on it. */
        if (r == 0)
                r = nghttp2_session_set_local_window_size(g->session, NGHTTP2_FLAG_NONE, 0,
                                                          4 << 20);
        if (r != 0)
                return err_set(e, ERR_IO, 0, "HTTP/2 session: %s", nghttp2_strerror(r));
        return 0;
}

int grpc_connect(const char *socket_path, Grpc **ret, Err *e) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        if (strlen(socket_path) >= sizeof sa.sun_path)
                return err_set(e, ERR_USAGE, ENAMETOOLONG, "socket %s", socket_path);
        strcpy(sa.sun_path, socket_path);

        _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return err_set(e, ERR_IO, errno, "socket");
        /* On a unix socket this never waits: it works or says EAGAIN when the backlog is full. */
        if (connect(fd, (struct sockaddr *)&sa, sizeof sa) < 0)
                return err_set(e, ERR_IO, errno, "connect to %s", socket_path);

        Grpc *g = xcalloc(1, sizeof *g);
        g->fd = fd_take(&fd);
        g->messages_tail = &g->messages;
        if (session_new(g, e) < 0) {
                grpc_free(g);
                return -1;
        }
        *ret = g;
        return 0;
}

static void messages_drop(Grpc *g, uint64_t call) {
        Message **p = &g->messages;
        while (*p) {
                Message *m = *p;
                if (call == 0 || m->call == call) {
                        *p = m->next;
                        g->queued -= m->body.len;
                        buf_done(&m->body);
                        free(m);
                } else {
                        p = &m->next;
                }
        }
        g->messages_tail = p;
}

void grpc_free(Grpc *g) {
        if (!g)
                return;
        nghttp2_session_del(g->session);
        for (Call *list; (list = g->open ? g->open : g->finished);)
                call_free(call_unlink(g->open ? &g->open : &g->finished, list->id));
        messages_drop(g, 0);
        buf_done(&g->unsent);
        close(g->fd);
        free(g);
}

int grpc_fd(const Grpc *g) {
        return g->fd;
}

uint32_t grpc_events(const Grpc *g) {
        bool out = g->unsent.len > 0 || nghttp2_session_want_write(g->session);
        return EPOLLIN | (out ? EPOLLOUT : 0);
}

static int flush(Grpc *g, Err *e) {
        for (;;) {
                if (g->unsent.len == 0) {
                        const uint8_t *p;
                        ssize_t n = nghttp2_session_mem_send(g->session, &p);
                        if (n < 0)
                                return err_set(e, ERR_IO, 0, "HTTP/2: %s",
                                               nghttp2_strerror((int)n));
                        if (n == 0)
                                return 0;
                        buf_add(&g->unsent, p, (size_t)n);
                }
                ssize_t n = send(g->fd, g->unsent.data, g->unsent.len, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return 0;
                if (n < 0)
                        return err_set(e, ERR_IO, errno, "send");
                memmove(g->unsent.data, g->unsent.data + n, g->unsent.len - (size_t)n);
                g->unsent.len -= (size_t)n;
        }
}

static int receive(Grpc *g, Err *e) {
        uint8_t buf[16 << 10];
        for (unsigned i = 0; i < READ_ROUNDS; i++) {
                ssize_t n = recv(g->fd, buf, sizeof buf, MSG_DONTWAIT);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return 0;
                if (n < 0)
                        return err_set(e, ERR_IO, errno, "receive");
                if (n == 0)
                        return err_set(e, ERR_IO, 0, "connection closed");
                ssize_t used = nghttp2_session_mem_recv(g->session, buf, (size_t)n);
                if (used < 0)
                        return err_set(e, ERR_IO, 0, "HTTP/2: %s", nghttp2_strerror((int)used));
        }
        return 0;
}

static Call *call_find(Grpc *g, uint64_t id) {
        for (int i = 0; i < 2; i++)
                for (Call *c = i ? g->finished : g->open; c; c = c->next)
                        if (c->id == id)
                                return c;
        return NULL;
}

/* Delivers what has collected: first stream messages in order of arrival, then ends of calls. */
static void deliver(Grpc *g) {
        while (g->messages) {
                Message *m = g->messages;
                g->messages = m->next;
                if (!g->messages)
                        g->messages_tail = &g->messages;
                g->queued -= m->body.len;
                Call *c = call_find(g, m->call);
                if (c)
                        c->message(c->data, (const uint8_t *)m->body.data, m->body.len);
                buf_done(&m->body);
                free(m);
        }
        while (g->finished) {
                Call *c = call_unlink(&g->finished, g->finished->id);
                const GrpcReply reply = {
                        .status = c->status,
                        .text = c->text.data ? c->text.data : "",
                        .msg = (const uint8_t *)c->reply.data,
                        .len = c->status == GRPC_OK ? c->reply.len : 0,
                };
                c->done(c->data, &reply);
                call_free(c);
        }
}

int grpc_handle(Grpc *g, Err *e) {
        int r = flush(g, e);
        if (r >= 0)
                r = receive(g, e);
        deliver(g); /* what arrived before the loss is still true */
        if (r >= 0)
                r = flush(g, e);
        if (r >= 0 && !nghttp2_session_want_read(g->session) &&
            !nghttp2_session_want_write(g->session) && g->unsent.len == 0)
                return err_set(e, ERR_IO, 0, "HTTP/2 session ended");
        return r;
}

uint64_t grpc_deadline(const Grpc *g) {
        if (g->finished)
                return 0;
        uint64_t first = UINT64_MAX;
        for (const Call *c = g->open; c; c = c->next)
                if (c->deadline < first)
                        first = c->deadline;
        return first;
}

static void call_abandon_stream(Grpc *g, Call *c) {
        if (c->stream < 0)
                return;
        nghttp2_session_set_stream_user_data(g->session, c->stream, NULL);
        nghttp2_submit_rst_stream(g->session, NGHTTP2_FLAG_NONE, c->stream, NGHTTP2_CANCEL);
}

void grpc_expire(Grpc *g, uint64_t now_ms) {
        Call *next;
        for (Call *c = g->open; c; c = next) {
                next = c->next;
                if (c->deadline > now_ms)
                        continue;
                call_abandon_stream(g, c);
                c->status = GRPC_DEADLINE_EXCEEDED;
                buf_clear(&c->text);
                buf_adds(&c->text, "no answer in time");
                call_finish(g, c);
        }
        deliver(g);
}

static nghttp2_nv header(const char *name, const char *value) {
        return (nghttp2_nv){ .name = (uint8_t *)name,
                             .value = (uint8_t *)value,
                             .namelen = strlen(name),
                             .valuelen = strlen(value),
                             .flags = NGHTTP2_NV_FLAG_NONE };
}

uint64_t grpc_call(Grpc *g, const GrpcRequest *req) {
        Call *c = xcalloc(1, sizeof *c);
        c->id = ++g->last_id;
        c->message = req->message;
        c->done = req->done;
        c->data = req->data;
        c->deadline = req->timeout_ms ? clock_ms() + req->timeout_ms : UINT64_MAX;
        grpc_frame_add(&c->out, req->msg, req->len);

        nghttp2_nv nv[8];
        size_t n = 0;
        char timeout[16];
        nv[n++] = header(":method", "POST");
        nv[n++] = header(":scheme", "http");
        nv[n++] = header(":path", req->path);
        nv[n++] = header(":authority", "localhost");
        nv[n++] = header("content-type", "application/grpc");
        nv[n++] = header("te", "trailers");
        if (req->ns)
                nv[n++] = header("containerd-namespace", req->ns);
        if (req->timeout_ms) {
                grpc_timeout_text(req->timeout_ms, timeout, sizeof timeout);
                nv[n++] = header("grpc-timeout", timeout);
        }
        const nghttp2_data_provider body = { .read_callback = on_read_body };
        c->stream = nghttp2_submit_request(g->session, NULL, nv, n, &body, c);

        Call **list = c->stream < 0 ? &g->finished : &g->open;
        if (c->stream < 0) {
                c->status = GRPC_UNAVAILABLE;
                buf_adds(&c->text, nghttp2_strerror(c->stream));
        }
        c->next = *list;
        *list = c;
        return c->id;
}

void grpc_cancel(Grpc *g, uint64_t id) {
        Call *c = call_unlink(&g->open, id);
        if (c)
                call_abandon_stream(g, c);
        else
                c = call_unlink(&g->finished, id);
        if (c)
                messages_drop(g, id);
        call_free(c);
}

size_t grpc_open_calls(const Grpc *g) {
        size_t n = 0;
        for (const Call *c = g->open; c; c = c->next)
                n++;
        return n;
}
