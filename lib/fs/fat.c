/* fat.c - see fat.h.  Layout of the tables: fatgen103 (Microsoft, "FAT: General Overview of On-Disk
 * Format"), formats.md 3.2.  The number of clusters alone makes a volume FAT12, 16 or 32. */
#include "lib/fs/fat_internal.h"

enum {
        FIRST_CLUSTER = 2,
        ROOT_ENTRIES = 512,
        MAX_ROOT_ENTRIES = 65520,
        FSINFO_SECTOR = 1,
        BACKUP_SECTOR = 6,
        /* Readers disagree on the limits between the types by a few: fatgen103 asks to stay away
         * from them by 16 clusters. */
        LIMIT_12 = 4085,
        LIMIT_16 = 65525,
        LIMIT_32 = 0x0ffffff5,
        MARGIN = 16,
        MAX_PER_CLUSTER = 64, /* sectors: all readers take 32 KiB */
        MAX_ALIGN = 1 << 20,
};
static const uint64_t mib = 1 << 20;

typedef struct Plan {
        FatTree tree;
        FatLayout l;
        uint64_t next;     /* cluster behind the last one in use */
        uint8_t label[11]; /* padded with blanks */
        bool has_label;
} Plan;

/* --- planning ------------------------------------------------------------------------------- */

/* Spreads the sectors over tables and clusters. False: nothing is left for clusters. */
static bool spread(FatLayout *l, uint32_t align) {
        uint32_t reserved = l->bits == 32 ? 32 : 1, root = l->root_entries * FAT_ENTRY / FAT_SECTOR;
        l->fat_sectors = 0;
        for (uint64_t need = 1; need > l->fat_sectors;) {
                if (need > l->total_sectors / 2)
                        return false;
                l->fat_sectors = (uint32_t)need;
                uint64_t data = reserved + 2 * need + root;
                if (align > FAT_SECTOR)
                        data = (data + align / FAT_SECTOR - 1) &
                               ~(uint64_t)(align / FAT_SECTOR - 1);
                if (data + l->sectors_per_cluster > l->total_sectors)
                        return false;
                l->data_sector = (uint32_t)data;
                l->reserved_sectors = (uint32_t)(data - 2 * need - root);
                l->clusters = (l->total_sectors - l->data_sector) / l->sectors_per_cluster;
                uint64_t bits = ((uint64_t)l->clusters + FIRST_CLUSTER) * (unsigned)l->bits;
                need = (bits + FAT_SECTOR * 8 - 1) / (FAT_SECTOR * 8);
        }
        return true;
}

static bool try_type(Plan *p, int bits, uint32_t per_cluster, uint32_t align) {
        FatLayout *l = &p->l;
        l->bits = bits;
        l->sectors_per_cluster = per_cluster;
        uint64_t entries = MAX((uint64_t)ROOT_ENTRIES, p->tree.root->bytes / FAT_ENTRY);
        if (bits != 32 && entries > MAX_ROOT_ENTRIES)
                return false;
        l->root_entries = bits == 32 ? 0 : (uint32_t)(entries + 15) / 16 * 16;
        if (!spread(l, align))
                return false;
        switch (bits) {
        case 12:
                return l->clusters < LIMIT_12 - MARGIN;
        case 16:
                return l->clusters >= LIMIT_12 + MARGIN && l->clusters < LIMIT_16 - MARGIN;
        default:
                return l->clusters >= LIMIT_16 + MARGIN && l->clusters < LIMIT_32 - MARGIN;
        }
}

/* Type and cluster size for the sectors there are (formats.md 3.2). */
static bool choose(Plan *p, int bits, uint32_t align) {
        uint64_t size = (uint64_t)p->l.total_sectors * FAT_SECTOR;
        uint32_t per_cluster = size <= 128 * mib   ? 1
                               : size <= 256 * mib ? 2
                               : size <= 512 * mib ? 4
                                                   : 8;
        if (!bits || bits == 32)
                for (; per_cluster <= 16; per_cluster *= 2)
                        if (try_type(p, 32, per_cluster, align))
                                return true;
        for (int b = 16; b >= 12; b -= 4)
                for (uint32_t n = 1; (!bits || bits == b) && n <= MAX_PER_CLUSTER; n *= 2)
                        if (try_type(p, b, n, align))
                                return true;
        return false;
}

