/* cache_test.c - the layout on disk, names, verified blobs, removal, several users at once. */
#include "lib/oci/oci_test.h"

#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/oci/manifest.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

static Descriptor put(Cache *c, const char *text) {
        _cleanup_err_ Err e = ERR_INIT;
        Descriptor d = { 0 };
        assert_ok(cache_put_bytes(c, "text/plain", text, strlen(text), &d, &e), &e);
        return d;
}

static char *read_index(Cache *c) {
        _cleanup_free_ char *path = path_join(cache_dir(c), "index.json");
        char *text = NULL;
        assert_int_equal(file_read(path, 1 << 20, &text, NULL, NULL), 0);
        return text;
}

static void write_index(Cache *c, const char *text) {
        _cleanup_free_ char *path = path_join(cache_dir(c), "index.json");
        assert_int_equal(file_write(path, text, strlen(text), 0644, NULL), 0);
}

static int files_in(Cache *c, const char *sub) {
        _cleanup_free_ char *path = path_join(cache_dir(c), sub);
        _cleanup_free_ char *command = xasprintf("find '%s' -type f | wc -l", path);
        int n = -1;
        FILE *f = popen(command, "r");
        assert_int_equal(fscanf(f, "%d", &n), 1);
        pclose(f);
        return n;
}

static void cache_layout(void **state) {
        Cache *c = *state;
        _cleanup_free_ char *text = read_index(c);
        assert_string_equal(text, "{\n   \"schemaVersion\": 2,\n   \"mediaType\": "
                                  "\"application/vnd.oci.image.index.v1+json\",\n"
                                  "   \"manifests\": []\n}");
        _cleanup_free_ char *path = path_join(cache_dir(c), "oci-layout");
        assert_true(file_exists(path));
}

/* Opening a cache that another program filled changes nothing in it. */
static void cache_keeps_what_is_there(void **state) {
        Cache *c = *state;
        static const char text[] = "{\"schemaVersion\":2,\"manifests\":[]}";
        write_index(c, text);
        Cache *again = NULL;
        _cleanup_err_ Err e = ERR_INIT;
        assert_ok(cache_open(cache_dir(c), &again, &e), &e);
        cache_free(again);
        _cleanup_free_ char *now = read_index(c);
        assert_string_equal(now, text);
}

static void cache_names(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        Descriptor a = put(c, "a"), b = put(c, "b"), got;
        assert_int_equal(cache_lookup(c, "x/y/z:1", &got, &e), -1);
        assert_int_equal(e.kind, ERR_NOT_FOUND);
        assert_ok(cache_set_name(c, "x/y/z:1", &a, &e), &e);
        assert_ok(cache_set_name(c, "x/y/q:1", &a, &e), &e);
        assert_ok(cache_set_name(c, "x/y/z:1", &b, &e), &e);
        assert_ok(cache_lookup(c, "x/y/z:1", &got, &e), &e);
        assert_string_equal(got.digest.text, b.digest.text);
        assert_string_equal(got.media_type, "text/plain");
        assert_int_equal(got.size, 1);

        /* three blanks, the full name, re-added names at the end */
        _cleanup_free_ char *want = xasprintf(
                "{\n   \"schemaVersion\": 2,\n   \"mediaType\": "
                "\"application/vnd.oci.image.index.v1+json\",\n   \"manifests\": [\n"
                "      {\n         \"mediaType\": \"text/plain\",\n         \"size\": 1,\n"
                "         \"digest\": \"%s\",\n         \"annotations\": {\n"
                "            \"org.opencontainers.image.ref.name\": \"x/y/q:1\"\n         }\n"
                "      },\n"
                "      {\n         \"mediaType\": \"text/plain\",\n         \"size\": 1,\n"
                "         \"digest\": \"%s\",\n         \"annotations\": {\n"
                "            \"org.opencontainers.image.ref.name\": \"x/y/z:1\"\n         }\n"
                "      }\n   ]\n}",
                a.digest.text, b.digest.text);
        _cleanup_free_ char *text = read_index(c);
        assert_string_equal(text, want);
}

static void cache_name_needs_blob(void **state) {
        _cleanup_err_ Err e = ERR_INIT;
        Descriptor d = { .size = 3 };
        hash_bytes("abc", 3, &d.digest);
        assert_int_equal(cache_set_name(*state, "x", &d, &e), -1);
}

