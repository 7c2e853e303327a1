/* http_test.c - requests against a server in this process: what is sent, and what is made of the
 * answers. */
#include "lib/oci/oci_test.h"
#include "lib/oci/server_test.h"

#include <time.h>

#include "lib/oci/http.h"

static TestServer server;
static HttpClient *client;

static char *url(const char *path) {
        return xasprintf("http://127.0.0.1:%u%s", server.port, path);
}

static void echo_header(const TestRequest *q, TestReply *r, const char *name) {
        _cleanup_free_ char *v = test_header(q, name);
        buf_addf(&r->body, "%s=%s\n", name, v ? v : "");
}

static void answer(TestServer *s, const TestRequest *q, TestReply *r) {
        (void)s;
        if (str_eq(q->path, "/echo")) {
                buf_addf(&r->body, "%s %zu\n", q->method, q->body.len);
                echo_header(q, r, "authorization");
                echo_header(q, r, "content-type");
                echo_header(q, r, "expect");
                buf_add(&r->body, q->body.data, MIN(q->body.len, (size_t)10));
        } else if (str_eq(q->path, "/moved")) {
                r->status = 307;
                buf_adds(&r->headers, "Location: /echo\r\n");
        } else if (str_eq(q->path, "/away")) {
                r->status = 307;
                buf_addf(&r->headers, "Location: http://localhost:%u/echo\r\n", s->port);
        } else if (str_eq(q->path, "/away401")) {
                r->status = 307;
                buf_addf(&r->headers, "Location: http://localhost:%u/401\r\n", s->port);
        } else if (str_eq(q->path, "/401")) {
                r->status = 401;
                buf_adds(&r->headers, "WWW-Authenticate: Basic realm=\"x\"\r\n");
        } else if (str_eq(q->path, "/upload/")) {
                r->status = 202;
                buf_adds(&r->headers, "Location: next?a=1\r\n");
        } else if (str_eq(q->path, "/seconds") || str_eq(q->path, "/date")) {
                char date[64];
                time_t then = time(NULL) + 20;
                struct tm tm;
                strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&then, &tm));
                r->status = 429;
                buf_addf(&r->headers, "Retry-After: %s\r\n",
                         str_eq(q->path, "/date") ? date : "17");
        } else if (str_eq(q->path, "/range")) {
                echo_header(q, r, "range");
                r->status = 206;
                buf_adds(&r->headers, "Content-Range: bytes 5-14/15\r\n");
        } else if (str_eq(q->path, "/stall")) {
                r->stall = true;
                buf_adds(&r->body, "abc");
                r->send = 1;
        } else if (str_eq(q->path, "/dribble")) {
                r->stall = r->dribble = true;
                for (int i = 0; i < 1000; i++)
                        buf_adds(&r->body, "abc");
                r->send = 1;
        } else if (str_eq(q->path, "/cut")) {
                r->cut = true;
                buf_adds(&r->body, "abcdef");
                r->send = 3;
        } else {
                r->status = 400;
        }
}

static int setup(void **state) {
        (void)state;
        server = (TestServer){ .answer = answer };
        test_server_start(&server);
        return http_client_new(NULL, &client, NULL);
}

static int teardown(void **state) {
        (void)state;
        http_client_free(client);
        test_server_stop(&server);
        return 0;
}

/* --- tests ---------------------------------------------------------------------------------- */

