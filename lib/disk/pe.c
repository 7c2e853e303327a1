/* pe.c - see pe.h.  The file may come from a component image: nothing in it is believed. */
#include "lib/base/bytes.h"
#include "lib/disk/pe.h"
#include "lib/base/mem.h"

#include <string.h>

enum {
        AT_PE_OFFSET = 0x3c,
        COFF_HEADER = 20,
        MAGIC_PE32_PLUS = 0x20b,
        /* in the optional header */
        AT_SECTION_ALIGNMENT = 32,
        AT_FILE_ALIGNMENT = 36,
        AT_HEADERS_SIZE = 60,
        AT_CHECKSUM = 64,
        AT_CERTIFICATES = 144,
        OPTIONAL_HEADER = 152, /* as far as it is read here */
};

static int bad(const char *name, const char *what, Err *e) {
        return err_set(e, ERR_VERIFY, 0, "%s: not a PE32+ program: %s", name, what);
}

static bool is_alignment(uint32_t n) {
        return n >= 0x200 && n <= 0x10000 && (n & (n - 1)) == 0;
}

static int parse_sections(const uint8_t *p, uint64_t size, const char *name, Pe *ret, Err *e) {
        for (size_t i = 0; i < ret->n_sections; i++) {
                const uint8_t *h = p + ret->sections + i * PE_SECTION_HEADER;
                uint32_t virtual_size = get_le(h + 8, 4), address = get_le(h + 12, 4);
                uint32_t raw_size = get_le(h + 16, 4), raw_at = get_le(h + 20, 4);
                uint32_t data_end, memory_end;
                if (__builtin_add_overflow(raw_at, raw_size, &data_end) || data_end > size ||
                    __builtin_add_overflow(address, virtual_size, &memory_end))
                        return bad(name, "a section lies outside of it", e);
                ret->data_end = MAX(ret->data_end, data_end);
                ret->memory_end = MAX(ret->memory_end, memory_end);
        }
        return 0;
}

int pe_parse(const void *data, size_t n, uint64_t size, const char *name, Pe *ret, Err *e) {
        const uint8_t *p = data;
        *ret = (Pe){ 0 };
        if (n < AT_PE_OFFSET + 4 || memcmp(p, "MZ", 2) != 0)
                return bad(name, "no DOS header", e);
        uint32_t pe = get_le(p + AT_PE_OFFSET, 4);
        if (pe > n || n - pe < 4 + COFF_HEADER + OPTIONAL_HEADER ||
            memcmp(p + pe, "PE\0\0", 4) != 0)
                return bad(name, "no PE header", e);
        ret->coff = pe + 4;
        ret->optional = ret->coff + COFF_HEADER;
        ret->machine = (uint16_t)get_le(p + ret->coff, 2);
        ret->n_sections = (uint16_t)get_le(p + ret->coff + 2, 2);
        uint32_t optional_size = get_le(p + ret->coff + 16, 2);
        const uint8_t *o = p + ret->optional;
        if (get_le(o, 2) != MAGIC_PE32_PLUS || optional_size < OPTIONAL_HEADER)
                return bad(name, "another kind of optional header", e);
        ret->sections = ret->optional + optional_size;
        ret->section_alignment = get_le(o + AT_SECTION_ALIGNMENT, 4);
        ret->file_alignment = get_le(o + AT_FILE_ALIGNMENT, 4);
        ret->headers_size = get_le(o + AT_HEADERS_SIZE, 4);
        ret->checksum = ret->optional + AT_CHECKSUM;
        ret->certificates = ret->optional + AT_CERTIFICATES;
        if (!is_alignment(ret->section_alignment) || !is_alignment(ret->file_alignment))
                return bad(name, "impossible alignment", e);
        if (ret->headers_size > n || ret->sections > ret->headers_size ||
            (ret->headers_size - ret->sections) / PE_SECTION_HEADER < ret->n_sections)
                return bad(name, "headers that do not fit", e);
        ret->data_end = ret->headers_size;
        return parse_sections(p, size, name, ret, e);
}

int pe_checksum(const Extents *file, uint32_t *ret, Err *e) {
        enum { CHUNK = 1 << 18 };
        _cleanup_free_ uint8_t *buf = xmalloc(CHUNK);
        uint64_t size = extents_size(file), sum = 0;
        for (uint64_t at = 0; at < size; at += CHUNK) {
                size_t n = (size_t)MIN(size - at, (uint64_t)CHUNK);
                if (extents_read(file, at, buf, n, e) < 0)
                        return -1;
                if (n % 2)
                        buf[n] = 0;
                for (size_t i = 0; i < n; i += 2)
                        sum += (uint64_t)buf[i] | (uint64_t)buf[i + 1] << 8;
        }
        while (sum >> 16)
                sum = (sum & 0xffff) + (sum >> 16);
        *ret = (uint32_t)(sum + size);
        return 0;
}