/* Gives every node its clusters; false: there are not enough. */
static bool allocate(Plan *p, uint32_t align) {
        FatLayout *l = &p->l;
        uint64_t cluster_size = (uint64_t)l->sectors_per_cluster * FAT_SECTOR;
        uint64_t step = align > cluster_size ? align / cluster_size : 1, used = 0, next = 0;
        for (size_t i = 0; i < p->tree.n; i++) {
                FatNode *f = p->tree.order[i];
                uint64_t clusters = (f->bytes + cluster_size - 1) / cluster_size;
                if (!i)
                        clusters = l->bits == 32 ? MAX(clusters, (uint64_t)1) : 0;
                if (clusters && f->file)
                        next = (next + step - 1) / step * step;
                f->clusters = (uint32_t)clusters;
                f->cluster = clusters ? (uint32_t)next + FIRST_CLUSTER : 0;
                next += clusters;
                used += clusters;
                if (next > l->clusters)
                        return false;
        }
        l->free_clusters = (uint32_t)(l->clusters - used);
        p->next = next + FIRST_CLUSTER;
        return true;
}

static bool plan_size(Plan *p, const FatOptions *o, uint64_t size) {
        p->l.total_sectors = (uint32_t)(size / FAT_SECTOR);
        return size / FAT_SECTOR <= UINT32_MAX && choose(p, o->bits, o->align) &&
               allocate(p, o->align);
}

/* The smallest size; 0: none is large enough for this type of FAT. */
static uint64_t search_size(Plan *p, const FatOptions *o) {
        uint64_t data = 0, end = o->bits == 12 ? 129 * mib : o->bits == 16 ? 2049 * mib : mib << 21;
        for (size_t i = 0; i < p->tree.n; i++)
                data += p->tree.order[i]->bytes;
        for (uint64_t size = MAX(mib, (data + mib - 1) / mib * mib); size < end; size += mib)
                if (plan_size(p, o, size))
                        return size;
        return 0;
}

static int set_label(Plan *p, const char *label, Err *e) {
        memset(p->label, ' ', sizeof p->label);
        size_t n = label ? strlen(label) : 0;
        for (size_t i = 0; i < n; i++) {
                char c = label[i];
                if (n > sizeof p->label || c < ' ' || c > '~' || strchr("\"*+,./:;<=>?[\\]|", c) ||
                    label[0] == ' ')
                        return err_set(e, ERR_USAGE, 0,
                                       "volume label \"%s\": FAT takes at most 11 "
                                       "letters, digits, blanks, - and _",
                                       label);
                p->label[i] = (uint8_t)(c >= 'a' && c <= 'z' ? c - 32 : c);
        }
        p->has_label = n;
        if (!n)
                memcpy(p->label, "NO NAME    ", sizeof p->label);
        return 0;
}

static int plan_start(const FatFile *files, size_t n, const FatOptions *o, Arena *a, Plan *p,
                      Err *e) {
        *p = (Plan){ 0 };
        if ((o->bits && o->bits != 12 && o->bits != 16 && o->bits != 32) ||
            (o->align & (o->align - 1)) || o->align > MAX_ALIGN || o->size % FAT_SECTOR)
                return err_set(e, ERR_INTERNAL, 0, "options of a FAT volume");
        if (set_label(p, o->label, e) < 0)
                return -1;
        return fat_tree_build(files, n, p->has_label, a, &p->tree, e);
}

static int no_size(const FatOptions *o, Err *e) {
        if (o->bits)
                return err_set(e, ERR_USAGE, 0, "the files do not fit on any FAT%d volume",
                               o->bits);
        return err_set(e, ERR_USAGE, 0, "the files do not fit on any FAT volume");
}

