/* tarscan.c - see tarscan.h.  Only headers are read: the data of members is jumped over, so an
 * archive of gigabytes costs a few thousand small reads.  POSIX.1-2001 "pax Interchange Format". */
#include "lib/oci/tarscan.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/oci/paxrecords.h"

enum {
        BLOCK = 512,
        WINDOW = 8 * 1024,
        MAX_EXTENSION = 1 << 20, /* bytes of one pax header or long name, as in the reference */
        MAX_NAME = 65535,
};

/* POSIX.1-2001 ustar header; GNU tar and star use the area from offset 345 otherwise. */
typedef struct Header {
        char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100],
                magic[6], version[2], uname[32], gname[32], major[8], minor[8], prefix[155],
                rest[12];
} Header;
_Static_assert(sizeof(Header) == BLOCK, "ustar header");

typedef enum Dialect { V7, USTAR, GNU, STAR } Dialect;

typedef struct Scan {
        const Content *c;
        bool raw_names;
        uint64_t pos;
        uint64_t window_at; /* what window holds of c */
        size_t window_len;
        PaxRecords pax;           /* of the next ordinary entry */
        Buf long_name, long_link; /* GNU 'L', 'K' of the next ordinary entry */
        bool has_long_name, has_long_link;
        Buf name, link, uname, gname;
        char window[WINDOW];
} Scan;

/* --- fields --------------------------------------------------------------------------------- */

/* Octal with blanks and NULs around it, or base 256 when the top bit is set (GNU tar manual,
 * "Extended numeric fields").  An empty field is 0. */
static bool parse_number(const char *field, size_t n, int64_t *ret) {
        const unsigned char *p = (const unsigned char *)field;
        if (p[0] & 0x80) {
                bool negative = p[0] & 0x40;
                /* The sign bit is extended over the marker bit. */
                int64_t v = negative ? -1 : 0;
                for (size_t i = 0; i < n; i++) {
                        unsigned char byte =
                                i ? p[i] : (unsigned char)(negative ? p[0] : p[0] & 0x7f);
                        if (__builtin_mul_overflow(v, 256, &v) ||
                            __builtin_add_overflow(v, byte, &v))
                                return false;
                }
                *ret = v;
                return true;
        }
        size_t i = 0;
        while (i < n && (p[i] == ' ' || p[i] == 0))
                i++;
        uint64_t v = 0;
        for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
                v = v * 8 + (uint64_t)(p[i] - '0'); /* at most 12 digits */
        while (i < n && (p[i] == ' ' || p[i] == 0))
                i++;
        *ret = (int64_t)v;
        return i == n;
}

static bool parse_u32(const char *field, size_t n, uint32_t *ret) {
        int64_t v;
        if (!parse_number(field, n, &v) || v < 0 || v > UINT32_MAX)
                return false;
        *ret = (uint32_t)v;
        return true;
}

/* Old implementations summed signed characters. */
static bool checksum_ok(const Header *h) {
        const unsigned char *p = (const unsigned char *)h;
        int64_t want, u = 0, s = 0;
        for (size_t i = 0; i < BLOCK; i++) {
                unsigned char byte = i >= 148 && i < 156 ? ' ' : p[i];
                u += byte;
                s += (signed char)byte;
        }
        return parse_number(h->checksum, sizeof h->checksum, &want) && (want == u || want == s);
}

static Dialect header_dialect(const Header *h) {
        if (memcmp(h->magic, "ustar\0", 6) == 0)
                return memcmp(h->rest + 8, "tar\0", 4) == 0 ? STAR : USTAR;
        return memcmp(h->magic, "ustar ", 6) == 0 && memcmp(h->version, " \0", 2) == 0 ? GNU : V7;
}

static void set_field(Buf *b, const char *field, size_t n) {
        buf_clear(b);
        buf_add(b, field, strnlen(field, n));
}

static void set_text(Buf *b, const char *text) {
        buf_clear(b);
        buf_adds(b, text);
}

