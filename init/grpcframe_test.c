/* grpcframe_test.c - messages cut at every boundary, refused messages, percent-encoding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "init/grpcframe.h"
#include "lib/base/mem.h"

/* Collects messages as "[text]". */
static void collect(void *data, const uint8_t *msg, size_t n) {
        Buf *b = data;
        buf_addc(b, '[');
        if (n > 0)
                buf_add(b, msg, n);
        buf_addc(b, ']');
}

static void test_any_cut_gives_the_same_messages(void **state) {
        (void)state;
        _cleanup_buf_ Buf stream = { 0 };
        grpc_frame_add(&stream, "first", 5);
        grpc_frame_add(&stream, NULL, 0);
        grpc_frame_add(&stream, "third message", 13);
        const uint8_t *p = (const uint8_t *)stream.data;
        for (size_t a = 0; a <= stream.len; a++) {
                for (size_t b = a; b <= stream.len; b++) {
                        _cleanup_buf_ Buf got = { 0 };
                        GrpcFramer f = { 0 };
                        assert_int_equal(grpc_framer_feed(&f, p, a, collect, &got), 0);
                        assert_int_equal(grpc_framer_feed(&f, p + a, b - a, collect, &got), 0);
                        assert_int_equal(grpc_framer_feed(&f, p + b, stream.len - b, collect, &got),
                                         0);
                        assert_string_equal(got.data, "[first][][third message]");
                        assert_true(grpc_framer_is_idle(&f));
                        grpc_framer_done(&f);
                }
        }
}

static void test_half_a_message_is_not_idle(void **state) {
        (void)state;
        _cleanup_buf_ Buf got = { 0 };
        GrpcFramer f = { 0 };
        grpc_framer_feed(&f, (const uint8_t *)"\0\0\0\0\5ab", 7, collect, &got);
        assert_false(grpc_framer_is_idle(&f));
        assert_int_equal(got.len, 0);
        grpc_framer_done(&f);
}

static void test_refuses_compression_and_giants(void **state) {
        (void)state;
        static const char *const heads[] = { "\1\0\0\0\1", "\0\1\0\0\1", "\0\377\377\377\377" };
        for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
                _cleanup_buf_ Buf got = { 0 };
                GrpcFramer f = { 0 };
                assert_int_equal(grpc_framer_feed(&f, (const uint8_t *)heads[i], 5, collect, &got),
                                 -1);
                assert_int_equal(grpc_framer_feed(&f, (const uint8_t *)"x", 1, collect, &got), -1);
                assert_false(grpc_framer_is_idle(&f));
                grpc_framer_done(&f);
        }
}

static void test_percent_decoding(void **state) {
        (void)state;
        static const struct {
                const char *in, *want;
        } t[] = {
                { "plain", "plain" },
                { "a%20b", "a b" },
                { "%e2%82%AC", "\xe2\x82\xac" },
                { "100%", "100%" },
                { "%4", "%4" },
                { "%zz%41", "%zzA" },
                { "%00%0a%1b[2J%7f", "???[2J?" },
                { "%2541", "%41" },
                { "", "" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_buf_ Buf b = { 0 };
                buf_adds(&b, "");
                grpc_percent_decode(&b, (const uint8_t *)t[i].in, strlen(t[i].in));
                assert_string_equal(b.data ? b.data : "", t[i].want);
        }
}

static void test_timeouts_fit_eight_digits(void **state) {
        (void)state;
        static const struct {
                uint64_t ms;
                const char *want;
        } t[] = { { 1, "1m" },
                  { 10000, "10000m" },
                  { 100000000, "100000S" },
                  { UINT64_MAX, "99999999S" } };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                char text[16];
                grpc_timeout_text(t[i].ms, text, sizeof text);
                assert_string_equal(text, t[i].want);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_any_cut_gives_the_same_messages),
                cmocka_unit_test(test_half_a_message_is_not_idle),
                cmocka_unit_test(test_refuses_compression_and_giants),
                cmocka_unit_test(test_percent_decoding),
                cmocka_unit_test(test_timeouts_fit_eight_digits),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