static int plan_make(const FatFile *files, size_t n, const FatOptions *o, Arena *a, Plan *p,
                     Err *e) {
        if (plan_start(files, n, o, a, p, e) < 0)
                return -1;
        if (o->size ? plan_size(p, o, o->size) : search_size(p, o) != 0)
                return 0;
        uint64_t need = search_size(p, o);
        if (!need)
                return no_size(o, e);
        if (need > o->size)
                return err_set(e, ERR_USAGE, 0,
                               "the FAT volume needs %llu MiB, more than its size of %llu KiB",
                               (unsigned long long)(need / mib),
                               (unsigned long long)(o->size >> 10));
        return err_set(e, ERR_USAGE, 0, "no FAT%.0d volume has a size of %llu KiB", o->bits,
                       (unsigned long long)(o->size >> 10));
}

static void give_layout(const Plan *p, const FatFile *files, FatLayout *layout) {
        if (!layout)
                return;
        uint32_t *sectors = layout->file_sectors;
        *layout = p->l;
        layout->file_sectors = sectors;
        for (size_t i = 0; sectors && i < p->tree.n; i++) {
                const FatNode *f = p->tree.order[i];
                if (f->file)
                        sectors[f->file - files] =
                                !f->cluster ? 0
                                            : p->l.data_sector + (f->cluster - FIRST_CLUSTER) *
                                                                         p->l.sectors_per_cluster;
        }
}

int fat_plan(const FatFile *files, size_t n, const FatOptions *o, FatLayout *layout, Err *e) {
        _cleanup_arena_ Arena *a = arena_new();
        Plan p;
        if (plan_make(files, n, o, a, &p, e) < 0)
                return -1;
        give_layout(&p, files, layout);
        return 0;
}

int fat_size_needed(const FatFile *files, size_t n, const FatOptions *o, uint64_t *ret, Err *e) {
        _cleanup_arena_ Arena *a = arena_new();
        Plan p;
        if (plan_start(files, n, o, a, &p, e) < 0)
                return -1;
        uint64_t size = search_size(&p, o);
        if (!size)
                return no_size(o, e);
        *ret = size;
        return 0;
}

/* --- writing -------------------------------------------------------------------------------- */

static void fill_boot_sector(const Plan *p, const FatOptions *o, uint8_t *s) {
        const FatLayout *l = &p->l;
        bool big = l->bits == 32;
        uint8_t *tail = s + (big ? 64 : 36), code = big ? 90 : 62;
        memcpy(s, "\xeb\x00\x90LINUXKIT", 11);
        s[1] = (uint8_t)(code - 2);
        put_le(s + 11, FAT_SECTOR, 2);
        s[13] = (uint8_t)l->sectors_per_cluster;
        put_le(s + 14, l->reserved_sectors, 2);
        s[16] = 2;
        put_le(s + 17, l->root_entries, 2);
        bool is_short = !big && l->total_sectors < 65536;
        put_le(s + 19, is_short ? l->total_sectors : 0, 2);
        s[21] = 0xf8;
        put_le(s + 22, big ? 0 : l->fat_sectors, 2);
        put_le(s + 24, 63, 2);
        put_le(s + 26, 255, 2);
        put_le(s + 28, o->hidden_sectors, 4);
        put_le(s + 32, is_short ? 0 : l->total_sectors, 4);
        if (big) {
                put_le(s + 36, l->fat_sectors, 4);
                put_le(s + 44, FIRST_CLUSTER, 4);
                put_le(s + 48, FSINFO_SECTOR, 2);
                put_le(s + 50, BACKUP_SECTOR, 2);
        }
        tail[0] = 0x80;
        tail[2] = 0x29;
        put_le(tail + 3, o->volume_id, 4);
        memcpy(tail + 7, p->label, sizeof p->label);
        memcpy(tail + 18, big ? "FAT32   " : l->bits == 16 ? "FAT16   " : "FAT12   ", 8);
        memcpy(s + code, "\xeb\xfe", 2); /* jumps to itself */
        if (o->boot_sector) {
                memcpy(s, o->boot_sector, 11);
                memcpy(s + 90, o->boot_sector + 90, 420);
        }
        memcpy(s + 510, "\x55\xaa", 2);
}

