/* refname_test.c - the rules of yaml.md 6.1 and the reference's own cases (20.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/spec/refname.h"

#define SHA "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void normal_forms(void **state) {
        (void)state;
        static const struct {
                const char *text, *want;
        } t[] = {
                { "redis", "docker.io/library/redis" },
                { "redis:alpine", "docker.io/library/redis:alpine" },
                { "foo/bar", "docker.io/foo/bar" },
                { "foo/bar:1.2", "docker.io/foo/bar:1.2" },
                { "myregistry.io/foo", "myregistry.io/foo" },
                { "foo/bar/baz", "foo/bar/baz" },
                { "localhost/foo", "localhost/foo" },
                { "localhost:5000/foo:x", "localhost:5000/foo:x" },
                { "127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b" },
                { "[::1]:5000/a", "[::1]:5000/a" },
                { "redis@" SHA, "docker.io/library/redis@" SHA },
                { "a/b:t@" SHA, "docker.io/a/b:t@" SHA },
                { "x.io/a//b/../c/:1", "x.io/a/c:1" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_free_ char *got = NULL;
                _cleanup_err_ Err e = ERR_INIT;
                if (refname_normalise(t[i].text, &got, &e) < 0)
                        fail_msg("%s: %s", t[i].text, e.text);
                assert_string_equal(got, t[i].want);
        }
}

static void refused(void **state) {
        (void)state;
        static const struct {
                const char *text, *why;
        } t[] = {
                { "", "empty" },
                { "http://x.io/a", "cannot be a URL" },
                { ":5000", "names no repository" },
                { "@" SHA, "names no repository" },
                { "/a", "names no repository" },
                { "..:1", "names no repository" },
                { "localhost:5000/", "names no repository" },
                { "x.io/..", "names no repository" },
                { "x.io/../a", "names no repository" },
                { "x.io:port/a", "bad port" },
                { "x.io:/a", "bad port" },
                { "x.io:65536/a", "bad port" },
                { "@pkg:../a", "names no repository" },
                { "a b", "bad character" },
                { "a/b%41", "bad character" },
                { "a/b?x=1", "bad character" },
                { "u@h.io/a/b", "bad host" },
                { "redis:", "bad tag" },
                { "redis:-a", "bad tag" },
                { "redis@sha256:12", "64 hex digits" },
                { "redis@latest", "64 hex digits" },
                { "redis\x1b[2J", "bad character" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_free_ char *got = NULL;
                _cleanup_err_ Err e = ERR_INIT;
                if (refname_normalise(t[i].text, &got, &e) == 0)
                        fail_msg("%s was accepted as %s", t[i].text, got);
                assert_int_equal(e.kind, ERR_SPEC);
                if (!strstr(e.text, t[i].why))
                        fail_msg("%s: got: %s", t[i].text, e.text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(normal_forms),
                cmocka_unit_test(refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
