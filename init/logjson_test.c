/* logjson_test.c - any bytes become one line of valid JSON; kernel records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "init/logjson.h"
#include "init/logkmsg.h"
#include "lib/base/json.h"
#include "lib/base/mem.h"

static void assert_json(const char *msg, size_t n, const char *want) {
        _cleanup_buf_ Buf b = { 0 };
        const LogEntry e = { .time_ns = INT64_C(1700000000000000042),
                             .source = "a\"b",
                             .source_len = 3,
                             .msg = msg,
                             .msg_len = n };
        logjson_add(&b, &e);
        _cleanup_free_ char *full = xasprintf("{\"time\":\"2023-11-14T22:13:20.000000042Z\","
                                              "\"source\":\"a\\\"b\",\"msg\":\"%s\"}\n",
                                              want);
        assert_string_equal(b.data, full);
        _cleanup_json_ json_t *o = json_loads(b.data, JSON_ALLOW_NUL, NULL);
        assert_non_null(o);
}

static void bytes_become_json(void **state) {
        (void)state;
        static const struct {
                const char *msg;
                size_t n;
                const char *want;
        } t[] = {
                { "", 0, "" },
                { "plain", 5, "plain" },
                { "q\"b\\s\t\r\n\b\f", 10, "q\\\"b\\\\s\\t\\r\\n\\b\\f" },
                { "\033[1m\0x\177", 7,
                  "\\u001b[1m\xef\xbf\xbd"
                  "x\\u007f" },
                { "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9,
                  "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
                /* cut short, overlong, surrogate, above U+10FFFF, alone */
                { "\xe2\x82", 2, "\xef\xbf\xbd\xef\xbf\xbd" },
                { "\xc0\xaf", 2, "\xef\xbf\xbd\xef\xbf\xbd" },
                { "\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
                { "\xf4\x90\x80\x80", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
                { "a\x80z", 3, "a\xef\xbf\xbdz" },
                { "\xf0\x9f\x98", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++)
                assert_json(t[i].msg, t[i].n, t[i].want);
}

static void every_pair_of_bytes_is_valid(void **state) {
        (void)state;
        for (unsigned v = 0; v < 0x10000; v += 7) {
                char msg[4] = { (char)(v >> 8), (char)v, (char)(v * 31), 'x' };
                _cleanup_buf_ Buf b = { 0 };
                const LogEntry e = { .source = "s", .source_len = 1, .msg = msg, .msg_len = 4 };
                logjson_add(&b, &e);
                _cleanup_json_ json_t *o = json_loads(b.data, JSON_ALLOW_NUL, NULL);
                assert_non_null(o);
                assert_ptr_equal(strchr(b.data, '\n'), b.data + b.len - 1);
        }
}

static void times(void **state) {
        (void)state;
        static const struct {
                int64_t ns;
                const char *want;
        } t[] = { { 0, "1970-01-01T00:00:00.000000000Z" },
                  { -1, "1969-12-31T23:59:59.999999999Z" },
                  { INT64_MAX, "2262-04-11T23:47:16.854775807Z" } };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                char buf[LOGJSON_TIME_SIZE];
                assert_int_equal(logjson_time(t[i].ns, buf), strlen(t[i].want));
                assert_string_equal(buf, t[i].want);
        }
}

static void kernel_records(void **state) {
        (void)state;
        LogKmsg m;
        static const char good[] = "6,339,5140900,-,caller=T1;NET: v6\n SUBSYSTEM=net\n";
        assert_true(logkmsg_parse(good, sizeof good - 1, &m));
        assert_int_equal(m.seq, 339);
        assert_int_equal(m.us, 5140900);
        assert_int_equal(m.len, 7);
        assert_memory_equal(m.msg, "NET: v6", 7);
        assert_true(logkmsg_parse("0,0,0,-;", 8, &m));
        assert_int_equal(m.len, 0);
        static const char *const bad[] = {
                "",           ";",          "1,2,3",
                "1,2,;x",     "1;2,3,-",    "x,2,3,-;y",
                "1,2,3,-y\n", "1,-2,3,-;y", "1,99999999999999999999,3,-;y"
        };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_false(logkmsg_parse(bad[i], strlen(bad[i]), &m));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(bytes_become_json),
                cmocka_unit_test(every_pair_of_bytes_is_valid),
                cmocka_unit_test(times),
                cmocka_unit_test(kernel_records),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