/* --- reading -------------------------------------------------------------------------------- */

static int read_at(Scan *s, uint64_t at, size_t n, const char **ret, Err *e) {
        if (at < s->window_at || at + n > s->window_at + s->window_len) {
                size_t len = (size_t)MIN((uint64_t)WINDOW, s->c->size - at);
                s->window_len = 0;
                if (content_read(s->c, at, s->window, len, e) < 0)
                        return -1;
                s->window_at = at;
                s->window_len = len;
        }
        *ret = s->window + (at - s->window_at);
        return 0;
}

static int bad(const Scan *s, Err *e, const char *what) {
        return err_set(e, ERR_VERIFY, 0, "tar archive: byte %llu: %s", (unsigned long long)s->pos,
                       what);
}

/* Copies the data of an extension header (pax, long name) into b. */
static int read_extension(Scan *s, uint64_t size, Buf *b, Err *e) {
        buf_clear(b);
        if (size > MAX_EXTENSION)
                return bad(s, e, "extended header is too large");
        if (size > s->c->size - s->pos - BLOCK)
                return bad(s, e, "truncated");
        _cleanup_free_ char *text = xmalloc(size);
        if (content_read(s->c, s->pos + BLOCK, text, size, e) < 0)
                return -1;
        buf_add(b, text, size);
        return 0;
}

/* --- one entry ------------------------------------------------------------------------------ */

/* Before its pax extensions: prefix + "/" + name in ustar; in GNU's format that area holds times,
 * but old Go writers put a prefix there all the same. */
static int header_name(Scan *s, const Header *h, Dialect dialect, Err *e) {
        size_t prefix = 0;
        int64_t t;
        if (dialect == USTAR)
                prefix = strnlen(h->prefix, sizeof h->prefix);
        else if (dialect == STAR)
                prefix = strnlen(h->prefix, 131);
        else if (dialect == GNU &&
                 (!parse_number(h->prefix, 12, &t) || !parse_number(h->prefix + 12, 12, &t)))
                prefix = strnlen(h->prefix, sizeof h->prefix);
        buf_clear(&s->name);
        if (prefix) {
                buf_add(&s->name, h->prefix, prefix);
                buf_addc(&s->name, '/');
        }
        buf_add(&s->name, h->name, strnlen(h->name, sizeof h->name));
        set_field(&s->link, h->link, sizeof h->link);
        if (s->pax.path)
                set_text(&s->name, s->pax.path);
        if (s->pax.linkpath)
                set_text(&s->link, s->pax.linkpath);
        if (s->has_long_name) /* ends at a NUL */
                set_text(&s->name, s->long_name.data);
        if (s->has_long_link)
                set_text(&s->link, s->long_link.data);
        if (s->name.len > MAX_NAME || s->link.len > MAX_NAME)
                return bad(s, e, "name is too long");
        return 0;
}

static int header_owner(Scan *s, const Header *h, Dialect dialect, Entry *entry, Err *e) {
        const PaxRecords *pax = &s->pax;
        if (pax->has_uid ? pax->uid > UINT32_MAX : !parse_u32(h->uid, sizeof h->uid, &entry->uid))
                return bad(s, e, "uid is out of range");
        if (pax->has_gid ? pax->gid > UINT32_MAX : !parse_u32(h->gid, sizeof h->gid, &entry->gid))
                return bad(s, e, "gid is out of range");
        if (pax->has_uid)
                entry->uid = (uint32_t)pax->uid;
        if (pax->has_gid)
                entry->gid = (uint32_t)pax->gid;
        set_field(&s->uname, h->uname, dialect == V7 ? 0 : sizeof h->uname);
        set_field(&s->gname, h->gname, dialect == V7 ? 0 : sizeof h->gname);
        entry->uname = pax->uname ? pax->uname : s->uname.data;
        entry->gname = pax->gname ? pax->gname : s->gname.data;
        return 0;
}

