/* fetch_test.c - blobs and manifests from a server in this process that does wrong things: what
 * arrives, how often it was asked for, and what is kept. */
#include "lib/oci/oci_test.h"
#include "lib/oci/server_test.h"

#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/oci/fetch.h"
#include "lib/oci/registry.h"

enum { SIZE = 200000 };

typedef enum Fault {
        FAULT_NONE,
        FAULT_CUT,          /* the first time: half of it */
        FAULT_CUT_NO_RANGE, /* and then all of it, whatever is asked for */
        FAULT_CUT_416,      /* and then no part */
        FAULT_FLIPPED_ONCE,
        FAULT_FLIPPED,
        FAULT_LONGER,
        FAULT_OTHER_PART, /* half, then another part than the one that was asked for */
        FAULT_BUSY,       /* the first time: 503 */
        FAULT_GONE,       /* 404 */
} Fault;

static TestServer server;
static Fault fault;
static unsigned n_blobs, n_tokens, token; /* tokens up to this one are refused */
static bool guarded;
static char bytes[SIZE];
static Descriptor blob;

/* --- server --------------------------------------------------------------------------------- */

static bool refused(const TestRequest *q, TestReply *r) {
        _cleanup_free_ char *authorization = test_header(q, "authorization");
        _cleanup_free_ char *want = xasprintf("Bearer t%u", n_tokens);
        if (!guarded || (str_eq(authorization, want) && n_tokens > token))
                return false;
        r->status = 401;
        buf_addf(&r->headers,
                 "WWW-Authenticate: Bearer realm=\"http://127.0.0.1:%u/token\",service=\"s\"\r\n",
                 server.port);
        return true;
}

static void answer_blob(const TestRequest *q, TestReply *r) {
        _cleanup_free_ char *range = test_header(q, "range");
        unsigned long from = 0;
        unsigned n = n_blobs++;
        if (range)
                sscanf(range, "bytes=%lu-", &from);
        if (fault == FAULT_CUT_416 && range) {
                r->status = 416;
                return;
        }
        if (fault == FAULT_GONE || (fault == FAULT_BUSY && n == 0)) {
                r->status = fault == FAULT_GONE ? 404 : 503;
                return;
        }
        if (fault == FAULT_CUT_NO_RANGE)
                from = 0;
        if (fault == FAULT_OTHER_PART && range)
                from += 10;
        if (from) {
                r->status = 206;
                buf_addf(&r->headers, "Content-Range: bytes %lu-%d/%d\r\n", from, SIZE - 1, SIZE);
        }
        buf_add(&r->body, bytes + from, SIZE - from);
        if (fault == FAULT_FLIPPED || (fault == FAULT_FLIPPED_ONCE && n == 0))
                r->body.data[100] ^= 1;
        if (fault == FAULT_LONGER)
                buf_addc(&r->body, 'x');
        r->cut = n == 0 && (fault == FAULT_CUT || fault == FAULT_CUT_NO_RANGE ||
                            fault == FAULT_CUT_416 || fault == FAULT_OTHER_PART);
        r->send = SIZE / 2;
}

static void answer(TestServer *s, const TestRequest *q, TestReply *r) {
        (void)s;
        if (str_has_prefix(q->path, "/token")) {
                buf_addf(&r->body, "{\"token\":\"t%u\"}", ++n_tokens);
        } else if (refused(q, r)) {
                return;
        } else if (strstr(q->path, "/blobs/")) {
                answer_blob(q, r);
        } else {
                buf_adds(&r->headers, "Content-Type: application/vnd.oci.image.index.v1+json\r\n");
                buf_adds(&r->body, "{\"manifests\":[]}");
        }
}

static int setup(void **state) {
        for (size_t i = 0; i < SIZE; i++)
                bytes[i] = (char)(i * 7 + i / 251);
        hash_bytes(bytes, SIZE, &blob.digest);
        blob.size = SIZE;
        fault = FAULT_NONE;
        n_blobs = n_tokens = token = 0;
        guarded = false;
        server = (TestServer){ .answer = answer };
        test_server_start(&server);
        return oci_test_setup(state);
}

static int teardown(void **state) {
        session_end_all();
        test_server_stop(&server);
        return oci_test_teardown(state);
}

/* --- tests ---------------------------------------------------------------------------------- */

static Session *session(const char *repo) {
        _cleanup_free_ char *host = xasprintf("127.0.0.1:%u", server.port);
        _cleanup_err_ Err e = ERR_INIT;
        Session *s = NULL;
        assert_ok(session_for_reading(host, repo, NULL, &s, &e), &e);
        return s;
}

