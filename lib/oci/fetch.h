/* fetch.h - single objects of a repository: manifests into memory, blobs into a cache, verified,
 * with as many attempts as it takes (cli.md 5.2). */
#pragma once

#include "lib/base/err.h"
#include "lib/base/progress.h"
#include "lib/oci/cache.h"
#include "lib/oci/session.h"

/* Fetches a manifest or index (object: tag or digest). expect NULL: whatever the tag names; else
 * its digest, and its size unless that is 0, must match (ERR_VERIFY).  *ret_text is malloc'ed and
 * NUL-terminated; *ret says its media type.  ERR_NOT_FOUND: the registry has no such object. */
int fetch_manifest(Session *s, const char *object, const Descriptor *expect, Descriptor *ret,
                   char **ret_text, Err *e);
/* What a tag names, by HEAD.  Returns 1 when the registry does not say enough: then the manifest
 * has to be fetched. */
int fetch_manifest_head(Session *s, const char *object, Descriptor *ret, Err *e);

/* Small blob (at most limit bytes) into memory, malloc'ed and NUL-terminated. */
int fetch_small_blob(Session *s, const Descriptor *d, uint64_t limit, char **ret, Err *e);
/* Streams a blob into the cache, verified; continues where an earlier process was stopped. */
int fetch_blob(Session *s, Cache *c, const Descriptor *d, Progress *progress, Err *e);
