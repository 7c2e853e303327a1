/* push_test.c - pushes into a registry in this process: what is sent, what is not, and what the
 * registry has afterwards. */
#include "lib/oci/oci_test.h"
#include "lib/oci/server_test.h"

#include "lib/base/json.h"
#include "lib/base/io.h"
#include "lib/oci/image.h"
#include "lib/oci/manifest.h"
#include "lib/oci/push.h"
#include "lib/oci/session.h"

/* "REPO/blobs/DIGEST" and "REPO/manifests/NAME" -> bytes */
typedef struct Object {
        char *key;
        Buf bytes;
        char *type;
} Object;

static TestServer server;
static Object objects[200];
static size_t n_objects;
static bool absolute, moves; /* kind of Location; may it mount? */
static unsigned failures;    /* PATCHes that go wrong before one goes well */
static long forbidden;       /* status of each POST, 0: none */

/* --- registry ------------------------------------------------------------------------------- */

static Object *find(const char *key) {
        for (size_t i = 0; i < n_objects; i++)
                if (str_eq(objects[i].key, key))
                        return &objects[i];
        return NULL;
}

static void store(const char *key, const char *type, const Buf *bytes) {
        Object *o = find(key);
        if (!o) {
                o = &objects[n_objects++];
                assert_in_range(n_objects, 1, ARRAY_LEN(objects));
                o->key = xstrdup(key);
        }
        free(o->type);
        o->type = type ? xstrdup(type) : NULL;
        buf_clear(&o->bytes);
        buf_add(&o->bytes, bytes->data ? bytes->data : "", bytes->len);
}

static void store_manifest(const char *repo, const char *name, const TestRequest *q, TestReply *r) {
        Digest d;
        _cleanup_free_ char *type = test_header(q, "content-type");
        hash_bytes(q->body.data, q->body.len, &d);
        _cleanup_free_ char *by_name = xasprintf("%s/manifests/%s", repo, name);
        _cleanup_free_ char *by_digest = xasprintf("%s/manifests/%s", repo, d.text);
        _cleanup_manifest_ Manifest m = { 0 };
        r->status = 400;
        if (manifest_parse(q->body.data, q->body.len, "m", &m, NULL) < 0)
                return;
        /* what it names must be there already */
        for (size_t i = 0; i < m.n_entries; i++) {
                _cleanup_free_ char *key =
                        xasprintf("%s/manifests/%s", repo, m.entries[i].descriptor.digest.text);
                if (!find(key))
                        return;
        }
        for (size_t i = 0; i < m.n_layers; i++) {
                _cleanup_free_ char *key = xasprintf("%s/blobs/%s", repo, m.layers[i].digest.text);
                if (!find(key) && !strstr(m.layers[i].media_type, "nondistributable"))
                        return;
        }
        r->status = 201;
        store(by_name, type, &q->body);
        store(by_digest, type, &q->body);
}

static void upload(const char *repo, char *rest, const TestRequest *q, TestReply *r) {
        char *query = strchr(rest, '?'), from[200] = "", digest[72] = "";
        if (query)
                *query++ = 0;
        if (str_eq(q->method, "POST") && forbidden) {
                r->status = (int)forbidden;
        } else if (str_eq(q->method, "POST") && query &&
                   sscanf(query, "mount=%71[^&]&from=%199s", digest, from) == 2) {
                _cleanup_free_ char *theirs = xasprintf("%s/blobs/%s", from, digest);
                _cleanup_free_ char *ours = xasprintf("%s/blobs/%s", repo, digest);
                Object *o = find(theirs);
                r->status = moves && o ? 201 : 202;
                if (r->status == 201)
                        store(ours, NULL, &o->bytes);
                else
                        buf_adds(&r->headers, "Location: unused\r\n");
        } else if (str_eq(q->method, "POST")) {
                r->status = 202;
                if (absolute)
                        buf_addf(&r->headers, "Location: http://127.0.0.1:%u", server.port);
                else
                        buf_adds(&r->headers, "Location: ");
                buf_addf(&r->headers, "/v2/%s/blobs/uploads/u%u?_state=a%%2Fb\r\n", repo,
                         server.n_requests);
        } else if (str_eq(q->method, "PATCH") && failures) {
                failures--;
                r->cut = failures % 2;
                r->status = 503;
        } else if (str_eq(q->method, "PATCH")) {
                r->status = 202;
                store(rest, NULL, &q->body);
                buf_addf(&r->headers, "Location: /v2/%s/blobs/uploads/%s\r\n", repo, rest);
        } else if (str_eq(q->method, "PUT")) {
                Object *o = find(rest);
                Digest d = { 0 };
                const char *said = query ? strstr(query, "digest=") : NULL;
                if (o)
                        hash_bytes(o->bytes.data, o->bytes.len, &d);
                r->status = o && said && str_has_prefix(said + 7, d.text) ? 201 : 400;
                _cleanup_free_ char *key = xasprintf("%s/blobs/%s", repo, d.text);
                if (r->status == 201)
                        store(key, NULL, &o->bytes);
        } else {
                r->status = 405;
        }
}

