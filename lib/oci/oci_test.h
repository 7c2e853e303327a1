/* oci_test.h - shared by the unit tests of this folder: a cache that vanishes, archives by
 * libarchive. */
#pragma once

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/oci/cache.h"

/* Fails the test with the error's text. */
#define assert_ok(call, e)                                                              \
        do {                                                                            \
                if ((call) < 0)                                                         \
                        fail_msg("%s: %s", #call, (e)->text ? (e)->text : "(no text)"); \
        } while (0)

static inline int oci_test_remove(const char *path, const struct stat *st, int type,
                                  struct FTW *ftw) {
        (void)st, (void)type, (void)ftw;
        return remove(path);
}

static inline int oci_test_setup(void **state) {
        char dir[] = "/tmp/oci_test.XXXXXX";
        Cache *c = NULL;
        if (!mkdtemp(dir) || cache_open(dir, &c, NULL) < 0)
                return -1;
        *state = c;
        return 0;
}

static inline int oci_test_teardown(void **state) {
        Cache *c = *state;
        nftw(cache_dir(c), oci_test_remove, 16, FTW_DEPTH | FTW_PHYS);
        cache_free(c);
        return 0;
}
