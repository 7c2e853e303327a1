/* cache_care_test.c - derived files, `verify` and `gc` over caches with known faults. */
#include "lib/oci/oci_test.h"

#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/io.h"
#include "lib/base/sums.h"
#include "lib/oci/cache_internal.h"
#include "lib/oci/layer.h"
#include "lib/oci/manifest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* --- derived files -------------------------------------------------------------------------- */

enum { BIG = 3 * SUMS_CHUNK + 777 };

static void make_derived(Cache *c, const char *name, const char *bytes, size_t n) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_sink_ Sink *s = NULL;
        assert_ok(cache_derived_sink(c, "images", name, &s, &e), &e);
        for (size_t at = 0, part; at < n; at += part) {
                part = MIN(n - at, 1 + at * 3 % 100000);
                assert_ok(sink_write(s, bytes + at, part, &e), &e);
        }
        assert_ok(sink_finish(s, &e), &e);
}

static void expect_derived(Cache *c, const char *name, const char *bytes, size_t n) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_blob_ Blob *b = NULL;
        _cleanup_free_ char *got = NULL;
        assert_ok(cache_derived_open(c, "images", name, &b, &e), &e);
        assert_int_equal(b->size, n);
        Content all = { .blob = b, .size = n };
        assert_ok(content_load(&all, n, &got, &e), &e);
        assert_memory_equal(got, bytes, n);
}

static char *make_bytes(size_t n) {
        char *p = xmalloc(n);
        for (size_t i = 0; i < n; i++)
                p[i] = (char)(i * 13 + i / 253);
        return p;
}

static void derived_sizes(void **state) {
        static const size_t sizes[] = { 0, 1, SUMS_CHUNK - 1, SUMS_CHUNK, SUMS_CHUNK + 1, BIG };
        _cleanup_free_ char *bytes = make_bytes(BIG);
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                make_derived(*state, "a", bytes, sizes[i]);
                expect_derived(*state, "a", bytes, sizes[i]);
        }
}

/* Patches and holes, against the same done in memory. */
static void derived_patched(void **state) {
        static const struct {
                size_t at, n;
        } patches[] = { { 0, 4 },
                        { SUMS_CHUNK - 2, 5 },
                        { 0, 2 * SUMS_CHUNK + 9 },
                        { SUMS_CHUNK + 100, 1 },
                        { 3 * SUMS_CHUNK - 1, 2 },
                        { BIG - 3, 3 } };
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *bytes = make_bytes(BIG), *want = xcalloc(1, BIG + 2 * SUMS_CHUNK);
        _cleanup_sink_ Sink *s = NULL;
        assert_ok(cache_derived_sink(*state, "images", "p", &s, &e), &e);
        size_t n = 0;
        for (; n < 1000; n++)
                want[n] = bytes[n];
        assert_ok(sink_write(s, bytes, n, &e), &e);
        assert_ok(sink_zero(s, BIG - n - 10, &e), &e);
        assert_ok(sink_write(s, bytes, 10, &e), &e);
        memcpy(want + BIG - 10, bytes, 10);
        assert_ok(sink_zero(s, 2 * SUMS_CHUNK, &e), &e);
        for (size_t i = 0; i < ARRAY_LEN(patches); i++) {
                memcpy(want + patches[i].at, bytes + i, patches[i].n);
                assert_ok(sink_patch(s, patches[i].at, bytes + i, patches[i].n, &e), &e);
        }
        assert_int_equal(sink_patch(s, BIG + 2 * SUMS_CHUNK, "x", 1, &e), -1);
        assert_ok(sink_finish(s, &e), &e);
        expect_derived(*state, "p", want, BIG + 2 * SUMS_CHUNK);
}

static void derived_unfinished_leaves_nothing(void **state) {
        _cleanup_err_ Err e = ERR_INIT;
        Sink *s = NULL;
        Blob *b = NULL;
        assert_ok(cache_derived_sink(*state, "images", "u", &s, &e), &e);
        assert_ok(sink_write(s, "abc", 3, &e), &e);
        sink_free(s);
        assert_int_equal(cache_derived_open(*state, "images", "u", &b, &e), -1);
        assert_int_equal(e.kind, ERR_NOT_FOUND);
}

/* Wherever a byte flips or the file is cut: missing, or an error when it is read; never other
 * bytes.
 */
