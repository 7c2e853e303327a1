/* gcp.h - what Compute Engine imports: a gzip'ed old-GNU tar with the one sparse member disk.raw
 * (formats.md 3.10). */
#pragma once

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/extents.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/oci/cache.h"

/* The map of holes follows from the bytes, in units of 4096.  cache as in gzip_sink; p
 * counts the disk's bytes, holes too. Does not finish out. */
int gcp_write(const Extents *disk, int64_t mtime, Cache *cache, Sink *out, Progress *p, Err *e);
