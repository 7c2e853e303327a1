/* ociruntime_test.c - which runtime is taken, and what its log says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "init/ociruntime.h"
#include "init/runtimelog.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

static char dir[64];

static int make_dir(void **state) {
        (void)state;
        strcpy(dir, "/tmp/ociruntime-test-XXXXXX");
        return mkdtemp(dir) ? 0 : -1;
}

static void put(const char *name, const char *text) {
        _cleanup_free_ char *path = path_join(dir, name);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
        assert_int_equal(chmod(path, 0755), 0);
}

static int remove_dir(void **state) {
        (void)state;
        static const char *const names[] = { "runc", "crun", "youki", "log" };
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                _cleanup_free_ char *path = path_join(dir, names[i]);
                unlink(path);
        }
        return rmdir(dir);
}

static void finds(const char *cmdline, const char *name) {
        _cleanup_free_ char *got = ociruntime_find(cmdline, dir);
        _cleanup_free_ char *want = *name ? path_join(dir, name) : xstrdup("");
        assert_string_equal(got, want);
}

static void what_is_there_and_what_is_wanted(void **state) {
        (void)state;
        finds("", "");
        put("crun", "");
        finds("", "crun");
        put("runc", "");
        put("youki", "");
        finds("", "runc");
        finds("quiet linuxkit.runtime=crun", "crun");
        finds("linuxkit.runtime=youki", "youki");
        finds("linuxkit.runtime=missing", "runc");
        finds("linuxkit.runtime=", "runc");
        _cleanup_free_ char *whole = xasprintf("linuxkit.runtime=%s/youki", dir);
        finds(whole, "youki");
}

static void the_last_error_of_a_log(void **state) {
        (void)state;
        _cleanup_free_ char *path = path_join(dir, "log");
        assert_null(runtimelog_error(path));
        static const struct {
                const char *text, *want;
        } t[] = {
                { "", NULL },
                { "no json\n{\"level\":\"warning\",\"msg\":\"x\"}\n", NULL },
                { "{\"level\":\"error\",\"msg\":\"first\"}\n{\"level\":\"error\",\"msg\":\"last\"}",
                  "last" },
                { "[1]\n{\"level\":\"error\",\"msg\":7}\n{\"level\":\"error\",\"msg\":\"a\"}\n{",
                  "a" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                put("log", t[i].text);
                _cleanup_free_ char *got = runtimelog_error(path);
                if (t[i].want)
                        assert_string_equal(got, t[i].want);
                else
                        assert_null(got);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_is_there_and_what_is_wanted, make_dir,
                                                remove_dir),
                cmocka_unit_test_setup_teardown(the_last_error_of_a_log, make_dir, remove_dir),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
