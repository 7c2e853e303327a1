/* platform_test.c - platforms as users write them, against entries as indexes have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/str.h"
#include "lib/oci/platform.h"

static void parsing(void **state) {
        static const struct {
                const char *text, *os, *arch, *variant; /* os NULL: refused */
        } t[] = {
                { "linux/amd64", "linux", "amd64", NULL },
                { "linux/aarch64", "linux", "arm64", NULL },
                { "linux/arm/v7", "linux", "arm", "v7" },
                { "windows/amd64", "windows", "amd64", NULL },
                { "linux/mips64le", "linux", "mips64le", NULL },
                { "", NULL, NULL, NULL },
                { "linux", NULL, NULL, NULL },
                { "linux/", NULL, NULL, NULL },
                { "/amd64", NULL, NULL, NULL },
                { "linux/arm/", NULL, NULL, NULL },
                { "linux/arm/v7/x", NULL, NULL, NULL },
        };
        _cleanup_arena_ Arena *arena = arena_new();
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                Platform p;
                int r = platform_parse(arena, t[i].text, &p, &e);
                assert_int_equal(r, t[i].os ? 0 : -1);
                if (r < 0) {
                        assert_int_equal(e.kind, ERR_USAGE);
                        continue;
                }
                assert_string_equal(p.os, t[i].os);
                assert_string_equal(p.arch, t[i].arch);
                assert_true(str_eq(p.variant, t[i].variant));
        }
}

static void matching(void **state) {
        const Platform arm = { "linux", "arm", NULL }, v7 = { "linux", "arm", "v7" };
        (void)state;
        assert_true(platform_matches(&arm, "linux", "arm", NULL));
        assert_true(platform_matches(&arm, "linux", "arm", "v6"));
        assert_true(platform_matches(&v7, "linux", "arm", "v7"));
        assert_false(platform_matches(&v7, "linux", "arm", "v6"));
        assert_false(platform_matches(&v7, "linux", "arm", NULL));
        assert_false(platform_matches(&arm, "windows", "arm", NULL));
        assert_false(platform_matches(&arm, "linux", "arm64", NULL));
        assert_false(platform_matches(&arm, NULL, NULL, NULL));
}

static void entries(void **state) {
        static const char text[] =
                "{\"manifests\":["
                "{\"digest\":\"sha256:"
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                "\",\"size\":1,\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\","
                "\"variant\":\"v8\"}},"
                "{\"digest\":\"sha256:"
                "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
                "\",\"size\":1}]}";
        _cleanup_manifest_ Manifest m = { 0 };
        Platform items[] = { { "linux", "amd64", NULL }, { "linux", "arm64", NULL } };
        const Platforms two = { .items = items, .n = 2 }, none = { 0 }, all = { .all = true };
        (void)state;
        assert_int_equal(manifest_parse(text, strlen(text), "index", &m, NULL), 0);
        assert_string_equal(platform_variant(&m.entries[0]), "v8");
        assert_null(platform_variant(&m.entries[1]));
        assert_true(platforms_match(&two, &m.entries[0]));
        assert_false(platforms_match(&two, &m.entries[1]));
        assert_false(platforms_match(&none, &m.entries[0]));
        assert_true(platforms_match(&all, &m.entries[1]));
        _cleanup_free_ char *words = platforms_text(&two);
        assert_string_equal(words, "linux/amd64, linux/arm64");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parsing),
                cmocka_unit_test(matching),
                cmocka_unit_test(entries),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
