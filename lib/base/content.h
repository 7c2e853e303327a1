/* content.h - bytes by reference: a range of a file that was opened once, or a piece of memory.
 *
 * This is what lets a tree of gigabytes cost kilobytes: nothing is copied until a writer needs it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "lib/base/err.h"
#include "lib/base/hash.h"

/* An immutable open file whose bytes are known by digest (an uncompressed layer, say).
 * Whoever opened it owns it and must outlive all Contents that point to it. */
typedef struct Blob {
        Digest id; /* digest of the whole file's bytes: (id, offset, size) names a range for ever */
        int fd;
        uint64_t size;
        /* NULL for a file of the cache, which nobody changes.  Else the path of a file of the
         * user's; reading it fails when its inode was changed after `changed` (st_ctim). */
        const char *path;
        struct timespec changed;
        struct Sums *sums; /* NULL: what is read is not checked; see sums.h */
} Blob;

/* A value; copy it freely.  Exactly one of blob and bytes is set, or neither when size is 0. */
typedef struct Content {
        const Blob *blob;
        uint64_t offset;   /* in blob */
        const void *bytes; /* borrowed, usually from an arena */
        uint64_t size;
} Content;

static inline Content content_bytes(const void *p, uint64_t n) {
        return (Content){ .bytes = p, .size = n };
}

/* Reads exactly n bytes from position at of c; a short file is an error (somebody changed the
 * cache).  Of a blob with sums nothing is handed out that was not checked (ERR_DAMAGED). */
int content_read(const Content *c, uint64_t at, void *buf, size_t n, Err *e);

/* Checks the bytes of c as a read would (ERR_DAMAGED), for whoever uses the descriptor itself or
 * cannot take back what it has written. */
int content_check(const Content *c, Err *e);

/* The sub-range [at, at+n) of c; the caller has checked that it lies inside. */
Content content_slice(const Content *c, uint64_t at, uint64_t n);

/* Reads all of c (at most limit bytes, else ERR_VERIFY) into a malloc'ed, NUL-terminated buffer. */
int content_load(const Content *c, uint64_t limit, char **ret, Err *e);