static int header_time(Scan *s, const Header *h, Dialect dialect, Entry *entry, Err *e) {
        if (s->pax.has_mtime) {
                entry->mtime = s->pax.mtime;
                entry->mtime_nsec = s->pax.mtime_nsec;
        } else if (!parse_number(h->mtime, sizeof h->mtime, &entry->mtime)) {
                return bad(s, e, "bad time");
        }
        int64_t atime, ctime;
        if (dialect == GNU && parse_number(h->prefix, 12, &atime) &&
            parse_number(h->prefix + 12, 12, &ctime)) {
                if (h->prefix[0])
                        pax_add_number(&s->pax, "atime", atime);
                if (h->prefix[12])
                        pax_add_number(&s->pax, "ctime", ctime);
        }
        return 0;
}

static int header_type(Scan *s, const Header *h, Dialect dialect, Entry *entry, Err *e) {
        switch (h->type) {
        case 0:
        case '0':
        case '7': /* contiguous file */
                /* v7 had no type for directories */
                entry->type = str_has_suffix(s->name.data, "/") ? ENTRY_DIR : ENTRY_FILE;
                return 0;
        case '1':
        case '2':
                entry->link = s->link.data;
                /* fall through */
        case '5':
        case '6':
                entry->type = (EntryType)h->type;
                return 0;
        case '3':
        case '4':
                entry->type = (EntryType)h->type;
                if (dialect != V7 && (!parse_u32(h->major, sizeof h->major, &entry->dev_major) ||
                                      !parse_u32(h->minor, sizeof h->minor, &entry->dev_minor)))
                        return bad(s, e, "bad device number");
                return 0;
        case 'S':
                return bad(s, e, "sparse files are not supported");
        default:
                return bad(s, e, "unknown type of entry");
        }
}

/* Fills all but content; size is what the header says. */
static int decode(Scan *s, const Header *h, Entry *entry, uint64_t *ret_size, Err *e) {
        Dialect dialect = header_dialect(h);
        int64_t mode, size;
        *entry = (Entry){ 0 };
        if (header_name(s, h, dialect, e) < 0)
                return -1;
        if (s->pax.sparse)
                return bad(s, e, "sparse files are not supported");
        if (!parse_number(h->mode, sizeof h->mode, &mode))
                return bad(s, e, "bad mode");
        if (!parse_number(h->size, sizeof h->size, &size) || size < 0)
                return bad(s, e, "bad size");
        if (header_owner(s, h, dialect, entry, e) < 0 || header_time(s, h, dialect, entry, e) < 0 ||
            header_type(s, h, dialect, entry, e) < 0)
                return -1;
        pax_sort(&s->pax);
        entry->mode = (uint32_t)mode & 07777;
        entry->pax = s->pax.records;
        entry->n_pax = s->pax.n;
        *ret_size = s->pax.has_size ? s->pax.size : (uint64_t)size;
        return 0;
}

static void forget_extensions(Scan *s) {
        pax_clear(&s->pax);
        s->has_long_name = s->has_long_link = false;
}

/* Hands one ordinary entry to fn; *ret_size is the number of data bytes that follow the header. */
static int ordinary(Scan *s, const Header *h, int (*fn)(void *ctx, const Entry *entry, Err *e),
                    void *ctx, uint64_t *ret_size, Err *e) {
        Entry entry;
        uint64_t size = 0;
        if (decode(s, h, &entry, &size, e) < 0)
                return err_wrap(e, "\"%.200s\"", s->name.data);
        /* Only files have data, whatever the size field of the others says (as in the reference).
         */
        if (entry.type != ENTRY_FILE)
                size = 0;
        if (size > s->c->size - s->pos - BLOCK) {
                bad(s, e, "truncated");
                return err_wrap(e, "\"%.200s\"", s->name.data);
        }
        if (size)
                entry.content = content_slice(s->c, s->pos + BLOCK, size);
        _cleanup_free_ char *cleaned = s->raw_names ? NULL : path_clean(s->name.data);
        entry.name = cleaned ? cleaned : s->name.data;
        *ret_size = size;
        int r = fn(ctx, &entry, e);
        forget_extensions(s);
        return r;
}

