/* lock_fuzz.c - any bytes as a native.lock; what was read and printed must read the same again. */
#include <stdint.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/package/lock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = xstrndup((const char *)data, size);
        _cleanup_buf_ Buf first = { 0 }, second = { 0 };
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_lock_ Lock a = { 0 }, b = { 0 };
        if (lock_parse(text, "x", &a, &e) < 0)
                return 0;
        lock_print(&a, &first);
        if (lock_parse(first.data, "x", &b, &e) < 0)
                abort();
        lock_print(&b, &second);
        if (!str_eq(first.data, second.data))
                abort();
        for (size_t i = 0; i < a.n; i++)
                for (size_t k = 0; k < a.sections[i].n; k++) {
                        const LockEntry *entry = &a.sections[i].entries[k];
                        if (!lock_words_ok(entry->name, entry->version, entry->sha256))
                                abort();
                }
        return 0;
}