static void methods(void **state) {
        (void)state;
        static const struct {
                HttpMethod method;
                const char *path, *want;
                bool upload;
        } t[] = {
                { HTTP_GET, "/echo", "GET 0\n", false },
                { HTTP_POST, "/echo", "POST 0\n", false },
                { HTTP_POST, "/echo", "POST 300000\n", true },
                { HTTP_PUT, "/echo", "PUT 0\n", false },
                { HTTP_PUT, "/echo", "PUT 300000\n", true },
                { HTTP_PATCH, "/echo", "PATCH 300000\n", true },
                { HTTP_DELETE, "/echo", "DELETE 0\n", false },
                { HTTP_GET, "/moved", "GET 0\n", false },
                { HTTP_PATCH, "/moved", "PATCH 300000\n", true },
                { HTTP_POST, "/moved", "POST 300000\n", true },
        };
        _cleanup_free_ char *bytes = xmalloc(300000);
        memset(bytes, 'b', 300000);
        Content body = content_bytes(bytes, 300000);
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                _cleanup_response_ HttpResponse r = { 0 };
                _cleanup_free_ char *u = url(t[i].path);
                HttpRequest q = { .method = t[i].method,
                                  .url = u,
                                  .limit = 1000,
                                  .authorization = "Bearer x",
                                  .content_type = t[i].upload ? "a/b" : NULL,
                                  .upload = t[i].upload ? &body : NULL };
                assert_ok(http_send(client, &q, &r, &e), &e);
                if (r.status != 200 || !str_has_prefix(r.body.data, t[i].want))
                        fail_msg("row %zu: %ld %s", i, r.status, r.body.data);
                assert_non_null(strstr(r.body.data, "expect=\n"));
                assert_non_null(strstr(r.body.data, "authorization=Bearer x\n"));
                assert_int_equal(strstr(r.body.data, "content-type=a/b\n") != NULL, t[i].upload);
                assert_int_equal(strstr(r.body.data, "\nbbbbbbbbbb") != NULL, t[i].upload);
        }
        _cleanup_response_ HttpResponse head = { 0 };
        _cleanup_free_ char *u = url("/echo");
        HttpRequest q = { .method = HTTP_HEAD, .url = u };
        assert_int_equal(http_send(client, &q, &head, NULL), 0);
        assert_int_equal(head.status, 200);
        assert_true(head.body_length > 0 && head.body_length < 1000);
        assert_int_equal(head.body.len, 0);
}

/* Another host gets neither our password nor a chance to ask for it. */
static void other_hosts(void **state) {
        (void)state;
        _cleanup_response_ HttpResponse r = { 0 };
        _cleanup_free_ char *away = url("/away"), *asks = url("/away401"), *here = url("/401");
        HttpRequest q = { .url = away, .authorization = "Bearer x", .limit = 1000 };
        assert_int_equal(http_send(client, &q, &r, NULL), 0);
        assert_non_null(strstr(r.body.data, "authorization=\n"));
        http_response_done(&r);
        q.url = asks;
        assert_int_equal(http_send(client, &q, &r, NULL), 0);
        assert_int_equal(r.status, 401);
        assert_null(r.challenges);
        http_response_done(&r);
        q.url = here;
        assert_int_equal(http_send(client, &q, &r, NULL), 0);
        assert_string_equal(r.challenges, "Basic realm=\"x\"\n");
}

/* A secret in a body goes where it was sent, and nowhere else. */
static void redirect_is_not_followed(void **state) {
        (void)state;
        _cleanup_response_ HttpResponse r = { 0 };
        _cleanup_free_ char *u = url("/away");
        Content secret = content_bytes("secret", 6);
        HttpRequest q = {
                .method = HTTP_POST, .url = u, .limit = 1000, .upload = &secret, .stay = true
        };
        unsigned before = server.n_requests;
        assert_int_equal(http_send(client, &q, &r, NULL), 0);
        assert_int_equal(r.status, 307);
        assert_int_equal(server.n_requests, before + 1);
}

static void headers(void **state) {
        (void)state;
        _cleanup_response_ HttpResponse r = { 0 };
        _cleanup_free_ char *upload = url("/upload/"), *next = url("/upload/next?a=1");
        _cleanup_free_ char *seconds = url("/seconds"), *date = url("/date");
        HttpRequest q = { .method = HTTP_POST, .url = upload, .limit = 1000 };
        assert_int_equal(http_send(client, &q, &r, NULL), 0);
        assert_string_equal(r.location, next);
        http_response_done(&r);
        q = (HttpRequest){ .url = seconds };
        assert_int_equal(http_send(client, &q, &r, NULL), 0);
        assert_int_equal(r.retry_after, 17);
        http_response_done(&r);
        q.url = date;
        assert_int_equal(http_send(client, &q, &r, NULL), 0);
        assert_in_range(r.retry_after, 15, 20);
}

typedef struct Got {
        Buf data;
        uint64_t from, length;
} Got;

static int on_begin(void *ctx, uint64_t from, uint64_t length, Err *e) {
        (void)e;
        ((Got *)ctx)->from = from;
        ((Got *)ctx)->length = length;
        return 0;
}

static int on_data(void *ctx, const void *p, size_t n, Err *e) {
        (void)e;
        buf_add(&((Got *)ctx)->data, p, n);
        return 0;
}

