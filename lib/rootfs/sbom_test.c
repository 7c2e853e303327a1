/* sbom_test.c - which attestations reach the SBOM of an assembly, and where their files are said to
 * be. The images have no layers; kernel_add is covered by test/check/sbom.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>

#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/oci/manifest.h"
#include "lib/rootfs/assemble.h"
#include "lib/rootfs/testutil.h"

static char directory[] = "/tmp/sbom_test.XXXXXX";
static Cache *cache;

static void check_ok(int r, const Err *e) {
        if (r < 0)
                fail_msg("%s", e->text);
}

/* An image without layers whose attestation is this document; NULL: it has none. */
static void put_image(const char *ref, const char *spdx) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *config = xasprintf(
                "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{},\"x\":\"%s\"}", ref);
        check_ok(image_store_sbom(cache, ref, "amd64", config, NULL, 0, NULL, spdx, &e), &e);
}

/* A package called name with a file name. */
static void put_package(const char *ref, const char *id, const char *name) {
        _cleanup_free_ char *spdx =
                xasprintf("{\"spdxVersion\":\"SPDX-2.3\",\"packages\":[{\"SPDXID\":\"SPDXRef-%s\","
                          "\"name\":\"%s\"}],\"files\":[{\"SPDXID\":\"SPDXRef-f-%s\","
                          "\"fileName\":\"/bin/%s\"}]}",
                          id, name, id, name);
        put_image(ref, spdx);
}

/* The index of ref once more with its last entry, the attestation, changed by fn. */
static void change_index(const char *ref, void (*fn)(json_t *manifests)) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_json_ json_t *j = NULL;
        _cleanup_free_ char *text = NULL;
        Descriptor d;
        check_ok(cache_lookup(cache, ref, &d, &e), &e);
        check_ok(cache_load_blob(cache, &d, MANIFEST_LIMIT, &text, &e), &e);
        check_ok(json_parse(text, d.size, "index", &j, &e), &e);
        fn(json_object_get(j, "manifests"));
        _cleanup_free_ char *changed = json_dumps(j, JSON_COMPACT);
        check_ok(cache_put_bytes(cache, MEDIA_OCI_INDEX, changed, strlen(changed), &d, &e), &e);
        check_ok(cache_set_name(cache, ref, &d, &e), &e);
}

static void attest_twice(json_t *manifests) {
        json_array_append(manifests, json_array_get(manifests, json_array_size(manifests) - 1));
}

static void lose_attestation(json_t *manifests) {
        json_t *last = json_array_get(manifests, json_array_size(manifests) - 1);
        json_object_set_new(last, "digest",
                            json_string("sha256:0123456789abcdef0123456789abcdef"
                                        "0123456789abcdef0123456789abcdef"));
}

/* The SBOM of a build file; malloc'ed. */
static char *build(const char *yaml, AssembleOptions o) {
        _cleanup_err_ Err e = ERR_INIT;
        Spec *spec = NULL;
        Rootfs *rootfs = NULL;
        char *text = NULL;
        o.images = (ImageSource){ .cache = cache, .arch = "amd64" };
        o.mtime = ASSEMBLE_T0;
        o.sbom_output = o.sbom_output ? o.sbom_output : "dir/sbom.json";
        check_ok(spec_parse(yaml, strlen(yaml), "x.yml", &spec, &e), &e);
        check_ok(spec_resolve(spec, NULL, NULL, &e), &e);
        check_ok(assemble(spec, &o, &rootfs, &e), &e);
        const Tree *t = rootfs_tree(rootfs);
        const Entry *last = tree_entry(t, tree_count(t) - 1);
        assert_string_equal(last->name, o.sbom_output);
        assert_int_equal(last->mode, 0644);
        assert_int_equal(last->mtime, ASSEMBLE_T0);
        assert_string_equal(last->source, "linuxkit.sbom");
        check_ok(content_load(&last->content, 1 << 20, &text, &e), &e);
        rootfs_free(rootfs);
        spec_free(spec);
        return text;
}

/* One line per package: id, name, packageFileName; one per file: its name. */
static void check_sbom(const char *yaml, const char *want) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *text = build(yaml, (AssembleOptions){ 0 });
        _cleanup_json_ json_t *j = NULL;
        _cleanup_buf_ Buf got = { 0 };
        check_ok(json_parse(text, strlen(text), "sbom", &j, &e), &e);
        const json_t *packages = json_object_get(j, "packages"),
                     *files = json_object_get(j, "files");
        buf_adds(&got, "");
        for (size_t i = 0; i < json_array_size(packages); i++) {
                const json_t *p = json_array_get(packages, i);
                const char *name = json_str(p, "packageFileName");
                buf_addf(&got, "%s %s %s\n", json_str(p, "SPDXID"), json_str(p, "name"),
                         name ? name : "-");
        }
        for (size_t i = 0; i < json_array_size(files); i++)
                buf_addf(&got, "%s\n", json_str(json_array_get(files, i), "fileName"));
        assert_string_equal(got.data, want);
}