static void cache_keeps_foreign_annotations(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        Descriptor a = put(c, "a");
        _cleanup_free_ char *text = xasprintf(
                "{\"schemaVersion\":2,\"future\":1,\"manifests\":[{\"mediaType\":\"m\",\"size\":1,"
                "\"digest\":\"%s\",\"annotations\":{\"io.containerd.image.name\":\"keep me\","
                "\"org.opencontainers.image.ref.name\":\"n\"}}]}",
                a.digest.text);
        write_index(c, text);
        assert_ok(cache_set_name(c, "other", &a, &e), &e);
        _cleanup_free_ char *now = read_index(c);
        assert_non_null(strstr(now, "\"io.containerd.image.name\": \"keep me\""));
        assert_non_null(strstr(now, "\"future\": 1"));
        Descriptor got;
        assert_ok(cache_lookup(c, "n", &got, &e), &e);
}

static void cache_bad_index(void **state) {
        static const char *const t[] = {
                "",
                "[]",
                "{\"manifests\":{}}",
                "{",
                "{\"manifests\":[{\"annotations\":{\"org.opencontainers.image.ref.name\":\"n\"}}]}",
                ("{\"manifests\":[{\"digest\":\"sha256:../../etc/passwd\",\"size\":1,"
                 "\"annotations\":{\"org.opencontainers.image.ref.name\":\"n\"}}]}"),
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                Descriptor d;
                write_index(*state, t[i]);
                assert_int_equal(cache_lookup(*state, "n", &d, &e), -1);
                assert_int_equal(e.kind, ERR_VERIFY);
        }
}

static void cache_swap(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        Descriptor a = put(c, "a"), b = put(c, "b");
        assert_int_equal(cache_swap_name(c, "n", &b, &a, &e), 1);
        assert_int_equal(cache_swap_name(c, "n", NULL, &a, &e), 0);
        assert_int_equal(cache_swap_name(c, "n", NULL, &b, &e), 1);
        assert_int_equal(cache_swap_name(c, "n", &a, &b, &e), 0);
        Descriptor got;
        assert_ok(cache_lookup(c, "n", &got, &e), &e);
        assert_string_equal(got.digest.text, b.digest.text);
}

static void cache_blob_is_verified(void **state) {
        Cache *c = *state;
        Descriptor d = { .size = 3 };
        hash_bytes("abc", 3, &d.digest);
        static const struct {
                const char *bytes;
                bool ok;
        } t[] = { { "abd", false }, { "ab", false }, { "abcd", false }, { "abc", true } };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                _cleanup_sink_ Sink *s = NULL;
                assert_ok(cache_blob_sink(c, &d, NULL, &s, &e), &e);
                int r = sink_write(s, t[i].bytes, strlen(t[i].bytes), &e);
                if (r == 0)
                        r = sink_finish(s, &e);
                assert_int_equal(r, t[i].ok ? 0 : -1);
                if (!t[i].ok)
                        assert_int_equal(e.kind, ERR_VERIFY);
                assert_int_equal(cache_has_blob(c, &d.digest, 3), t[i].ok);
        }
        assert_false(cache_has_blob(c, &d.digest, 4));
        assert_int_equal(files_in(c, "blobs"), 1); /* nothing temporary stays */
}

static void cache_load_checks(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        Descriptor d = put(c, "hello");
        _cleanup_free_ char *text = NULL;
        assert_ok(cache_load_blob(c, &d, 100, &text, &e), &e);
        assert_string_equal(text, "hello");
        _cleanup_free_ char *none = NULL;
        assert_int_equal(cache_load_blob(c, &d, 4, &none, &e), -1);
        assert_int_equal(e.kind, ERR_VERIFY);

        _cleanup_free_ char *path = cache_blob_path(c, &d.digest);
        assert_int_equal(file_write(path, "hellO", 5, 0644, NULL), 0);
        assert_int_equal(cache_load_blob(c, &d, 100, &none, &e), -1);
        assert_int_equal(e.kind, ERR_VERIFY);
        put(c, "hello"); /* repairs */
        assert_ok(cache_load_blob(c, &d, 100, &none, &e), &e);

        unlink(path);
        _cleanup_free_ char *gone = NULL;
        assert_int_equal(cache_load_blob(c, &d, 100, &gone, &e), -1);
        assert_int_equal(e.kind, ERR_NOT_FOUND);
}

static int collect(void *ctx, const char *ref, const Descriptor *d, Err *e) {
        (void)d, (void)e;
        buf_addf(ctx, "%s ", ref);
        return 0;
}

static void cache_each_is_sorted(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        Descriptor a = put(c, "a");
        static const char *const names[] = { "b", "c", "a" };
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                assert_ok(cache_set_name(c, names[i], &a, &e), &e);
        _cleanup_buf_ Buf b = { 0 };
        assert_ok(cache_each_name(c, collect, &b, &e), &e);
        assert_string_equal(b.data, "a b c ");
}

