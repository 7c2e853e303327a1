/* ocitar.h - an OCI image layout as a tar: what `cache export` and `bundle` write. */
#pragma once

#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/oci/contents.h"

typedef struct OciTarImage {
        const char *name; /* full reference */
        Descriptor root;
} OciTarImage;

/* Writes layout, blobs in the order of list, index.json and, when lock is not NULL, the member
 * "linuxkit.lock".  The same input gives the same bytes: owner 0, time 0.  Every blob is hashed on
 * its way; one that is damaged is ERR_VERIFY and leaves the cache, so that it can be fetched again.
 * Does not finish the sink. */
int ocitar_write(Cache *c, const Contents *list, const OciTarImage *images, size_t n,
                 const char *lock, size_t lock_len, Sink *out, Err *e);
/* A member with the bytes of a blob, verified; mode 0644, owner 0, time 0. */
int ocitar_blob(Cache *c, const char *name, const Descriptor *d, Sink *out, Err *e);
/* A member from memory. */
int ocitar_bytes(const char *name, const void *p, size_t n, Sink *out, Err *e);
