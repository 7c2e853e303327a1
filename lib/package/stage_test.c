/* stage_test.c - the tree of an image: replacement, parents, hard links. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/str.h"
#include "lib/package/stage.h"

static const Entry dir = { .type = ENTRY_DIR, .mode = 0700 };
static const Entry file = { .type = ENTRY_FILE, .mode = 0644 };

static void add(Stage *s, const char *name, const Entry *entry) {
        assert_int_equal(stage_add(s, name, entry, NULL), 0);
}

static void sorts_and_adds_parents(void **state) {
        static const char *const want[] = { "a", "a-b", "a/b", "a/b/c", "z" };
        _cleanup_stage_ Stage *s = stage_new();
        _cleanup_free_ Entry *entries = NULL;
        size_t n = 0;

        (void)state;
        add(s, "z", &file);
        add(s, "a/b/c", &file);
        add(s, "a-b", &file);
        add(s, "a", &dir);
        assert_int_equal(stage_finish(s, 5, true, &entries, &n, NULL), 0);
        assert_int_equal(n, ARRAY_LEN(want));
        for (size_t i = 0; i < n; i++)
                assert_string_equal(entries[i].name, want[i]);
        assert_int_equal(entries[0].mode, 0700);
        assert_int_equal(entries[2].mode, 0755);
        assert_int_equal(entries[2].mtime, 5);
}

static void the_latest_wins(void **state) {
        _cleanup_stage_ Stage *s = stage_new();
        Entry other = file;

        (void)state;
        other.mode = 0600;
        add(s, "x", &file);
        add(s, "x", &other);
        assert_int_equal(stage_find(s, "x")->mode, 0600);
        stage_remove(s, "x");
        assert_null(stage_find(s, "x"));
        add(s, "x", &dir);
        assert_int_equal(stage_find(s, "x")->type, ENTRY_DIR);
        assert_int_equal(stage_add(s, "x", &file, NULL), -1);
}

static void nothing_lies_below_a_symlink(void **state) {
        const Entry link = { .type = ENTRY_SYMLINK, .link = "usr/lib", .mode = 0777 };
        _cleanup_stage_ Stage *s = stage_new();
        _cleanup_err_ Err e = ERR_INIT;
        Entry *entries = NULL;
        size_t n;

        (void)state;
        add(s, "lib", &link);
        add(s, "lib/x", &file);
        assert_int_equal(stage_finish(s, 0, true, &entries, &n, &e), -1);
        assert_non_null(strstr(e.text, "\"lib/x\""));
}

static void equal_contents_become_links(void **state) {
        static const Blob blob = { .fd = -1, .size = 10 };
        Entry one = { .type = ENTRY_FILE, .mode = 0755, .content = { .blob = &blob, .size = 10 } };
        _cleanup_stage_ Stage *s = stage_new();
        _cleanup_free_ Entry *entries = NULL;
        size_t n = 0;

        (void)state;
        add(s, "b", &one);
        add(s, "a", &one);
        one.mode = 0644;
        add(s, "c", &one);
        assert_int_equal(stage_finish(s, 0, true, &entries, &n, NULL), 0);
        assert_int_equal(entries[0].type, ENTRY_FILE);
        assert_int_equal(entries[1].type, ENTRY_HARDLINK);
        assert_string_equal(entries[1].link, "a");
        assert_int_equal(entries[2].type, ENTRY_FILE);
}

static void many_names_are_found_again(void **state) {
        _cleanup_stage_ Stage *s = stage_new();
        char name[32];

        (void)state;
        for (int i = 0; i < 5000; i++) {
                snprintf(name, sizeof(name), "d/%d", i);
                add(s, name, &file);
        }
        for (int i = 0; i < 5000; i++) {
                snprintf(name, sizeof(name), "d/%d", i);
                assert_non_null(stage_find(s, name));
        }
        assert_null(stage_find(s, "d/5000"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sorts_and_adds_parents),
                cmocka_unit_test(the_latest_wins),
                cmocka_unit_test(nothing_lies_below_a_symlink),
                cmocka_unit_test(equal_contents_become_links),
                cmocka_unit_test(many_names_are_found_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
