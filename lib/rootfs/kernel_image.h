/* kernel_image.h - takes the compressed kernel out of a gzip file or a bzImage (yaml.md 13). */
#pragma once

#include "lib/base/content.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

/* Finds the compressed kernel inside a kernel image: all of a gzip file, or the payload of a
 * bzImage in any format its build offers but LZO. ERR_VERIFY for anything else. */
int kernel_image_payload(const Content *image, Content *ret, Err *e);
/* Streams the decompressed payload, at most limit bytes, into out, which is not finished. */
int kernel_image_inflate(const Content *payload, uint64_t limit, Sink *out, Err *e);
