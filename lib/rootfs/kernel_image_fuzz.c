/* kernel_image_fuzz.c - any bytes as a kernel image: refused, or no more comes out than allowed. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/base/str.h"
#include "lib/rootfs/kernel_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const Content image = content_bytes(data, size);
        Content payload;
        if (kernel_image_payload(&image, &payload, NULL) < 0)
                return 0;
        _cleanup_buf_ Buf out = { 0 };
        _cleanup_sink_ Sink *sink = sink_buf(&out);
        (void)kernel_image_inflate(&payload, LIMIT, sink, NULL);
        if (out.len > LIMIT)
                abort();
        return 0;
}