static void expect_index(const char *repo) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *text = NULL;
        Descriptor d;
        assert_ok(fetch_manifest(session(repo), "1", NULL, &d, &text, &e), &e);
        assert_string_equal(text, "{\"manifests\":[]}");
}

static void blobs(void **state) {
        Cache *c = *state;
        static const struct {
                Fault fault;
                ErrKind error;
                unsigned requests;
        } t[] = {
                { FAULT_NONE, ERR_NONE, 1 },         { FAULT_CUT, ERR_NONE, 2 },
                { FAULT_CUT_NO_RANGE, ERR_NONE, 2 }, { FAULT_CUT_416, ERR_NONE, 3 },
                { FAULT_FLIPPED_ONCE, ERR_NONE, 2 }, { FAULT_FLIPPED, ERR_VERIFY, 2 },
                { FAULT_LONGER, ERR_VERIFY, 2 },     { FAULT_OTHER_PART, ERR_NONE, 3 },
                { FAULT_BUSY, ERR_NONE, 2 },         { FAULT_GONE, ERR_NOT_FOUND, 1 },
        };
        _cleanup_free_ char *left =
                xasprintf("%s/derived/partial/%s", cache_dir(c), digest_hex(&blob.digest));
        expect_index("a/b"); /* or the first blob would be asked for twice, to find the scheme */
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                fault = t[i].fault;
                n_blobs = 0;
                int r = fetch_blob(session("a/b"), c, &blob, NULL, &e);
                if (e.kind != t[i].error || (r < 0) != (e.kind != ERR_NONE) ||
                    n_blobs != t[i].requests)
                        fail_msg("row %zu: %u requests, %d: %s", i, n_blobs, e.kind, e.text);
                assert_int_equal(cache_has_blob(c, &blob.digest, SIZE), r == 0);
                if (r < 0)
                        assert_non_null(strstr(e.text, blob.digest.text));
                assert_false(file_exists(left));
                cache_drop_blob(c, &blob.digest);
        }
}

/* What an earlier process left, right or wrong, never stands in the way. */
static void leftovers(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *path = NULL, *wrong = xmalloc(SIZE);
        memcpy(wrong, bytes, SIZE);
        wrong[5] ^= 1;
        assert_ok(cache_derived_path(c, "partial", digest_hex(&blob.digest), &path, &e), &e);
        static const struct {
                size_t length;
                bool wrong;
                unsigned requests;
        } t[] = {
                { 1000, false, 1 },
                { SIZE, false, 0 },
                { 1000, true, 2 },
                { SIZE, true, 1 },
        };
        expect_index("a/b");
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                n_blobs = 0;
                assert_ok(file_write(path, t[i].wrong ? wrong : bytes, t[i].length, 0644, &e), &e);
                assert_ok(fetch_blob(session("a/b"), c, &blob, NULL, &e), &e);
                if (n_blobs != t[i].requests)
                        fail_msg("row %zu: %u requests", i, n_blobs);
                assert_true(cache_has_blob(c, &blob.digest, SIZE));
                cache_drop_blob(c, &blob.digest);
        }
}

static void tokens(void **state) {
        (void)state;
        guarded = true;
        expect_index("a/b");
        expect_index("a/b");
        assert_int_equal(n_tokens, 1);
        assert_int_equal(
                test_count(&server, "GET /token?scope=repository%3Aa%2Fb%3Apull&service=s"), 1);
        /* another repository needs another one */
        expect_index("a/c");
        assert_int_equal(n_tokens, 2);
        /* one that is not accepted any more is renewed */
        token = n_tokens;
        expect_index("a/c");
        assert_int_equal(n_tokens, 3);
        /* but not for ever */
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *text = NULL;
        Descriptor d;
        token = 1000;
        assert_int_equal(fetch_manifest(session("a/c"), "1", NULL, &d, &text, &e), -1);
        assert_non_null(strstr(e.text, "401 Unauthorized"));
        assert_in_range(n_tokens, 4, 6);
}

static void mirrors_are_named(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        RegistryObject o;
        const char *const mirrors[] = { "registry.example=http://127.0.0.1:1", NULL };
        RegistryOptions options = { .mirrors = mirrors };
        assert_int_equal(registry_resolve(&options, "registry.example/x:1", &o, &e), -1);
        assert_string_equal(e.text, "registry.example/x:1: connection refused (mirror "
                                    "http://127.0.0.1:1)");
        assert_non_null(strstr(e.hint, "LINUXKIT_MIRROR"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(blobs, setup, teardown),
                cmocka_unit_test_setup_teardown(leftovers, setup, teardown),
                cmocka_unit_test_setup_teardown(tokens, setup, teardown),
                cmocka_unit_test_setup_teardown(mirrors_are_named, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
