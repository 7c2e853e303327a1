/* unpack.h - a layer blob made plain: gzip (several members too), zstd or plain tar, told by its
 * first bytes and not by its media type, which registries are known to get wrong. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/sums.h"
#include "lib/oci/cache.h"

/* True when the blob starts like a compressed stream. */
int unpack_is_compressed(int fd, const Descriptor *d, bool *ret, Err *e);

/* Reads the whole blob once: verifies its digest and size against d, decompresses it into out_fd
 * (-1: the blob is plain and only verified) and computes digest, size and sums (may be NULL) of the
 * plain bytes, from what passes through memory. Memory is bounded; so is the output: a hundred
 * times the input, or 1 GiB if that is more, at most 64 GiB. */
int unpack_run(int fd, const Descriptor *d, int out_fd, const char *out_name, Digest *ret_plain,
               uint64_t *ret_size, SumsWriter *sums, Err *e);
