/* push_objects.h - single objects on their way to a registry: blobs with the ways not to send them,
 * and manifests.  For push.c. */
#pragma once

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/progress.h"
#include "lib/oci/cache.h"
#include "lib/oci/session.h"

typedef enum BlobFate { BLOB_PRESENT, BLOB_MOUNTED, BLOB_UPLOADED } BlobFate;

/* Sees to it that the repository has the blob. source: a session for writing that may mount from
 * the repository `from`, which has it probably; NULL: none.  ERR_NOT_FOUND when neither registry
 * nor cache has it, ERR_VERIFY when the cache's is damaged. */
int push_blob(Session *s, Session *source, const char *from, Cache *c, const Descriptor *d,
              Progress *progress, BlobFate *ret, Err *e);

/* Does the repository have this manifest (object: tag or digest)?  1: yes, and *ret (only digest
 * and size are sure) says which; 0: no. */
int push_find_manifest(Session *s, const char *object, Descriptor *ret, Err *e);
/* Stores text under object. */
int push_manifest(Session *s, const char *object, const Descriptor *d, const char *text, Err *e);
