/* gzip.h - a single-member gzip stream whose deflate pieces are compressed in parallel and cached
 * by what they contain, so that a warm build copies bytes instead of compressing them.
 *
 * Pieces end on a byte boundary (full flush) and never refer back across it, hence any piece can be
 * reused anywhere; CRC-32 values are combined. Output depends only on the input bytes and on how
 * the caller divides them into write and content calls, never on threads or on the cache. */
#pragma once

#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/oci/cache.h"

/* out stays the caller's and is not finished. cache may be NULL: nothing is cached. */
int gzip_sink(Sink *out, Cache *cache, int level, Sink **ret, Err *e);
/* p (may be NULL) counts the input bytes that are done; it outlives the sink's last use. */
void gzip_set_progress(Sink *gzip, Progress *p);
