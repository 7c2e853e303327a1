/* extents.h - a volume or disk before it is written: an ordered list of byte ranges by reference,
 * and of holes.  Writers of file systems add to one, disk layouts join several, and what stands
 * last (a file, qcow2, VHD ...) reads it: in order, or at random from many threads.  Nothing is
 * copied on the way. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/content.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

typedef struct Extents Extents;

Extents *extents_new(void);
/* Frees the list, its arena and the blobs it was given; x may be NULL. */
void extents_free(Extents *x);
static inline void cleanup_extents_fn(Extents **x) {
        extents_free(*x);
}
#define _cleanup_extents_ __attribute__((cleanup(cleanup_extents_fn)))

/* Memory that lives as long as the list, for headers and tables. */
Arena *extents_arena(Extents *x);
/* Takes over an open blob (allocated with malloc, its descriptor too) that extents refer to. */
void extents_own(Extents *x, Blob *blob);

/* Takes over another list whose memory and blobs extents refer to. */
void extents_adopt(Extents *x, Extents *part);

/* All of these append at the end.  What content points to must outlive the list. */
void extents_add(Extents *x, const Content *content);
void extents_zero(Extents *x, uint64_t n);
/* A hole up to the next multiple of align, a power of two. */
void extents_pad(Extents *x, uint64_t align);
/* All ranges of part, which must outlive x. */
void extents_append(Extents *x, const Extents *part);
/* The n bytes of part from position at on, which the caller has checked. */
void extents_append_range(Extents *x, const Extents *part, uint64_t at, uint64_t n);

uint64_t extents_size(const Extents *x);
/* Exactly n bytes from position at, which the caller has checked; thread-safe once x is complete.
 */
int extents_read(const Extents *x, uint64_t at, void *buf, size_t n, Err *e);
/* How many bytes from position at on are known to be zero without reading (0: data). */
uint64_t extents_hole(const Extents *x, uint64_t at);
/* Everything in order, holes with sink_zero; p (may be NULL) counts. Does not finish the sink. */
int extents_write(const Extents *x, Sink *out, Progress *p, Err *e);
/* The same for n bytes from position at on, which the caller has checked. */
int extents_write_range(const Extents *x, uint64_t at, uint64_t n, Sink *out, Progress *p, Err *e);
/* Names the content, for identifiers that must follow from it: equal bytes give equal digests,
 * however they are referenced. All of x is read, on all cores, unless the digest was set. No
 * defence against somebody who wants two contents with one digest: it is made of checksums. */
int extents_digest(const Extents *x, Digest *ret, Err *e);
/* For whoever knows a digest that follows from all bytes of x, and from them only: extents_digest
 * answers it and reads nothing. Forgotten when anything is added. */
void extents_set_digest(Extents *x, const Digest *d);
