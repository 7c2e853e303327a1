/* sums_test.c - what is read of a blob with sums is what was stored, or an error. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/sums.h"

enum { SIZE = 5 * SUMS_CHUNK + 1234, THREADS = 4 };

static char folder[64];

static int setup(void **state) {
        strcpy(folder, "/tmp/sums_test.XXXXXX");
        if (!mkdtemp(folder))
                return -1;
        unsigned char *bytes = xmalloc(SIZE);
        for (size_t i = 0; i < SIZE; i++)
                bytes[i] = (unsigned char)(i * 7 + i / 251);
        *state = bytes;
        return 0;
}

static int teardown(void **state) {
        free(*state);
        return rmdir(folder);
}

/* An open file of these bytes, with the sums of what they should be. */
static Blob *open_blob(const unsigned char *bytes, const unsigned char *want, size_t size,
                       char path[128]) {
        _cleanup_sums_writer_ SumsWriter w = { 0 };
        Digest id = { "sha256:x" };
        snprintf(path, 128, "%s/blob", folder);
        for (size_t at = 0, n; at < size; at += n) { /* in uneven pieces */
                n = MIN(size - at, (at * 31 + 1) % (3 * SUMS_CHUNK));
                sums_writer_add(&w, want + at, n);
        }
        sums_writer_end(&w);
        assert_int_equal(w.values.len, sums_count(size) * SUM_SIZE);
        assert_int_equal(file_write(path, bytes, size, 0644, NULL), 0);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        return blob_new(fd, &id, size, (const unsigned char *)w.values.data, path);
}

static void sums_read_ranges(void **state) {
        const unsigned char *bytes = *state;
        static const uint64_t at[] = { 0, 1, SUMS_CHUNK - 1, SUMS_CHUNK, 3 * SUMS_CHUNK + 5, SIZE };
        static const uint64_t n[] = { 0, 1, 2, SUMS_CHUNK, 2 * SUMS_CHUNK + 7, SIZE };
        char path[128];
        _cleanup_free_ unsigned char *buf = xmalloc(SIZE);
        for (size_t i = 0; i < ARRAY_LEN(at) * ARRAY_LEN(n); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                _cleanup_blob_ Blob *b = open_blob(bytes, bytes, SIZE, path);
                Content c = { .blob = b, .size = SIZE };
                uint64_t from = at[i / ARRAY_LEN(n)];
                uint64_t len = MIN(n[i % ARRAY_LEN(n)], SIZE - from);
                for (int again = 0; again < 2; again++) {
                        memset(buf, 0, SIZE);
                        assert_int_equal(content_read(&c, from, buf, len, &e), 0);
                        assert_memory_equal(buf, bytes + from, len);
                }
                assert_int_equal(content_check(&c, &e), 0);
                unlink(path);
        }
}

/* Each byte of damage is found by whoever reads its chunk, and by nobody else. */
static void sums_find_damage(void **state) {
        const unsigned char *bytes = *state;
        _cleanup_free_ unsigned char *bad = xmalloc(SIZE), *buf = xmalloc(SIZE);
        static const size_t places[] = { 0, SUMS_CHUNK - 1, SUMS_CHUNK, 4 * SUMS_CHUNK, SIZE - 1 };
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
                char path[128];
                _cleanup_err_ Err e = ERR_INIT;
                memcpy(bad, bytes, SIZE);
                bad[places[i]] ^= 1;
                _cleanup_blob_ Blob *b = open_blob(bad, bytes, SIZE, path);
                size_t chunk = places[i] / SUMS_CHUNK, other = chunk == 2 ? 3 : 2;
                Content good = { b, other * SUMS_CHUNK, NULL, SUMS_CHUNK };
                Content all = { b, 0, NULL, SIZE };
                Content damaged = { b, chunk * SUMS_CHUNK, NULL, 1 };
                assert_int_equal(content_read(&good, 0, buf, good.size, &e), 0);
                assert_true(file_exists(path));
                assert_int_equal(content_read(&damaged, 0, buf, 1, &e), -1);
                assert_int_equal(e.kind, ERR_DAMAGED);
                assert_false(file_exists(path));
                assert_int_equal(content_check(&all, &e), -1);
                assert_int_equal(content_read(&all, 0, buf, SIZE, &e), -1);
        }
}

