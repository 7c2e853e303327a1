/* iso9660_rockridge.c - POSIX attributes in directory records: Rock Ridge (IEEE P1282 draft 1.12)
 * on the System Use Sharing Protocol (IEEE P1281 draft 1.12).
 *
 * Entries are first made as one string and then cut where records and blocks end.  Linux reads a
 * continuation area only when it stays inside one block, and shows at most 253 bytes of a name. */
#include "lib/fs/iso9660_internal.h"

enum { ENTRY_MAX = 255, HEADER = 4, CONTINUATION = 28 };
/* Flags of SL's components, of SL and of NM themselves. */
enum { CONTINUES = 1, CURRENT = 2, PARENT = 4, ROOT = 8 };

static uint8_t *add_entry(Buf *b, const char *signature, size_t len) {
        size_t at = b->len;
        buf_zero(b, len);
        uint8_t *p = (uint8_t *)b->data + at;
        memcpy(p, signature, 2);
        p[2] = (uint8_t)len;
        p[3] = 1;
        return p;
}

/* --- the entries ------------------------------------------------------------------------- */

static void add_sharing(Buf *b) {
        static const uint8_t check[3] = { 0xbe, 0xef, 0 };
        memcpy(add_entry(b, "SP", 7) + HEADER, check, sizeof check);
}

static void add_reference(Buf *b) {
        static const char source[] = "PLEASE CONTACT THE IEEE STANDARDS DEPARTMENT, PISCATAWAY, "
                                     "NJ, USA FOR THE P1282 SPECIFICATION.";
        static const char *const text[3] = {
                "IEEE_P1282",
                "THE IEEE P1282 PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS",
                source,
        };
        size_t len[3], sum = 8;
        for (size_t i = 0; i < 3; i++)
                sum += len[i] = strlen(text[i]);
        uint8_t *p = add_entry(b, "ER", sum);
        p[7] = 1;
        uint8_t *to = p + 8;
        for (size_t i = 0; i < 3; to += len[i++]) {
                p[4 + i] = (uint8_t)len[i];
                memcpy(to, text[i], len[i]);
        }
}

static void add_attributes(Buf *b, const Inode *i) {
        uint8_t *p = add_entry(b, "PX", 44);
        iso_both32(p + 4, inode_mode(i));
        iso_both32(p + 12, i->links);
        iso_both32(p + 20, i->entry.uid);
        iso_both32(p + 28, i->entry.gid);
        iso_both32(p + 36, i->number);
}

static void add_times(Buf *b, const Inode *x) {
        uint8_t *p = add_entry(b, "TF", 5 + 3 * ISO_DATE);
        p[4] = 0x0e; /* modification, access, change of attributes */
        for (size_t i = 0; i < 3; i++)
                iso_date(p + 5 + i * ISO_DATE, x->entry.mtime);
}

/* The standard wants the whole number in the low half when dev_t has 32 bits.  Linux accepts that
 * for what 16 bits can hold, and so do all other readers; beyond, only Linux's own way is left:
 * major number in the high half, minor in the low one. */
static void add_device(Buf *b, const Entry *n) {
        uint8_t *p = add_entry(b, "PN", 20);
        bool fits = n->dev_major <= 0xfff && n->dev_minor <= 0xff;
        iso_both32(p + 4, fits ? 0 : n->dev_major);
        iso_both32(p + 12, fits ? n->dev_major << 8 | n->dev_minor : n->dev_minor);
}

static void add_name(Buf *b, const char *name) {
        enum { PART = ENTRY_MAX - 5 };
        for (size_t left = strlen(name); left;) {
                size_t n = MIN(left, (size_t)PART);
                uint8_t *p = add_entry(b, "NM", 5 + n);
                p[4] = left > n ? CONTINUES : 0;
                memcpy(p + 5, name, n);
                name += n;
                left -= n;
        }
}

