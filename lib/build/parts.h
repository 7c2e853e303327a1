/* parts.h - the pieces that the formats of one build share: what the kernel section left in the
 * tree, and what is made from the rest of it.  Each is made when a format asks for it first, once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/content.h"
#include "lib/base/err.h"
#include "lib/base/extents.h"
#include "lib/build/job.h"

/* The last file of that name in the tree is what a machine boots (formats.md 1.2): "boot/kernel",
 * "boot/cmdline", "boot/ucode.cpio".  Empty when there is none. */
Content boot_part(const Tree *t, const char *name);

/* Writes the tree without boot/... as gzip'ed cpio; out is not finished. */
int initrd_write(const FormatJob *job, Sink *out, Err *e);