/* An image whose layer text is shared with others of the same text. */
static void make_image(Cache *c, const char *name, const char *layer, const char *config) {
        _cleanup_err_ Err e = ERR_INIT;
        Descriptor l = put(c, layer), f = put(c, config), m;
        _cleanup_free_ char *text =
                xasprintf("{\"config\":{\"digest\":\"%s\",\"size\":%zu},\"layers\":"
                          "[{\"digest\":\"%s\",\"size\":%zu}]}",
                          f.digest.text, strlen(config), l.digest.text, strlen(layer));
        assert_ok(cache_put_bytes(c, MEDIA_OCI_MANIFEST, text, strlen(text), &m, &e), &e);
        assert_ok(cache_set_name(c, name, &m, &e), &e);
}

static void cache_remove_keeps_shared(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        make_image(c, "one", "shared", "config 1");
        make_image(c, "two", "shared", "config 2");
        assert_int_equal(files_in(c, "blobs"), 5);
        const char *none[] = { "one", "three" };
        assert_int_equal(cache_remove(c, none, 2, &e), -1);
        assert_int_equal(e.kind, ERR_NOT_FOUND);
        assert_int_equal(files_in(c, "blobs"), 5);

        const char *one[] = { "one", "one" };
        assert_ok(cache_remove(c, one, 2, &e), &e);
        assert_int_equal(files_in(c, "blobs"), 3);
        Descriptor d, shared;
        assert_int_equal(cache_lookup(c, "one", &d, NULL), -1);
        assert_ok(cache_lookup(c, "two", &d, &e), &e);
        hash_bytes("shared", 6, &shared.digest);
        assert_true(cache_has_blob(c, &shared.digest, 6));
        const char *two[] = { "two" };
        assert_ok(cache_remove(c, two, 1, &e), &e);
        assert_int_equal(files_in(c, "blobs"), 0);
}

/* A leftover goes, a file whose writer lives stays. */
static void cache_sweeps_leftovers(void **state) {
        Cache *c = *state;
        _cleanup_free_ char *dead = xasprintf("%s/blobs/sha256/x.tmp-1-1", cache_dir(c));
        _cleanup_free_ char *live = xasprintf("%s/blobs/sha256/y.tmp-1-2", cache_dir(c));
        const struct timeval old[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
        _cleanup_fd_ int a = open(dead, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        _cleanup_fd_ int b = open(live, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(a >= 0 && b >= 0);
        assert_int_equal(flock(b, LOCK_EX), 0);
        assert_int_equal(utimes(dead, old) | utimes(live, old), 0);
        put(c, "anything new");
        assert_false(file_exists(dead));
        assert_true(file_exists(live));
}

/* Processes that name things at the same time lose no name. */
static void cache_concurrent_names(void **state) {
        Cache *c = *state;
        enum { PROCESSES = 4, NAMES = 8 };
        pid_t pids[PROCESSES];
        for (int p = 0; p < PROCESSES; p++) {
                pids[p] = fork();
                if (pids[p] != 0)
                        continue;
                int bad = 0;
                for (int i = 0; i < NAMES; i++) {
                        _cleanup_free_ char *name = xasprintf("p%d/x/n%d", p, i);
                        Descriptor d;
                        bad |= cache_put_bytes(c, "m", name, strlen(name), &d, NULL) |
                               cache_set_name(c, name, &d, NULL);
                }
                _exit(bad ? 1 : 0);
        }
        for (int p = 0; p < PROCESSES; p++) {
                int status;
                assert_int_equal(waitpid(pids[p], &status, 0), pids[p]);
                assert_int_equal(status, 0);
        }
        for (int p = 0; p < PROCESSES; p++)
                for (int i = 0; i < NAMES; i++) {
                        _cleanup_free_ char *name = xasprintf("p%d/x/n%d", p, i);
                        Descriptor d;
                        assert_int_equal(cache_lookup(c, name, &d, NULL), 0);
                }
}

#define T(f) cmocka_unit_test_setup_teardown(f, oci_test_setup, oci_test_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                T(cache_layout),
                T(cache_keeps_what_is_there),
                T(cache_names),
                T(cache_name_needs_blob),
                T(cache_keeps_foreign_annotations),
                T(cache_bad_index),
                T(cache_swap),
                T(cache_blob_is_verified),
                T(cache_load_checks),
                T(cache_each_is_sorted),
                T(cache_remove_keeps_shared),
                T(cache_sweeps_leftovers),
                T(cache_concurrent_names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