static void sums_file_cut(void **state) {
        const unsigned char *bytes = *state;
        char path[128];
        _cleanup_err_ Err e = ERR_INIT;
        unsigned char byte;
        _cleanup_blob_ Blob *b = open_blob(bytes, bytes, SIZE, path);
        Content all = { .blob = b, .size = SIZE };
        assert_int_equal(content_read(&all, 10, &byte, 1, &e), 0);
        assert_int_equal(truncate(path, 5), 0);
        assert_int_equal(content_read(&all, 10, &byte, 1, &e), -1); /* a checked chunk */
        assert_int_equal(e.kind, ERR_DAMAGED);
}

/* A good file that somebody else has put there meanwhile stays. */
static void sums_successor_stays(void **state) {
        const unsigned char *bytes = *state;
        _cleanup_free_ unsigned char *bad = xmalloc(SIZE);
        char path[128];
        memcpy(bad, bytes, SIZE);
        bad[7] ^= 1;
        _cleanup_blob_ Blob *b = open_blob(bad, bytes, SIZE, path);
        Content all = { .blob = b, .size = SIZE };
        assert_int_equal(file_write(path, bytes, SIZE, 0644, NULL), 0);
        assert_int_equal(content_check(&all, NULL), -1);
        assert_true(file_exists(path));
        unlink(path);
}

/* copy_file_range sees nothing of what it copies. */
static void sums_copied_by_the_kernel(void **state) {
        const unsigned char *bytes = *state;
        _cleanup_free_ unsigned char *bad = xmalloc(SIZE);
        char path[128], out[128];
        memcpy(bad, bytes, SIZE);
        bad[SIZE / 2] ^= 1;
        snprintf(out, sizeof out, "%s/out", folder);
        for (int damaged = 0; damaged < 2; damaged++) {
                _cleanup_err_ Err e = ERR_INIT;
                _cleanup_blob_ Blob *b = open_blob(damaged ? bad : bytes, bytes, SIZE, path);
                Content all = { .blob = b, .size = SIZE };
                _cleanup_sink_ Sink *s = NULL;
                assert_int_equal(sink_file(out, 0644, &s, &e), 0);
                assert_int_equal(sink_content(s, &all, &e), damaged ? -1 : 0);
        }
        unlink(path);
}

/* --- threads -------------------------------------------------------------------------------- */

typedef struct Reader {
        const Blob *blob;
        const unsigned char *bytes;
        unsigned seed;
        bool ok;
} Reader;

static void *read_at_random(void *arg) {
        Reader *r = arg;
        _cleanup_free_ unsigned char *buf = xmalloc(SIZE);
        Content all = { .blob = r->blob, .size = SIZE };
        r->ok = true;
        for (int i = 0; i < 50; i++) {
                uint64_t at = (uint64_t)rand_r(&r->seed) % SIZE;
                uint64_t n = (uint64_t)rand_r(&r->seed) % (SIZE - at);
                r->ok &= content_read(&all, at, buf, n, NULL) == 0 &&
                         memcmp(buf, r->bytes + at, n) == 0;
        }
        return NULL;
}

static void sums_threads(void **state) {
        const unsigned char *bytes = *state;
        char path[128];
        _cleanup_blob_ Blob *b = open_blob(bytes, bytes, SIZE, path);
        pthread_t ids[THREADS];
        Reader readers[THREADS];
        for (unsigned i = 0; i < THREADS; i++) {
                readers[i] = (Reader){ b, bytes, i, false };
                assert_int_equal(pthread_create(&ids[i], NULL, read_at_random, &readers[i]), 0);
        }
        for (unsigned i = 0; i < THREADS; i++) {
                pthread_join(ids[i], NULL);
                assert_true(readers[i].ok);
        }
        unlink(path);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                T(sums_read_ranges),     T(sums_find_damage),          T(sums_file_cut),
                T(sums_successor_stays), T(sums_copied_by_the_kernel), T(sums_threads),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
