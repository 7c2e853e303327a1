/* contents.h - which blobs of the cache make up an image: what an archive of it must hold. */
#pragma once

#include "lib/base/err.h"
#include "lib/oci/cache.h"
#include "lib/oci/platform.h"

/* Blobs in the order in which they are to be written: parts first, what names them behind. */
typedef struct Contents {
        Descriptor *items;
        size_t n, cap;
} Contents;

/* Adds the blobs of one name's root object: a plain image as it is, of an index the images of these
 * platforms with their attestations, and the index itself, unchanged.  Nothing is added twice.
 * Attestations that the cache lacks are left out with a warning.  name is for messages.
 * Errors: ERR_NOT_FOUND when a part of a wanted image, or a platform, is not there. */
int contents_add(Cache *c, const char *name, const Descriptor *root, const Platforms *platforms,
                 Contents *list, Err *e);
/* The manifest of one platform behind root: the root itself for a plain image, whose platform is
 * compared as well.  ERR_NOT_FOUND when there is none. */
int contents_choose(Cache *c, const char *name, const Descriptor *root, const Platform *platform,
                    Descriptor *ret, Err *e);
bool contents_has(const Contents *list, const Digest *d);
void contents_done(Contents *list);
#define _cleanup_contents_ __attribute__((cleanup(contents_done)))
