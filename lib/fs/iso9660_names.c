/* iso9660_names.c - the names that readers without Rock Ridge see: ECMA-119's and Joliet's.
 *
 * Both are shorter and poorer than ours, so different names may become equal; the later one in byte
 * order then gets a number.  The result depends on the names of one directory only. */
#include "lib/fs/iso9660_internal.h"

enum {
        /* ECMA-119, 7.5.1 and 7.6.3: name and extension together, and a directory's name */
        ISO_CHARACTERS = 30,
        ISO_EXTENSION = 10,
        ISO_DIRECTORY = 31,
        /* what -joliet-long of other writers allows; the specification says 64 */
        JOLIET_CHARACTERS = 103,
        JOLIET_EXTENSION = 10,
        DIGITS = 10,
};

/* --- a set of names ---------------------------------------------------------------------- */

typedef struct Key {
        const void *p;
        size_t n;
} Key;

typedef struct NameSet {
        Key *slots;
        size_t mask;
} NameSet;

static void set_init(NameSet *s, size_t n) {
        size_t slots = 16;
        while (slots < 2 * n)
                slots *= 2;
        s->slots = xcalloc(slots, sizeof *s->slots);
        s->mask = slots - 1;
}

/* False when it is there already; p is kept. */
static bool set_add(NameSet *s, const void *p, size_t n) {
        uint64_t h = 14695981039346656037u; /* FNV-1a */
        for (size_t i = 0; i < n; i++)
                h = (h ^ ((const uint8_t *)p)[i]) * 1099511628211u;
        size_t i = (size_t)h & s->mask;
        for (; s->slots[i].p; i = (i + 1) & s->mask)
                if (s->slots[i].n == n && memcmp(s->slots[i].p, p, n) == 0)
                        return false;
        s->slots[i] = (Key){ p, n };
        return true;
}

/* --- ECMA-119 ---------------------------------------------------------------------------- */

static char d_character(char c) {
        if (c >= 'a' && c <= 'z')
                return (char)(c - 'a' + 'A');
        bool kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        return kept ? c : '_';
}

/* Where the extension's dot stands, or the end. A leading dot makes no extension. */
static size_t last_dot(const char *name) {
        const char *dot = strrchr(name, '.');
        return dot && dot != name ? (size_t)(dot - name) : strlen(name);
}

/* The name number `number` (0: plain) of a node; to holds 32 bytes. */
static void make_iso(const IsoNode *n, unsigned number, char *to) {
        char digits[DIGITS + 1] = "";
        int n_digits = number ? snprintf(digits, sizeof digits, "%u", number - 1) : 0;
        size_t len = strlen(n->name), stem = n->dir ? len : last_dot(n->name), extension = 0;
        size_t max = ISO_DIRECTORY;
        if (!n->dir) {
                extension = stem < len ? MIN(len - stem - 1, (size_t)ISO_EXTENSION) : 0;
                max = ISO_CHARACTERS - extension;
        }
        size_t kept = MIN(stem, max - (size_t)n_digits), at = 0;
        for (size_t i = 0; i < kept; i++)
                to[at++] = d_character(n->name[i]);
        memcpy(to + at, digits, (size_t)n_digits);
        at += (size_t)n_digits;
        if (!n->dir)
                to[at++] = '.';
        for (size_t i = 0; i < extension; i++)
                to[at++] = d_character(n->name[stem + 1 + i]);
        to[at] = 0;
}

static void assign_iso(IsoPlan *p, IsoNode *dir, NameSet *set) {
        unsigned next = 1;
        for (size_t i = 0; i < dir->n_children; i++) {
                IsoNode *n = dir->children[i];
                char name[ISO_DIRECTORY + 2];
                make_iso(n, 0, name);
                n->iso = arena_strdup(p->arena, name);
                while (!set_add(set, n->iso, strlen(n->iso))) {
                        make_iso(n, next++, name);
                        n->iso = arena_strdup(p->arena, name);
                }
        }
}

/* ECMA-119, 9.3: name, then extension, each filled with spaces; '.' separates them only. */
static int compare_iso(const void *a, const void *b) {
        const uint8_t *x = (const uint8_t *)(*(IsoNode *const *)a)->iso;
        const uint8_t *y = (const uint8_t *)(*(IsoNode *const *)b)->iso;
        for (; *x && *x == *y; x++)
                y++;
        int cx = *x == '.' ? 0 : *x, cy = *y == '.' ? 0 : *y;
        return cx != cy ? cx - cy : (int)*x - (int)*y;
}

/* --- Joliet ------------------------------------------------------------------------------ */