static void answer(TestServer *s, const TestRequest *q, TestReply *r) {
        (void)s;
        _cleanup_free_ char *path = xstrdup(q->path);
        char *repo = path + strlen("/v2/");
        char *blobs = strstr(path, "/blobs/"), *manifests = strstr(path, "/manifests/");
        if (!str_has_prefix(path, "/v2/") || (!blobs && !manifests)) {
                r->status = 404;
                return;
        }
        Object *o = find(repo);
        if (str_eq(q->method, "HEAD") || str_eq(q->method, "GET")) {
                r->status = o ? 200 : 404;
                if (o && o->type) {
                        Digest d;
                        hash_bytes(o->bytes.data, o->bytes.len, &d);
                        buf_addf(&r->headers, "Content-Type: %s\r\n", o->type);
                        buf_addf(&r->headers, "Docker-Content-Digest: %s\r\n", d.text);
                }
                if (o)
                        buf_add(&r->body, o->bytes.data, o->bytes.len);
        } else if (manifests) {
                *manifests = 0;
                store_manifest(repo, manifests + strlen("/manifests/"), q, r);
        } else if (str_has_prefix(blobs, "/blobs/uploads/")) {
                *blobs = 0;
                upload(repo, blobs + strlen("/blobs/uploads/"), q, r);
        }
}

static int setup(void **state) {
        server = (TestServer){ .answer = answer };
        absolute = moves = false;
        failures = 0;
        forbidden = 0;
        test_server_start(&server);
        return oci_test_setup(state);
}

static int teardown(void **state) {
        session_end_all();
        test_server_stop(&server);
        for (size_t i = 0; i < n_objects; i++) {
                free(objects[i].key);
                free(objects[i].type);
                buf_done(&objects[i].bytes);
                objects[i] = (Object){ 0 };
        }
        n_objects = 0;
        return oci_test_teardown(state);
}

/* --- images --------------------------------------------------------------------------------- */

static char *name_of(const char *repo_tag) {
        return xasprintf("127.0.0.1:%u/%s", server.port, repo_tag);
}

/* An image of two layers, one of which all have; salt makes it another one. */
static void make(Cache *c, const char *name, const char *arch, const char *salt) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *ref = name_of(name);
        _cleanup_free_ char *layer = xasprintf("layer %s %s", arch, salt);
        _cleanup_free_ char *config =
                xasprintf("{\"architecture\":\"%s\",\"os\":\"linux\",\"x\":\"%s\"}", arch, salt);
        Descriptor layers[2];
        assert_ok(cache_put_bytes(c, "application/vnd.oci.image.layer.v1.tar", layer, strlen(layer),
                                  &layers[0], &e),
                  &e);
        assert_ok(cache_put_bytes(c, "application/vnd.oci.image.layer.v1.tar", "common", 6,
                                  &layers[1], &e),
                  &e);
        assert_ok(image_store(c, ref, arch, config, layers, 2, NULL, &e), &e);
}

static PushResult push(Cache *c, const char *name, const char *remote, bool tags, bool override) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *from = name_of(name), *to = name_of(remote);
        PushOptions o = {
                .name = from, .remote = to, .with_arch_tags = tags, .override = override
        };
        PushResult r = { 0 };
        assert_ok(registry_push(c, NULL, &o, &r, &e), &e);
        assert_string_equal(r.remote, to);
        return r;
}

