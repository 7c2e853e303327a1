/* source.h - where random bytes come from: CPU instructions or the kernel's hardware generator. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct Source {
        const char *name;
        int fd;                      /* of /dev/hwrng; -1 for an instruction */
        bool (*draw)(uint64_t *ret); /* NULL for /dev/hwrng */
} Source;

/* Picks the best source the machine has; the flags leave out an instruction (on arm64: seed stands
 * for RNDRRS, rand for RNDR).  False: none. */
bool source_open(Source *ret, bool use_rand, bool use_seed);

/* 64 random bits; false when the source has none at the moment. */
bool source_draw(Source *s, uint64_t *ret);
