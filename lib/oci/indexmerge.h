/* indexmerge.h - the index that a push leaves when the registry has one already (cli.md 6.3). */
#pragma once

#include <jansson.h>

#include "lib/oci/manifest.h"

typedef enum IndexMerge {
        MERGE_REMOTE, /* the registry's has all of ours: it stays */
        MERGE_LOCAL,  /* it has nothing of its own: ours takes its place, byte for byte */
        MERGE_NEW,    /* an index of both is needed */
} IndexMerge;

/* Ours first, then platforms that only the registry's has, then its attestations whose images are
 * still there; an attestation of ours whose image is not is left out.  *ret is a new index with
 * MERGE_NEW, else NULL. */
IndexMerge index_merge(const Manifest *local, const Manifest *remote, json_t **ret);