static void derived_damage(void **state) {
        Cache *c = *state;
        _cleanup_free_ char *bytes = make_bytes(BIG), *path = NULL, *file = NULL;
        size_t n;
        make_derived(c, "d", bytes, BIG);
        assert_int_equal(cache_derived_path(c, "images", "d", &path, NULL), 0);
        assert_int_equal(file_read(path, 1 << 20, &file, &n, NULL), 0);
        for (size_t i = 0; i < 80; i++) {
                _cleanup_err_ Err e = ERR_INIT;
                _cleanup_blob_ Blob *b = NULL;
                _cleanup_free_ char *got = NULL;
                size_t at = i < 60 ? n - 1 - i : (i - 60) * (n / 20);
                file[at] = (char)(file[at] ^ 1);
                assert_int_equal(file_write(path, file, i % 7 ? n : at, 0644, NULL), 0);
                file[at] = (char)(file[at] ^ 1);
                if (cache_derived_open(c, "images", "d", &b, &e) < 0) {
                        assert_int_equal(e.kind, ERR_NOT_FOUND);
                        continue;
                }
                Content all = { .blob = b, .size = b->size };
                assert_int_equal(content_load(&all, n, &got, &e), -1);
                assert_int_equal(e.kind, ERR_DAMAGED);
                assert_false(file_exists(path));
        }
}

/* The id names the content and where it comes from. */
static void derived_id(void **state) {
        Blob *b[4];
        static const char *const names[] = { "a", "a", "b", "a" };
        for (size_t i = 0; i < 4; i++) {
                make_derived(*state, names[i], i == 3 ? "y" : "x", 1);
                assert_int_equal(cache_derived_open(*state, "images", names[i], &b[i], NULL), 0);
        }
        assert_true(digest_eq(&b[0]->id, &b[1]->id));
        assert_false(digest_eq(&b[0]->id, &b[2]->id));
        assert_false(digest_eq(&b[0]->id, &b[3]->id));
        for (size_t i = 0; i < 4; i++)
                blob_free(b[i]);
}

/* --- a cache with images -------------------------------------------------------------------- */

typedef struct Parts {
        Descriptor layer[3], config[2], manifest[2], index;
} Parts;

static Descriptor put(Cache *c, const char *media, const char *text) {
        _cleanup_err_ Err e = ERR_INIT;
        Descriptor d = { 0 };
        assert_ok(cache_put_bytes(c, media, text, strlen(text), &d, &e), &e);
        return d;
}

static Descriptor put_manifest(Cache *c, const Descriptor *config, const Descriptor *a,
                               const Descriptor *b) {
        _cleanup_json_ json_t *j =
                json_pack("{s:i, s:s, s:o, s:[o, o]}", "schemaVersion", 2, "mediaType",
                          MEDIA_OCI_MANIFEST, "config", descriptor_json(config), "layers",
                          descriptor_json(a), descriptor_json(b));
        _cleanup_free_ char *text = json_dumps(j, JSON_COMPACT);
        return put(c, MEDIA_OCI_MANIFEST, text);
}

/* Layer 0 is in both images of the index; layers are named after seed. An entry without a platform
 * stands in the index too. */
static Parts make_image(Cache *c, const char *name, const char *seed) {
        Parts p;
        for (size_t i = 0; i < 3; i++) {
                _cleanup_free_ char *text = xasprintf("layer %zu %s", i, i ? seed : "shared");
                p.layer[i] = put(c, "application/vnd.oci.image.layer.v1.tar", text);
        }
        json_t *list = json_array();
        for (size_t i = 0; i < 2; i++) {
                const char *arch = i ? "arm64" : "amd64";
                _cleanup_free_ char *text = xasprintf(
                        "{\"architecture\":\"%s\",\"os\":\"linux\",\"seed\":\"%s\"}", arch, seed);
                p.config[i] = put(c, MEDIA_OCI_CONFIG, text);
                p.manifest[i] = put_manifest(c, &p.config[i], &p.layer[0], &p.layer[1 + i]);
                json_t *entry = descriptor_json(&p.manifest[i]);
                json_object_set_new(entry, "platform",
                                    json_pack("{s:s, s:s}", "architecture", arch, "os", "linux"));
                json_array_append_new(list, entry);
        }
        Descriptor absent = { .media_type = MEDIA_OCI_MANIFEST, .size = 6 };
        hash_bytes("absent", 6, &absent.digest);
        json_array_append_new(list, descriptor_json(&absent));
        _cleanup_json_ json_t *index = json_pack("{s:i, s:s, s:o}", "schemaVersion", 2, "mediaType",
                                                 MEDIA_OCI_INDEX, "manifests", list);
        _cleanup_free_ char *text = json_dumps(index, JSON_COMPACT);
        p.index = put(c, MEDIA_OCI_INDEX, text);
        assert_int_equal(cache_set_name(c, name, &p.index, NULL), 0);
        return p;
}

