/* scratch.h - a folder for the time of a unit test, files in it, and the tools that judge them.
 *
 * For tests of image writers: what is written is handed to a program of somebody else. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/extents.h"
#include "lib/base/str.h"

static char scratch[] = "/tmp/linuxkit-test-XXXXXX";

/* For cmocka_run_group_tests(). */
static inline int scratch_set_up(void **state) {
        (void)state;
        return mkdtemp(scratch) ? 0 : -1;
}

static inline int scratch_tear_down(void **state) {
        (void)state;
        _cleanup_free_ char *command = xasprintf("rm -rf %s", scratch);
        return system(command);
}

/* Runs a shell command in the folder; a failure is the test's, with what the command said. */
__attribute__((format(printf, 1, 2))) static inline void scratch_run(const char *fmt, ...) {
        va_list ap;
        char inner[2048];
        va_start(ap, fmt);
        int n = vsnprintf(inner, sizeof inner, fmt, ap);
        va_end(ap);
        assert_in_range(n, 0, sizeof inner - 1);
        _cleanup_free_ char *command = xasprintf(
                "cd %s && export MTOOLSRC=/dev/null TZ=UTC LC_ALL=C.UTF-8 && (%s) >log 2>&1 || "
                "{ cat log; exit 1; }",
                scratch, inner);
        if (system(command) != 0)
                fail_msg("%s", inner);
}

static inline void scratch_save(const char *name, const Extents *x) {
        _cleanup_free_ char *path = path_join(scratch, name);
        _cleanup_sink_ Sink *s = NULL;
        assert_int_equal(sink_file(path, 0644, &s, NULL), 0);
        assert_int_equal(extents_write(x, s, NULL, NULL), 0);
        assert_int_equal(sink_finish(s, NULL), 0);
}
