/* grpc_test.c - the client against a small server in the same process: replies, errors, streams,
 * deadlines, cancellation, loss of the connection and bytes that are no HTTP/2.
 *
 * The server answers by path, see on_request; both sides are moved by pump(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "init/clock.h"
#include "init/grpc.h"
#include "lib/base/mem.h"

typedef struct Reply {
        Buf body;
        size_t sent;
        bool stays_open, no_trailers;
} Reply;

typedef struct Server {
        char dir[32], path[64];
        int listener, fd;
        nghttp2_session *session;
        char methods[128][32]; /* by stream: requests overlap */
        char method[32], ns[64], timeout[32];
        Reply replies[64];
        unsigned n;
} Server;

static ssize_t read_reply(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t length,
                          uint32_t *flags, nghttp2_data_source *source, void *user) {
        (void)user;
        Reply *r = source->ptr;
        size_t n = MIN(MIN(length, r->body.len - r->sent), (size_t)3); /* tiny DATA frames */
        memcpy(buf, r->body.data + r->sent, n);
        r->sent += n;
        if (n == 0 && r->stays_open)
                return NGHTTP2_ERR_DEFERRED;
        if (r->sent == r->body.len && !r->stays_open) {
                *flags |= NGHTTP2_DATA_FLAG_EOF;
                if (!r->no_trailers) {
                        nghttp2_nv nv = { (uint8_t *)"grpc-status", (uint8_t *)"0", 11, 1, 0 };
                        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
                        nghttp2_submit_trailer(session, stream, &nv, 1);
                }
        }
        return (ssize_t)n;
}

static nghttp2_nv nv(const char *name, const char *value) {
        return (nghttp2_nv){ (uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), 0 };
}

static void on_request(Server *s, int32_t stream) {
        strcpy(s->method, s->methods[stream / 2 % 128]);
        Reply *r = &s->replies[s->n++ % ARRAY_LEN(s->replies)];
        *r = (Reply){ 0 };
        const nghttp2_nv ok[] = { nv(":status", "200") }, bad[] = { nv(":status", "500") };
        const nghttp2_nv error[] = { nv(":status", "200"), nv("grpc-status", "5"),
                                     nv("grpc-message", "no%20such%0athing") };
        const nghttp2_data_provider body = { .source.ptr = r, .read_callback = read_reply };

        if (str_eq(s->method, "/silent"))
                return;
        if (str_eq(s->method, "/error")) {
                nghttp2_submit_response(s->session, stream, error, 3, NULL);
                return;
        }
        if (str_eq(s->method, "/huge"))
                buf_add(&r->body, "\0\2\0\0\0", 5);
        else if (str_eq(s->method, "/cut"))
                buf_add(&r->body, "\0\0\0\0\5ab", 7);
        else
                grpc_frame_add(&r->body, "one", 3);
        if (str_eq(s->method, "/stream") || str_eq(s->method, "/two"))
                grpc_frame_add(&r->body, "two", 3);
        r->stays_open = str_eq(s->method, "/stream");
        r->no_trailers = str_eq(s->method, "/nostatus");
        nghttp2_submit_response(s->session, stream, str_eq(s->method, "/500") ? bad : ok, 1, &body);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
        (void)session;
        if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
                on_request(user, frame->hd.stream_id);
        return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user) {
        (void)session;
        (void)flags;
        Server *s = user;
        char *method = s->methods[frame->hd.stream_id / 2 % 128];
        const struct {
                const char *name;
                char *dst;
                size_t size;
        } t[] = { { ":path", method, sizeof s->method },
                  { "containerd-namespace", s->ns, sizeof s->ns },
                  { "grpc-timeout", s->timeout, sizeof s->timeout } };
        for (size_t i = 0; i < ARRAY_LEN(t); i++)
                if (name_len == strlen(t[i].name) && memcmp(name, t[i].name, name_len) == 0)
                        snprintf(t[i].dst, t[i].size, "%.*s", (int)value_len, (const char *)value);
        return 0;
}

static int server_start(void **state) {
        Server *s = xcalloc(1, sizeof *s);
        strcpy(s->dir, "/tmp/grpc_test.XXXXXX");
        if (!mkdtemp(s->dir))
                return -1;
        snprintf(s->path, sizeof s->path, "%s/sock", s->dir);
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        strcpy(sa.sun_path, s->path);
        s->fd = -1;
        s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        *state = s;
        return bind(s->listener, (struct sockaddr *)&sa, sizeof sa) < 0 || listen(s->listener, 4);
}

static int server_end(void **state) {
        Server *s = *state;
        nghttp2_session_del(s->session);
        for (size_t i = 0; i < ARRAY_LEN(s->replies); i++)
                buf_done(&s->replies[i].body);
        if (s->fd >= 0)
                close(s->fd);
        close(s->listener);
        unlink(s->path);
        rmdir(s->dir);
        free(s);
        return 0;
}

