/* fat_tree.c - folders and names of a FAT volume (fatgen103; formats.md 3.2).
 *
 * FAT does not tell upper from lower case, so names that differ only in that clash although they
 * are different bytes; every name that is not plain 8.3 in upper case has a long and a short form.
 */
#include "lib/fs/fat_internal.h"

#include <time.h>

enum {
        LONG_UNITS = 255,       /* fatgen103, "Long File Name" */
        LONG_PART = 13,         /* units in one entry */
        FOLDER_ENTRIES = 65536, /* fatgen103: a folder is at most 2 MiB */
        LABEL_ATTRIBUTE = 0x08,
        LONG_ATTRIBUTE = 0x0f,
        MAX_DEPTH = 64,
};

/* --- names ---------------------------------------------------------------------------------- */

/* The next code point of strict UTF-8; -1 when it is not. */
static int32_t utf8_next(const char **s, const char *end) {
        const uint8_t *p = (const uint8_t *)*s;
        size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
        if (!n || p[0] > 0xf4 || n > (size_t)(end - *s))
                return -1;
        int32_t c = n == 1 ? p[0] : p[0] & (0x7f >> n);
        for (size_t i = 1; i < n; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return -1;
                c = c << 6 | (p[i] & 0x3f);
        }
        if ((n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || c > 0x10ffff ||
            (c >= 0xd800 && c < 0xe000))
                return -1;
        *s += n;
        return c;
}

/* Number of UTF-16 units, at most LONG_UNITS of which are stored; -1: FAT cannot hold the name. */
static int name_units(const char *s, size_t n, uint16_t units[LONG_UNITS]) {
        const char *end = s + n;
        int count = 0;
        if (!n || end[-1] == '.' || end[-1] == ' ')
                return -1;
        while (s < end) {
                int32_t c = utf8_next(&s, end);
                if (c < 0x20 || c == 0x7f || (c < 0x80 && strchr("\"*/:<>?\\|", (int)c)) ||
                    count + (c > 0xffff) >= LONG_UNITS)
                        return -1;
                if (c > 0xffff)
                        units[count++] = (uint16_t)(0xd7c0 + (c >> 10));
                units[count++] = (uint16_t)(c > 0xffff ? 0xdc00 | (c & 0x3ff) : c);
        }
        return count;
}

static char upper(char c) {
        return (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
}

static bool short_char(char c) {
        return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c && strchr("!#$%&'()-@^_`{}~", c));
}

/* Where the extension's point stands; the end of the name when it has none. */
static size_t extension(const FatNode *f) {
        for (size_t i = f->name_len; i > 1; i--)
                if (f->name[i - 1] == '.')
                        return i - 1;
        return f->name_len;
}

/* The part [from, to) of the name as the short name may have it, at most max characters. */
static size_t short_part(const FatNode *f, size_t from, size_t to, size_t max, char *ret) {
        size_t n = 0;
        for (size_t i = from; i < to && n < max; i++) {
                char c = upper(f->name[i]);
                if (c == ' ' || c == '.' || ((uint8_t)c & 0xc0) == 0x80)
                        continue;
                ret[n++] = short_char(c) ? c : '_';
        }
        return n;
}

/* Whether the name is 8.3 but for the case of its letters; then its short name is set. */
static bool name_fits(FatNode *f) {
        size_t point = extension(f), rest = point < f->name_len ? point + 1 : point;
        if (!point || point > 8 || f->name_len - rest > 3)
                return false;
        for (size_t i = 0; i < f->name_len; i++)
                if (i != point && !short_char(upper(f->name[i])))
                        return false;
        memset(f->short_name, ' ', FAT_SHORT);
        for (size_t i = 0; i < point; i++)
                f->short_name[i] = (uint8_t)upper(f->name[i]);
        for (size_t i = rest; i < f->name_len; i++)
                f->short_name[8 + i - rest] = (uint8_t)upper(f->name[i]);
        return true;
}

static void name_with_tail(FatNode *f, unsigned number) {
        char base[8], ext[3], tail[12];
        size_t point = extension(f);
        size_t n = short_part(f, 0, point, sizeof base, base);
        size_t x = short_part(f, point, f->name_len, sizeof ext, ext);
        size_t t = (size_t)snprintf(tail, sizeof tail, "~%u", number);
        if (!n)
                base[n++] = '_';
        n = MIN(n, 8 - t);
        memset(f->short_name, ' ', FAT_SHORT);
        memcpy(f->short_name, base, n);
        memcpy(f->short_name + n, tail, t);
        memcpy(f->short_name + 8, ext, x);
}

/* The short names of one folder: a hash table with open addressing. */
typedef struct Names {
        const FatNode **slots;
        size_t mask;
} Names;

/* Adds f unless its short name is taken. */
static bool names_add(Names *t, const FatNode *f) {
        uint32_t h = 2166136261u;
        for (size_t i = 0; i < FAT_SHORT; i++)
                h = (h ^ f->short_name[i]) * 16777619u;
        size_t at = h & t->mask;
        for (; t->slots[at]; at = (at + 1) & t->mask)
                if (!memcmp(t->slots[at]->short_name, f->short_name, FAT_SHORT))
                        return false;
        t->slots[at] = f;
        return true;
}

static int compare_folded(const void *a, const void *b) {
        const FatNode *const *x = a, *const *y = b;
        size_t n = MIN((*x)->name_len, (*y)->name_len);
        for (size_t i = 0; i < n; i++) {
                int d = (uint8_t)upper((*x)->name[i]) - (uint8_t)upper((*y)->name[i]);
                if (d)
                        return d;
        }
        return ((*x)->name_len > (*y)->name_len) - ((*x)->name_len < (*y)->name_len);
}

static int check_case(FatNode **children, size_t n, Err *e) {
        qsort(children, n, sizeof *children, compare_folded);
        for (size_t i = 1; i < n; i++)
                if (!compare_folded(&children[i - 1], &children[i]))
                        return err_set(e, ERR_USAGE, 0,
                                       "FAT cannot tell \"%.*s\" from \"%.*s\" in one folder",
                                       (int)children[i - 1]->name_len, children[i - 1]->name,
                                       (int)children[i]->name_len, children[i]->name);
        return 0;
}

/* Short names of all children: first those that follow from the name, then the numbered ones. */
static void name_children(FatNode *dir, size_t n) {
        size_t slots = 16;
        while (slots <= 2 * n)
                slots *= 2;
        _cleanup_free_ const FatNode **table = xcalloc(slots, sizeof *table);
        Names t = { table, slots - 1 };
        for (FatNode *f = dir->first_child; f; f = f->next)
                if (name_fits(f)) {
                        names_add(&t, f);
                        bool same = true;
                        for (size_t i = 0; i < f->name_len; i++)
                                same = same && upper(f->name[i]) == f->name[i];
                        f->units = same ? 0 : f->units;
                } else
                        f->short_name[0] = 0;
        /* Names with the same beginning are neighbours: go on counting where the last one ended. */
        unsigned number = 0;
        const FatNode *last = NULL;
        for (FatNode *f = dir->first_child; f; f = f->next) {
                if (f->short_name[0])
                        continue;
                name_with_tail(f, 1);
                if (!last || memcmp(last->short_name, f->short_name, 2))
                        number = 0;
                do
                        name_with_tail(f, ++number);
                while (!names_add(&t, f));
                last = f;
        }
}

/* --- the tree ------------------------------------------------------------------------------- */

/* By path with "/" before every other character, so that a folder's files are together. */
static int compare_paths(const void *a, const void *b) {
        const char *x = (*(const FatFile *const *)a)->path, *y = (*(const FatFile *const *)b)->path;
        for (; *x && *x == *y; x++, y++)
                ;
        unsigned char c = (unsigned char)*x, d = (unsigned char)*y;
        return (c == '/' ? 1 : c) - (d == '/' ? 1 : d);
}

/* The child of dir for one component of a path; folders that are there already are found again. */
static int tree_step(FatNode *dir, const char *name, size_t len, const FatFile *file, Arena *a,
                     FatNode **ret, Err *e) {
        uint16_t units[LONG_UNITS];
        FatNode *last = dir->last_child;
        if (last && last->name_len == len && !memcmp(last->name, name, len)) {
                if (file || last->file)
                        return err_set(e, ERR_USAGE, 0, "%s: two files, or a file and a folder",
                                       file ? file->path : last->file->path);
                *ret = last;
                return 0;
        }
        int count = name_units(name, len, units);
        if (count < 0)
                return err_set(e, ERR_USAGE, 0, "FAT cannot hold the name \"%.*s\"", (int)len,
                               name);
        FatNode *f = arena_alloc(a, sizeof *f);
        *f = (FatNode){ .parent = dir, .name = name, .name_len = len, .file = file };
        f->units = (unsigned)count;
        f->bytes = file ? extents_size(file->data) : 0;
        if (last)
                last->next = f;
        else
                dir->first_child = f;
        dir->last_child = f;
        *ret = f;
        return 0;
}

static int tree_add(FatNode *root, const FatFile *file, Arena *a, size_t *nodes, Err *e) {
        FatNode *at = root;
        int depth = 0;
        if (extents_size(file->data) > UINT32_MAX)
                return err_set(e, ERR_USAGE, 0, "%s: a file on FAT is smaller than 4 GiB, not %llu",
                               file->path, (unsigned long long)extents_size(file->data));
        for (const char *s = file->path;;) {
                size_t len = strcspn(s, "/");
                FatNode *before = at->last_child;
                if (++depth > MAX_DEPTH)
                        return err_set(e, ERR_USAGE, 0, "%s: more than %d folders deep", file->path,
                                       MAX_DEPTH);
                if (tree_step(at, s, len, s[len] ? NULL : file, a, &at, e) < 0)
                        return -1;
                *nodes += at != before;
                if (!s[len])
                        return 0;
                s += len + 1;
        }
}

static int finish_folder(FatNode *dir, bool has_label, Err *e) {
        size_t n = 0, entries = dir->parent ? 2 : has_label;
        for (FatNode *f = dir->first_child; f; f = f->next)
                n++;
        _cleanup_free_ FatNode **children = xcalloc(n + 1, sizeof *children);
        n = 0;
        for (FatNode *f = dir->first_child; f; f = f->next)
                children[n++] = f;
        if (check_case(children, n, e) < 0)
                return -1;
        name_children(dir, n);
        for (FatNode *f = dir->first_child; f; f = f->next)
                entries += 1 + (f->units + LONG_PART - 1) / LONG_PART;
        if (entries > FOLDER_ENTRIES)
                return err_set(e, ERR_USAGE, 0, "\"%.*s\": too many files in one folder of FAT",
                               (int)dir->name_len, dir->name);
        dir->bytes = entries * FAT_ENTRY;
        return 0;
}

/* Depth first, without recursion. */
static FatNode *walk(FatNode *f) {
        if (f->first_child)
                return f->first_child;
        while (f && !f->next)
                f = f->parent;
        return f ? f->next : NULL;
}

static void set_order(FatTree *t) {
        t->n = 0;
        for (FatNode *f = t->root; f; f = walk(f))
                if (!f->file)
                        t->order[t->n++] = f;
        for (int first = 1; first >= 0; first--)
                for (FatNode *f = t->root; f; f = walk(f))
                        if (f->file && f->file->first == first)
                                t->order[t->n++] = f;
}

int fat_tree_build(const FatFile *files, size_t n, bool has_label, Arena *a, FatTree *ret, Err *e) {
        _cleanup_free_ const FatFile **sorted = xcalloc(n + 1, sizeof *sorted);
        for (size_t i = 0; i < n; i++)
                sorted[i] = &files[i];
        qsort(sorted, n, sizeof *sorted, compare_paths);
        FatNode *root = arena_alloc(a, sizeof *root);
        root->name = "";
        size_t nodes = 1;
        for (size_t i = 0; i < n; i++)
                if (tree_add(root, sorted[i], a, &nodes, e) < 0)
                        return -1;
        for (FatNode *f = root; f; f = walk(f))
                if (!f->file && finish_folder(f, has_label, e) < 0)
                        return -1;
        *ret = (FatTree){ root, arena_alloc(a, nodes * sizeof(FatNode *)), nodes };
        set_order(ret);
        return 0;
}

/* --- entries -------------------------------------------------------------------------------- */

/* Date in the upper, time in the lower half (fatgen103, "Date and Time Formats"). */
static uint32_t dos_time(int64_t t) {
        enum { FIRST = 315532800 }; /* 1980-01-01 */
        static const int64_t last = 4354819198;
        time_t clamped = (time_t)MAX((int64_t)FIRST, MIN(t, last));
        struct tm tm;
        gmtime_r(&clamped, &tm);
        return (uint32_t)((tm.tm_year - 80) << 9 | (tm.tm_mon + 1) << 5 | tm.tm_mday) << 16 |
               (uint32_t)(tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2);
}

static uint8_t *put_entry(uint8_t *p, const void *name, uint8_t attributes, uint32_t cluster,
                          uint64_t size, int64_t mtime) {
        uint32_t time = dos_time(mtime);
        memcpy(p, name, FAT_SHORT);
        p[11] = attributes;
        put_le(p + 14, time, 4);       /* created */
        put_le(p + 18, time >> 16, 2); /* read */
        put_le(p + 20, cluster >> 16, 2);
        put_le(p + 22, time, 4);
        put_le(p + 26, cluster, 2);
        put_le(p + 28, (uint32_t)size, 4);
        return p + FAT_ENTRY;
}

/* The long name in front of the short entry, last part first (fatgen103, "Long Directory Entries").
 */
static uint8_t *put_long(uint8_t *p, const FatNode *f) {
        static const uint8_t places[LONG_PART] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };
        uint16_t units[LONG_UNITS];
        unsigned n = (unsigned)name_units(f->name, f->name_len, units);
        uint8_t sum = 0;
        for (size_t i = 0; i < FAT_SHORT; i++)
                sum = (uint8_t)((sum & 1) << 7 | sum >> 1) + f->short_name[i];
        unsigned parts = (n + LONG_PART - 1) / LONG_PART;
        for (unsigned part = parts; part; part--, p += FAT_ENTRY) {
                p[0] = (uint8_t)(part | (part == parts ? 0x40 : 0));
                p[11] = LONG_ATTRIBUTE;
                p[13] = sum;
                for (unsigned i = 0; i < LONG_PART; i++) {
                        unsigned at = (part - 1) * LONG_PART + i;
                        put_le(p + places[i], at < n ? units[at] : at == n ? 0 : 0xffff, 2);
                }
        }
        return p;
}

void fat_folder_fill(const FatNode *dir, const uint8_t *label, int64_t mtime, uint8_t *p) {
        if (label && !dir->parent)
                p = put_entry(p, label, LABEL_ATTRIBUTE, 0, 0, mtime);
        if (dir->parent) {
                /* fatgen103: ".." of a folder in the root names cluster 0, whatever the root's is
                 */
                uint32_t up = dir->parent->parent ? dir->parent->cluster : 0;
                p = put_entry(p, ".          ", FAT_DIRECTORY, dir->cluster, 0, mtime);
                p = put_entry(p, "..         ", FAT_DIRECTORY, up, 0, mtime);
        }
        for (const FatNode *f = dir->first_child; f; f = f->next) {
                uint8_t attributes =
                        f->file && f->file->attributes ? f->file->attributes : (uint8_t)FAT_ARCHIVE;
                if (f->units)
                        p = put_long(p, f);
                p = put_entry(p, f->short_name, f->file ? attributes : (uint8_t)FAT_DIRECTORY,
                              f->cluster, f->file ? f->bytes : 0, mtime);
        }
}
