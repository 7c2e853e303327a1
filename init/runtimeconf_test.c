/* runtimeconf_test.c - the subset of TOML that runtime-config.toml may use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "init/runtimeconf.h"
#include "lib/base/mem.h"

static int parse(const char *text, RuntimeConf *c, Err *e) {
        return runtimeconf_parse("x.toml", text, strlen(text), c, e);
}

static void test_reads_the_documented_example(void **state) {
        (void)state;
        RuntimeConf c;
        assert_int_equal(parse("cliopts=\"--log-level trace\"\r\n"
                               "# comment\n\n"
                               " stderr = \"/var/log/containerd.err.log\" # why not\n"
                               "stdout = 'stdout'",
                               &c, NULL),
                         0);
        assert_string_equal(c.args[0], "--log-level");
        assert_string_equal(c.args[1], "trace");
        assert_null(c.args[2]);
        assert_string_equal(c.out, "stdout");
        assert_string_equal(c.err, "/var/log/containerd.err.log");
        runtimeconf_done(&c);
}

static void test_empty_file_is_all_defaults(void **state) {
        (void)state;
        RuntimeConf c;
        assert_int_equal(parse("", &c, NULL), 0);
        assert_null(c.args);
        assert_null(c.out);
        assert_null(c.err);
}

static void test_escapes(void **state) {
        (void)state;
        RuntimeConf c;
        assert_int_equal(parse("cliopts = \"a\\tb \\\"q\\\" \\u20aC #\"\n", &c, NULL), 0);
        assert_string_equal(c.args[0], "a");
        assert_string_equal(c.args[1], "b");
        assert_string_equal(c.args[2], "\"q\"");
        assert_string_equal(c.args[3], "\xe2\x82\xac");
        assert_string_equal(c.args[4], "#");
        assert_null(c.args[5]);
        runtimeconf_done(&c);
        assert_int_equal(parse("cliopts = 'a\\tb'\n", &c, NULL), 0);
        assert_string_equal(c.args[0], "a\\tb");
        runtimeconf_done(&c);
}

static void test_unknown_keys_and_tables_are_skipped(void **state) {
        (void)state;
        RuntimeConf c;
        assert_int_equal(parse("debug = true\nlevels = [1, 2]\nstdout = \"stderr\"\n"
                               "[other]\nstdout = 7\n",
                               &c, NULL),
                         0);
        assert_string_equal(c.out, "stderr");
        runtimeconf_done(&c);
}

static void test_the_last_value_wins_without_a_leak(void **state) {
        (void)state;
        RuntimeConf c;
        assert_int_equal(parse("cliopts='a b'\ncliopts='c'\nstdout='/a'\nstdout='/b'\n", &c, NULL),
                         0);
        assert_string_equal(c.args[0], "c");
        assert_string_equal(c.out, "/b");
        runtimeconf_done(&c);
}

static void test_mistakes_name_the_line(void **state) {
        (void)state;
        static const struct {
                const char *text, *want;
        } t[] = {
                { "\ncliopts = --debug\n", "x.toml:2: a string in quotes is expected" },
                { "cliopts = \"--debug\n", "x.toml:1: a string does not end on its line" },
                { "cliopts = \"a\" b\n", "x.toml:1: text after a string" },
                { "cliopts\n", "x.toml:1: KEY = \"value\" is expected" },
                { "= 'a'\n", "x.toml:1: KEY = \"value\" is expected" },
                { "cliopts = \"\\q\"\n", "x.toml:1: unknown escape in a string" },
                { "cliopts = \"\\u00\"\n", "x.toml:1: \\u needs four hexadecimal digits" },
                { "cliopts = \"\\u0000\"\n", "x.toml:1: \\u with an unusable character" },
                { "cliopts = \"\\", "x.toml:1: unknown escape in a string" },
                { "stdout = \"log\"\n",
                  "x.toml:1: neither \"stdout\", \"stderr\" nor an absolute path" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                RuntimeConf c;
                assert_int_equal(parse(t[i].text, &c, &e), -1);
                assert_string_equal(e.text, t[i].want);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_reads_the_documented_example),
                cmocka_unit_test(test_empty_file_is_all_defaults),
                cmocka_unit_test(test_escapes),
                cmocka_unit_test(test_unknown_keys_and_tables_are_skipped),
                cmocka_unit_test(test_the_last_value_wins_without_a_leak),
                cmocka_unit_test(test_mistakes_name_the_line),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
