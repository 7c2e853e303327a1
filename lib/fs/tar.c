/* tar.c - ustar with pax extended headers, field for field as yaml.md 18 describes (POSIX.1-2001,
 * pax interchange format).  A newcomer would expect names to be split into the ustar prefix field:
 * they never are. */
#include "lib/fs/tar.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#include <stddef.h>
#include <stdint.h>

#define MARK_LOCATION "LINUXKIT.location"
#define MARK_SOURCE   "LINUXKIT.source"

enum { BLOCK = 512 };

/* POSIX.1-2001 pax, ustar header block. */
typedef struct TarHeader {
        char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], typeflag;
        char linkname[100], magic[6], version[2], uname[32], gname[32], devmajor[8], devminor[8];
        char prefix[155], pad[12];
} TarHeader;
_Static_assert(sizeof(TarHeader) == BLOCK, "a tar header is one block");

static bool is_ascii(const char *s) {
        for (; *s; s++)
                if ((unsigned char)*s >= 0x80)
                        return false;
        return true;
}

/* Copies the ASCII bytes of s, cut at n.  Where the cut leaves a slash at the very end it goes too:
 * some readers take a trailing slash for a directory. */
static void put_text(char *field, size_t n, const char *s) {
        size_t w = 0;
        for (; *s && w < n; s++)
                if ((unsigned char)*s < 0x80)
                        field[w++] = *s;
        if (*s && w == n)
                while (w && field[w - 1] == '/')
                        field[--w] = 0;
}

/* Zero-padded octal that ends in NUL; false when it does not fit. */
static bool put_octal(char *field, size_t n, uint64_t v) {
        for (size_t i = n - 1; i-- > 0; v >>= 3)
                field[i] = (char)('0' + (v & 7));
        field[n - 1] = 0;
        return v == 0;
}

static void put_checksum(TarHeader *h) {
        memset(h->checksum, ' ', sizeof h->checksum);
        unsigned sum = 0;
        for (size_t i = 0; i < BLOCK; i++)
                sum += ((const unsigned char *)h)[i];
        put_octal(h->checksum, 7, sum); /* six digits, NUL; the blank stays */
}

static void put_magic(TarHeader *h) {
        memcpy(h->magic, "ustar", 6);
        memcpy(h->version, "00", 2);
}

/* --- pax records ---------------------------------------------------------------------------- */

typedef struct Records {
        PaxRecord *items;
        size_t n, cap;
        Arena *arena;
} Records;

static void record_add(Records *r, const char *key, const char *value, size_t n) {
        *vec_push(r->items, r->n, r->cap) =
                (PaxRecord){ .key = key, .value = value, .value_len = n };
}

static void record_text(Records *r, const char *key, const char *value) {
        record_add(r, key, value, strlen(value));
}

static void record_number(Records *r, const char *key, uint64_t v) {
        record_text(r, key, arena_printf(r->arena, "%llu", (unsigned long long)v));
}

/* "1500000000.25": no trailing zeros; before 1970 the sign covers the fraction too. */
static void record_time(Records *r, const char *key, int64_t seconds, uint32_t nsec) {
        const char *sign = "";
        uint64_t whole = (uint64_t)seconds;
        if (seconds < 0) {
                sign = "-";
                whole = (uint64_t)(-(seconds + (nsec ? 1 : 0)));
                nsec = nsec ? 1000000000 - nsec : 0;
        }
        char *s = arena_printf(r->arena, "%s%llu.%09u", sign, (unsigned long long)whole, nsec);
        size_t n = strlen(s);
        while (s[n - 1] == '0')
                n--;
        if (s[n - 1] == '.')
                n--;
        record_add(r, key, s, n);
}

/* Keys are unique: readers drop repeated ones. */
static int compare_records(const void *a, const void *b) {
        return strcmp(((const PaxRecord *)a)->key, ((const PaxRecord *)b)->key);
}

/* "LEN KEY=VALUE\n" where LEN counts its own digits. */
static void append_record(Buf *b, const PaxRecord *r) {
        size_t rest = strlen(r->key) + r->value_len + 3, length = rest + 1;
        for (size_t digits = 0; digits != length - rest;) {
                digits = length - rest;
                char text[24];
                length = rest + (size_t)snprintf(text, sizeof text, "%zu", length);
        }
        buf_addf(b, "%zu %s=", length, r->key);
        buf_add(b, r->value, r->value_len);
        buf_addc(b, '\n');
}

/* dir + "PaxHeaders.0/" + base: "a/b" -> "a/PaxHeaders.0/b", "a/b/" -> "a/b/PaxHeaders.0". */
static char *pax_name(Arena *a, const char *name) {
        const char *slash = strrchr(name, '/');
        size_t dir = slash ? (size_t)(slash - name) + 1 : 0;
        _cleanup_free_ char *joined = xasprintf("%.*sPaxHeaders.0/%s", (int)dir, name, name + dir);
        _cleanup_free_ char *clean = path_clean(joined);
        return arena_strdup(a, clean);
}

