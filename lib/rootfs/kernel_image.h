/* kernel_image.h - takes the compressed kernel out of a gzip file or a bzImage (yaml.md 13). */
#pragma once

#include "lib/base/content.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

/* Finds the gzip stream inside a kernel image. ERR_VERIFY for anything that is neither gzip nor a
 * bzImage with a gzip payload. */
int kernel_image_payload(const Content *image, Content *ret, Err *e);
/* Streams the decompressed payload, at most limit bytes, into out, which is not finished. */
int kernel_image_inflate(const Content *payload, uint64_t limit, Sink *out, Err *e);