static void spoil(Cache *c, const Descriptor *d, const char *text) {
        _cleanup_free_ char *path = cache_blob_path(c, &d->digest);
        if (text)
                assert_int_equal(file_write(path, text, strlen(text), 0644, NULL), 0);
        else
                assert_int_equal(unlink(path), 0);
}

/* --- verify --------------------------------------------------------------------------------- */

static int note_problem(void *ctx, const CacheProblem *p, Err *e) {
        (void)e;
        static const char *const faults[] = { "missing", "damaged", "derived", "unreferenced" };
        buf_addf(ctx, "%s %s %s%s; ", faults[p->fault], p->name ? p->name : "-", p->role,
                 p->repaired ? " repaired" : "");
        return 0;
}

static void expect_verify(Cache *c, const VerifyOptions *o, const char *want, size_t n_problems) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_buf_ Buf got = { 0 };
        CacheSummary summary;
        assert_ok(cache_verify(c, o, note_problem, &got, &summary, &e), &e);
        assert_string_equal(got.data ? got.data : "", want);
        assert_int_equal(summary.n_problems, n_problems);
}

static void verify_faults(void **state) {
        Cache *c = *state;
        const VerifyOptions o = { 0 };
        Parts p = make_image(c, "x/y:1", "one");
        expect_verify(c, &o, "", 0);
        /* a platform that was never fetched is no fault, half of one is */
        spoil(c, &p.layer[2], NULL);
        expect_verify(c, &o, "", 0);
        spoil(c, &p.layer[0], NULL);
        expect_verify(c, &o, "missing x/y:1 layer; ", 1);
        make_image(c, "x/y:1", "one");
        spoil(c, &p.layer[1], "layer 1 onE");
        expect_verify(c, &o, "damaged x/y:1 layer; ", 1);
        spoil(c, &p.config[0], "{}");
        expect_verify(c, &o, "damaged x/y:1 config; damaged x/y:1 layer; ", 2);
        spoil(c, &p.manifest[0], "");
        make_image(c, "x/z:1", "two");
        expect_verify(c, &o, "damaged x/y:1 manifest; damaged - blob; damaged - blob; ", 3);
        spoil(c, &p.index, NULL);
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_buf_ Buf got = { 0 };
        CacheSummary summary;
        assert_ok(cache_verify(c, &o, note_problem, &got, &summary, &e), &e);
        assert_true(str_has_prefix(got.data, "missing x/y:1 index; "));
        assert_int_equal(summary.n_names, 2);
}

static void verify_unreferenced(void **state) {
        Cache *c = *state;
        const VerifyOptions o = { 0 };
        make_image(c, "x/y:1", "one");
        put(c, "text/plain", "nobody's");
        expect_verify(c, &o, "unreferenced - blob; ", 0);
}

/* The last image of a cache that lost a layer which only it had. */
static void verify_nothing_complete(void **state) {
        Cache *c = *state;
        const VerifyOptions o = { 0 };
        Parts p = make_image(c, "x/y:1", "one");
        for (size_t i = 0; i < 3; i++)
                spoil(c, &p.layer[i], NULL);
        expect_verify(c, &o, "missing x/y:1 layer; missing x/y:1 layer; ", 2);
}

static int put_back(void *ctx, const char *name, const Descriptor *d, bool is_manifest, Err *e) {
        (void)e;
        Cache *c = ctx;
        assert_false(cache_has_blob(c, &d->digest, d->size));
        assert_int_equal(is_manifest,
                         strstr(d->media_type, "layer") || strstr(d->media_type, "config") ? 0 : 1);
        make_image(c, name, "one");
        return 0;
}

static void verify_repairs(void **state) {
        Cache *c = *state;
        const VerifyOptions o = { .repair = put_back, .ctx = c }, plain = { 0 };
        Parts p = make_image(c, "x/y:1", "one");
        const Descriptor *all[] = { &p.index, &p.manifest[0], &p.config[1], &p.layer[0],
                                    &p.layer[2] };
        static const char *const roles[] = { "index", "manifest", "config", "layer", "layer" };
        for (size_t i = 0; i < ARRAY_LEN(all); i++) {
                _cleanup_free_ char *want = xasprintf("damaged x/y:1 %s repaired; ", roles[i]);
                spoil(c, all[i], "bad");
                expect_verify(c, &o, want, 0);
                expect_verify(c, &plain, "", 0);
        }
}

