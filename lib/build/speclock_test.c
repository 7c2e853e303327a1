/* speclock_test.c - linuxkit.lock: what is written is read again, sorted; damage has a place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/str.h"
#include "lib/build/speclock.h"

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static Digest digest(const char *text) {
        Digest d = { 0 };
        assert_true(digest_parse(text, &d));
        return d;
}

static void parse(const char *text, SpecLock *ret) {
        _cleanup_err_ Err e = ERR_INIT;
        if (speclock_parse(text, strlen(text), "f", ret, &e) < 0)
                fail_msg("%s", e.text);
}

static void round_trip_sorts(void **state) {
        static const char *const refs[] = { "docker.io/library/redis:7", "[::1]:5000/x:1",
                                            ("docker.io/library/alpine@" A), "h.x/y" };
        _cleanup_speclock_ SpecLock l, again = { 0 };
        _cleanup_buf_ Buf first = { 0 }, second = { 0 };
        const Digest a = digest(A), b = digest(B);
        (void)state;
        speclock_init(&l);
        for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
                LockedImage *image = speclock_add(&l, refs[i]);
                image->root = a;
                speclock_set_platform(&l, image, "linux/arm/v7", &b);
                speclock_set_platform(&l, image, "linux/amd64", &a);
                speclock_set_platform(&l, image, "linux/amd64", &b); /* the first one stays */
        }
        speclock_add(&l, "h.x/y")->package = "a \"b\"\\\n: #";
        assert_int_equal(l.n, ARRAY_LEN(refs));
        speclock_print(&l, &first);
        parse(first.data, &again);
        speclock_print(&again, &second);
        assert_string_equal(first.data, second.data);
        assert_int_equal(again.n, ARRAY_LEN(refs));
        for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
                const LockedImage *image = speclock_find(&again, refs[i]);
                assert_non_null(image);
                assert_string_equal(image->root.text, A);
                assert_int_equal(image->n, 2);
                assert_string_equal(speclock_manifest(image, "amd64")->text, A);
                assert_string_equal(speclock_manifest(image, "arm")->text, B);
                assert_null(speclock_manifest(image, "arm64"));
                assert_true(speclock_has(image, "arm"));
                assert_false(speclock_has(image, "arm64"));
                if (i > 0)
                        assert_true(strcmp(again.images[i - 1].ref, again.images[i].ref) < 0);
        }
        assert_string_equal(speclock_find(&again, "h.x/y")->package, "a \"b\"\\\n: #");
        assert_null(speclock_find(&again, "h.x/z"));
}

/* An index may have an architecture in several variants; only its order tells which one a build
 * takes. */
static void variants_are_ambiguous(void **state) {
        _cleanup_speclock_ SpecLock l = { 0 };
        (void)state;
        parse("version: 1\nimages:\n  a:\n    platforms:\n"
              "      linux/arm/v6: " A "\n      linux/arm/v7: " B "\n",
              &l);
        assert_true(speclock_has(&l.images[0], "arm"));
        assert_null(speclock_manifest(&l.images[0], "arm"));
}

/* Bytes that stand in checkouts: a change here makes everybody's lock file change. */
static void known_text(void **state) {
        static const char want[] =
                "# What the images of a build file stand for. Written by `linuxkit lock`; commit "
                "it.\nversion: 1\nimages:\n"
                "  docker.io/library/redis:7:\n    digest: " A "\n    platforms:\n"
                "      linux/amd64: " B "\n"
                "  docker.io/linuxkit/runc:1:\n    package: ../pkg/runc\n";
        _cleanup_speclock_ SpecLock l = { 0 };
        _cleanup_buf_ Buf out = { 0 };
        (void)state;
        parse(want, &l);
        speclock_print(&l, &out);
        assert_string_equal(out.data, want);
}

static void damage_has_a_place(void **state) {
        static const struct {
                const char *text, *want;
        } t[] = {
                { "", "f:1:1: " },
                { "- a\n", "f:1:1: expected a mapping, found a list" },
                { "images: {}\n", "f:1:1: not a lock file of version 1" },
                { "version: \"1\"\n", "f:1:1: not a lock file of version 1" },
                { "version: 1\nimages: []\n", "f:2:9: expected a mapping" },
                { "version: 1\nmore: 1\n", "f:2:1: unknown key \"more\"" },
                { "version: 1\nimages:\n  \"://\": {}\n", "f:3:3: invalid image reference" },
                { "version: 1\nimages:\n  a/b/../c: {}\n", "f:3:3: \"a/b/../c\" is not a full" },
                { "version: 1\nimages:\n  a: 1\n", "f:3:6: expected a mapping" },
                { "version: 1\nimages:\n  a:\n    digest: 7\n", "f:4:13: expected a digest" },
                { "version: 1\nimages:\n  a:\n    digest: sha512:00\n",
                  "f:4:13: \"sha512:00\" is not sha256: and 64 hex digits" },
                { "version: 1\nimages:\n  a:\n    platforms:\n      x/y: z\n", "f:5:12: \"z\"" },
                { "version: 1\nimages:\n  a:\n    package: []\n", "f:4:14: expected a path" },
                { "version: 1\nimages:\n  a: {}\n  a: {}\n", "f:4:3: " },
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                SpecLock l;
                assert_int_equal(speclock_parse(t[i].text, strlen(t[i].text), "f", &l, &e), -1);
                assert_int_equal(e.kind, ERR_SPEC);
                if (strncmp(e.text, t[i].want, strlen(t[i].want)) != 0)
                        fail_msg("%s: got %s", t[i].want, e.text);
        }
}

static void differences(void **state) {
        static const struct {
                const char *old, *now;
                bool platforms;
                const char *want;
        } t[] = {
                { "a: {digest: " A "}", "a: {digest: " A "}", false, "" },
                { "a: {digest: " A "}", "a: {digest: " B "}", false,
                  "docker.io/library/a: locked to " A ", is " B "\n" },
                { "a: {}", "b: {}", false,
                  "docker.io/library/b: not locked\ndocker.io/library/a: locked, but not used\n" },
                { "a: {digest: " A "}", "a: {digest: " A ", platforms: {linux/s390x: " B "}}",
                  false, "" },
                { "a: {digest: " A "}", "a: {digest: " A ", platforms: {linux/s390x: " B "}}", true,
                  "docker.io/library/a: linux/s390x is not locked\n" },
                { "a: {package: p, platforms: {linux/x: " A "}}", "a: {package: p}", true, "" },
                { "a: {package: p, platforms: {linux/x: " A "}}",
                  "a: {package: p, platforms: {linux/x: " B "}}", false,
                  "docker.io/library/a: linux/x is locked to " A ", is " B "\n" },
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_free_ char *old = xasprintf("version: 1\nimages:\n  %s\n", t[i].old);
                _cleanup_free_ char *now = xasprintf("version: 1\nimages:\n  %s\n", t[i].now);
                _cleanup_speclock_ SpecLock a = { 0 }, b = { 0 };
                _cleanup_buf_ Buf out = { 0 };
                parse(old, &a);
                parse(now, &b);
                speclock_diff(&a, &b, t[i].platforms, &out);
                assert_string_equal(out.data ? out.data : "", t[i].want);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(round_trip_sorts), cmocka_unit_test(variants_are_ambiguous),
                cmocka_unit_test(known_text),       cmocka_unit_test(damage_has_a_place),
                cmocka_unit_test(differences),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