/* 1: an extension or global header was taken in; 0: an ordinary entry. */
static int extension(Scan *s, const Header *h, uint64_t *ret_size, Err *e) {
        int64_t size;
        if (!h->type || !strchr("xXgLK", h->type))
                return 0;
        if (!parse_number(h->size, sizeof h->size, &size) || size < 0)
                return bad(s, e, "bad size");
        *ret_size = (uint64_t)size;
        int r = 0;
        switch (h->type) {
        case 'x':
        case 'X': /* Solaris */
                pax_clear(&s->pax);
                r = read_extension(s, *ret_size, &s->pax.body, e);
                if (r == 0 && pax_parse(&s->pax, e) < 0)
                        r = err_wrap(e, "tar archive: byte %llu", (unsigned long long)s->pos);
                break;
        case 'L':
                s->has_long_name = true;
                r = read_extension(s, *ret_size, &s->long_name, e);
                break;
        case 'K':
                s->has_long_link = true;
                r = read_extension(s, *ret_size, &s->long_link, e);
                break;
        default: /* 'g' */
                if (*ret_size > s->c->size - s->pos - BLOCK)
                        r = bad(s, e, "truncated");
        }
        return r < 0 ? -1 : 1;
}

static bool is_zero(const char *block) {
        return block[0] == 0 && memcmp(block, block + 1, BLOCK - 1) == 0;
}

/* 1: the archive ends here, with two zero blocks or (old archives) at the end of the file. */
static int at_end(Scan *s, const char *block, Err *e) {
        if (!is_zero(block))
                return 0;
        if (s->c->size - s->pos < 2 * BLOCK)
                return 1;
        const char *next;
        if (read_at(s, s->pos + BLOCK, BLOCK, &next, e) < 0)
                return -1;
        return is_zero(next) ? 1 : bad(s, e, "entries after the end");
}

static int scan(Scan *s, int (*fn)(void *ctx, const Entry *entry, Err *e), void *ctx, Err *e) {
        bool pending = false; /* an extension waits for its entry */
        while (s->pos < s->c->size) {
                const char *block;
                uint64_t size = 0;
                if (s->c->size - s->pos < BLOCK)
                        return bad(s, e, "truncated");
                if (read_at(s, s->pos, BLOCK, &block, e) < 0)
                        return -1;
                Header h;
                memcpy(&h, block, sizeof h);
                int r = at_end(s, block, e);
                if (r < 0)
                        return -1;
                if (r > 0)
                        break;
                if (!checksum_ok(&h))
                        return bad(s, e, s->pos ? "damaged header" : "this is not a tar archive");
                r = extension(s, &h, &size, e);
                if (r < 0)
                        return -1;
                if (r == 0 && ordinary(s, &h, fn, ctx, &size, e) < 0)
                        return -1;
                if (r == 0 || h.type != 'g')
                        pending = r > 0;
                s->pos += BLOCK + size;
                /* The padding of the very last member may be missing. */
                s->pos += MIN(-size & (BLOCK - 1), s->c->size - s->pos);
        }
        return pending ? bad(s, e, "extended header without an entry") : 0;
}

int tarscan_run(const Content *c, bool raw_names, int (*fn)(void *ctx, const Entry *entry, Err *e),
                void *ctx, Err *e) {
        Scan *s = xcalloc(1, sizeof *s);
        s->c = c;
        s->raw_names = raw_names;
        int r = scan(s, fn, ctx, e);
        pax_done(&s->pax);
        buf_done(&s->long_name);
        buf_done(&s->long_link);
        buf_done(&s->name);
        buf_done(&s->link);
        buf_done(&s->uname);
        buf_done(&s->gname);
        free(s);
        return r;
}