static void verify_derived(void **state) {
        Cache *c = *state;
        const VerifyOptions o = { 0 };
        _cleanup_free_ char *path = NULL;
        make_derived(c, "d", "abc", 3);
        make_derived(c, "good", "abc", 3);
        assert_int_equal(cache_derived_path(c, "images", "d", &path, NULL), 0);
        _cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);
        assert_int_equal(pwrite(fd, "x", 1, 1), 1);
        expect_verify(c, &o, "derived - images/d repaired; ", 0);
        assert_false(file_exists(path));
        expect_verify(c, &o, "", 0);
}

/* --- gc ------------------------------------------------------------------------------------- */

static int note_item(void *ctx, const GcItem *i, Err *e) {
        (void)e;
        buf_addf(ctx, "%s; ", path_base(i->path));
        return 0;
}

static void make_old(Cache *c, const char *name, time_t age) {
        _cleanup_free_ char *path = path_join(cache_dir(c), name);
        const struct timespec times[2] = { { .tv_sec = time(NULL) - age },
                                           { .tv_sec = time(NULL) - age } };
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void gc_blobs(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        Parts one = make_image(c, "x/y:1", "one"), two = make_image(c, "x/z:1", "two");
        Descriptor nobody = put(c, "text/plain", "nobody's");
        _cleanup_free_ char *original =
                xasprintf("%s/blobs/sha256/%s123456", cache_dir(c), digest_hex(&nobody.digest));
        assert_int_equal(file_write(original, "x", 1, 0644, NULL), 0);
        GcOptions o = { .dry_run = true };
        _cleanup_buf_ Buf got = { 0 };
        assert_ok(cache_gc(c, &o, note_item, &got, NULL, &e), &e);
        assert_non_null(strstr(got.data, digest_hex(&nobody.digest)));
        assert_true(cache_has_blob(c, &nobody.digest, nobody.size));
        o.dry_run = false;
        uint64_t freed = 0;
        assert_ok(cache_gc(c, &o, NULL, NULL, &freed, &e), &e);
        assert_true(freed > 0);
        assert_false(cache_has_blob(c, &nobody.digest, nobody.size));
        assert_false(file_exists(original));
        for (size_t i = 0; i < 3; i++) {
                assert_true(cache_has_blob(c, &one.layer[i].digest, one.layer[i].size));
                assert_true(cache_has_blob(c, &two.layer[i].digest, two.layer[i].size));
        }
        static const char *const name[] = { "x/y:1" };
        assert_ok(cache_remove(c, name, 1, &e), &e);
        assert_false(cache_has_blob(c, &one.layer[1].digest, one.layer[1].size));
        assert_true(cache_has_blob(c, &one.layer[0].digest, one.layer[0].size));
}

/* What a damaged manifest leads to is not known, so nothing is taken for garbage. */
static void gc_damaged_manifest(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        Parts p = make_image(c, "x/y:1", "one");
        spoil(c, &p.manifest[1], "bad");
        GcOptions o = { 0 };
        assert_ok(cache_gc(c, &o, NULL, NULL, NULL, &e), &e);
        assert_true(cache_has_blob(c, &p.layer[2].digest, p.layer[2].size));
}

/* Descriptors of index.json that have no name keep their blobs, and their annotations. */
static void gc_unnamed(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        Parts p = make_image(c, "x/y:1", "one");
        _cleanup_free_ char *index = path_join(cache_dir(c), "index.json"), *now = NULL;
        _cleanup_free_ char *text = xasprintf(
                "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"%s\",\"size\":%llu,"
                "\"digest\":\"%s\",\"annotations\":{\"a\":\"keep\"}}]}",
                p.index.media_type, (unsigned long long)p.index.size, p.index.digest.text);
        assert_ok(file_write(index, text, strlen(text), 0644, &e), &e);
        GcOptions o = { 0 };
        assert_ok(cache_gc(c, &o, NULL, NULL, NULL, &e), &e);
        assert_true(cache_has_blob(c, &p.layer[2].digest, p.layer[2].size));
        assert_ok(cache_set_name(c, "x/q:1", &p.manifest[0], &e), &e);
        assert_ok(file_read(index, 1 << 20, &now, NULL, &e), &e);
        assert_non_null(strstr(now, "\"a\": \"keep\""));
}

static void gc_derived(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *bytes = make_bytes(BIG), *partial = NULL, *layer = NULL;
        static const char *const names[] = { "a", "b", "c" };
        for (size_t i = 0; i < 3; i++) {
                _cleanup_free_ char *path = xasprintf("derived/images/%s", names[i]);
                make_derived(c, names[i], bytes, BIG);
                make_old(c, path, (time_t)(10 * 24 * 3600 * (i + 1)));
        }
        Blob *b = NULL; /* the oldest is used now */
        assert_ok(cache_derived_open(c, "images", "c", &b, &e), &e);
        blob_free(b);
        assert_int_equal(cache_derived_path(c, "partial", "0123", &partial, NULL), 0);
        assert_ok(file_write(partial, "x", 1, 0644, &e), &e);
        _cleanup_free_ char *gone = xasprintf("%064d.idx", 0);
        assert_int_equal(cache_derived_path(c, "layers", gone, &layer, NULL), 0);
        assert_ok(file_write(layer, "x", 1, 0644, &e), &e);
        GcOptions o = { 0 };
        _cleanup_buf_ Buf got = { 0 };
        assert_ok(cache_gc(c, &o, note_item, &got, NULL, &e), &e);
        _cleanup_free_ char *want = xasprintf("%s; ", gone);
        assert_string_equal(got.data, want);
        make_old(c, "derived/partial/0123", CACHE_PARTIAL_AGE + 60);
        buf_clear(&got);
        o.derived_max_bytes = 2 * BIG + 100000;
        assert_ok(cache_gc(c, &o, note_item, &got, NULL, &e), &e);
        assert_string_equal(got.data, "0123; b; ");
        buf_clear(&got);
        o = (GcOptions){ .derived_max_age = 5 * 24 * 3600 };
        assert_ok(cache_gc(c, &o, note_item, &got, NULL, &e), &e);
        assert_string_equal(got.data, "a; ");
        expect_derived(c, "c", bytes, BIG);
}

/* --- several processes ---------------------------------------------------------------------- */

enum { ROUNDS = 40, WRITERS = 3 };

/* Stores an image in steps, as a pull does, names it, and looks whether all of it is there. */
static int store_often(const char *dir, int who) {
        Cache *c = NULL;
        if (cache_open(dir, &c, NULL) < 0)
                return 1;
        for (int i = 0; i < ROUNDS; i++) {
                _cleanup_free_ char *name = xasprintf("x/w%d:%d", who, i % 3);
                _cleanup_free_ char *seed = xasprintf("%d-%d", who, i);
                int hold = cache_hold(c, NULL);
                Parts p = make_image(c, name, seed);
                for (size_t k = 0; k < 3; k++)
                        if (!cache_has_blob(c, &p.layer[k].digest, p.layer[k].size))
                                return 2;
                close(hold);
        }
        cache_free(c);
        return 0;
}

static void gc_against_pulls(void **state) {
        Cache *c = *state;
        pid_t pids[WRITERS];
        for (int i = 0; i < WRITERS; i++) {
                pids[i] = fork();
                if (pids[i] == 0)
                        _exit(store_often(cache_dir(c), i));
        }
        const GcOptions o = { 0 };
        for (int i = 0; i < ROUNDS; i++) {
                _cleanup_err_ Err e = ERR_INIT;
                assert_ok(cache_gc(c, &o, NULL, NULL, NULL, &e), &e);
        }
        for (int i = 0; i < WRITERS; i++) {
                int status = -1;
                assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
                assert_int_equal(status, 0);
        }
        _cleanup_err_ Err e = ERR_INIT;
        assert_ok(cache_gc(c, &o, NULL, NULL, NULL, &e), &e);
        const VerifyOptions v = { 0 };
        expect_verify(c, &v, "", 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, oci_test_setup, oci_test_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                T(derived_sizes),
                T(derived_patched),
                T(derived_unfinished_leaves_nothing),
                T(derived_damage),
                T(derived_id),
                T(verify_faults),
                T(verify_unreferenced),
                T(verify_nothing_complete),
                T(verify_repairs),
                T(verify_derived),
                T(gc_blobs),
                T(gc_damaged_manifest),
                T(gc_unnamed),
                T(gc_derived),
                T(gc_against_pulls),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
