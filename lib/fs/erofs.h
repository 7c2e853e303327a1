/* erofs.h - an EROFS image of a tree, not compressed (formats.md 3.4; Linux fs/erofs/erofs_fs.h).
 *
 * The image is planned, not written: everything but a few tables is a reference into the layers. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/extents.h"
#include "lib/rootfs/tree.h"

typedef struct ErofsOptions {
        int64_t mtime; /* of the image and of directories that the tree does not mention */
} ErofsOptions;

/* Appends the image, blocks of 4096 bytes, to out, which must stand at a multiple of that and must
 * not outlive t.  Files with equal bytes are stored once; the identifier follows from the content,
 * which is read once for it.  Like mkfs.erofs: ends of files stand behind their inodes where they
 * fit, and inodes are extended (64 bytes instead of 32) where owner, time or size need it.
 *
 * Extended attributes outside of user., trusted., security. and POSIX ACLs, which the format cannot
 * hold, are left out. What else it cannot hold is an error. */
int erofs_image(const Tree *t, bool (*skip)(const char *name), const ErofsOptions *o, Extents *out,
                Err *e);
