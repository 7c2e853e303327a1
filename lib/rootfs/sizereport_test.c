/* sizereport_test.c - grouping, order, ties and hostile names of the size report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/rootfs/sizereport.h"

static void add(Tree *t, const char *name, EntryType type, uint64_t size, const char *location,
                const char *source) {
        Entry entry = { .name = name,
                        .type = type,
                        .location = location,
                        .source = source,
                        .content = { .size = size } };
        tree_add_borrowed(t, &entry);
}

static Tree *sample(void) {
        Tree *t = tree_new();
        add(t, "boot/kernel", ENTRY_FILE, 50, "kernel", "k:1");
        add(t, "dir", ENTRY_DIR, 0, "init[0]", "i:1");
        add(t, "a", ENTRY_FILE, 70, "init[0]", "i:1");
        add(t, "v/tmp", ENTRY_DIR, 0, "volume[0]", "linuxkit.volumes");
        add(t, "b", ENTRY_FILE, 50, "init[0]", "i:1");
        add(t, "evil\n\x1b[2J", ENTRY_FILE, 50, "services[0]", "s:1");
        add(t, "Dockerfile", ENTRY_FILE, 0, NULL, NULL);
        return t;
}

static void test_json(void **state) {
        (void)state;
        Tree *t = sample();
        _cleanup_buf_ Buf out = { 0 };
        sizereport_json(t, &out);
        assert_non_null(strstr(out.data, "{\n    \"bytes\": 220,\n    \"files\": 5,\n"));
        /* by size, equal ones in tree order */
        const char *order[] = { "\"i:1\"", "\"k:1\"", "\"s:1\"", "\"linuxkit.volumes\"", "\"\"" };
        const char *at = out.data;
        for (size_t i = 0; i < ARRAY_LEN(order); i++) {
                at = strstr(at, order[i]);
                assert_non_null(at);
        }
        assert_non_null(strstr(out.data, "\"bytes\": 120,\n            \"files\": 2\n"));
        assert_non_null(strstr(out.data, "\"evil\\n\\u001b[2J\""));
        const char *largest[] = { "\"a\"", "\"boot/kernel\"", "\"b\"", "\"evil", "\"Dockerfile\"" };
        at = strstr(out.data, "\"largest\"");
        for (size_t i = 0; i < ARRAY_LEN(largest); i++) {
                at = strstr(at, largest[i]);
                assert_non_null(at);
        }
        tree_free(t);
}

static void test_text(void **state) {
        (void)state;
        Tree *t = sample();
        _cleanup_buf_ Buf out = { 0 };
        sizereport_text(t, &out);
        assert_string_equal(out.data, "          bytes     files  component\n"
                                      "            120         2  init[0]        i:1\n"
                                      "             50         1  kernel         k:1\n"
                                      "             50         1  services[0]    s:1\n"
                                      "              0         0  volume[0]      linuxkit.volumes\n"
                                      "              0         1  -              -\n"
                                      "            220         5  all\n\n"
                                      "          bytes  largest files\n"
                                      "             70  a\n"
                                      "             50  boot/kernel\n"
                                      "             50  b\n"
                                      "             50  evil??[2J\n"
                                      "              0  Dockerfile\n");
        tree_free(t);
}

/* Only the largest twenty, the first of equals. */
static void test_many(void **state) {
        (void)state;
        Tree *t = tree_new();
        _cleanup_arena_ Arena *names = arena_new();
        for (unsigned i = 0; i < 1000; i++)
                add(t, arena_printf(names, "f%u", i), ENTRY_FILE, i % 40, "init[0]", "i");
        _cleanup_buf_ Buf out = { 0 };
        sizereport_text(t, &out);
        const char *list = strstr(out.data, "largest files\n");
        assert_non_null(list);
        assert_non_null(strstr(list, " 39  f39\n             39  f79\n"));
        assert_non_null(strstr(list, " 39  f799\n"));
        assert_null(strstr(list, "f839\n"));
        tree_free(t);
}

static void test_empty(void **state) {
        (void)state;
        Tree *t = tree_new();
        _cleanup_buf_ Buf out = { 0 };
        sizereport_json(t, &out);
        assert_string_equal(out.data, "{\n    \"bytes\": 0,\n    \"files\": 0,\n"
                                      "    \"components\": [],\n    \"largest\": []\n}\n");
        tree_free(t);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_json),
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_many),
                cmocka_unit_test(test_empty),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