static void ranges(void **state) {
        (void)state;
        Got got = { 0 };
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_response_ HttpResponse r = { 0 };
        _cleanup_free_ char *u = url("/range");
        const HttpReceiver receiver = { .begin = on_begin, .data = on_data, .ctx = &got };
        HttpRequest q = { .url = u, .range_from = 5, .receiver = &receiver };
        assert_ok(http_send(client, &q, &r, &e), &e);
        assert_int_equal(got.from, 5);
        assert_int_equal(r.range_total, 15);
        assert_string_equal(got.data.data, "range=bytes=5-\n");
        http_response_done(&r);
        /* the server's part is not the one that was asked for */
        q.range_from = 4;
        buf_clear(&got.data);
        assert_int_equal(http_send(client, &q, &r, &e), -1);
        assert_true(r.transient);
        assert_int_equal(got.data.len, 0);
        buf_done(&got.data);
}

static void failures(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_response_ HttpResponse r = { 0 };
        _cleanup_free_ char *stall = url("/stall"), *cut = url("/cut"), *echo = url("/echo"),
                            *dribble = url("/dribble");
        HttpRequest q = { .url = cut, .limit = 1000 };
        assert_int_equal(http_send(client, &q, &r, &e), -1);
        assert_int_equal(e.kind, ERR_NETWORK);
        assert_true(r.transient);
        http_response_done(&r);

        setenv("LINUXKIT_HTTP_TIMEOUT", "1", 1);
        q.url = stall;
        assert_int_equal(http_send(client, &q, &r, &e), -1);
        assert_string_equal(e.text, "nothing came for 1 s");
        assert_true(r.transient);
        http_response_done(&r);

        q.limit = 4000;
        q.url = dribble;
        assert_int_equal(http_send(client, &q, &r, &e), -1);
        unsetenv("LINUXKIT_HTTP_TIMEOUT");
        assert_non_null(strstr(e.text, "no more than "));
        assert_true(r.transient);
        http_response_done(&r);

        q = (HttpRequest){ .url = echo, .limit = 3 };
        assert_int_equal(http_send(client, &q, &r, &e), -1);
        assert_int_equal(e.kind, ERR_VERIFY);
        http_response_done(&r);

        q = (HttpRequest){ .url = "http://127.0.0.1:1/" };
        assert_int_equal(http_send(client, &q, &r, &e), -1);
        assert_string_equal(e.text, "connection refused");
        assert_true(r.refused && !r.transient);
}

static void race(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_response_ HttpResponse r = { 0 };
        _cleanup_free_ char *plain = url("/echo"), *stall = url("/stall"), *bad = url("/400");
        _cleanup_free_ char *tls = xasprintf("https://127.0.0.1:%u/echo", server.port);
        HttpRequest first = { .url = tls, .limit = 1000 };
        HttpRequest second = { .url = plain, .limit = 1000 };
        /* no TLS there: at once, not after the delay */
        assert_int_equal(http_race(client, &first, &second, 60000, &r, &e), 1);
        assert_int_equal(r.status, 200);
        http_response_done(&r);
        /* no answer there: after the delay */
        first.url = stall;
        assert_int_equal(http_race(client, &first, &second, 50, &r, &e), 1);
        http_response_done(&r);
        /* the first one is preferred */
        first.url = plain;
        second.url = stall;
        assert_int_equal(http_race(client, &first, &second, 5000, &r, &e), 0);
        http_response_done(&r);
        /* a 400 is what TLS servers say to those without */
        first.url = "https://127.0.0.1:1/";
        second.url = bad;
        assert_int_equal(http_race(client, &first, &second, 0, &r, &e), -1);
        assert_string_equal(e.text, "connection refused");
}

static void connections_are_kept(void **state) {
        (void)state;
        _cleanup_free_ char *u = url("/echo");
        HttpRequest q = { .url = u, .limit = 1000 };
        unsigned before = atomic_load(&server.busy);
        for (unsigned i = 0; i < 5; i++) {
                _cleanup_response_ HttpResponse r = { 0 };
                assert_int_equal(http_send(client, &q, &r, NULL), 0);
        }
        assert_in_range(atomic_load(&server.busy), 0, before + 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(methods),
                cmocka_unit_test(other_hosts),
                cmocka_unit_test(redirect_is_not_followed),
                cmocka_unit_test(headers),
                cmocka_unit_test(ranges),
                cmocka_unit_test(failures),
                cmocka_unit_test(race),
                cmocka_unit_test(connections_are_kept),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
