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

/* Removes all of the cache, and its directory unless that holds files of somebody else, which stay
 * (*ret_others).  Waits as cache_remove does. */
int cache_empty(Cache *c, bool *ret_others, Err *e);

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

/* --- derived files -------------------------------------------------------------------------- */

/* "DIR/derived/KIND/NAME", malloc'ed; makes the directories.  A file made there has to see to its
 * own integrity; the functions below do that. */
int cache_derived_path(Cache *c, const char *kind, const char *name, char **ret, Err *e);

/* A file that can be made again from other content: name says from what and how (a digest over the
 * inputs; no slash).  The sink can be patched until it is finished, which makes the file appear
 * whole.  An older file of that name is replaced. */
int cache_derived_sink(Cache *c, const char *kind, const char *name, Sink **ret, Err *e);
/* Opens it: ERR_NOT_FOUND when it is missing or does not hold together.  Its bytes are checked when
 * they are read through content.h; damage found then removes the file and is ERR_DAMAGED.
 * ret->id follows from kind, name and content.  *ret and its descriptor are the caller's: blob_free
 * (sums.h), or extents_own. */
int cache_derived_open(Cache *c, const char *kind, const char *name, Blob **ret, Err *e);

/* After ERR_DAMAGED, before the operation is repeated: from now on derived files and layers are
 * read as a whole when they are opened, so that once is enough however many are damaged. */
void cache_distrust(Cache *c);
bool cache_is_distrusted(const Cache *c);

/* --- looking after it ----------------------------------------------------------------------- */

typedef enum CacheFault {
        CACHE_MISSING, /* an object that a name needs is not there */
        CACHE_DAMAGED, /* a blob is not what its name says */
        CACHE_DERIVED, /* a derived file is not what was written; it is made again when needed */
        CACHE_UNREFERENCED, /* no name leads to the blob: not a fault, `cache gc` frees it */
} CacheFault;

typedef struct CacheProblem {
        CacheFault fault;
        const char *name; /* of the (first) image that is concerned; NULL: none */
        const char *role; /* "index", "manifest", "config", "layer", "attestation", "blob"; of
                             derived files their path below DIR/derived */
        Descriptor blob;  /* of a derived file all empty */
        const char *what; /* "is missing", "has digest sha256:..." */
        bool repaired;
} CacheProblem;

typedef struct CacheSummary {
        size_t n_names, n_blobs, n_derived, n_problems /* without the unreferenced blobs */;
        uint64_t blob_bytes, derived_bytes;
} CacheSummary;

typedef struct VerifyOptions {
        /* Fetches an object of an image into the cache again, after the damaged one was removed;
         * NULL: nothing is removed or fetched, except that damaged derived files always go. */
        int (*repair)(void *ctx, const char *name, const Descriptor *d, bool is_manifest, Err *e);
        void *ctx;
        bool no_derived; /* derived files are not looked at */
} VerifyOptions;

/* Reads everything and compares it with what the names promise: index, manifests and configs, the
 * layers of the platforms that are there, attestations, every other blob, and derived files. report
 * is called for each problem, by name; a problem is not an error of this function. */
int cache_verify(Cache *c, const VerifyOptions *o,
                 int (*report)(void *ctx, const CacheProblem *p, Err *e), void *ctx,
                 CacheSummary *ret, Err *e);

/* Derived data may take this much before a build removes what was not used for longest. */
#define CACHE_DERIVED_LIMIT ((uint64_t)10 << 30)
/* How long what an interrupted download has left is kept, seconds. */
enum { CACHE_PARTIAL_AGE = 7 * 24 * 3600 };

typedef struct GcOptions {
        bool dry_run;               /* report only */
        uint64_t derived_max_bytes; /* 0: CACHE_DERIVED_LIMIT; UINT64_MAX: no limit */
        int64_t derived_max_age;    /* seconds since the last use; 0: any age */
} GcOptions;

typedef struct GcItem {
        const char *path; /* below the cache's directory */
        const char *why;  /* "no name leads to it" */
        uint64_t bytes;
} GcItem;

/* Removes blobs that no name reaches, files that interrupted processes have left, derived files
 * whose source is gone, and those least recently used beyond the limit.  report (may be NULL) is
 * called for each before it goes.  Waits for holders as cache_remove does. *ret_bytes (may be
 * NULL): what was, or would be, freed. */
int cache_gc(Cache *c, const GcOptions *o, int (*report)(void *ctx, const GcItem *i, Err *e),
             void *ctx, uint64_t *ret_bytes, Err *e);
/* The part of it about derived files that builds do by themselves: at most once a day, quick,
 * waits for nobody and never fails. */
void cache_prune(Cache *c);
