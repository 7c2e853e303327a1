/* image_test.c - manifests and configs read from a cache, hostile ones refused, indexes merged. */
#include "lib/oci/oci_test.h"

#include "lib/oci/image.h"
#include "lib/oci/manifest.h"

#include <sys/wait.h>

#define REF "127.0.0.1:9/x/y:1"
#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static Descriptor put(Cache *c, const char *media_type, const char *text) {
        _cleanup_err_ Err e = ERR_INIT;
        Descriptor d = { 0 };
        assert_ok(cache_put_bytes(c, media_type, text, strlen(text), &d, &e), &e);
        return d;
}

/* A single-manifest image with this config. */
static void make_single(Cache *c, const char *config) {
        _cleanup_err_ Err e = ERR_INIT;
        Descriptor f = put(c, MEDIA_OCI_CONFIG, config), l = put(c, "layer", "layer bytes");
        _cleanup_free_ char *text =
                xasprintf("{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\",\"size\":%zu},"
                          "\"layers\":[{\"mediaType\":\"layer\",\"digest\":\"%s\",\"size\":%zu}],"
                          "\"annotations\":{\"note\":\"hello\"}}",
                          f.digest.text, strlen(config), l.digest.text, strlen("layer bytes"));
        Descriptor m = put(c, MEDIA_DOCKER_MANIFEST, text);
        assert_ok(cache_set_name(c, REF, &m, &e), &e);
}

static int open_ref(Cache *c, const char *arch, Image **ret, Err *e) {
        return image_open(c, REF, arch, ret, e);
}

static void image_config(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        make_single(c, "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{"
                       "\"Entrypoint\":[\"/bin/sh\",\"-c\"],\"Cmd\":null,\"Env\":[],"
                       "\"WorkingDir\":\"/w\",\"User\":\"7\","
                       "\"Labels\":{\"a\":\"b\",\"org.mobyproject.config\":\"{}\"}}}");
        Image *i = NULL;
        assert_ok(open_ref(c, "amd64", &i, &e), &e);
        assert_string_equal(i->ref, REF);
        assert_string_equal(i->config.entrypoint[0], "/bin/sh");
        assert_string_equal(i->config.entrypoint[1], "-c");
        assert_null(i->config.entrypoint[2]);
        assert_null(i->config.cmd);
        assert_non_null(i->config.env);
        assert_null(i->config.env[0]);
        assert_string_equal(i->config.working_dir, "/w");
        assert_string_equal(i->config.label, "{}");
        assert_int_equal(i->n_layers, 1);
        assert_int_equal(i->layers[0].size, 11);
        assert_string_equal(i->layers[0].media_type, "layer");
        image_free(i);

        assert_int_equal(open_ref(c, "arm64", &i, &e), -1);
        assert_int_equal(e.kind, ERR_SPEC);
        assert_non_null(strstr(e.text, "linux/amd64, not for linux/arm64"));
        _cleanup_free_ char *note = image_annotation(c, REF, "amd64", "note");
        assert_string_equal(note, "hello");
        assert_null(image_annotation(c, REF, "amd64", "other"));
        assert_null(image_annotation(c, "x", "amd64", "note"));
}

static void image_minimal_config(void **state) {
        _cleanup_err_ Err e = ERR_INIT;
        Image *i = NULL;
        make_single(*state, "{\"architecture\":\"amd64\"}");
        assert_ok(open_ref(*state, "amd64", &i, &e), &e);
        assert_null(i->config.entrypoint);
        assert_null(i->config.env);
        assert_null(i->config.label);
        image_free(i);
}

static void image_bad_config(void **state) {
        static const char *const t[] = {
                "",
                "[]",
                "null",
                "{\"architecture\":5}",
                "{\"config\":[]}",
                "{\"config\":{\"Cmd\":\"x\"}}",
                "{\"config\":{\"Env\":[1]}}",
                "{\"config\":{\"Env\":[\"a\",null]}}",
                "{\"config\":{\"Labels\":[]}}",
                "{\"config\":{\"Labels\":{\"org.mobyproject.config\":{}}}}",
                "{\"config\":{\"WorkingDir\":[]}}",
                "{\"a\":1,\"a\":2}",
        };
        for (size_t k = 0; k < ARRAY_LEN(t); k++) {
                _cleanup_err_ Err e = ERR_INIT;
                Image *i = NULL;
                make_single(*state, t[k]);
                if (open_ref(*state, "amd64", &i, &e) == 0)
                        fail_msg("accepted %s", t[k]);
                assert_int_equal(e.kind, ERR_VERIFY);
        }
}

