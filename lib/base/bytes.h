/* bytes.h - numbers as formats store them: n bytes at p, least significant first (le) or last (be).
 * n is at most 8; what does not fit into n bytes is cut off. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/str.h"

static inline void put_le(void *p, uint64_t v, size_t n) {
        for (size_t i = 0; i < n; i++)
                ((uint8_t *)p)[i] = (uint8_t)(v >> (8 * i));
}

static inline void put_be(void *p, uint64_t v, size_t n) {
        for (size_t i = n; i-- > 0; v >>= 8)
                ((uint8_t *)p)[i] = (uint8_t)v;
}

static inline uint64_t get_le(const void *p, size_t n) {
        uint64_t v = 0;
        for (size_t i = n; i-- > 0;)
                v = v << 8 | ((const uint8_t *)p)[i];
        return v;
}

static inline void buf_add_le(Buf *b, uint64_t v, size_t n) {
        uint8_t bytes[8];
        put_le(bytes, v, n);
        buf_add(b, bytes, n);
}
