/* sums.h - checksums of a file, chunk by chunk, so that a file of gigabytes is checked where it is
 * read and not as a whole.
 *
 * They find accidents (a flipped bit, a cut file), not attacks: XXH3 is fast and can be forged.
 * What came from outside was compared with its SHA-256 in the moment the sums were made. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/content.h"
#include "lib/base/str.h"

enum { SUMS_CHUNK = 1 << 16, SUM_SIZE = 8 };

/* Number of chunks of a file with size bytes. */
static inline uint64_t sums_count(uint64_t size) {
        return size / SUMS_CHUNK + (size % SUMS_CHUNK != 0);
}

/* What a Blob knows about its bytes; made by blob_new only.  Threads may share it. */
typedef struct Sums {
        const unsigned char *values; /* SUM_SIZE each, as sums_put writes them */
        const char *path;            /* the file that goes when a chunk is not what it was */
        atomic_uint checked[];       /* one bit a chunk */
} Sums;

/* Writes the sum of one chunk (XXH3, 64 bits, little endian). */
void sums_put(unsigned char p[SUM_SIZE], const void *chunk, size_t n);
/* True when chunk (whole, n bytes) has the sum p. */
bool sums_match(const unsigned char p[SUM_SIZE], const void *chunk, size_t n);

/* An open file in one piece of memory, for free() and close() or blob_free.  sums: one for each
 * chunk of size bytes (copied); path (copied): what is unlinked when a chunk is found damaged, if
 * it is still that file.  Takes over fd. */
Blob *blob_new(int fd, const Digest *id, uint64_t size, const unsigned char *sums,
               const char *path);
void blob_free(Blob *b); /* b may be NULL; closes the descriptor */
static inline void cleanup_blob_fn(Blob **b) {
        blob_free(*b);
}
#define _cleanup_blob_ __attribute__((cleanup(cleanup_blob_fn)))

/* Sums of a stream, in order. */
typedef struct SumsWriter {
        Buf values;
        size_t used; /* of chunk */
        unsigned char *chunk;
} SumsWriter;

void sums_writer_add(SumsWriter *w, const void *p, size_t n);
/* The last, shorter chunk; then values is complete. */
void sums_writer_end(SumsWriter *w);
void sums_writer_done(SumsWriter *w);
#define _cleanup_sums_writer_ __attribute__((cleanup(sums_writer_done)))

/* For content.c: makes sure that the chunks of [at, at + n) of a blob with sums were checked. buf
 * (NULL: none) gets the bytes of the range. */
int sums_read(const Blob *b, uint64_t at, void *buf, uint64_t n, Err *e);