static void server_accept(Server *s) {
        nghttp2_session_callbacks *cb;
        s->fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        assert_true(s->fd >= 0);
        nghttp2_session_callbacks_new(&cb);
        nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
        nghttp2_session_server_new(&s->session, cb, s);
        nghttp2_session_callbacks_del(cb);
        nghttp2_submit_settings(s->session, 0, NULL, 0);
}

static void server_step(Server *s) {
        uint8_t buf[4096];
        const uint8_t *p;
        ssize_t n;
        while ((n = recv(s->fd, buf, sizeof buf, 0)) > 0)
                assert_true(nghttp2_session_mem_recv(s->session, buf, (size_t)n) == n);
        while ((n = nghttp2_session_mem_send(s->session, &p)) > 0)
                assert_true(send(s->fd, p, (size_t)n, MSG_NOSIGNAL) == n);
}

static Grpc *connect_to(Server *s) {
        Grpc *g;
        assert_int_equal(grpc_connect(s->path, &g, NULL), 0);
        server_accept(s);
        return g;
}

/* Enough turns for everything that is under way. */
static void pump(Server *s, Grpc *g) {
        for (int i = 0; i < 10; i++) {
                assert_int_equal(grpc_handle(g, NULL), 0);
                server_step(s);
        }
}

typedef struct Got {
        unsigned done;
        GrpcStatus status;
        char text[128], msgs[128];
} Got;

static void on_done(void *data, const GrpcReply *r) {
        Got *got = data;
        got->done++;
        got->status = r->status;
        snprintf(got->text, sizeof got->text, "%s", r->text);
        if (r->len > 0)
                snprintf(got->msgs, sizeof got->msgs, "%.*s", (int)r->len, (const char *)r->msg);
}

static void on_message(void *data, const uint8_t *msg, size_t n) {
        Got *got = data;
        size_t used = strlen(got->msgs);
        snprintf(got->msgs + used, sizeof got->msgs - used, "%.*s,", (int)n, (const char *)msg);
}

static uint64_t call(Grpc *g, const char *path, uint64_t timeout, bool stream, Got *got) {
        const GrpcRequest req = { .path = path,
                                  .ns = "space",
                                  .msg = "hello",
                                  .len = 5,
                                  .timeout_ms = timeout,
                                  .message = stream ? on_message : NULL,
                                  .done = on_done,
                                  .data = got };
        return grpc_call(g, &req);
}

static void test_unary_reply_and_headers(void **state) {
        Server *s = *state;
        Grpc *g = connect_to(s);
        Got got = { 0 };
        call(g, "/pkg.Svc/Method", 1500, false, &got);
        pump(s, g);
        assert_int_equal(got.done, 1);
        assert_int_equal(got.status, GRPC_OK);
        assert_string_equal(got.msgs, "one");
        assert_string_equal(s->method, "/pkg.Svc/Method");
        assert_string_equal(s->ns, "space");
        assert_string_equal(s->timeout, "1500m");
        assert_int_equal(grpc_open_calls(g), 0);
        grpc_free(g);
}

static void test_errors(void **state) {
        Server *s = *state;
        Grpc *g = connect_to(s);
        static const struct {
                const char *path;
                GrpcStatus status;
                const char *text;
        } t[] = { { "/error", GRPC_NOT_FOUND, "no such?thing" },
                  { "/500", GRPC_INTERNAL, "malformed reply" },
                  { "/huge", GRPC_INTERNAL, "malformed reply" },
                  { "/cut", GRPC_INTERNAL, "malformed reply" },
                  { "/two", GRPC_INTERNAL, "malformed reply" },
                  { "/nostatus", GRPC_INTERNAL, "stream closed (NO_ERROR)" } };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                Got got = { 0 };
                call(g, t[i].path, 0, false, &got);
                pump(s, g);
                assert_int_equal(got.done, 1);
                assert_int_equal(got.status, t[i].status);
                assert_string_equal(got.text, t[i].text);
                assert_string_equal(got.msgs, "");
        }
        grpc_free(g);
}

static void test_many_calls_beside_a_stream(void **state) {
        Server *s = *state;
        Grpc *g = connect_to(s);
        Got stream = { 0 }, got[40] = { 0 };
        call(g, "/stream", 0, true, &stream);
        for (size_t i = 0; i < ARRAY_LEN(got); i++)
                call(g, i % 2 ? "/error" : "/ok", 0, false, &got[i]);
        for (int i = 0; i < 20; i++)
                pump(s, g);
        for (size_t i = 0; i < ARRAY_LEN(got); i++) {
                assert_int_equal(got[i].done, 1);
                assert_int_equal(got[i].status, i % 2 ? GRPC_NOT_FOUND : GRPC_OK);
        }
        assert_string_equal(stream.msgs, "one,two,");
        assert_int_equal(stream.done, 0);
        assert_int_equal(grpc_open_calls(g), 1);
        grpc_free(g);
        assert_int_equal(stream.done, 0);
}

