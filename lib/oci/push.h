/* push.h - OCI distribution client, writing: images and indexes of the cache into a registry
 * (cli.md 6.3).
 *
 * Everything, the check whether an image exists too, goes to the registry of the name: mirrors are
 * for reading.  The cache is only read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/oci/cache.h"
#include "lib/oci/registry.h"

typedef struct PushOptions {
        const char *name;    /* in the cache; expanded, but no tag is added */
        const char *remote;  /* NULL: the same */
        bool with_arch_tags; /* REMOTE-ARCH for each image of an index */
        bool override;       /* also when REMOTE exists with other content */
} PushOptions;

typedef enum PushState {
        PUSH_PUSHED,
        PUSH_AVAILABLE, /* the registry has exactly this already */
        PUSH_EXISTS,    /* it has something else and override was not given: left alone */
        PUSH_SKIPPED,   /* of a tag: the cache does not have all of the image */
} PushState;

typedef struct PushTag {
        char *ref; /* "REMOTE-ARCH" */
        PushState state;
} PushTag;

typedef struct PushResult {
        char *name, *remote; /* in full */
        PushState state;     /* of remote */
        bool is_index;
        bool merged;     /* the registry's index had images that the cache's has not */
        Descriptor root; /* what remote names now; with PUSH_EXISTS what it named before */
        PushTag *tags;   /* in the index's order; none unless asked for */
        size_t n_tags;
        size_t uploaded, mounted, present, foreign; /* blobs */
        uint64_t uploaded_bytes;
} PushResult;

/* The mirrors of o are not used.  Errors: ERR_NOT_FOUND when the cache has no such name or misses a
 * blob of it that the registry has not either, ERR_NETWORK.  ret is filled on success only. */
int registry_push(Cache *c, const RegistryOptions *o, const PushOptions *p, PushResult *ret,
                  Err *e);
void push_result_done(PushResult *r);
