/* console_test.c - console= words, good and odd ones. */
#include "pkg/getty/console.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static void words(void **state) {
        (void)state;
        Console c[CONSOLE_MAX];
        size_t n = console_parse("root=/dev/vda console=tty0 quiet console=ttyS0,9600n8\n"
                                 "console=ttyAMA0 console=hvc0 console=ttyS0,115200 xconsole=tty5",
                                 c);
        assert_int_equal(n, 4);
        assert_string_equal(c[0].name, "tty0");
        assert_int_equal(c[0].speed, 0);
        assert_string_equal(c[0].term, "linux");
        assert_string_equal(c[1].name, "ttyS0");
        assert_int_equal(c[1].speed, 9600);
        assert_true(c[1].serial);
        assert_string_equal(c[1].term, "vt100");
        assert_int_equal(c[2].speed, 115200);
        assert_string_equal(c[3].name, "hvc0");
        assert_false(c[3].serial);
}

static void odd_words(void **state) {
        (void)state;
        static const char *const t[] = {
                "",
                "console",
                "console=",
                "console= tty0x",
                "console=,115200",
                "console=../etc/passwd",
                "console=a/b",
                "console=.",
                "console=ttyS0123456789012345678901234567890123456789",
        };
        Console c[CONSOLE_MAX];
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
                assert_int_equal(console_parse(t[i], c), 0);

        assert_int_equal(console_parse("console=ttyS1,99999999999999999999", c), 1);
        assert_int_equal(c[0].speed, DEFAULT_SPEED);
        assert_int_equal(console_parse("console=ttyS1,n8", c), 1);
        assert_int_equal(c[0].speed, DEFAULT_SPEED);
}

static void many(void **state) {
        (void)state;
        Console c[CONSOLE_MAX];
        char text[32 * 16] = "";
        for (int i = 0; i < 30; i++) {
                char word[] = "console=ttyA ";
                word[11] = (char)('A' + i);
                strcat(text, word);
        }
        assert_int_equal(console_parse(text, c), CONSOLE_MAX);
}

static void active_names(void **state) {
        (void)state;
        Console c[CONSOLE_MAX];
        assert_int_equal(console_parse_names("tty0 ttyS0\n", c), 2);
        assert_string_equal(c[1].name, "ttyS0");
        assert_int_equal(c[1].speed, 115200);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(words),
                cmocka_unit_test(odd_words),
                cmocka_unit_test(many),
                cmocka_unit_test(active_names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
