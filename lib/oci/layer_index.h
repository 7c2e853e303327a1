/* layer_index.h - the derived file beside a plain layer tar: its entries in a form that is mapped,
 * not parsed.  Little endian, fixed width:
 *
 *   header 256 | sums 8 each | entries 72 each | pax records 12 each | strings, each NUL-terminated
 *
 * The pool starts and ends with a NUL, so every offset inside it is a terminated string and 0 is
 * the empty one.  The header holds a CRC-32 of the whole file, and all numbers are checked when it
 * is opened; a file that does not hold together is treated like one that does not exist. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/entry.h"
#include "lib/base/err.h"
#include "lib/base/hash.h"

/* The plain tar that an index speaks of. */
typedef struct PlainTar {
        Digest digest;
        uint64_t size;
        const unsigned char *sums; /* of its chunks (sums.h), borrowed; NULL: none are kept */
} PlainTar;

/* --- writing -------------------------------------------------------------------------------- */

typedef struct IndexWriter IndexWriter;

IndexWriter *index_writer_new(void);
void index_writer_free(IndexWriter *w);
/* Takes over one entry; its content must point into the layer's tar. */
int index_writer_add(IndexWriter *w, const Entry *entry, Err *e);
/* Writes the file atomically.  layer: digest of the blob as it stands in the cache. */
int index_writer_finish(IndexWriter *w, const char *path, const Digest *layer, const PlainTar *tar,
                        Err *e);

static inline void cleanup_index_writer_fn(IndexWriter **w) {
        index_writer_free(*w);
}
#define _cleanup_index_writer_ __attribute__((cleanup(cleanup_index_writer_fn)))

/* --- reading -------------------------------------------------------------------------------- */

typedef struct Index Index;

/* Maps and checks the index of this layer. NULL: missing, damaged, of another layer or version. */
Index *index_open(const char *path, const Digest *layer);
void index_free(Index *x);
size_t index_count(const Index *x);
const PlainTar *index_tar(const Index *x);
/* Entry i (checked by the caller) with its content in blob. */
void index_entry(const Index *x, size_t i, const Blob *blob, Entry *ret);
