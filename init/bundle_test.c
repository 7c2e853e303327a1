/* bundle_test.c - opening bundle directories; the actions themselves need a machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "init/bundle.h"
#include "lib/base/mem.h"

static char dir[64];

static int make_dir(void **state) {
        (void)state;
        strcpy(dir, "/tmp/bundle-test-XXXXXX");
        return mkdtemp(dir) ? 0 : -1;
}

static void put(const char *text) {
        char path[128];
        snprintf(path, sizeof(path), "%s/runtime.json", dir);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
}

static int remove_dir(void **state) {
        (void)state;
        char path[128];
        snprintf(path, sizeof(path), "%s/runtime.json", dir);
        unlink(path);
        snprintf(path, sizeof(path), "%s/rootfs/made", dir);
        rmdir(path);
        snprintf(path, sizeof(path), "%s/rootfs", dir);
        rmdir(path);
        return rmdir(dir);
}

static void absent_file_is_an_empty_one(void **state) {
        (void)state;
        _cleanup_bundle_ Bundle *b = NULL;
        assert_int_equal(bundle_open(dir, &b, NULL), 0);
        assert_string_equal(bundle_path(b), dir);
        assert_string_equal(bundle_name(b), dir + strlen("/tmp/"));
        assert_string_equal(bundle_namespace(b), "");
        assert_int_equal(bundle_restart(b), RESTART_UNSET);
        assert_false(bundle_needs_attach(b));
        assert_int_equal(bundle_prepare(b, NULL), 0);
        bundle_cleanup(b);
}

static void a_bad_file_is_named(void **state) {
        (void)state;
        _cleanup_bundle_ Bundle *b = NULL;
        _cleanup_err_ Err e = ERR_INIT;
        put("{");
        assert_int_equal(bundle_open(dir, &b, &e), -1);
        assert_null(b);
        assert_int_equal(e.kind, ERR_SPEC);
        assert_non_null(strstr(e.text, "/runtime.json: "));
}

static void a_huge_file_is_refused(void **state) {
        (void)state;
        _cleanup_bundle_ Bundle *b = NULL;
        _cleanup_err_ Err e = ERR_INIT;
        put("{");
        char path[128];
        snprintf(path, sizeof(path), "%s/runtime.json", dir);
        assert_int_equal(truncate(path, 2 << 20), 0);
        assert_int_equal(bundle_open(dir, &b, &e), -1);
        assert_int_equal(e.kind, ERR_IO);
}

static void attaching_is_needed_for_interfaces_and_namespaces(void **state) {
        (void)state;
        static const struct {
                const char *text;
                int want;
        } t[] = {
                { "{\"bindNS\": {\"net\": \"\"}, \"interfaces\": []}", 0 },
                { "{\"bindNS\": {\"uts\": \"/run/u\"}}", 1 },
                { "{\"interfaces\": [{\"name\": \"eth1\"}]}", 1 },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_bundle_ Bundle *b = NULL;
                put(t[i].text);
                assert_int_equal(bundle_open(dir, &b, NULL), 0);
                assert_int_equal(bundle_needs_attach(b), t[i].want);
        }
}

static void relative_directories_are_below_rootfs(void **state) {
        (void)state;
        _cleanup_bundle_ Bundle *b = NULL;
        char path[128];
        struct stat st;
        put("{\"mkdir\": [\"made\"]}");
        assert_int_equal(bundle_open(dir, &b, NULL), 0);
        assert_int_equal(bundle_prepare(b, NULL), 0);
        snprintf(path, sizeof(path), "%s/rootfs/made", dir);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(bundle_prepare(b, NULL), 0); /* again, as after a restart */
}

static void an_empty_directory_name_is_an_error(void **state) {
        (void)state;
        _cleanup_bundle_ Bundle *b = NULL;
        _cleanup_err_ Err e = ERR_INIT;
        put("{\"mounts\": [{\"destination\": \"made\", \"type\": \"overlay\", \"options\": "
            "[\"upperdir=\"]}]}");
        assert_int_equal(bundle_open(dir, &b, NULL), 0);
        assert_int_equal(bundle_prepare(b, &e), -1);
        assert_non_null(strstr(e.text, "without a name"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(absent_file_is_an_empty_one, make_dir, remove_dir),
                cmocka_unit_test_setup_teardown(a_bad_file_is_named, make_dir, remove_dir),
                cmocka_unit_test_setup_teardown(a_huge_file_is_refused, make_dir, remove_dir),
                cmocka_unit_test_setup_teardown(attaching_is_needed_for_interfaces_and_namespaces,
                                                make_dir, remove_dir),
                cmocka_unit_test_setup_teardown(relative_directories_are_below_rootfs, make_dir,
                                                remove_dir),
                cmocka_unit_test_setup_teardown(an_empty_directory_name_is_an_error, make_dir,
                                                remove_dir),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