/* Decodes one character of UTF-8 at *s; 0xfffd for anything that is none, one byte at a time. */
static uint32_t next_character(const char **s) {
        const uint8_t *p = (const uint8_t *)*s;
        size_t n = p[0] < 0x80   ? 1
                   : p[0] < 0xc2 ? 0
                   : p[0] < 0xe0 ? 2
                   : p[0] < 0xf0 ? 3
                   : p[0] < 0xf5 ? 4
                                 : 0;
        static const uint8_t bits[5] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
        static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
        uint32_t c = n ? p[0] & bits[n] : 0;
        for (size_t i = 1; i < n; i++) {
                if ((p[i] & 0xc0) != 0x80) {
                        n = 0;
                        break;
                }
                c = c << 6 | (p[i] & 0x3f);
        }
        if (!n || c < least[n] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff) {
                *s += 1;
                return 0xfffd;
        }
        *s += n;
        return c;
}

/* Joliet specification, "Allowed character set"; UCS-2 knows no characters beyond 0xffff. */
static uint16_t joliet_character(uint32_t c) {
        if (c < 0x20 || c >= 0xfffd || (c < 0x80 && strchr("*/:;?\\", (int)c)))
                return '_';
        return (uint16_t)c;
}

size_t iso_joliet_units(const char *utf8, uint16_t *ret, size_t max) {
        size_t n = 0;
        while (*utf8 && n < max)
                ret[n++] = joliet_character(next_character(&utf8));
        return n;
}

/* The name number `number` (0: plain) made from all units of the full name. */
static size_t make_joliet(const uint16_t *full, size_t len, bool dir, unsigned number,
                          uint16_t *to) {
        char digits[DIGITS + 1] = "";
        int n_digits = number ? snprintf(digits, sizeof digits, "%u", number - 1) : 0;
        size_t stem = len;
        for (size_t i = len; !dir && i-- > 1;)
                if (full[i] == '.') {
                        stem = i;
                        break;
                }
        size_t extension = MIN(len - stem, (size_t)JOLIET_EXTENSION + 1);
        size_t kept = MIN(stem, JOLIET_CHARACTERS - extension - (size_t)n_digits), at = 0;
        for (; at < kept; at++)
                to[at] = full[at];
        for (int i = 0; i < n_digits; i++)
                to[at++] = (uint16_t)digits[i];
        for (size_t i = 0; i < extension; i++)
                to[at++] = full[stem + i];
        return at;
}

static bool in_joliet(const IsoNode *n) {
        return n->inode->entry.type == ENTRY_FILE || n->dir;
}

static void assign_joliet(IsoPlan *p, IsoNode *dir, NameSet *set) {
        unsigned next = 1;
        for (size_t i = 0; i < dir->n_children; i++) {
                IsoNode *n = dir->children[i];
                if (!in_joliet(n))
                        continue;
                uint16_t full[ISO_NAME_MAX];
                size_t len = iso_joliet_units(n->name, full, ARRAY_LEN(full));
                for (unsigned number = 0;; number = next++) {
                        uint16_t name[JOLIET_CHARACTERS];
                        n->joliet_len = make_joliet(full, len, n->dir != NULL, number, name);
                        size_t bytes = n->joliet_len * sizeof *name;
                        uint16_t *copy = arena_alloc(p->arena, bytes);
                        memcpy(copy, name, bytes);
                        n->joliet = copy;
                        if (set_add(set, copy, bytes))
                                break;
                }
        }
}

static int compare_joliet(const void *a, const void *b) {
        const IsoNode *x = *(IsoNode *const *)a, *y = *(IsoNode *const *)b;
        for (size_t i = 0; i < x->joliet_len && i < y->joliet_len; i++)
                if (x->joliet[i] != y->joliet[i])
                        return (int)x->joliet[i] - (int)y->joliet[i];
        return (x->joliet_len > y->joliet_len) - (x->joliet_len < y->joliet_len);
}

/* --- both -------------------------------------------------------------------------------- */

static void sort_records(IsoPlan *p, IsoNode *dir, IsoView v) {
        IsoDirectory *d = &dir->dir[v];
        d->nodes = arena_alloc(p->arena, (dir->n_children + 1) * sizeof *d->nodes);
        for (size_t i = 0; i < dir->n_children; i++)
                if (v == ISO_PRIMARY || in_joliet(dir->children[i]))
                        d->nodes[d->n++] = dir->children[i];
        qsort(d->nodes, d->n, sizeof *d->nodes, v == ISO_PRIMARY ? compare_iso : compare_joliet);
}

void iso_names_assign(IsoPlan *p, IsoNode *dir) {
        for (int v = ISO_PRIMARY; v <= (p->o->joliet ? ISO_JOLIET : ISO_PRIMARY); v++) {
                NameSet set;
                set_init(&set, dir->n_children);
                (v == ISO_PRIMARY ? assign_iso : assign_joliet)(p, dir, &set);
                free(set.slots);
                sort_records(p, dir, (IsoView)v);
        }
}
