/* cache_internal.h - what the parts of the cache share; private to lib/oci/cache*.c, layer.c
 * and partial.c. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "lib/base/content.h"
#include "lib/oci/cache.h"

/* --- index.json ----------------------------------------------------------------------------- */

/* An open file description lock on DIR/name (F_RDLCK, F_WRLCK), waiting; closing it unlocks. */
int cache_lock(Cache *c, const char *name, short type, Err *e);
/* Makes what of the cache's layout is not there. */
int cache_make_layout(Cache *c, Err *e);
int cache_index_read(Cache *c, json_t **ret, Err *e);
/* The same for a caller that holds `.lock` itself and would wait for it for ever. */
int cache_index_read_locked(Cache *c, json_t **ret, Err *e);
/* The full reference of a descriptor of index.json, borrowed; NULL: it has none. */
const char *cache_entry_name(const json_t *entry);

/* --- what leads where ----------------------------------------------------------------------- */

/* The digests that descriptors lead to, themselves included.  A manifest that is not there leads
 * nowhere: a cache need not have all platforms. */
typedef struct Reach {
        Digest *digests;
        size_t n, cap;
        bool blind; /* a manifest is there, and damaged: what it leads to is not known */
        Digest blind_at;
} Reach;

void reach_add_entry(Cache *c, const json_t *entry, Reach *r);
bool reach_has(const Reach *r, const Digest *d);
void reach_done(Reach *r);
#define _cleanup_reach_ __attribute__((cleanup(reach_done)))

/* Adds a hint when the error is that the cache's disk is full.  Returns -1. */
int cache_hint_full(Cache *c, Err *e);

/* --- files ---------------------------------------------------------------------------------- */

/* Removes what stands at path: a file or anything else; a directory with all that is in it.
 * -1 with errno when something is left. */
int cache_clear(const char *path);
/* Removes path only if it is a directory, over which no file could be renamed. */
void cache_make_way(const char *path);

/* Notes that a derived file is in use, once a day: what was not used for longest goes first. The
 * time of last access is of no use, many file systems do not keep it. */
void derived_used(int fd);
void derived_used_path(const char *path);
/* True for the folders of derived files that are downloads or workplaces of others: nothing there
 * is verified or removed for its age. */
bool derived_is_foreign(const char *kind);
/* Sweeps temporary files of all kinds. */
void derived_sweep(Cache *c);
/* Reads the unpacked copy of a layer, if there is one.  1: it, or its index, was damaged and has
 * been removed. (layer.c) */
int layer_check_derived(Cache *c, const Digest *layer);
/* NULL: missing, or it does not hold together. */
Blob *derived_open_at(const char *path, const char *kind, const char *name);
