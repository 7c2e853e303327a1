/* indexmerge_test.c - every row of the table in cli.md 6.3. */
#include "lib/oci/oci_test.h"

#include "lib/base/json.h"
#include "lib/oci/indexmerge.h"

/* "a1/amd64 b2/arm64+v8 t3@a1 n4": digest letter+digit repeated, platform or subject or none. */
static char *make(const char *text) {
        json_t *list = json_array();
        _cleanup_free_ char *copy = xstrdup(text);
        char *save = NULL;
        for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
                char digest[72] = "sha256:", subject[72] = "sha256:", *part = w + 1;
                for (size_t i = 7; i < 71; i++) {
                        digest[i] = w[0];
                        subject[i] = *part == '@' ? part[1] : 0;
                }
                digest[71] = subject[71] = 0;
                json_t *j =
                        json_pack("{s:s, s:s, s:i}", "mediaType", "m", "digest", digest, "size", 7);
                if (*part == '/') {
                        char *variant = strchr(part, '+');
                        if (variant)
                                *variant++ = 0;
                        json_t *p =
                                json_pack("{s:s, s:s}", "architecture", part + 1, "os", "linux");
                        if (variant)
                                json_object_set_new(p, "variant", json_string(variant));
                        json_object_set_new(j, "platform", p);
                } else if (*part == '@') {
                        json_object_set_new(j, "platform",
                                            json_pack("{s:s, s:s}", "architecture", "unknown", "os",
                                                      "unknown"));
                        json_object_set_new(j, "annotations",
                                            json_pack("{s:s, s:s}", "vnd.docker.reference.type",
                                                      "attestation-manifest",
                                                      "vnd.docker.reference.digest", subject));
                }
                json_array_append_new(list, j);
        }
        json_t *index = json_pack("{s:i, s:o}", "schemaVersion", 2, "manifests", list);
        char *out = json_dumps(index, JSON_COMPACT);
        json_decref(index);
        return out;
}

static void rows(void **state) {
        (void)state;
        static const struct {
                const char *local, *remote, *want; /* want NULL: how is MERGE_REMOTE or LOCAL */
                IndexMerge how;
        } t[] = {
                /* the registry's has all of ours */
                { "a/amd64", "a/amd64 b/arm64", NULL, MERGE_REMOTE },
                { "a/amd64 b/arm64", "b/arm64 a/amd64", NULL, MERGE_REMOTE },
                { "", "b/arm64", NULL, MERGE_REMOTE },
                /* a platform in both: ours */
                { "a/amd64", "b/amd64", NULL, MERGE_LOCAL },
                { "a/amd64 c/arm64", "b/amd64 c/arm64", NULL, MERGE_LOCAL },
                { "a/amd64", "", NULL, MERGE_LOCAL },
                /* platforms that only the registry's has: behind ours, in its order */
                { "a/amd64", "b/amd64 d/riscv64 c/arm64", "a/amd64 d/riscv64 c/arm64", MERGE_NEW },
                /* variants are platforms of their own */
                { "a/arm+v7", "b/arm+v6", "a/arm+v7 b/arm+v6", MERGE_NEW },
                { "a/arm+v7", "b/arm", "a/arm+v7 b/arm", MERGE_NEW },
                { "a/arm+v7", "b/arm+v7", NULL, MERGE_LOCAL },
                /* attestations of the registry's: with their subject, and last */
                { "a/amd64", "1@c c/arm64", "a/amd64 c/arm64 1@c", MERGE_NEW },
                { "a/amd64 2@a", "b/amd64 1@b c/arm64 3@c", "a/amd64 2@a c/arm64 3@c", MERGE_NEW },
                { "a/amd64", "b/amd64 1@b", NULL, MERGE_LOCAL },
                { "a/amd64", "b/amd64 1@a", "a/amd64 1@a", MERGE_NEW },
                /* ours whose subject is gone goes as well */
                { "a/amd64 2@f", "c/arm64", "a/amd64 c/arm64", MERGE_NEW },
                { "2@f a/amd64", "a/amd64 c/arm64", "a/amd64 c/arm64", MERGE_NEW },
                { "a/amd64 2@c", "c/arm64", "a/amd64 2@c c/arm64", MERGE_NEW },
                /* what has no platform replaces nothing, and is not replaced */
                { "a", "b c/arm64", "a b c/arm64", MERGE_NEW },
                /* the same object for two platforms */
                { "a/amd64 b/arm64", "b/riscv64", NULL, MERGE_LOCAL },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_manifest_ Manifest local = { 0 }, remote = { 0 };
                _cleanup_free_ char *l = make(t[i].local), *r = make(t[i].remote);
                _cleanup_json_ json_t *j = NULL;
                _cleanup_err_ Err e = ERR_INIT;
                assert_ok(manifest_parse(l, strlen(l), "local", &local, &e), &e);
                assert_ok(manifest_parse(r, strlen(r), "remote", &remote, &e), &e);
                IndexMerge how = index_merge(&local, &remote, &j);
                if (how != t[i].how)
                        fail_msg("row %zu: %d", i, how);
                if (how != MERGE_NEW) {
                        assert_null(j);
                        continue;
                }
                _cleanup_free_ char *got = json_dumps(j, JSON_COMPACT), *want = make(t[i].want);
                assert_string_equal(got, want);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(rows) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
