/* squashfs.h - a squashfs 4.0 image of a tree (formats.md 3.4; Linux fs/squashfs/squashfs_fs.h).
 *
 * Bytes depend on the tree, the options and the version of the compression library, never on
 * threads, on the cache or on how contents are referenced. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/extents.h"
#include "lib/base/log.h"
#include "lib/oci/cache.h"
#include "lib/rootfs/tree.h"

typedef struct SquashfsOptions {
        const char *compressor; /* "zstd" or "gzip"; NULL: zstd */
        int level;              /* 0: the compressor's default in mksquashfs (zstd 15, gzip 9) */
        uint32_t block_size;    /* a power of two, 4 KiB to 1 MiB; 0: 128 KiB */
        int64_t mtime;          /* of the image and of directories that the tree does not mention */
        bool no_xattrs;         /* leave extended attributes out */
        Progress *progress;     /* counts the bytes of contents that are done; may be NULL */
} SquashfsOptions;

/* Appends the image, a multiple of 4096 bytes, to out: one blob, which out owns.  With a cache the
 * finished image is kept there under what it was made of, and so are compressed pieces of contents:
 * the same tree again costs one reading, a changed one the compression of what changed. Without, or
 * when the cache is read-only or its disk full, an unnamed scratch file in TMPDIR holds it.  The
 * blob's id is a digest of the image's bytes in every case.
 *
 * Like mksquashfs: extended attributes outside of user., trusted. and security. are left out, which
 * the format cannot hold.  What else it cannot hold (times outside 1970..2106, more than 65535
 * owners) is an error before anything is written. */
int squashfs_image(const Tree *t, bool (*skip)(const char *name), const SquashfsOptions *o,
                   Cache *cache, Extents *out, Err *e);
