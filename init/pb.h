/* pb.h - the few protobuf wire shapes that containerd's API needs (varint, string, bytes, message).
 *
 * There are no generated types: a caller writes fields in order and reads them in a loop over
 * pb_next().  As in proto3, a field with its default value (0, "") is not written, and a reader
 * must treat an absent field as that default. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/str.h"

/* Appends a varint field; nothing when v is 0. */
void pb_put_uint(Buf *b, uint32_t field, uint64_t v);
/* Appends a string field; nothing when s is NULL or empty. */
void pb_put_str(Buf *b, uint32_t field, const char *s);
/* Appends a bytes or message field, also when n is 0 (an empty message is not an absent one). */
void pb_put_bytes(Buf *b, uint32_t field, const void *p, size_t n);
/* Appends a google.protobuf.Any with the given type and value. */
void pb_put_any(Buf *b, uint32_t field, const char *type_url, const void *p, size_t n);

typedef enum PbWire { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 } PbWire;

/* One field; `data` borrows from the message that is read. */
typedef struct PbField {
        uint32_t number;
        PbWire wire;
        uint64_t num; /* PB_VARINT, PB_FIXED64, PB_FIXED32 */
        const uint8_t *data;
        size_t len; /* PB_BYTES */
} PbField;

typedef struct PbReader {
        const uint8_t *p, *end;
        bool bad;
} PbReader;

PbReader pb_reader(const void *p, size_t n);
/* The next field.  False at the end and at the first malformed byte; `bad` tells the two apart. */
bool pb_next(PbReader *r, PbField *ret);

/* Copies a string field into dst, always NUL-terminated.  False, with dst empty, when the field is
 * no string, does not fit or holds a NUL byte. */
bool pb_copy_str(const PbField *f, char *dst, size_t size);
