/* extents_test.c */
#include "lib/base/extents.h"
#include "lib/base/str.h"
#include "lib/base/uuid.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static Extents *sample(void) {
        Extents *x = extents_new();
        Content a = content_bytes("abc", 3), b = content_bytes("defg", 4);
        extents_add(x, &a);
        extents_pad(x, 8);
        extents_zero(x, 2);
        extents_add(x, &b);
        return x;
}

static void reads_across_borders(void **state) {
        (void)state;
        static const char whole[] = "abc\0\0\0\0\0\0\0defg";
        _cleanup_extents_ Extents *x = sample();
        assert_int_equal(extents_size(x), 14);
        for (size_t at = 0; at <= 14; at++)
                for (size_t n = 0; n <= 14 - at; n++) {
                        char buf[16] = "################";
                        assert_int_equal(extents_read(x, at, buf, n, NULL), 0);
                        assert_memory_equal(buf, whole + at, n);
                        assert_int_equal(buf[n], '#');
                }
}

static void knows_its_holes(void **state) {
        (void)state;
        _cleanup_extents_ Extents *x = sample();
        assert_int_equal(extents_hole(x, 2), 0);
        assert_int_equal(extents_hole(x, 3), 7);
        assert_int_equal(extents_hole(x, 9), 1);
        assert_int_equal(extents_hole(x, 10), 0);
        assert_int_equal(extents_hole(x, 14), 0);
}

static void writes_parts_of_parts(void **state) {
        (void)state;
        _cleanup_extents_ Extents *x = sample(), *y = extents_new();
        _cleanup_buf_ Buf out = { 0 };
        extents_zero(y, 1);
        extents_append(y, x);
        Sink *s = sink_buf(&out);
        assert_int_equal(extents_write(y, s, NULL, NULL), 0);
        sink_free(s);
        assert_int_equal(out.len, 15);
        assert_memory_equal(out.data, "\0abc\0\0\0\0\0\0\0defg", 15);
}

static void writes_a_range(void **state) {
        (void)state;
        _cleanup_extents_ Extents *x = sample();
        for (size_t at = 0; at <= 14; at++)
                for (size_t n = 0; n <= 14 - at; n++) {
                        char want[16], again[16];
                        _cleanup_buf_ Buf out = { 0 };
                        _cleanup_extents_ Extents *y = extents_new();
                        extents_append_range(y, x, at, n);
                        assert_int_equal(extents_size(y), n);
                        assert_int_equal(extents_read(y, 0, again, n, NULL), 0);
                        Sink *s = sink_buf(&out);
                        assert_int_equal(extents_write_range(x, at, n, s, NULL, NULL), 0);
                        assert_int_equal(extents_read(x, at, want, n, NULL), 0);
                        assert_int_equal(out.len, n);
                        if (n)
                                assert_memory_equal(out.data, want, n);
                        assert_memory_equal(again, want, n);
                        sink_free(s);
                }
}

static void digest_follows_bytes(void **state) {
        (void)state;
        _cleanup_extents_ Extents *x = sample(), *same = sample(), *y = sample(),
                                  *z = extents_new();
        Digest a, b, c, d;
        extents_zero(y, 1);
        Content abc = content_bytes("abc", 3);
        extents_add(z, &abc);
        assert_int_equal(extents_digest(x, &a, NULL), 0);
        assert_int_equal(extents_digest(same, &b, NULL), 0);
        assert_int_equal(extents_digest(y, &c, NULL), 0);
        assert_int_equal(extents_digest(z, &d, NULL), 0);
        assert_true(digest_eq(&a, &b));
        assert_false(digest_eq(&a, &c));
        assert_false(digest_eq(&a, &d));
}

/* Large enough for several threads. */
static void digest_ignores_references(void **state) {
        (void)state;
        enum { N = 3 << 20, HALF = 1234567 };
        _cleanup_free_ char *bytes = xcalloc(1, N);
        for (size_t i = 0; i < N / 2; i++)
                bytes[i] = (char)(i * i >> 5 | 1);
        FILE *f = tmpfile();
        assert_int_equal(fwrite(bytes, 1, N, f), N);
        assert_int_equal(fflush(f), 0);
        Blob blob = { .fd = fileno(f), .size = N };
        hash_bytes("some name", 9, &blob.id);
        Content all = content_bytes(bytes, N), front = { .blob = &blob, .size = HALF };
        Content middle = content_bytes(bytes + HALF, N / 2 - HALF);
        _cleanup_extents_ Extents *x = extents_new(), *y = extents_new();
        extents_add(x, &all);
        extents_add(y, &front);
        extents_add(y, &middle);
        extents_zero(y, N / 2);
        Digest a, b, c;
        assert_int_equal(extents_digest(x, &a, NULL), 0);
        assert_int_equal(extents_digest(y, &b, NULL), 0);
        assert_true(digest_eq(&a, &b));
        bytes[N - 1] = 1;
        assert_int_equal(extents_digest(x, &c, NULL), 0);
        assert_false(digest_eq(&a, &c));
        /* what is not there cannot be named */
        assert_int_equal(ftruncate(blob.fd, HALF / 2), 0);
        assert_int_equal(extents_digest(y, &b, NULL), -1);
        fclose(f);
}

static void a_digest_that_was_set_holds_until_something_is_added(void **state) {
        (void)state;
        _cleanup_extents_ Extents *x = sample(), *same = sample();
        Content more = content_bytes("x", 1);
        Digest set, got, honest;
        hash_bytes("known", 5, &set);
        extents_set_digest(x, &set);
        assert_int_equal(extents_digest(x, &got, NULL), 0);
        assert_true(digest_eq(&got, &set));
        extents_add(x, &more);
        extents_add(same, &more);
        assert_int_equal(extents_digest(x, &got, NULL), 0);
        assert_int_equal(extents_digest(same, &honest, NULL), 0);
        assert_true(digest_eq(&got, &honest));
        for (int i = 0; i < 2; i++) { /* a new hole, a longer one */
                extents_set_digest(x, &set);
                extents_zero(x, 5);
                extents_zero(same, 5);
                assert_int_equal(extents_digest(x, &got, NULL), 0);
                assert_int_equal(extents_digest(same, &honest, NULL), 0);
                assert_true(digest_eq(&got, &honest));
        }
}

static void uuids_are_version_8(void **state) {
        (void)state;
        Digest d;
        char a[UUID_TEXT], b[UUID_TEXT];
        hash_bytes("x", 1, &d);
        Uuid u = uuid_derive("disk", &d), v = uuid_derive("partition", &d);
        uuid_text(&u, a);
        uuid_text(&v, b);
        assert_int_equal(strlen(a), 36);
        assert_int_equal(a[14], '8');
        assert_non_null(strchr("89ab", a[19]));
        assert_string_not_equal(a, b);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_across_borders),
                cmocka_unit_test(knows_its_holes),
                cmocka_unit_test(writes_parts_of_parts),
                cmocka_unit_test(writes_a_range),
                cmocka_unit_test(digest_follows_bytes),
                cmocka_unit_test(digest_ignores_references),
                cmocka_unit_test(a_digest_that_was_set_holds_until_something_is_added),
                cmocka_unit_test(uuids_are_version_8),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
