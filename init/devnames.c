/* devnames.c - see devnames.h.  The spelling is that of udev, so that a path in a user's
 * configuration means the same here. */
#include "init/devnames.h"

#include <limits.h>
#include <string.h>

#include "lib/base/mem.h"

static bool is_plain(unsigned char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               (c && strchr("#+-.:=@_", c));
}

/* Bytes of the well-formed UTF-8 sequence of more than one byte at s, else 0 (RFC 3629). */
static size_t utf8_sequence(const unsigned char *s) {
        size_t n = s[0] >= 0xc2 && s[0] < 0xe0   ? 2
                   : (s[0] & 0xf0) == 0xe0       ? 3
                   : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                                 : 0;
        for (size_t i = 1; i < n; i++)
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
        if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
            (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
                return 0;
        return n;
}

bool devnames_encode(const char *text, Buf *ret) {
        const unsigned char *s = (const unsigned char *)text;
        while (*s) {
                size_t n = is_plain(*s) ? 1 : utf8_sequence(s);
                if (n)
                        buf_add(ret, s, n);
                else
                        buf_addf(ret, "\\x%02x", *s);
                s += n ? n : 1;
        }
        return ret->len > 0 && ret->len <= NAME_MAX && !str_eq(ret->data, ".") &&
               !str_eq(ret->data, "..");
}

void devnames_clean(const char *text, size_t len, Buf *ret) {
        bool blank = false, any = false;
        len = strnlen(text, len);
        for (size_t i = 0; i < len; i++) {
                unsigned char c = (unsigned char)text[i];
                if (strchr(" \t\n\r\v\f", c)) {
                        blank = true;
                        continue;
                }
                if (blank && any)
                        buf_addc(ret, '_');
                buf_addc(ret, is_plain(c) ? (char)c : '_');
                blank = false;
                any = true;
        }
}

/* --- SCSI ----------------------------------------------------------------------------------- */

typedef struct Designator {
        unsigned code, type;
        size_t len;
        const unsigned char *data;
} Designator;

/* The designator of the disk itself at *pos; false at the end. */
static bool next_designator(const unsigned char *page, size_t len, size_t *pos, Designator *ret) {
        while (len >= *pos + 4 && len - *pos - 4 >= page[*pos + 3]) {
                const unsigned char *d = page + *pos;
                *pos += 4 + (size_t)d[3];
                if ((d[1] >> 4 & 3) != 0 || d[3] == 0)
                        continue; /* of a port */
                *ret = (Designator){
                        .code = d[0] & 15, .type = d[1] & 15, .len = d[3], .data = d + 4
                };
                return true;
        }
        return false;
}

/* Higher is better: what is unique in the world before what a vendor made up. */
static int rank(const Designator *d) {
        enum { VENDOR, T10, EUI64, NAA };
        bool binary = d->code == 1;
        switch (d->type) {
        case NAA:
                return binary ? d->len >= 16 ? 5 : 4 : 0;
        case EUI64:
                return binary ? 3 : 0;
        case T10:
                return 2;
        case VENDOR:
                return 1;
        default:
                return 0;
        }
}

static void add_hex(Buf *b, const Designator *d) {
        for (size_t i = 0; i < d->len; i++)
                buf_addf(b, "%02x", d->data[i]);
}

static void add_scsi_id(Buf *ret, const Designator *d, const char *vendor, const char *model) {
        buf_addf(ret, "scsi-%u", d->type);
        if (d->type >= 2) {
                add_hex(ret, d);
        } else {
                _cleanup_buf_ Buf raw = { 0 };
                if (d->type == 0)
                        buf_addf(&raw, "%-8.8s%-16.16s", vendor, model);
                buf_add(&raw, d->data, d->len);
                devnames_clean(raw.data, raw.len, ret);
        }
        buf_addc(ret, '\n');
        if (d->type == 3) {
                buf_adds(ret, "wwn-0x");
                add_hex(ret, d);
                buf_addc(ret, '\n');
        }
}

void devnames_scsi_ids(const unsigned char *page, size_t len, const char *vendor, const char *model,
                       Buf *ret) {
        Designator d, best = { 0 };
        size_t pos = 4;
        int best_rank = 0;
        if (len < 4 || page[1] != 0x83)
                return;
        len = MIN(len, 4 + ((size_t)page[2] << 8 | page[3]));
        while (next_designator(page, len, &pos, &d)) {
                if (rank(&d) > best_rank) {
                        best_rank = rank(&d);
                        best = d;
                }
                /* libata: vendor "ATA", 40 bytes of model, 20 of serial number */
                if (d.type == 1 && d.len >= 68 && memcmp(d.data, "ATA     ", 8) == 0) {
                        buf_adds(ret, "ata-");
                        devnames_clean((const char *)d.data + 8, 40, ret);
                        buf_addc(ret, '_');
                        devnames_clean((const char *)d.data + 48, 20, ret);
                        buf_addc(ret, '\n');
                }
        }
        if (best_rank)
                add_scsi_id(ret, &best, vendor, model);
}
