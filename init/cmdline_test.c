/* cmdline_test.c - words of the kernel command line are whole words, compared exactly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "init/cmdline.h"

static void has_compares_whole_words(void **state) {
        (void)state;
        const char *text = "quiet linuxkit.runc_debug=1\tro\n";
        assert_true(cmdline_has(text, "quiet"));
        assert_true(cmdline_has(text, "ro"));
        assert_true(cmdline_has(text, "linuxkit.runc_debug=1"));
        assert_false(cmdline_has(text, "linuxkit.runc_debug"));
        assert_false(cmdline_has(text, "linuxkit.runc_debug=10"));
        assert_false(cmdline_has(text, "qui"));
        assert_false(cmdline_has("", "quiet"));
        assert_false(cmdline_has("xquiet quietx \"quiet\"", "quiet"));
}

static void next_visits_all_values(void **state) {
        (void)state;
        const char *text = "console=tty0 xconsole=no console=ttyS0,115200n8 console= consoles=x";
        char value[32];
        size_t pos = 0;
        assert_true(cmdline_next(text, "console", &pos, value, sizeof(value)));
        assert_string_equal(value, "tty0");
        assert_true(cmdline_next(text, "console", &pos, value, sizeof(value)));
        assert_string_equal(value, "ttyS0,115200n8");
        assert_true(cmdline_next(text, "console", &pos, value, sizeof(value)));
        assert_string_equal(value, "");
        assert_false(cmdline_next(text, "console", &pos, value, sizeof(value)));
}

static void next_passes_over_what_does_not_fit(void **state) {
        (void)state;
        char value[4];
        size_t pos = 0;
        assert_true(cmdline_next("a=1234 a=123", "a", &pos, value, sizeof(value)));
        assert_string_equal(value, "123");
}

static void last_wins(void **state) {
        (void)state;
        char value[8];
        assert_true(cmdline_last("panic=5 x panic=-1", "panic", value, sizeof(value)));
        assert_string_equal(value, "-1");
        assert_false(cmdline_last("panic", "panic", value, sizeof(value)));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(has_compares_whole_words),
                cmocka_unit_test(next_visits_all_values),
                cmocka_unit_test(next_passes_over_what_does_not_fit),
                cmocka_unit_test(last_wins),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