static void expect_error(Cache *c, const char *name, ErrKind kind, const char *word) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *from = name_of(name);
        PushOptions o = { .name = from };
        PushResult r = { 0 };
        assert_int_equal(registry_push(c, NULL, &o, &r, &e), -1);
        if (e.kind != kind || !strstr(e.text, word))
                fail_msg("%d: %s", e.kind, e.text);
}

static int count_name(void *ctx, const char *ref, const Descriptor *d, Err *e) {
        (void)ref, (void)d, (void)e;
        ++*(unsigned *)ctx;
        return 0;
}

/* --- tests ---------------------------------------------------------------------------------- */

static void index_and_tags(void **state) {
        Cache *c = *state;
        unsigned names = 0;
        make(c, "a:1", "amd64", "x");
        make(c, "a:1", "arm64", "x");
        PushResult r = push(c, "a:1", "b:2", true, false);
        assert_int_equal(r.state, PUSH_PUSHED);
        assert_true(r.is_index);
        assert_int_equal(r.uploaded, 5);
        assert_int_equal(r.n_tags, 2);
        assert_int_equal(r.tags[0].state, PUSH_PUSHED);
        assert_true(str_has_suffix(r.tags[1].ref, "/b:2-arm64"));
        assert_non_null(find("b/manifests/2"));
        assert_non_null(find("b/manifests/2-amd64"));
        push_result_done(&r);
        /* the second time nothing is sent, but for a tag that is missing */
        unsigned sent = test_count(&server, "P");
        find("b/manifests/2-arm64")->key[0] = 'z';
        r = push(c, "a:1", "b:2", true, false);
        assert_int_equal(r.state, PUSH_AVAILABLE);
        assert_int_equal(r.tags[0].state, PUSH_AVAILABLE);
        assert_int_equal(r.tags[1].state, PUSH_PUSHED);
        assert_int_equal(test_count(&server, "P"), sent + 1);
        push_result_done(&r);
        assert_int_equal(cache_each_name(c, count_name, &names, NULL), 0);
        assert_int_equal(names, 1);
}

static void other_content_is_left_alone(void **state) {
        Cache *c = *state;
        make(c, "a:1", "amd64", "x");
        make(c, "c:1", "arm64", "y");
        PushResult r = push(c, "a:1", "b:1", false, false);
        push_result_done(&r);
        unsigned sent = test_count(&server, "P");
        r = push(c, "c:1", "b:1", true, false);
        assert_int_equal(r.state, PUSH_EXISTS);
        assert_int_equal(r.n_tags, 0);
        assert_int_equal(test_count(&server, "P"), sent);
        push_result_done(&r);
        /* with override the two are merged */
        r = push(c, "c:1", "b:1", false, true);
        assert_int_equal(r.state, PUSH_PUSHED);
        assert_true(r.merged);
        assert_int_equal(r.present, 1);
        _cleanup_manifest_ Manifest m = { 0 };
        Object *o = find("b/manifests/1");
        assert_int_equal(manifest_parse(o->bytes.data, o->bytes.len, "m", &m, NULL), 0);
        assert_int_equal(m.n_entries, 2);
        assert_string_equal(m.entries[0].architecture, "arm64");
        push_result_done(&r);
        r = push(c, "c:1", "b:1", false, true);
        assert_int_equal(r.state, PUSH_AVAILABLE);
        push_result_done(&r);
}

static void mounts(void **state) {
        Cache *c = *state;
        make(c, "a:1", "amd64", "x");
        make(c, "lost:1", "amd64", "y"); /* the cache has it, the registry has not */
        PushResult r = push(c, "a:1", "a:1", false, false);
        assert_int_equal(r.uploaded, 3);
        push_result_done(&r);
        moves = true;
        make(c, "d:1", "amd64", "x");
        r = push(c, "a:1", "d:1", false, false);
        assert_int_equal(r.mounted, 3);
        assert_int_equal(r.uploaded, 0);
        push_result_done(&r);
        r = push(c, "lost:1", "e:1", false, false);
        assert_int_equal(r.mounted, 1);
        assert_int_equal(r.uploaded, 2);
        push_result_done(&r);
        /* a registry that cannot is sent the bytes */
        moves = false;
        r = push(c, "a:1", "f:1", false, false);
        assert_int_equal(r.uploaded, 3);
        push_result_done(&r);
}