static const char everything[] = "services:\n"
                                 "  - {name: s, image: acme/app:1, readonly: true}\n"
                                 "  - {name: t, image: acme/other:1}\n"
                                 "onshutdown:\n"
                                 "  - {name: u, image: acme/none:1}\n"
                                 "onboot:\n"
                                 "  - {name: o, image: acme/app:1}\n"
                                 "  - {name: r, image: acme/other:1, readonly: true}\n"
                                 "volumes:\n"
                                 "  - {name: v, image: acme/app:1}\n"
                                 "  - {name: w, image: acme/app:1, format: oci}\n"
                                 "init:\n"
                                 "  - acme/init:1\n"
                                 "  - acme/app:1\n";

static void images_count_in_the_order_of_unpacking(void **state) {
        (void)state;
        check_sbom(everything, "SPDXRef-init init -\n"
                               "SPDXRef-app app -\n"
                               "SPDXRef-volume-0-app app containers/volumes/v/lower\n"
                               "SPDXRef-onboot-0-app app containers/onboot/000-o/lower\n"
                               "SPDXRef-other other containers/onboot/001-r/rootfs\n"
                               "/bin/init\n"
                               "/bin/app\n"
                               "containers/volumes/v/lower/bin/app\n"
                               "containers/onboot/000-o/lower/bin/app\n"
                               "containers/onboot/001-r/rootfs/bin/other\n");
}

static void the_same_build_gives_the_same_bytes(void **state) {
        (void)state;
        _cleanup_free_ char *one = build(everything, (AssembleOptions){ 0 }),
                            *two = build(everything, (AssembleOptions){ .sbom_output = "x" }),
                            *now = build(everything,
                                         (AssembleOptions){ .sbom_current_time = true });
        assert_string_equal(one, two);
        assert_string_not_equal(one, now);
        assert_non_null(strstr(one, "\"created\":\"2017-04-18T16:30:00Z\""));
        assert_null(strstr(now, "\"created\":\"2017-"));
}

/* The merged document is kept in the cache; a damaged one is made again. */
static void damaged_derived_data_is_noticed(void **state) {
        (void)state;
        _cleanup_free_ char *one = build(everything, (AssembleOptions){ 0 });
        _cleanup_free_ char *dir = xasprintf("%s/derived/sbom", directory);
        DIR *d = opendir(dir);
        assert_non_null(d);
        size_t n = 0;
        for (struct dirent *de; (de = readdir(d));) {
                _cleanup_free_ char *path = xasprintf("%s/%s", dir, de->d_name);
                if (de->d_name[0] != '.' && ++n)
                        assert_int_equal(truncate(path, 100), 0);
        }
        closedir(d);
        assert_int_equal(n, 1);
        _cleanup_free_ char *two = build(everything, (AssembleOptions){ 0 }),
                            *three = build(everything, (AssembleOptions){ 0 });
        assert_string_equal(one, two);
        assert_string_equal(one, three);
}

/* yaml.md 17 makes two attestations an error; the issue says that a broken attestation is a warning
 * and never a failed build, which wins. */
static void broken_attestations_do_not_stop_a_build(void **state) {
        (void)state;
        put_image("docker.io/acme/junk:1", "{\"spdxVersion\":\"SPDX-2.3\",\"packages\":[7]}");
        put_package("docker.io/acme/twice:1", "twice", "twice");
        change_index("docker.io/acme/twice:1", attest_twice);
        put_package("docker.io/acme/lost:1", "lost", "lost");
        change_index("docker.io/acme/lost:1", lose_attestation);
        check_sbom("init: [acme/junk:1, acme/twice:1, acme/init:1, acme/lost:1]\n",
                   "SPDXRef-init init -\n/bin/init\n");
}

/* The reference would fail; an attestation is left out of an OCI layout, too. */
static void lost_attestations_do_not_stop_an_oci_volume(void **state) {
        (void)state;
        put_package("docker.io/acme/lost:2", "lost", "lost");
        change_index("docker.io/acme/lost:2", lose_attestation);
        check_sbom("volumes: [{name: v, image: acme/lost:2, format: oci}]\n", "");
}

/* --- fixture -------------------------------------------------------------------------------- */

static int set_up(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        log_setup(LOG_QUIET, false);
        if (!mkdtemp(directory))
                return -1;
        check_ok(cache_open(directory, &cache, &e), &e);
        put_package("docker.io/acme/init:1", "init", "init");
        put_package("docker.io/acme/app:1", "app", "app");
        put_package("docker.io/acme/other:1", "other", "other");
        put_image("docker.io/acme/none:1", NULL);
        return 0;
}

static int tear_down(void **state) {
        (void)state;
        cache_free(cache);
        return remove_tree(directory);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(images_count_in_the_order_of_unpacking),
                cmocka_unit_test(the_same_build_gives_the_same_bytes),
                cmocka_unit_test(damaged_derived_data_is_noticed),
                cmocka_unit_test(broken_attestations_do_not_stop_a_build),
                cmocka_unit_test(lost_attestations_do_not_stop_an_oci_volume),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
