/* cache.h - the local store: an OCI image layout whose names are full references (cli.md 6.1), and
 * beside it `derived/`, data computed from blobs, safe to delete at any time.
 *
 * Blobs are immutable and written by rename, so readers need no lock; index.json is changed under a
 * lock on `.lock` (fcntl, whole file) and replaced by rename. Several processes may share a cache.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/io.h"

typedef struct Cache Cache;

/* dir NULL: $LINUXKIT_CACHE, else $HOME/.linuxkit/cache. Creates the layout on first use. */
int cache_open(const char *dir, Cache **ret, Err *e);
void cache_free(Cache *c);
const char *cache_dir(const Cache *c);

/* OCI image spec 1.0, descriptor. */
typedef struct Descriptor {
        char media_type[128];
        Digest digest;
        uint64_t size;
} Descriptor;

/* Root object of a name; ERR_NOT_FOUND when the cache has no such name. */
int cache_lookup(Cache *c, const char *ref, Descriptor *ret, Err *e);
/* Points name at d (replacing an older one); the blob must be there. */
int cache_set_name(Cache *c, const char *ref, const Descriptor *d, Err *e);
/* The same, but only if the name still points at old (NULL: if it does not exist); returns 1 and
 * changes nothing when it does not, so that the caller reads again and merges again. */
int cache_swap_name(Cache *c, const char *ref, const Descriptor *old, const Descriptor *d, Err *e);
/* Calls fn for each name in sorted order. */
int cache_each_name(Cache *c, int (*fn)(void *ctx, const char *ref, const Descriptor *d, Err *e),
                    void *ctx, Err *e);
/* Exact names; blobs that no other name reaches are removed too, with their derived files. When one
 * of the names does not exist nothing is removed (ERR_NOT_FOUND).  Waits for holders in other
 * processes and threads (cache_hold); the caller must not hold the cache itself. */
int cache_remove(Cache *c, const char *const *refs, size_t n, Err *e);

/* Until the returned descriptor is closed no process removes blobs: whoever fetches the parts of an
 * image and names it last holds the cache meanwhile.  Any number may hold it at once. */
int cache_hold(Cache *c, Err *e);

bool cache_has_blob(Cache *c, const Digest *d, uint64_t size);
/* "DIR/blobs/sha256/HEX", malloc'ed. */
char *cache_blob_path(Cache *c, const Digest *d);
/* Open descriptor for reading, not verified; ERR_NOT_FOUND when missing. */
int cache_open_blob(Cache *c, const Digest *d, Err *e);
/* Small blob (manifest, config), at most limit bytes, verified against its digest. malloc'ed. */
int cache_load_blob(Cache *c, const Descriptor *d, uint64_t limit, char **ret, Err *e);
/* Stores bytes; fills *ret. media_type is copied. */
int cache_put_bytes(Cache *c, const char *media_type, const void *p, size_t n, Descriptor *ret,
                    Err *e);

/* Unlinks a blob whose content was found to differ from its name, and what was derived from it. */
void cache_drop_blob(Cache *c, const Digest *d);

/* Streaming: a sink into a temporary file inside the cache. finish verifies expect (digest and
 * size) when it is given and renames into place; *ret (may be NULL) gets the digest and size. */
int cache_blob_sink(Cache *c, const Descriptor *expect, Descriptor *ret, Sink **ret_sink, Err *e);

/* "DIR/derived/KIND/NAME", malloc'ed; makes the directories. */
int cache_derived_path(Cache *c, const char *kind, const char *name, char **ret, Err *e);