static void image_incomplete(void **state) {
        Cache *c = *state;
        make_single(c, "{\"architecture\":\"amd64\"}");
        Digest layer;
        hash_bytes("layer bytes", 11, &layer);
        _cleanup_free_ char *path = cache_blob_path(c, &layer);
        for (int pass = 0; pass < 2; pass++) {
                _cleanup_err_ Err e = ERR_INIT;
                Image *i = NULL;
                /* present but short, then gone */
                assert_int_equal(pass ? unlink(path) : truncate(path, 3), 0);
                assert_int_equal(open_ref(c, "amd64", &i, &e), -1);
                assert_int_equal(e.kind, ERR_NOT_FOUND);
                assert_non_null(strstr(e.text, layer.text));
                /* the registry is asked, and nobody listens there */
                ImageSource src = { .cache = c, .arch = "amd64" };
                assert_int_equal(image_get(&src, REF, &i, &e), -1);
                assert_int_equal(e.kind, ERR_NETWORK);
                _cleanup_free_ char *want =
                        xasprintf("image " REF ": layer %s is not in the cache; pull " REF
                                  ": connection refused",
                                  layer.text);
                assert_string_equal(e.text, want);
        }
}

/* A complete image is used without any network; with `pull` the registry has to answer. */
static void image_get_needs_no_network(void **state) {
        _cleanup_err_ Err e = ERR_INIT;
        Image *i = NULL;
        make_single(*state, "{\"architecture\":\"amd64\"}");
        ImageSource src = { .cache = *state, .arch = "amd64" };
        assert_ok(image_get(&src, REF, &i, &e), &e);
        image_free(i);
        src.pull = true;
        assert_int_equal(image_get(&src, REF, &i, &e), -1);
        assert_int_equal(e.kind, ERR_NETWORK);
}

static void image_digest_must_match(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        make_single(c, "{\"architecture\":\"amd64\"}");
        Descriptor d;
        Image *i = NULL;
        assert_ok(cache_lookup(c, REF, &d, &e), &e);
        assert_ok(cache_set_name(c, "h.x/y@sha256:" HEX, &d, &e), &e);
        assert_int_equal(image_open(c, "h.x/y@sha256:" HEX, "amd64", &i, &e), -1);
        assert_int_equal(e.kind, ERR_VERIFY);
}

static void manifest_refuses(void **state) {
        (void)state;
        static const char *const t[] = {
                "",
                "[]",
                "{}",
                "{\"layers\":[]}",
                "{\"layers\":{},\"config\":{}}",
                "{\"manifests\":{}}",
                "{\"manifests\":[1]}",
                "{\"manifests\":[],\"layers\":[]}",
                "{\"manifests\":[],\"config\":{}}",
                "{\"manifests\":[{\"size\":1}]}",
                "{\"manifests\":[{\"digest\":\"sha256:" HEX "\"}]}",
                "{\"manifests\":[{\"digest\":\"sha256:" HEX "\",\"size\":-1}]}",
                "{\"manifests\":[{\"digest\":\"sha256:" HEX "\",\"size\":\"1\"}]}",
                "{\"manifests\":[{\"digest\":\"sha512:" HEX "\",\"size\":1}]}",
                "{\"manifests\":[{\"digest\":\"sha256:../../../x\",\"size\":1}]}",
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                Manifest m;
                if (manifest_parse(t[i], strlen(t[i]), "m", &m, &e) == 0)
                        fail_msg("accepted %s", t[i]);
                assert_int_equal(e.kind, ERR_VERIFY);
        }
}

static void manifest_chooses_first(void **state) {
        (void)state;
        static const char text[] =
                "{\"manifests\":["
                "{\"digest\":\"sha256:" HEX "\",\"size\":1},"
                "{\"digest\":\"sha256:" HEX "\",\"size\":2,\"platform\":"
                "{\"os\":\"windows\",\"architecture\":\"arm\"}},"
                "{\"digest\":\"sha256:" HEX "\",\"size\":3,\"platform\":"
                "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v6\"}},"
                "{\"digest\":\"sha256:" HEX "\",\"size\":4,\"platform\":"
                "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\"}},"
                "{\"digest\":\"sha256:" HEX "\",\"size\":5,\"platform\":"
                "{\"os\":\"unknown\",\"architecture\":\"unknown\"}}]}";
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_manifest_ Manifest m = { 0 };
        assert_ok(manifest_parse(text, sizeof text - 1, "m", &m, &e), &e);
        assert_true(m.is_index);
        assert_int_equal(manifest_choose(&m, "arm")->descriptor.size, 3);
        assert_null(manifest_choose(&m, "amd64"));
        _cleanup_free_ char *there = manifest_platforms(&m);
        assert_string_equal(there, "windows/arm, linux/arm, linux/arm");
}

