/* clusters.h - a disk cut into equal pieces for the containers that store them one by one: empty
 * ones are left out, the others are compressed on all cores and handed over in order. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/extents.h"
#include "lib/base/log.h"

typedef struct Cluster {
        uint64_t index;
        const void *data; /* valid during the call */
        size_t n;         /* of a plain one: the cluster size, the last one of a disk padded */
        bool compressed;
} Cluster;

typedef struct ClusterOptions {
        size_t size;        /* bytes of a cluster, a power of two */
        int window_bits;    /* as in deflateInit2(3): negative for a raw stream */
        bool only_deflated; /* the container knows no plain clusters: stored blocks then */
} ClusterOptions;

/* Calls fn for every cluster that is not all zero, in ascending order, on this thread. What is
 * compressed, and how, depends on the bytes only; p counts the disk's bytes, empty clusters too. */
int clusters_each(const Extents *disk, const ClusterOptions *o,
                  int (*fn)(void *ctx, const Cluster *c, Err *e), void *ctx, Progress *p, Err *e);

/* True when all n bytes are zero. */
bool bytes_are_zero(const void *p, size_t n);
