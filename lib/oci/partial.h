/* partial.h - a blob on its way into the cache: DIR/derived/partial/HEX, which outlives the process
 * and is continued by the next one that wants the blob.
 *
 * It is nobody's word for anything: only finish, which looks at the digest of all of it, makes a
 * blob of it.  Whoever writes it holds an flock on it. */
#pragma once

#include "lib/base/err.h"
#include "lib/base/progress.h"
#include "lib/oci/cache.h"

typedef struct Partial Partial;

/* Waits for another writer of the same blob.  Returns 1, with *ret NULL, when the blob is in the
 * cache (that writer was successful).  Errors: ERR_CANCELLED while waiting, ERR_IO.  progress
 * follows partial_size; may be NULL. */
int partial_open(Cache *c, const Descriptor *d, Progress *progress, Partial **ret, Err *e);
/* What is not finished stays for the next time, unless it is nothing or the disk is full. */
void partial_free(Partial *p); /* p may be NULL */

/* Bytes that are there, at most the blob's size. */
uint64_t partial_size(const Partial *p);
/* Forgets what is there. */
int partial_restart(Partial *p, Err *e);
/* Appends; ERR_VERIFY when it gets longer than the blob. */
int partial_write(Partial *p, const void *data, size_t n, Err *e);
/* When all is there: checks the digest and moves it into the cache.  ERR_VERIFY: the content was
 * wrong, and is gone. */
int partial_finish(Partial *p, Err *e);

/* Removes what nobody has continued for a week. */
void partial_sweep(Cache *c);

static inline void cleanup_partial_fn(Partial **p) {
        partial_free(*p);
}
#define _cleanup_partial_ __attribute__((cleanup(cleanup_partial_fn)))
