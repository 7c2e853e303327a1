/* hash.h - SHA-256 and digests in OCI's text form. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

/* "sha256:" and 64 lower-case hex digits, NUL-terminated (OCI image spec, descriptor, digests). */
typedef struct Digest {
        char text[72];
} Digest;

typedef struct Hash Hash; /* a running SHA-256 */

Hash *hash_new(void);
void hash_free(Hash *h); /* h may be NULL */
void hash_update(Hash *h, const void *p, size_t n);
/* Ends the computation; h may only be freed afterwards. */
void hash_final(Hash *h, Digest *ret);

/* One-shot. */
void hash_bytes(const void *p, size_t n, Digest *ret);

/* Hashes a whole file from offset 0 without moving its position. */
int hash_fd(int fd, Digest *ret, uint64_t *ret_size, Err *e);

/* Accepts exactly "sha256:" + 64 lower-case hex digits. */
bool digest_parse(const char *text, Digest *ret);
bool digest_eq(const Digest *a, const Digest *b);
/* Borrowed pointer to the 64 hex digits. */
const char *digest_hex(const Digest *d);

static inline void cleanup_hash_fn(Hash **h) {
        hash_free(*h);
}
#define _cleanup_hash_ __attribute__((cleanup(cleanup_hash_fn)))
