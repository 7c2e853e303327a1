/* spdx_fuzz.c - any bytes as an attestation, twice: the second time every identifier collides. What
 * comes out must be JSON, and a refused statement must not have changed it. */
#include <stdint.h>

#include "lib/base/json.h"
#include "lib/base/mem.h"
#include "lib/rootfs/spdx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const Spdx *s, const Buf *before) {
        _cleanup_buf_ Buf after = { 0 };
        _cleanup_json_ json_t *j = NULL;
        spdx_print(s, 0, &after);
        if (json_parse(after.data, after.len, "sbom", &j, NULL) < 0)
                abort();
        if (before && !str_eq(before->data, after.data))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Spdx *s = spdx_new();
        for (unsigned i = 0; i < 2; i++) {
                _cleanup_buf_ Buf before = { 0 };
                spdx_print(s, 0, &before);
                int r = spdx_merge(s, (const char *)data, size, i ? "containers/services/x/" : "",
                                   "services-0", NULL);
                check(s, r < 0 ? &before : NULL);
        }
        spdx_free(s);
        return 0;
}
