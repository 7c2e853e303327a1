/* bytes_test.c - numbers in bytes, both ways round. */
#include "lib/base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void numbers_stand_as_asked(void **state) {
        (void)state;
        uint8_t p[10] = "0123456789";
        put_le(p + 1, 0xff0102, 2);
        assert_memory_equal(p,
                            "0\2\1"
                            "3456789",
                            10);
        put_be(p + 1, 0xff010203, 3);
        assert_memory_equal(p,
                            "0\1\2\3"
                            "456789",
                            10);
        put_be(p + 1, 0x0102030405060708, 8);
        assert_memory_equal(p,
                            "0\1\2\3\4\5\6\7\10"
                            "9",
                            10);
        assert_true(get_le(p + 1, 8) == 0x0807060504030201);
        assert_true(get_le(p + 7, 2) == 0x0807);
        put_le(p, 0xfedcba9876543210, 8);
        assert_true(get_le(p, 8) == 0xfedcba9876543210);
        assert_int_equal(p[8], 8);
}

static void a_buffer_grows_by_the_number(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        buf_add_le(&b, 0x41424344, 3);
        buf_add_le(&b, 0x61, 1);
        assert_int_equal(b.len, 4);
        assert_string_equal(b.data, "DCBa");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(numbers_stand_as_asked),
                cmocka_unit_test(a_buffer_grows_by_the_number),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
