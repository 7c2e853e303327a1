/* ocispec_test.c - root.path or ociVersion is replaced and nothing else changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "init/ocispec.h"
#include "lib/base/mem.h"

static void test_replaces_only_the_path(void **state) {
        (void)state;
        static const struct {
                const char *in, *want;
        } t[] = {
                { "{\"root\":{\"path\":\"rootfs\"}}", "{\"root\":{\"path\":\"/b/rootfs\"}}" },
                { "{ \"a\" : [1, {\"root\":{\"path\":\"x\"}}], \"root\" : { \"readonly\": true, "
                  "\"path\" : \"old\" } , \"n\": 18446744073709551615 }",
                  "{ \"a\" : [1, {\"root\":{\"path\":\"x\"}}], \"root\" : { \"readonly\": true, "
                  "\"path\" : \"/b/rootfs\" } , \"n\": 18446744073709551615 }" },
                { "{\"x\":\"}\\\"{\",\"root\":{}}",
                  "{\"x\":\"}\\\"{\",\"root\":{\"path\":\"/b/rootfs\"}}" },
                { "{\"root\":{\"readonly\":false}}",
                  "{\"root\":{\"path\":\"/b/rootfs\",\"readonly\":false}}" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_buf_ Buf b = { 0 };
                assert_int_equal(ocispec_set_root(t[i].in, strlen(t[i].in), "/b/rootfs", &b, NULL),
                                 0);
                assert_string_equal(b.data, t[i].want);
        }
}

static void test_quotes_the_path(void **state) {
        (void)state;
        static const char text[] = "{\"root\":{}}";
        _cleanup_buf_ Buf b = { 0 };
        assert_int_equal(ocispec_set_root(text, strlen(text), "/a\"b\\c\n", &b, NULL), 0);
        assert_string_equal(b.data, "{\"root\":{\"path\":\"/a\\\"b\\\\c\\u000a\"}}");
}

static void test_refuses_what_is_no_specification(void **state) {
        (void)state;
        static const char *const t[] = {
                "",          "[]",         "{}",     "{\"root\":1}",
                "{\"root\"", "{\"root\":", "{\"ro",  "{\"root\":{\"path\":",
                "{root:{}}", "{\"a\":[[[", "{\"a\\", "{\"root\":{\"path\":\"",
                "{\"a\":}",  "null"
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                size_t n = strlen(t[i]);
                _cleanup_free_ char *copy = xmalloc(n); /* no NUL behind it */
                memcpy(copy, t[i], n);
                _cleanup_err_ Err e = ERR_INIT;
                _cleanup_buf_ Buf b = { 0 };
                assert_int_equal(ocispec_set_root(copy, n, "/r", &b, &e), -1);
                assert_int_equal(e.kind, ERR_SPEC);
        }
}

static void test_version(void **state) {
        (void)state;
        static const struct {
                const char *in, *want; /* want NULL: as it is */
        } t[] = {
                { "{\"ociVersion\": \"1.2.1\", \"n\": 18446744073709551615}",
                  "{\"ociVersion\": \"1.0.2\", \"n\": 18446744073709551615}" },
                { "{\"a\":{\"ociVersion\":\"1.2.1\"},\"ociVersion\":\"1.1.0-rc.1\"}",
                  "{\"a\":{\"ociVersion\":\"1.2.1\"},\"ociVersion\":\"1.0.2\"}" },
                { "{\"ociVersion\":\"1.0.0\"}", NULL },
                { "{\"ociVersion\":\"2.0.0\"}", NULL },
                { "{\"ociVersion\":\"1.\"}", NULL },
                { "{\"ociVersion\":12345678}", NULL },
                { "{}", NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_buf_ Buf b = { 0 };
                assert_int_equal(ocispec_set_version(t[i].in, strlen(t[i].in), "1.0.2", &b, NULL),
                                 0);
                assert_string_equal(b.data, t[i].want ? t[i].want : t[i].in);
        }
        _cleanup_buf_ Buf b = { 0 };
        assert_int_equal(ocispec_set_version("[]", 2, "1.0.2", &b, NULL), -1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_replaces_only_the_path),
                cmocka_unit_test(test_quotes_the_path),
                cmocka_unit_test(test_refuses_what_is_no_specification),
                cmocka_unit_test(test_version),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
