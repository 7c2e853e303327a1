/* partial_test.c - blobs on their way: continued by the next who wants them, and never believed
 * before their digest is right. */
#include "lib/oci/oci_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <utime.h>

#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/oci/partial.h"

enum { SIZE = 700000 };

static char bytes[SIZE];
static Descriptor blob;

static char *partial_path(Cache *c) {
        return xasprintf("%s/derived/partial/%s", cache_dir(c), digest_hex(&blob.digest));
}

static void expect_blob(Cache *c) {
        _cleanup_free_ char *path = cache_blob_path(c, &blob.digest), *text = NULL;
        _cleanup_free_ char *left = partial_path(c);
        size_t n = 0;
        assert_int_equal(file_read(path, SIZE + 1, &text, &n, NULL), 0);
        assert_int_equal(n, SIZE);
        assert_memory_equal(text, bytes, SIZE);
        assert_false(file_exists(left));
}

static Partial *open_partial(Cache *c) {
        _cleanup_err_ Err e = ERR_INIT;
        Partial *p = NULL;
        assert_ok(partial_open(c, &blob, NULL, &p, &e), &e);
        return p;
}

/* As an earlier process would have left it. */
static void leave(Cache *c, const void *p, size_t n) {
        _cleanup_free_ char *path = NULL;
        assert_int_equal(cache_derived_path(c, "partial", digest_hex(&blob.digest), &path, NULL),
                         0);
        assert_int_equal(file_write(path, p, n, 0644, NULL), 0);
}

static void is_continued(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        size_t cuts[] = { 1, 255, 300000, SIZE };
        size_t at = 0;
        for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
                Partial *p = open_partial(c);
                assert_non_null(p);
                assert_int_equal(partial_size(p), at);
                assert_ok(partial_write(p, bytes + at, cuts[i] - at, &e), &e);
                at = cuts[i];
                if (at == SIZE)
                        assert_ok(partial_finish(p, &e), &e);
                partial_free(p);
                assert_int_equal(cache_has_blob(c, &blob.digest, SIZE), at == SIZE);
        }
        expect_blob(c);
        /* and then there is nothing to do */
        Partial *p = NULL;
        assert_int_equal(partial_open(c, &blob, NULL, &p, &e), 1);
        assert_null(p);
}

static void wrong_bytes_are_forgotten(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *wrong = xmalloc(SIZE + 10);
        memcpy(wrong, bytes, SIZE);
        wrong[1000] ^= 1;
        leave(c, wrong, 5000);
        Partial *p = open_partial(c);
        assert_int_equal(partial_size(p), 5000);
        assert_ok(partial_write(p, bytes + 5000, SIZE - 5000, &e), &e);
        assert_int_equal(partial_finish(p, &e), -1);
        assert_int_equal(e.kind, ERR_VERIFY);
        assert_int_equal(partial_size(p), 0);
        assert_false(cache_has_blob(c, &blob.digest, SIZE));
        assert_ok(partial_write(p, bytes, SIZE, &e), &e);
        assert_int_equal(partial_write(p, "x", 1, &e), -1);
        assert_int_equal(e.kind, ERR_VERIFY);
        assert_ok(partial_finish(p, &e), &e);
        partial_free(p);
        expect_blob(c);

        /* more than there can be is nothing to continue */
        cache_drop_blob(c, &blob.digest);
        leave(c, wrong, SIZE + 10);
        p = open_partial(c);
        assert_int_equal(partial_size(p), 0);
        partial_free(p);
        _cleanup_free_ char *path = partial_path(c);
        assert_false(file_exists(path));
}

/* derived/ is safe to delete at any time. */
static void name_is_lost(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *path = partial_path(c);
        for (unsigned other = 0; other < 2; other++) {
                Partial *p = open_partial(c);
                assert_ok(partial_write(p, bytes, SIZE, &e), &e);
                assert_int_equal(unlink(path), 0);
                if (other)
                        leave(c, "somebody else's", 15);
                assert_ok(partial_finish(p, &e), &e);
                partial_free(p);
                assert_int_equal(file_exists(path), other);
                unlink(path);
                expect_blob(c);
                cache_drop_blob(c, &blob.digest);
        }
}

typedef struct Second {
        Cache *cache;
        atomic_int result; /* -7: still waiting */
} Second;

static void *second_writer(void *arg) {
        Second *s = arg;
        Partial *p = NULL;
        atomic_store(&s->result, partial_open(s->cache, &blob, NULL, &p, NULL));
        partial_free(p);
        return NULL;
}

static void second_writer_waits(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        Second second = { .cache = c, .result = -7 };
        pthread_t id;
        Partial *p = open_partial(c);
        assert_int_equal(pthread_create(&id, NULL, second_writer, &second), 0);
        assert_ok(partial_write(p, bytes, SIZE, &e), &e);
        usleep(100000);
        assert_int_equal(atomic_load(&second.result), -7);
        assert_ok(partial_finish(p, &e), &e);
        partial_free(p);
        pthread_join(id, NULL);
        assert_int_equal(atomic_load(&second.result), 1);
}

static void old_ones_are_swept(void **state) {
        Cache *c = *state;
        _cleanup_free_ char *path = partial_path(c);
        struct utimbuf old = { 1500000000, 1500000000 };
        leave(c, "abc", 3);
        partial_sweep(c);
        assert_true(file_exists(path));
        utime(path, &old);
        partial_sweep(c);
        assert_false(file_exists(path));
}

static int setup(void **state) {
        for (size_t i = 0; i < SIZE; i++)
                bytes[i] = (char)(i * 7 + i / 251);
        hash_bytes(bytes, SIZE, &blob.digest);
        blob.size = SIZE;
        return oci_test_setup(state);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(is_continued, setup, oci_test_teardown),
                cmocka_unit_test_setup_teardown(wrong_bytes_are_forgotten, setup,
                                                oci_test_teardown),
                cmocka_unit_test_setup_teardown(name_is_lost, setup, oci_test_teardown),
                cmocka_unit_test_setup_teardown(second_writer_waits, setup, oci_test_teardown),
                cmocka_unit_test_setup_teardown(old_ones_are_swept, setup, oci_test_teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
