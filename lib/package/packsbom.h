/* packsbom.h - what an image of a native recipe is made of, as an SPDX 2.3 document. */
#pragma once

#include "lib/base/str.h"
#include "lib/package/debs.h"
#include "lib/package/internal.h"

/* Appends the JSON text: the image itself, and the Debian packages that debs_note saw. No time, no
 * address and no order but that of the names gets into it: the same image, the same text. */
void packsbom_print(const Package *p, const Debs *d, const char *arch, Buf *out);
