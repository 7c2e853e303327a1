/* record_test.c - lines of the log daemon, good and bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pkg/logwrite/record.c"

static void good_lines(void **state) {
        (void)state;
        Record r;
        char plain[] = "{\"time\":\"t\",\"source\":\"s\",\"msg\":\"m\"}\n";
        assert_true(record_parse(plain, &r));
        assert_string_equal(r.time, "t");
        assert_string_equal(r.source, "s");
        assert_string_equal(r.msg, "m");
        char other[] =
                " { \"msg\" : \"a\\\"\\\\\\/\\n\\u00e4\\u20ac\\ud83d\\ude00\\u0000\\ud800\" ,"
                " \"extra\":\"x\", \"source\":\"\",\"time\":\"\" } ";
        assert_true(record_parse(other, &r));
        assert_string_equal(r.msg, "a\"\\/\n\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbd"
                                   "\xef\xbf\xbd");
        assert_string_equal(r.source, "");
}

/* Every beginning of a good line is a bad one. */
static void bad_lines(void **state) {
        (void)state;
        static const char good[] = "{\"time\":\"t\\n\",\"source\":\"\\u00e4\",\"msg\":\"m\"}";
        Record r;
        for (size_t n = 0; n + 1 < sizeof good; n++) {
                char line[sizeof good];
                memcpy(line, good, n);
                line[n] = '\0';
                assert_false(record_parse(line, &r));
        }
        char lines[][64] = { "{}",
                             "[]",
                             "{\"time\":1}",
                             "{\"time\":\"\\x\"}",
                             "{\"time\":\"a\",\"source\":\"b\"}",
                             "{\"time\":\"a\" \"source\":\"b\",\"msg\":\"c\"}" };
        for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
                assert_false(record_parse(lines[i], &r));
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(good_lines),
                                            cmocka_unit_test(bad_lines) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
