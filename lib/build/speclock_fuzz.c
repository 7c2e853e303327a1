/* speclock_fuzz.c - any bytes as a linuxkit.lock; what was read and printed must read the same
 * again. */
#include <stdint.h>

#include "lib/base/str.h"
#include "lib/build/speclock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_buf_ Buf first = { 0 }, second = { 0 };
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_speclock_ SpecLock a = { 0 }, b = { 0 };
        if (speclock_parse((const char *)data, size, "x", &a, &e) < 0)
                return 0;
        speclock_print(&a, &first);
        if (speclock_parse(first.data, first.len, "x", &b, &e) < 0)
                abort();
        speclock_print(&b, &second);
        if (!str_eq(first.data, second.data))
                abort();
        return 0;
}
