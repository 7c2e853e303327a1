/* ref_test.c - the tables of yaml.md 6.1 and 20.2 and what must be refused. */
#include "lib/base/ref.h"
#include "lib/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void ref_expands(void **state) {
        (void)state;
        static const struct {
                const char *in, *text, *host, *repo, *tag, *digest;
        } t[] = {
                { "redis", "docker.io/library/redis", "docker.io", "library/redis", NULL, NULL },
                { "redis:7", "docker.io/library/redis:7", "docker.io", "library/redis", "7", NULL },
                { "foo/bar", "docker.io/foo/bar", "docker.io", "foo/bar", NULL, NULL },
                { "myregistry.io/foo", "myregistry.io/foo", "myregistry.io", "foo", NULL, NULL },
                { "foo/bar:x", "docker.io/foo/bar:x", "docker.io", "foo/bar", "x", NULL },
                { "localhost/x", "localhost/x", "localhost", "x", NULL, NULL },
                { "localhost:5000/x:1", "localhost:5000/x:1", "localhost:5000", "x", "1", NULL },
                { "quay.io/x", "quay.io/x", "quay.io", "x", NULL, NULL },
                { "foo/bar/baz", "foo/bar/baz", "foo", "bar/baz", NULL, NULL },
                { "[::1]:5000/x", "[::1]:5000/x", "[::1]:5000", "x", NULL, NULL },
                { "h.x/a/./b//c:t", "h.x/a/b/c:t", "h.x", "a/b/c", "t", NULL },
                { "redis@sha256:" HEX, "docker.io/library/redis@sha256:" HEX, "docker.io",
                  "library/redis", NULL, "sha256:" HEX },
                { "redis:alpine", "docker.io/library/redis:alpine", "docker.io", "library/redis",
                  "alpine", NULL },
                { "x.io/a//b/../c/:1", "x.io/a/c:1", "x.io", "a/c", "1", NULL },
                { "a/b:t@sha256:" HEX, "docker.io/a/b:t@sha256:" HEX, "docker.io", "a/b", "t",
                  "sha256:" HEX },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_ref_ Ref r = { 0 };
                _cleanup_err_ Err e = ERR_INIT;
                assert_int_equal(ref_parse(t[i].in, &r, &e), 0);
                assert_string_equal(r.text, t[i].text);
                assert_string_equal(r.host, t[i].host);
                assert_string_equal(r.repo, t[i].repo);
                assert_true(!r.tag == !t[i].tag && !r.digest == !t[i].digest);
                if (r.tag)
                        assert_string_equal(r.tag, t[i].tag);
                if (r.digest)
                        assert_string_equal(r.digest, t[i].digest);

                /* the normal form is a fixed point */
                _cleanup_ref_ Ref again = { 0 };
                assert_int_equal(ref_parse(r.text, &again, &e), 0);
                assert_string_equal(again.text, r.text);
        }
}

static void ref_refuses(void **state) {
        (void)state;
        static const struct {
                const char *text, *why;
        } t[] = {
                { "", "empty" },
                { "/", "names no repository" },
                { "/a/b", "names no repository" },
                { "https://docker.io/x", "cannot be a URL" },
                { ":5000", "names no repository" },
                { "@sha256:" HEX, "names no repository" },
                { "..:1", "names no repository" },
                { "localhost:port/x", "bad port" },
                { "localhost:65536/x", "bad port" },
                { "localhost:/x", "bad port" },
                { "docker.io/", "names no repository" },
                { "docker.io/a/../..", "names no repository" },
                { "h.x/../../etc/passwd", "names no repository" },
                { "@pkg:../a", "names no repository" },
                { "u@h.io/a/b", "bad host" },
                { "redis:", "bad tag" },
                { "redis:-x", "bad tag" },
                { "redis:a b", "bad tag" },
                { "redis@", "64 hex digits" },
                { "redis@latest", "64 hex digits" },
                { "redis@sha256:abc", "64 hex digits" },
                { "redis@md5:" HEX, "64 hex digits" },
                { "redis@sha256:" HEX "0", "64 hex digits" },
                { "re dis", "bad character" },
                { "r\ndis", "bad character" },
                { "a/b%41", "bad character" },
                { "a/b?x=1", "bad character" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_ref_ Ref r = { 0 };
                _cleanup_err_ Err e = ERR_INIT;
                if (ref_parse(t[i].text, &r, &e) == 0)
                        fail_msg("accepted \"%s\" as \"%s\"", t[i].text, r.text);
                assert_int_equal(e.kind, ERR_SPEC);
                if (!strstr(e.text, t[i].why))
                        fail_msg("%s: %s", t[i].text, e.text);
                assert_null(r.text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ref_expands),
                cmocka_unit_test(ref_refuses),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