static int store(Cache *c, const char *arch, const char *note, Err *e) {
        Descriptor layer = put(c, "application/vnd.oci.image.layer.v1.tar", arch);
        const char *const notes[] = { "note", note, NULL };
        _cleanup_free_ char *config = xasprintf("{\"architecture\":\"%s\",\"os\":\"linux\"}", arch);
        return image_store(c, REF, arch, config, &layer, 1, notes, e);
}

static void store_merges(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        Descriptor first, again;
        assert_ok(store(c, "arm64", "one", &e), &e);
        assert_ok(store(c, "amd64", "two", &e), &e);
        assert_ok(cache_lookup(c, REF, &first, &e), &e);
        assert_string_equal(first.media_type, MEDIA_OCI_INDEX);
        assert_ok(store(c, "amd64", "two", &e), &e);
        assert_ok(cache_lookup(c, REF, &again, &e), &e);
        assert_string_equal(first.digest.text, again.digest.text);
        assert_ok(store(c, "arm64", "three", &e), &e);

        static const char *const want[][2] = { { "amd64", "two" }, { "arm64", "three" } };
        for (size_t i = 0; i < ARRAY_LEN(want); i++) {
                Image *image = NULL;
                assert_ok(open_ref(c, want[i][0], &image, &e), &e);
                assert_string_equal(image->config.architecture, want[i][0]);
                assert_int_equal(image->n_layers, 1);
                image_free(image);
                _cleanup_free_ char *note = image_annotation(c, REF, want[i][0], "note");
                assert_string_equal(note, want[i][1]);
        }
        /* replaced in place, not appended */
        _cleanup_free_ char *text = NULL;
        _cleanup_manifest_ Manifest m = { 0 };
        assert_ok(cache_lookup(c, REF, &again, &e), &e);
        assert_ok(cache_load_blob(c, &again, 1 << 20, &text, &e), &e);
        assert_ok(manifest_parse(text, again.size, "index", &m, &e), &e);
        assert_int_equal(m.n_entries, 2);
        assert_string_equal(m.entries[0].architecture, "arm64");
}

static void store_drops_orphaned_attestations(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *index =
                xasprintf("{\"manifests\":[{\"digest\":\"sha256:" HEX "\",\"size\":1,\"platform\":"
                          "{\"os\":\"linux\",\"architecture\":\"amd64\"}},"
                          "{\"digest\":\"sha256:f%s\",\"size\":1,\"platform\":"
                          "{\"os\":\"unknown\",\"architecture\":\"unknown\"},\"annotations\":"
                          "{\"vnd.docker.reference.digest\":\"sha256:" HEX "\"}}]}",
                          &HEX[1]);
        Descriptor d = put(c, MEDIA_OCI_INDEX, index);
        assert_ok(cache_set_name(c, REF, &d, &e), &e);
        assert_ok(store(c, "arm64", "x", &e), &e);
        assert_ok(cache_lookup(c, REF, &d, &e), &e);
        _cleanup_free_ char *kept = NULL;
        assert_ok(cache_load_blob(c, &d, 1 << 20, &kept, &e), &e);
        assert_non_null(strstr(kept, "vnd.docker.reference.digest"));
        assert_ok(store(c, "amd64", "x", &e), &e);
        assert_ok(cache_lookup(c, REF, &d, &e), &e);
        _cleanup_free_ char *gone = NULL;
        assert_ok(cache_load_blob(c, &d, 1 << 20, &gone, &e), &e);
        assert_null(strstr(gone, "vnd.docker.reference.digest"));
        assert_null(strstr(gone, HEX));
}

/* Architectures stored by several processes at once all arrive. */
static void store_concurrently(void **state) {
        Cache *c = *state;
        static const char *const arches[] = { "amd64", "arm64", "riscv64", "s390x" };
        pid_t pids[ARRAY_LEN(arches)];
        for (size_t i = 0; i < ARRAY_LEN(arches); i++) {
                pids[i] = fork();
                if (pids[i] == 0)
                        _exit(store(c, arches[i], "x", NULL) < 0);
        }
        for (size_t i = 0; i < ARRAY_LEN(arches); i++) {
                int status;
                assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
                assert_int_equal(status, 0);
        }
        for (size_t i = 0; i < ARRAY_LEN(arches); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                Image *image = NULL;
                assert_ok(open_ref(c, arches[i], &image, &e), &e);
                image_free(image);
        }
}

#define T(f) cmocka_unit_test_setup_teardown(f, oci_test_setup, oci_test_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                T(image_config),
                T(image_minimal_config),
                T(image_bad_config),
                T(image_incomplete),
                T(image_get_needs_no_network),
                T(image_digest_must_match),
                T(manifest_refuses),
                T(manifest_chooses_first),
                T(store_merges),
                T(store_drops_orphaned_attestations),
                T(store_concurrently),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
