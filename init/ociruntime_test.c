/* ociruntime_test.c - which runtime is taken, what it gets to read, and what its log says. */
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
#include "init/sys.h"

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
        static const char *const names[] = { "runc", "crun", "youki", "log", "config.json", "out" };
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

static void what_a_container_asks_for(void **state) {
        (void)state;
        char *path = NULL;
        assert_int_equal(ociruntime_named("", &path, NULL), 0);
        assert_null(path);
        assert_int_equal(ociruntime_named("sh", &path, NULL), 0);
        assert_string_equal(path, "/usr/bin/sh");
        free(path);
        put("youki", "");
        _cleanup_free_ char *whole = path_join(dir, "youki");
        assert_int_equal(ociruntime_named(whole, &path, NULL), 0);
        assert_string_equal(path, whole);
        free(path);
        static const char *const bad[] = { "no-such-runtime", "/no/such/runtime", "bin/sh", "..",
                                           "/usr/bin" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                path = dir;
                assert_int_equal(ociruntime_named(bad[i], &path, &e), -1);
                assert_null(path);
                assert_non_null(strstr(e.text, bad[i]));
        }
}

/* Only crun gets another file, and only when the bundle's own would not do. */
static void what_a_program_reads(void **state) {
        (void)state;
        static const struct {
                const char *program, *config, *want; /* want NULL: the bundle's own */
        } t[] = {
                { "/usr/bin/runc", "{\"ociVersion\":\"1.2.1\"}", NULL },
                { "/usr/bin/crun", "{\"ociVersion\":\"1.2.1\"}", "{\"ociVersion\":\"1.0.2\"}" },
                { "/opt/crun-1.8", "{\"ociVersion\":\"1.1.0\"}", "{\"ociVersion\":\"1.0.2\"}" },
                { "/usr/bin/crun", "{\"ociVersion\":\"1.0.2\"}", NULL },
                { "/usr/bin/youki", "{\"ociVersion\":\"1.2.1\"}", NULL },
        };
        _cleanup_free_ char *out = path_join(dir, "out");
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                bool written = true;
                put("config.json", t[i].config);
                assert_int_equal(
                        ociruntime_write_spec(t[i].program, dir, NULL, 0, out, &written, NULL), 0);
                assert_int_equal(written, t[i].want != NULL);
                if (!t[i].want)
                        continue;
                _cleanup_free_ char *text = NULL;
                assert_int_equal(sys_read_file(out, 4096, &text, NULL), 0);
                assert_string_equal(text, t[i].want);
        }
        bool written;
        _cleanup_free_ char *nowhere = path_join(dir, "missing/out");
        put("config.json", "{\"ociVersion\":\"1.2.1\"}");
        assert_int_equal(ociruntime_write_spec("crun", dir, NULL, 0, nowhere, &written, NULL), -1);
        put("config.json", "nonsense");
        assert_int_equal(ociruntime_write_spec("crun", dir, NULL, 0, out, &written, NULL), -1);
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
                cmocka_unit_test_setup_teardown(what_a_container_asks_for, make_dir, remove_dir),
                cmocka_unit_test_setup_teardown(what_a_program_reads, make_dir, remove_dir),
                cmocka_unit_test_setup_teardown(the_last_error_of_a_log, make_dir, remove_dir),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
