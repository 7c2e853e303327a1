/* lock_test.c - lock files: what is written is read again, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/package/lock.h"

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void round_trip_sorts(void **state) {
        _cleanup_lock_ Lock l = { 0 }, again = { 0 };
        _cleanup_(lock_section_done)
                LockSection arm = { .arch = xstrdup("arm64"), .request = xstrdup("bookworm x") };
        _cleanup_(lock_section_done)
                LockSection amd = { .arch = xstrdup("amd64"), .request = xstrdup("bookworm x!") };
        _cleanup_buf_ Buf first = { 0 }, second = { 0 };

        (void)state;
        lock_section_add(&arm, "zlib1g", "1:1.2.13.dfsg-1", SHA_B);
        lock_section_add(&arm, "libc6", "2.36-9+deb12u10", SHA_A);
        lock_section_add(&amd, "g++", "4:12~rc1", SHA_A);
        lock_set(&l, &arm);
        lock_set(&l, &amd);
        lock_print(&l, &first);
        assert_int_equal(lock_parse(first.data, "f", &again, NULL), 0);
        lock_print(&again, &second);
        assert_string_equal(first.data, second.data);
        assert_non_null(strstr(first.data,
                               "\n[amd64]\nrequest bookworm x!\ng++ 4:12~rc1 " SHA_A "\n\n[arm64]\n"
                               "request bookworm x\nlibc6 "));
        assert_string_equal(lock_section_find(lock_section(&again, "arm64"), "zlib1g")->version,
                            "1:1.2.13.dfsg-1");
        assert_null(lock_section(&again, "riscv64"));
        assert_null(lock_section_find(lock_section(&again, "amd64"), "libc6"));
}

static void setting_replaces_one_section(void **state) {
        _cleanup_lock_ Lock l = { 0 };
        _cleanup_(lock_section_done)
                LockSection s = { .arch = xstrdup("amd64"), .request = xstrdup("bookworm b") };

        (void)state;
        assert_int_equal(lock_parse("[amd64]\nrequest bookworm a\na 1 " SHA_A
                                    "\n[arm64]\nrequest r\n",
                                    "f", &l, NULL),
                         0);
        lock_section_add(&s, "b", "2", SHA_B);
        lock_set(&l, &s);
        assert_int_equal(l.n, 2);
        assert_null(lock_section_find(lock_section(&l, "amd64"), "a"));
        assert_non_null(lock_section_find(lock_section(&l, "amd64"), "b"));
}

static void damage_is_an_error_with_its_line(void **state) {
        static const struct {
                const char *text, *where;
        } t[] = {
                { "libc6 1 " SHA_A "\n", "f:1:" },
                { "[amd64]\nlibc6 1 " SHA_A "\n", "f:2:" },
                { "[amd64]\nrequest r\nlibc6 1\n", "f:3:" },
                { "[amd64]\nrequest r\nlibc6 1 abc\n", "f:3:" },
                { "[amd64]\nrequest r\n-o 1 " SHA_A "\n", "f:3:" },
                { "[amd64]\nrequest r\n../x 1 " SHA_A "\n", "f:3:" },
                { "[amd64]\nrequest r\na 1 " SHA_A " x\n", "f:3:" },
                { "[amd64]\nrequest r\na 1 " SHA_A "\na 2 " SHA_B "\n", "f:4:" },
                { "[amd64]\nrequest r\nrequest r\n", "f:3:" },
                { "[amd64]\nrequest r\n[amd64]\nrequest r\n", "f:3:" },
                { "[amd64]\nrequest r\n<<<<<<< HEAD\n", "f:3:" },
                { "[]\n", "f:1:" },
                { "[amd64]\n", "no request line" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_lock_ Lock l = { 0 };
                _cleanup_err_ Err e = ERR_INIT;

                if (lock_parse(t[i].text, "f", &l, &e) == 0)
                        fail_msg("accepted: %s", t[i].text);
                assert_int_equal(e.kind, ERR_SPEC);
                if (!strstr(e.text, t[i].where))
                        fail_msg("\"%s\" lacks \"%s\"", e.text, t[i].where);
        }
}

static void a_missing_file_is_told_apart(void **state) {
        _cleanup_lock_ Lock l = { 0 };
        _cleanup_err_ Err e = ERR_INIT;

        (void)state;
        assert_int_equal(lock_load("/nonexistent/native.lock", &l, &e), -1);
        assert_int_equal(e.kind, ERR_NOT_FOUND);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(round_trip_sorts),
                cmocka_unit_test(setting_replaces_one_section),
                cmocka_unit_test(damage_is_an_error_with_its_line),
                cmocka_unit_test(a_missing_file_is_told_apart),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
