/* pb.c - see pb.h.  Everything that is read may come from a broken or hostile peer, so lengths are
 * compared with what is left, never added to a pointer first. */
#include "init/pb.h"

#include <string.h>

#define PB_MAX_FIELD ((1u << 29) - 1)

static void put_varint(Buf *b, uint64_t v) {
        while (v >= 0x80) {
                buf_addc(b, (char)(v | 0x80));
                v >>= 7;
        }
        buf_addc(b, (char)v);
}

static void put_key(Buf *b, uint32_t field, PbWire wire) {
        put_varint(b, (uint64_t)field << 3 | wire);
}

void pb_put_uint(Buf *b, uint32_t field, uint64_t v) {
        if (v == 0)
                return;
        put_key(b, field, PB_VARINT);
        put_varint(b, v);
}

void pb_put_bytes(Buf *b, uint32_t field, const void *p, size_t n) {
        put_key(b, field, PB_BYTES);
        put_varint(b, n);
        if (n > 0)
                buf_add(b, p, n);
}

void pb_put_str(Buf *b, uint32_t field, const char *s) {
        if (s && *s)
                pb_put_bytes(b, field, s, strlen(s));
}

void pb_put_any(Buf *b, uint32_t field, const char *type_url, const void *p, size_t n) {
        _cleanup_buf_ Buf any = { 0 };
        pb_put_str(&any, 1, type_url);
        if (n > 0)
                pb_put_bytes(&any, 2, p, n);
        pb_put_bytes(b, field, any.data, any.len);
}

PbReader pb_reader(const void *p, size_t n) {
        const uint8_t *start = p;
        return (PbReader){ .p = start, .end = n > 0 ? start + n : start };
}

static bool fail(PbReader *r) {
        r->bad = true;
        r->p = r->end;
        return false;
}

static bool get_varint(PbReader *r, uint64_t *ret) {
        uint64_t v = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
                if (r->p == r->end)
                        return false;
                uint8_t c = *r->p++;
                if (shift == 63 && c > 1)
                        return false; /* more than 64 bits */
                v |= (uint64_t)(c & 0x7f) << shift;
                if (!(c & 0x80)) {
                        *ret = v;
                        return true;
                }
        }
        return false;
}

static bool get_fixed(PbReader *r, unsigned size, uint64_t *ret) {
        if ((size_t)(r->end - r->p) < size)
                return false;
        uint64_t v = 0;
        for (unsigned i = 0; i < size; i++)
                v |= (uint64_t)r->p[i] << (8 * i);
        r->p += size;
        *ret = v;
        return true;
}

bool pb_next(PbReader *r, PbField *ret) {
        if (r->bad || r->p == r->end)
                return false;

        uint64_t key, n;
        if (!get_varint(r, &key) || key >> 3 == 0 || key >> 3 > PB_MAX_FIELD)
                return fail(r);
        PbField f = { .number = (uint32_t)(key >> 3), .wire = (PbWire)(key & 7) };

        switch (f.wire) {
        case PB_VARINT:
                if (!get_varint(r, &f.num))
                        return fail(r);
                break;
        case PB_FIXED64:
                if (!get_fixed(r, 8, &f.num))
                        return fail(r);
                break;
        case PB_FIXED32:
                if (!get_fixed(r, 4, &f.num))
                        return fail(r);
                break;
        case PB_BYTES:
                if (!get_varint(r, &n) || n > (uint64_t)(r->end - r->p))
                        return fail(r);
                f.data = r->p;
                f.len = (size_t)n;
                r->p += n;
                break;
        default: /* 3 and 4 are the groups of proto2, which proto3 does not know */
                return fail(r);
        }
        *ret = f;
        return true;
}

bool pb_copy_str(const PbField *f, char *dst, size_t size) {
        dst[0] = '\0';
        if (f->wire != PB_BYTES || f->len >= size || memchr(f->data, '\0', f->len))
                return false;
        memcpy(dst, f->data, f->len);
        dst[f->len] = '\0';
        return true;
}