/* A component record at the end of the SL entry that begins at *start, or of a new one. */
static void add_component(Buf *b, size_t *start, uint8_t flags, const char *text, size_t n) {
        uint8_t head[2] = { flags, (uint8_t)n };
        if (b->len - *start + sizeof head + n > ENTRY_MAX) {
                b->data[*start + 4] = CONTINUES;
                *start = b->len;
                add_entry(b, "SL", 5);
        }
        buf_add(b, head, sizeof head);
        buf_add(b, text, n);
        b->data[*start + 2] = (char)(uint8_t)(b->len - *start);
}

/* An empty component (of "a//b", "a/") stays one: readers put the slashes back between. */
static void add_target(Buf *b, const char *target) {
        enum { PART = ENTRY_MAX - 5 - 2 };
        size_t start = b->len;
        add_entry(b, "SL", 5);
        if (*target == '/')
                add_component(b, &start, ROOT, "", 0), target++;
        while (*target) {
                size_t n = strcspn(target, "/");
                if (n == 1 && target[0] == '.')
                        add_component(b, &start, CURRENT, "", 0);
                else if (n == 2 && target[0] == '.' && target[1] == '.')
                        add_component(b, &start, PARENT, "", 0);
                else {
                        size_t done = 0;
                        for (; n - done > PART; done += PART)
                                add_component(b, &start, CONTINUES, target + done, PART);
                        add_component(b, &start, 0, target + done, n - done);
                }
                target += n;
                if (*target != '/')
                        break;
                if (!*++target)
                        add_component(b, &start, 0, "", 0);
        }
}

static void add_all(Buf *b, const IsoNode *n, IsoRecord kind, bool root) {
        bool first = kind == ISO_SELF && root;
        if (first)
                add_sharing(b);
        add_attributes(b, n->inode);
        add_times(b, n->inode);
        if (first)
                add_reference(b);
        if (kind != ISO_CHILD)
                return;
        add_name(b, n->name);
        const Entry *x = &n->inode->entry;
        if (x->type == ENTRY_SYMLINK)
                add_target(b, x->link);
        if (x->type == ENTRY_CHAR || x->type == ENTRY_BLOCK)
                add_device(b, x);
}

/* --- where they stand -------------------------------------------------------------------- */

/* How many bytes of the entries from p on fit into room, when a CE entry follows unless all do. */
static size_t fitting(const uint8_t *p, size_t left, size_t room) {
        if (left <= room)
                return left;
        size_t n = 0;
        while (n + p[n + 2] + CONTINUATION <= room)
                n += p[n + 2];
        return n;
}

/* What the next continuation area takes of left bytes at p; moves more to a new block if needed. */
static size_t next_area(const uint8_t *p, size_t left, IsoMore *more) {
        size_t room = ISO_BLOCK - more->size % ISO_BLOCK;
        if (left > room) {
                more->size += room % ISO_BLOCK;
                room = ISO_BLOCK;
        }
        return fitting(p, left, room);
}

static void put_continuation(uint8_t *to, const IsoMore *more, size_t len) {
        memcpy(to, "CE\34\1", 4);
        iso_both32(to + 4, (uint32_t)(more->block + more->size / ISO_BLOCK));
        iso_both32(to + 12, (uint32_t)(more->size % ISO_BLOCK));
        iso_both32(to + 20, (uint32_t)len);
}

size_t iso_rockridge(const IsoNode *node, IsoRecord kind, bool root, size_t room, uint8_t *to,
                     IsoMore *more) {
        _cleanup_buf_ Buf b = { 0 };
        add_all(&b, node, kind, root);
        const uint8_t *p = (const uint8_t *)b.data;
        size_t left = b.len, n = fitting(p, left, room);
        size_t in_record = n + (n < left ? CONTINUATION : 0);
        for (;;) {
                if (to)
                        memcpy(to, p, n);
                p += n;
                left -= n;
                if (!left)
                        return in_record;
                size_t taken = next_area(p, left, more);
                size_t area = taken + (taken < left ? CONTINUATION : 0);
                if (to) {
                        put_continuation(to + n, more, area);
                        to = more->base + more->size;
                }
                more->size += area;
                n = taken;
        }
}
