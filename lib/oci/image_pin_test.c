/* image_pin_test.c - pinned references: what is found, under which name, and what is refused. */
#include "lib/oci/oci_test.h"
#include "lib/oci/image.h"

#define REF   "127.0.0.1:1/x/y:1" /* nobody listens there */
#define OTHER "127.0.0.1:1/x/other:1"

typedef struct Pin {
        ImagePin pin;
        bool set;
} Pin;

static bool find_pin(const void *ctx, const char *ref, const char *arch, ImagePin *ret) {
        const Pin *p = ctx;
        assert_string_equal(ref, REF);
        assert_string_equal(arch, "amd64");
        *ret = p->pin;
        return p->set;
}

/* An image whose config holds text; *ret_root is its index. */
static void store(Cache *c, const char *ref, const char *text, Descriptor *ret_root) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *config =
                xasprintf("{\"architecture\":\"amd64\",\"os\":\"linux\",\"author\":\"%s\"}", text);
        assert_ok(image_store(c, ref, "amd64", config, NULL, 0, NULL, &e), &e);
        assert_ok(cache_lookup(c, ref, ret_root, &e), &e);
}

static int get(Cache *c, const Pin *pin, Descriptor *ret_root, Digest *ret_manifest, Err *e) {
        const ImageSource source = {
                .cache = c, .arch = "amd64", .offline = true, .pin = find_pin, .pin_ctx = pin
        };
        Image *i = NULL;
        if (image_get(&source, REF, &i, e) < 0)
                return -1;
        assert_string_equal(i->ref, REF);
        *ret_root = i->root;
        *ret_manifest = i->manifest.digest;
        image_free(i);
        return 0;
}

static void not_pinned(void **state) {
        _cleanup_err_ Err e = ERR_INIT;
        Descriptor old, root;
        Digest manifest;
        Pin pin = { 0 };
        assert_int_equal(get(*state, &pin, &root, &manifest, &e), -1);
        assert_int_equal(e.kind, ERR_NOT_FOUND);
        assert_non_null(strstr(e.text, "no registry is asked"));
        store(*state, REF, "old", &old);
        assert_ok(get(*state, &pin, &root, &manifest, &e), &e);
        assert_true(digest_eq(&root.digest, &old.digest));
        /* a pin that says nothing pins nothing */
        pin.set = true;
        assert_ok(get(*state, &pin, &root, &manifest, &e), &e);
}

static void name_that_moved(void **state) {
        _cleanup_err_ Err e = ERR_INIT;
        Descriptor old, new, root;
        Digest manifest;
        Pin pin = { .set = true };
        store(*state, REF, "old", &old);
        pin.pin.root = old.digest;
        assert_ok(get(*state, &pin, &root, &manifest, &e), &e);
        store(*state, OTHER, "new", &new);
        assert_ok(cache_set_name(*state, REF, &new, &e), &e);
        assert_int_equal(get(*state, &pin, &root, &manifest, &e), -1);
        assert_int_equal(e.kind, ERR_NOT_FOUND);
        /* under its exact name it is found, and the other name stays what it is */
        _cleanup_free_ char *exact = xasprintf("%s@%s", REF, old.digest.text);
        assert_ok(cache_set_name(*state, exact, &old, &e), &e);
        assert_ok(get(*state, &pin, &root, &manifest, &e), &e);
        assert_true(digest_eq(&root.digest, &old.digest));
        assert_ok(cache_lookup(*state, REF, &root, &e), &e);
        assert_true(digest_eq(&root.digest, &new.digest));
}

/* Another architecture changes the index, but not the image. */
static void index_that_grew(void **state) {
        _cleanup_err_ Err e = ERR_INIT;
        Descriptor old, new, root;
        Digest manifest, same;
        Pin pin = { 0 };
        store(*state, REF, "x", &old);
        assert_ok(get(*state, &pin, &root, &manifest, &e), &e);
        assert_ok(image_store(*state, REF, "arm64", "{\"architecture\":\"arm64\"}", NULL, 0, NULL,
                              &e),
                  &e);
        assert_ok(cache_lookup(*state, REF, &new, &e), &e);
        assert_false(digest_eq(&old.digest, &new.digest));
        pin = (Pin){ .pin = { .root = old.digest, .manifest = manifest }, .set = true };
        assert_ok(get(*state, &pin, &root, &same, &e), &e);
        assert_true(digest_eq(&manifest, &same));
        /* without a root there is nothing to fetch: another image is an error that names both */
        pin.pin = (ImagePin){ .manifest = old.digest };
        assert_int_equal(get(*state, &pin, &root, &same, &e), -1);
        assert_int_equal(e.kind, ERR_VERIFY);
        assert_non_null(strstr(e.text, old.digest.text));
        assert_non_null(strstr(e.text, manifest.text));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(not_pinned, oci_test_setup, oci_test_teardown),
                cmocka_unit_test_setup_teardown(name_that_moved, oci_test_setup, oci_test_teardown),
                cmocka_unit_test_setup_teardown(index_that_grew, oci_test_setup, oci_test_teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