static void uploads_go_wrong(void **state) {
        Cache *c = *state;
        absolute = true;
        make(c, "a:1", "amd64", "x");
        failures = 1; /* one 503; the rest goes well */
        PushResult r = push(c, "a:1", "a:1", false, false);
        assert_int_equal(r.uploaded, 3);
        push_result_done(&r);
        static const struct {
                long status;
                const char *word;
        } t[] = { { 401, "401 Unauthorized" },
                  { 403, "403 Forbidden" },
                  { 413, "413 Content Too Large" } };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                forbidden = t[i].status;
                _cleanup_free_ char *name = xasprintf("no%zu:1", i);
                make(c, name, "amd64", name);
                expect_error(c, name, ERR_NETWORK, t[i].word);
        }
        expect_error(c, "nothing:1", ERR_NOT_FOUND, "not in the cache");
}

static void damaged_or_missing(void **state) {
        Cache *c = *state;
        Digest d;
        make(c, "a:1", "amd64", "x");
        hash_bytes("common", 6, &d);
        _cleanup_free_ char *path = cache_blob_path(c, &d);
        assert_int_equal(file_write(path, "COMMON", 6, 0644, NULL), 0);
        expect_error(c, "a:1", ERR_VERIFY, "the content in the cache has digest");
        unlink(path);
        expect_error(c, "a:1", ERR_NOT_FOUND, "neither in the cache nor in the registry");
        /* what the registry has need not be here */
        Buf common = { 0 };
        buf_adds(&common, "common");
        _cleanup_free_ char *key = xasprintf("a/blobs/%s", d.text);
        store(key, NULL, &common);
        buf_done(&common);
        PushResult r = push(c, "a:1", "a:1", false, false);
        assert_int_equal(r.present + r.uploaded, 3);
        push_result_done(&r);
}

static void plain_images_and_foreign_layers(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *ref = name_of("win:1");
        Descriptor config, root;
        assert_ok(cache_put_bytes(c, MEDIA_OCI_CONFIG, "{}", 2, &config, &e), &e);
        _cleanup_free_ char *text = xasprintf(
                "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST
                "\",\"config\":{\"mediaType\":\"" MEDIA_OCI_CONFIG
                "\",\"digest\":\"%s\",\"size\":2},\"layers\":[{\"mediaType\":"
                "\"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip\",\"digest\":"
                "\"sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\","
                "\"size\":9}]}",
                config.digest.text);
        assert_ok(cache_put_bytes(c, MEDIA_OCI_MANIFEST, text, strlen(text), &root, &e), &e);
        assert_ok(cache_set_name(c, ref, &root, &e), &e);
        PushResult r = push(c, "win:1", "win:1", true, false);
        assert_int_equal(r.state, PUSH_PUSHED);
        assert_false(r.is_index);
        assert_int_equal(r.foreign, 1);
        assert_int_equal(r.uploaded, 1);
        assert_int_equal(r.n_tags, 0);
        push_result_done(&r);
}

static void attestations_come_along(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *ref = name_of("a:1");
        Descriptor layer;
        assert_ok(cache_put_bytes(c, "application/vnd.oci.image.layer.v1.tar", "l", 1, &layer, &e),
                  &e);
        assert_ok(image_store_sbom(c, ref, "amd64", "{\"architecture\":\"amd64\",\"os\":\"linux\"}",
                                   &layer, 1, NULL, "{\"spdxVersion\":\"SPDX-2.3\"}", &e),
                  &e);
        PushResult r = push(c, "a:1", "a:1", true, false);
        assert_int_equal(r.state, PUSH_PUSHED);
        assert_int_equal(r.n_tags, 1); /* and no a:1-unknown */
        assert_int_equal(r.uploaded, 4);
        push_result_done(&r);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(index_and_tags, setup, teardown),
                cmocka_unit_test_setup_teardown(other_content_is_left_alone, setup, teardown),
                cmocka_unit_test_setup_teardown(mounts, setup, teardown),
                cmocka_unit_test_setup_teardown(uploads_go_wrong, setup, teardown),
                cmocka_unit_test_setup_teardown(damaged_or_missing, setup, teardown),
                cmocka_unit_test_setup_teardown(plain_images_and_foreign_layers, setup, teardown),
                cmocka_unit_test_setup_teardown(attestations_come_along, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