static void test_deadline_and_cancel(void **state) {
        Server *s = *state;
        Grpc *g = connect_to(s);
        Got late = { 0 }, dropped = { 0 }, after = { 0 };
        call(g, "/silent", 1000, false, &late);
        uint64_t id = call(g, "/silent", 0, false, &dropped);
        uint64_t unsent = call(g, "/ok", 0, false, &dropped);
        grpc_cancel(g, unsent); /* before anything went out */
        assert_true(grpc_deadline(g) <= clock_ms() + 1000);
        pump(s, g);
        grpc_cancel(g, id);
        grpc_cancel(g, id);
        grpc_cancel(g, 0);
        grpc_expire(g, clock_ms());
        assert_int_equal(late.done, 0);
        grpc_expire(g, clock_ms() + 1001);
        assert_int_equal(late.done, 1);
        assert_int_equal(late.status, GRPC_DEADLINE_EXCEEDED);
        assert_true(grpc_deadline(g) == UINT64_MAX);
        call(g, "/ok", 0, false, &after);
        pump(s, g);
        assert_int_equal(after.status, GRPC_OK);
        assert_int_equal(after.done, 1);
        assert_int_equal(dropped.done, 0);
        grpc_free(g);
}

static void test_lost_connection_is_reported_once_and_ends_no_call(void **state) {
        Server *s = *state;
        Grpc *g = connect_to(s);
        Got got = { 0 };
        _cleanup_err_ Err e = ERR_INIT;
        call(g, "/silent", 0, false, &got);
        pump(s, g);
        close(s->fd);
        s->fd = -1;
        assert_int_equal(grpc_handle(g, &e), -1);
        assert_non_null(e.text);
        grpc_free(g);
        assert_int_equal(got.done, 0);
}

static void test_a_server_that_says_goodbye(void **state) {
        Server *s = *state;
        Grpc *g = connect_to(s);
        Got got = { 0 };
        pump(s, g);
        nghttp2_submit_goaway(s->session, 0, 0, NGHTTP2_NO_ERROR, NULL, 0);
        server_step(s);
        call(g, "/ok", 0, false, &got);
        int r = 0;
        for (int i = 0; i < 5 && r == 0; i++) {
                r = grpc_handle(g, NULL);
                grpc_expire(g, clock_ms());
        }
        assert_true(r < 0 || got.status == GRPC_UNAVAILABLE);
        grpc_free(g);
}

/* Neither a crash nor an endless loop, whatever comes: fixed pseudo-random bytes, some behind a
 * valid SETTINGS frame. */
static void test_garbage(void **state) {
        Server *s = *state;
        uint32_t seed = 1;
        for (int round = 0; round < 200; round++) {
                Grpc *g;
                Got got = { 0 };
                uint8_t junk[600] = { 0, 0, 0, 4 };
                assert_int_equal(grpc_connect(s->path, &g, NULL), 0);
                int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
                call(g, "/ok", 0, false, &got);
                for (size_t i = round % 2 ? 9 : 0; i < sizeof junk; i++) {
                        seed = seed * 1664525 + 1013904223;
                        junk[i] = round % 4 < 2 ? (uint8_t)(seed >> 24) : (uint8_t)(seed >> 30);
                }
                assert_true(send(fd, junk, sizeof junk, MSG_NOSIGNAL) == (ssize_t)sizeof junk);
                close(fd);
                int r = 0;
                for (int i = 0; i < 50 && r == 0; i++)
                        r = grpc_handle(g, NULL);
                assert_int_equal(r, -1);
                grpc_free(g);
        }
}

static void test_nobody_listens(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        Grpc *g = NULL;
        assert_int_equal(grpc_connect("/nonexistent/socket", &g, &e), -1);
        assert_int_equal(e.errnum, ENOENT);
        assert_null(g);
        char name[200];
        memset(name, 'x', sizeof name);
        name[sizeof name - 1] = '\0';
        assert_int_equal(grpc_connect(name, &g, &e), -1);
        assert_int_equal(e.errnum, ENAMETOOLONG);
        grpc_free(NULL);
}

int main(void) {
#define SERVED(f) cmocka_unit_test_setup_teardown(f, server_start, server_end)
        const struct CMUnitTest tests[] = {
                SERVED(test_unary_reply_and_headers),
                SERVED(test_errors),
                SERVED(test_many_calls_beside_a_stream),
                SERVED(test_deadline_and_cancel),
                SERVED(test_lost_connection_is_reported_once_and_ends_no_call),
                SERVED(test_a_server_that_says_goodbye),
                SERVED(test_garbage),
                cmocka_unit_test(test_nobody_listens),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
