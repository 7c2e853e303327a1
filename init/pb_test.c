/* pb_test.c - writer and reader of protobuf fields, and what a hostile message gets out of the
 * reader: nothing but `bad`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "init/pb.h"
#include "lib/base/mem.h"

static void assert_bytes(const Buf *b, const char *want, size_t n) {
        assert_int_equal(b->len, n);
        assert_memory_equal(b->data, want, n);
}
#define ASSERT_BYTES(b, want) assert_bytes((b), (want), sizeof(want) - 1)

static void test_writes_known_bytes(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        pb_put_uint(&b, 1, 150); /* the example of the protobuf encoding guide */
        ASSERT_BYTES(&b, "\x08\x96\x01");
        buf_clear(&b);
        pb_put_str(&b, 2, "testing");
        ASSERT_BYTES(&b, "\x12\x07testing");
        buf_clear(&b);
        pb_put_uint(&b, 16, UINT64_MAX);
        ASSERT_BYTES(&b, "\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
        buf_clear(&b);
        pb_put_any(&b, 5, "t", "v", 1);
        ASSERT_BYTES(&b, "\x2a\x06\x0a\x01t\x12\x01v");
}

static void test_defaults_are_not_written_but_empty_messages_are(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        pb_put_uint(&b, 1, 0);
        pb_put_str(&b, 2, "");
        pb_put_str(&b, 3, NULL);
        assert_int_equal(b.len, 0);
        pb_put_bytes(&b, 4, NULL, 0);
        ASSERT_BYTES(&b, "\x22\x00");
}

static void test_reads_every_wire_type(void **state) {
        (void)state;
        static const char msg[] = "\x08\x96\x01"
                                  "\x11\x01\x02\x03\x04\x05\x06\x07\x08"
                                  "\x1a\x02hi"
                                  "\x25\x04\x03\x02\x01";
        PbReader r = pb_reader(msg, sizeof msg - 1);
        PbField f;
        assert_true(pb_next(&r, &f));
        assert_int_equal(f.number, 1);
        assert_int_equal(f.num, 150);
        assert_true(pb_next(&r, &f));
        assert_int_equal(f.wire, PB_FIXED64);
        assert_true(f.num == 0x0807060504030201);
        assert_true(pb_next(&r, &f));
        assert_int_equal(f.number, 3);
        assert_int_equal(f.len, 2);
        assert_memory_equal(f.data, "hi", 2);
        assert_true(pb_next(&r, &f));
        assert_int_equal(f.num, 0x01020304);
        assert_false(pb_next(&r, &f));
        assert_false(r.bad);
}

static void test_negative_time_is_a_ten_byte_varint(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        pb_put_uint(&b, 1, (uint64_t)-62135596800);
        PbReader r = pb_reader(b.data, b.len);
        PbField f;
        assert_int_equal(b.len, 11);
        assert_true(pb_next(&r, &f));
        assert_true((int64_t)f.num == -62135596800);
}

static void test_hostile_messages_are_bad(void **state) {
        (void)state;
        static const struct {
                const char *msg;
                size_t n;
        } t[] = {
#define ROW(s) { s, sizeof(s) - 1 }
                ROW("\x08"),                                             /* no value */
                ROW("\x08\x80"),                                         /* cut varint */
                ROW("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),     /* 65 bits */
                ROW("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), /* 11 bytes */
                ROW("\x0a\x05"),                                         /* longer than the rest */
                ROW("\x0a\x05shor"),
                ROW("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), /* length 2^64-1 */
                ROW("\x11\x01\x02"),                                 /* cut fixed64 */
                ROW("\x15\x01"),                                     /* cut fixed32 */
                ROW("\x0b\x0c"),                                     /* a group */
                ROW("\x0e\x00"),                                     /* wire type 6 */
                ROW("\x00\x00"),                                     /* field 0 */
                ROW("\x80\x80\x80\x80\x10\x00"),                     /* field 2^29 */
#undef ROW
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                PbReader r = pb_reader(t[i].msg, t[i].n);
                PbField f;
                assert_false(pb_next(&r, &f));
                assert_true(r.bad);
                assert_false(pb_next(&r, &f));
        }
}

static void test_every_cut_ends_cleanly(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        pb_put_uint(&b, 1, UINT64_MAX);
        pb_put_str(&b, 2, "some text");
        pb_put_any(&b, 3, "type", "value", 5);
        for (size_t n = 0; n < b.len; n++) {
                _cleanup_free_ char *copy = xmalloc(n); /* exact size: a sanitizer sees overreads */
                memcpy(copy, b.data, n);
                PbReader r = pb_reader(copy, n);
                PbField f;
                unsigned fields = 0;
                while (pb_next(&r, &f))
                        fields++;
                assert_true(fields < 3);
        }
}

static void test_copies_strings_that_fit(void **state) {
        (void)state;
        char dst[4];
        PbField f = { .wire = PB_BYTES, .data = (const uint8_t *)"abcd", .len = 3 };
        assert_true(pb_copy_str(&f, dst, sizeof dst));
        assert_string_equal(dst, "abc");
        f.len = 4;
        assert_false(pb_copy_str(&f, dst, sizeof dst));
        assert_string_equal(dst, "");
        f = (PbField){ .wire = PB_BYTES, .data = (const uint8_t *)"a\0", .len = 2 };
        assert_false(pb_copy_str(&f, dst, sizeof dst));
        f = (PbField){ .wire = PB_VARINT, .num = 7 };
        assert_false(pb_copy_str(&f, dst, sizeof dst));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_writes_known_bytes),
                cmocka_unit_test(test_defaults_are_not_written_but_empty_messages_are),
                cmocka_unit_test(test_reads_every_wire_type),
                cmocka_unit_test(test_negative_time_is_a_ten_byte_varint),
                cmocka_unit_test(test_hostile_messages_are_bad),
                cmocka_unit_test(test_every_cut_ends_cleanly),
                cmocka_unit_test(test_copies_strings_that_fit),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
