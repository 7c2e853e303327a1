/* spool.h - an unnamed scratch file that collects contents, so that a tree can refer to bytes that
 * have no file of their own (unpacked packages, generated files).
 *
 * The blob's digest is known only after spool_seal; nothing may be added then. */
#pragma once

#include "lib/base/content.h"
#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/io.h"

typedef struct Spool {
        Blob blob;
        Hash *hash;
} Spool;

/* The file lives in dir and vanishes with the process. s must not move while contents point to it.
 */
int spool_open(const char *dir, Spool *s, Err *e);
int spool_add(Spool *s, const void *p, size_t n, Err *e);
/* A sink that appends to s and leaves it open. */
Sink *spool_sink(Spool *s);
/* What was added since the spool had size `since`. */
Content spool_since(const Spool *s, uint64_t since);
void spool_seal(Spool *s);
void spool_done(Spool *s);