static void fill_reserved(const Plan *p, const FatOptions *o, uint8_t *s) {
        fill_boot_sector(p, o, s);
        if (p->l.bits != 32)
                return;
        uint8_t *info = s + FSINFO_SECTOR * FAT_SECTOR;
        memcpy(info, "RRaA", 4);
        memcpy(info + 484, "rrAa", 4);
        put_le(info + 488, p->l.free_clusters, 4);
        /* where to look for a free one: the last that was given away, which is what others keep */
        put_le(info + 492, (uint32_t)p->next - 1, 4);
        memcpy(info + 510, "\x55\xaa", 2);
        memcpy(s + 2 * FAT_SECTOR + 510, "\x55\xaa", 2);
        memcpy(s + BACKUP_SECTOR * FAT_SECTOR, s, 3 * FAT_SECTOR);
}

static void fat_set(uint8_t *table, int bits, uint64_t cluster, uint32_t value) {
        if (bits == 32) {
                put_le(table + 4 * cluster, value & 0x0fffffff, 4);
        } else if (bits == 16) {
                put_le(table + 2 * cluster, value, 2);
        } else {
                uint8_t *p = table + cluster * 3 / 2;
                if (cluster & 1) {
                        p[0] = (uint8_t)((p[0] & 0x0f) | value << 4);
                        p[1] = (uint8_t)(value >> 4);
                } else {
                        p[0] = (uint8_t)value;
                        p[1] = (uint8_t)((p[1] & 0xf0) | (value >> 8 & 0x0f));
                }
        }
}

/* Both copies are the same bytes; what is free is a hole. */
static void write_tables(const Plan *p, Extents *out) {
        int bits = p->l.bits;
        Content c = { .size = (p->next * (unsigned)bits + 7) / 8 };
        uint8_t *table = arena_alloc(extents_arena(out), c.size + 1);
        c.bytes = table;
        fat_set(table, bits, 0, 0xfffffff8);
        fat_set(table, bits, 1, UINT32_MAX);
        for (size_t i = 0; i < p->tree.n; i++) {
                const FatNode *f = p->tree.order[i];
                for (uint32_t k = 0; k < f->clusters; k++)
                        fat_set(table, bits, (uint64_t)f->cluster + k,
                                k + 1 < f->clusters ? f->cluster + k + 1 : UINT32_MAX);
        }
        for (int i = 0; i < 2; i++) {
                extents_add(out, &c);
                extents_zero(out, (uint64_t)p->l.fat_sectors * FAT_SECTOR - c.size);
        }
}

static void write_folder(const Plan *p, const FatNode *dir, int64_t mtime, Extents *out) {
        uint8_t *bytes = arena_alloc(extents_arena(out), dir->bytes + 1);
        fat_folder_fill(dir, p->has_label ? p->label : NULL, mtime, bytes);
        Content c = content_bytes(bytes, dir->bytes);
        extents_add(out, &c);
}

int fat_image(const FatFile *files, size_t n, const FatOptions *o, Extents *out, FatLayout *layout,
              Err *e) {
        _cleanup_arena_ Arena *a = arena_new();
        Plan p;
        if (plan_make(files, n, o, a, &p, e) < 0)
                return -1;
        uint64_t base = extents_size(out), data = base + (uint64_t)p.l.data_sector * FAT_SECTOR;
        Content head = { .size = (uint64_t)(p.l.bits == 32 ? 32 : 1) * FAT_SECTOR };
        uint8_t *bytes = arena_alloc(extents_arena(out), head.size);
        fill_reserved(&p, o, bytes);
        head.bytes = bytes;
        extents_add(out, &head);
        extents_zero(out, (uint64_t)p.l.reserved_sectors * FAT_SECTOR - head.size);
        write_tables(&p, out);
        if (p.l.bits != 32) {
                write_folder(&p, p.tree.root, o->mtime, out);
                extents_zero(out, data - extents_size(out));
        }
        for (size_t i = 0; i < p.tree.n; i++) {
                const FatNode *f = p.tree.order[i];
                if (!f->clusters)
                        continue;
                uint64_t at = (uint64_t)(f->cluster - FIRST_CLUSTER) * p.l.sectors_per_cluster;
                extents_zero(out, data + at * FAT_SECTOR - extents_size(out));
                if (f->file)
                        extents_append(out, f->file->data);
                else
                        write_folder(&p, f, o->mtime, out);
        }
        extents_zero(out, base + (uint64_t)p.l.total_sectors * FAT_SECTOR - extents_size(out));
        give_layout(&p, files, layout);
        return 0;
}
