/* tarball.h - a tar file whose members are looked up by name: what `cache import` reads.
 *
 * Nothing is unpacked.  A plain tar is read where it stands; one that is compressed or comes from a
 * pipe is first written to a nameless file inside the cache. */
#pragma once

#include "lib/base/content.h"
#include "lib/base/err.h"
#include "lib/oci/cache.h"

typedef struct Tarball Tarball;

/* path "-": standard input.  gzip and zstd are told by content.  Errors: ERR_IO, ERR_NOT_FOUND (no
 * such file), ERR_VERIFY (not a tar, or one that is larger than it has any right to be). */
int tarball_open(Cache *c, const char *path, Tarball **ret, Err *e);
void tarball_free(Tarball *t); /* t may be NULL; contents of its members die with it */

/* The regular file of that name ("blobs/sha256/..", without "./"), through hard and symbolic links;
 * the last one when there are several.  False: none. */
bool tarball_find(const Tarball *t, const char *name, Content *ret);

static inline void cleanup_tarball_fn(Tarball **t) {
        tarball_free(*t);
}
#define _cleanup_tarball_ __attribute__((cleanup(cleanup_tarball_fn)))