static int write_pax(Sink *out, const char *name, Records *r, Err *e) {
        qsort(r->items, r->n, sizeof *r->items, compare_records);
        _cleanup_buf_ Buf data = { 0 };
        for (size_t i = 0; i < r->n; i++)
                append_record(&data, &r->items[i]);
        TarHeader h = { .typeflag = 'x' };
        put_text(h.name, sizeof h.name, pax_name(r->arena, name));
        for (size_t n = strnlen(h.name, sizeof h.name); n && h.name[n - 1] == '/'; n--)
                h.name[n - 1] = 0; /* a base without any ASCII letter */
        put_octal(h.mode, sizeof h.mode, 0);
        put_octal(h.uid, sizeof h.uid, 0);
        put_octal(h.gid, sizeof h.gid, 0);
        put_octal(h.size, sizeof h.size, data.len);
        put_octal(h.mtime, sizeof h.mtime, 0);
        put_magic(&h);
        put_checksum(&h);
        if (sink_write(out, &h, sizeof h, e) < 0 || sink_write(out, data.data, data.len, e) < 0)
                return -1;
        return sink_zero(out, -data.len & (BLOCK - 1), e);
}

/* --- entries -------------------------------------------------------------------------------- */

static void put_name(Records *r, char *field, size_t n, const char *key, const char *value) {
        put_text(field, n, value);
        if (strlen(value) > n || !is_ascii(value))
                record_text(r, key, value);
}

static void put_number(Records *r, char *field, size_t n, const char *key, uint64_t v) {
        if (put_octal(field, n, v))
                return;
        put_octal(field, n, 0);
        record_number(r, key, v);
}

static void fill_header(TarHeader *h, Records *r, const Entry *entry, uint64_t size) {
        put_name(r, h->name, sizeof h->name, "path", entry->name);
        put_octal(h->mode, sizeof h->mode, entry->mode & 07777);
        put_number(r, h->uid, sizeof h->uid, "uid", entry->uid);
        put_number(r, h->gid, sizeof h->gid, "gid", entry->gid);
        put_number(r, h->size, sizeof h->size, "size", size);
        bool fits =
                entry->mtime >= 0 && put_octal(h->mtime, sizeof h->mtime, (uint64_t)entry->mtime);
        if (!fits)
                put_octal(h->mtime, sizeof h->mtime, 0);
        if (!fits || entry->mtime_nsec)
                record_time(r, "mtime", entry->mtime, entry->mtime_nsec);
        h->typeflag = (char)entry->type;
        put_name(r, h->linkname, sizeof h->linkname, "linkpath", entry->link ? entry->link : "");
        put_magic(h);
        put_name(r, h->uname, sizeof h->uname, "uname", entry->uname ? entry->uname : "");
        put_name(r, h->gname, sizeof h->gname, "gname", entry->gname ? entry->gname : "");
        put_octal(h->devmajor, sizeof h->devmajor, entry->dev_major);
        put_octal(h->devminor, sizeof h->devminor, entry->dev_minor);
        if (entry->location)
                record_text(r, MARK_LOCATION, entry->location);
        if (entry->source)
                record_text(r, MARK_SOURCE, entry->source);
        for (size_t i = 0; i < entry->n_pax; i++) {
                const PaxRecord *p = &entry->pax[i];
                /* Our marks replace those of an image that was made from another tree. */
                if (!(entry->location && str_eq(p->key, MARK_LOCATION)) &&
                    !(entry->source && str_eq(p->key, MARK_SOURCE)))
                        record_add(r, p->key, p->value, p->value_len);
        }
        put_checksum(h);
}

int tar_write_stream(Sink *out, const Entry *entry, uint64_t size, Err *e) {
        _cleanup_arena_ Arena *arena = arena_new();
        Records r = { .arena = arena };
        TarHeader h = { 0 };
        fill_header(&h, &r, entry, size);
        int result = r.n ? write_pax(out, entry->name, &r, e) : 0;
        free(r.items);
        return result < 0 ? -1 : sink_write(out, &h, sizeof h, e);
}

int tar_write_entry(Sink *out, const Entry *entry, Err *e) {
        uint64_t size = entry->type == ENTRY_FILE ? entry->content.size : 0;
        if (tar_write_stream(out, entry, size, e) < 0)
                return -1;
        if (!size)
                return 0;
        if (sink_content(out, &entry->content, e) < 0)
                return err_wrap(e, "%s", entry->name);
        return sink_zero(out, -size & (BLOCK - 1), e);
}

int tar_write_end(Sink *out, Err *e) {
        return sink_zero(out, 2 * BLOCK, e);
}

int tar_write_tree(Sink *out, const Tree *t, Err *e) {
        for (size_t i = 0; i < tree_count(t); i++)
                if (tar_write_entry(out, tree_entry(t, i), e) < 0)
                        return -1;
        return tar_write_end(out, e);
}
