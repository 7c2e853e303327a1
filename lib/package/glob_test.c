/* glob_test.c - patterns of recipes: what stays inside an element and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/mem.h"
#include "lib/package/glob.h"

static void matches(void **state) {
        static const struct {
                const char *pattern, *path;
                bool want;
        } t[] = {
                { "usr/bin/runc", "usr/bin/runc", true },
                { "usr/bin/runc", "usr/bin/runc2", false },
                { "usr/bin/*", "usr/bin/runc", true },
                { "usr/bin/*", "usr/bin/", true },
                { "usr/*", "usr/bin/runc", false },
                { "usr/**", "usr/bin/runc", true },
                { "usr/**", "usr", false },
                { "**", "any/thing", true },
                { "lib/**/x.ko", "lib/modules/6.1/kernel/x.ko", true },
                { "lib/**/x.ko", "lib/modules/6.1/kernel/y.ko", false },
                { "lib/*/kernel/**.ko", "lib/6.1/kernel/a/b.ko", true },
                { "lib/*/kernel/**.ko", "lib/6.1/x/kernel/b.ko", false },
                { "a?c", "abc", true },
                { "a?c", "a/c", false },
                { "a[bx]c", "axc", true },
                { "a[!bx]c", "axc", false },
                { "a[!bx]c", "a/c", false },
                { "a[0-9]", "a5", true },
                { "a[0-9]", "ax", false },
                { "a[", "a[", true },
                { "a[]]", "a]", true },
                { "*.crt", "x.crt.crt", true },
                { "**a*b", "x/a/ab", true },
                { "", "", true },
                { "", "a", false },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(t); i++)
                if (glob_match(t[i].pattern, t[i].path) != t[i].want)
                        fail_msg("\"%s\" against \"%s\"", t[i].pattern, t[i].path);
}

static void hostile_patterns_end(void **state) {
        char path[2001];

        (void)state;
        memset(path, 'a', 2000);
        path[2000] = '\0';
        assert_false(glob_match("*a*a*a*a*a*a*a*a*a*a*a*b", path));
        assert_false(glob_match("**a*a**a*a**a*a**b", path));
}

static void patterns_are_told_from_paths(void **state) {
        (void)state;
        assert_true(glob_is_pattern("a*"));
        assert_true(glob_is_pattern("a[b]"));
        assert_false(glob_is_pattern("usr/bin/runc"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(matches),
                cmocka_unit_test(hostile_patterns_end),
                cmocka_unit_test(patterns_are_told_from_paths),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
