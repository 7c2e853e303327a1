/* str_test.c - path rules, numbers, distance and buffers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

static void test_path_clean(void **state) {
        (void)state;
        static const struct {
                const char *in, *out;
        } t[] = {
                { "", "." },
                { ".", "." },
                { "./", "." },
                { "/", "/" },
                { "//", "/" },
                { "a", "a" },
                { "a/", "a" },
                { "./a//b/", "a/b" },
                { "a/./b", "a/b" },
                { "a/../b", "b" },
                { "a/..", "." },
                { "../a", "../a" },
                { "../../a", "../../a" },
                { "a/../../b", "../b" },
                { "/..", "/" },
                { "/../a", "/a" },
                { "/a/b/../..", "/" },
                { "..", ".." },
                { "a/b/../../..", ".." },
                { "...", "..." },
                { "a/..b", "a/..b" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_free_ char *got = path_clean(t[i].in);
                assert_string_equal(got, t[i].out);
        }
}

static void test_path_dir(void **state) {
        (void)state;
        static const struct {
                const char *in, *out;
        } t[] = { { "a", "." }, { "a/b", "a" },    { "/a", "/" },
                  { "/", "/" }, { "a/b/", "a/b" }, { "a//b", "a" } };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_free_ char *got = path_dir(t[i].in);
                assert_string_equal(got, t[i].out);
        }
}

static void test_numbers(void **state) {
        (void)state;
        uint64_t v = 0;
        assert_true(str_to_u64("18446744073709551615", &v));
        assert_true(v == UINT64_MAX);
        static const char *const bad[] = {
                "", "18446744073709551616", "-1", "+1", " 1", "1 ", "0x1"
        };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_false(str_to_u64(bad[i], &v));
}

static void test_distance(void **state) {
        (void)state;
        assert_int_equal(str_distance("servces", "services"), 1);
        assert_int_equal(str_distance("", "abc"), 3);
        assert_int_equal(str_distance("kitten", "sitting"), 3);
        assert_int_equal(str_distance("same", "same"), 0);
}

static void test_buf(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        for (int i = 0; i < 1000; i++)
                buf_addf(&b, "%d,", i);
        buf_zero(&b, 3);
        assert_int_equal(b.len, 10 + 90 * 2 + 900 * 3 + 1000 + 3);
        assert_memory_equal(b.data + b.len - 7, "999,\0\0\0", 7);
        buf_clear(&b);
        buf_addc(&b, 'x');
        _cleanup_free_ char *s = buf_steal(&b);
        assert_string_equal(s, "x");
        assert_null(b.data);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_path_clean), cmocka_unit_test(test_path_dir),
                cmocka_unit_test(test_numbers),    cmocka_unit_test(test_distance),
                cmocka_unit_test(test_buf),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
