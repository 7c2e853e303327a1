/* iso9660_directory.c - directory records (ECMA-119, 9.1) and path tables (9.4) of both views.
 *
 * A record never crosses a block, a file of 4 GiB or more has several records, and whatever is
 * measured here must come out the same when it is written: both are one function. */
#include "lib/fs/iso9660_internal.h"

enum { IS_DIRECTORY = 2, MORE_EXTENTS = 0x80 };
/* The largest extent of a file that goes on: whole blocks, in 32 bits. */
static const uint64_t EXTENT_MAX = 0xfffff800u;

typedef struct Writing {
        const IsoPlan *p;
        IsoView v;
        size_t set;
        uint8_t *base; /* of the directory; NULL: counting */
        uint64_t size;
        IsoMore more;
} Writing;

typedef struct Extent {
        uint32_t block, size;
        uint8_t flags;
} Extent;

/* --- records ----------------------------------------------------------------------------- */

static void put_fixed(uint8_t *p, const IsoNode *n, const Extent *x, size_t len, size_t name_len) {
        p[0] = (uint8_t)len;
        iso_both32(p + 2, x->block);
        iso_both32(p + 10, x->size);
        iso_date(p + 18, n->inode->entry.mtime);
        p[25] = x->flags;
        iso_both16(p + 28, 1);
        p[32] = (uint8_t)name_len;
}

/* The identifier as a record of this kind holds it; yields its length. */
static size_t identifier(const IsoNode *n, IsoRecord kind, IsoView v, uint8_t *to) {
        if (kind != ISO_CHILD) {
                to[0] = kind == ISO_SELF ? 0 : 1;
                return 1;
        }
        if (v == ISO_JOLIET) {
                for (size_t i = 0; i < n->joliet_len; i++)
                        put_be(to + 2 * i, n->joliet[i], 2);
                return 2 * n->joliet_len;
        }
        size_t len = strlen(n->iso);
        memcpy(to, n->iso, len);
        if (n->dir)
                return len;
        memcpy(to + len, ";1", 2);
        return len + 2;
}

static void add_record(Writing *w, const IsoNode *n, IsoRecord kind, bool root, const Extent *x) {
        uint8_t name[256];
        size_t name_len = identifier(n, kind, w->v, name);
        size_t head = (ISO_RECORD_FIXED + name_len + 1) & ~(size_t)1, len = head;
        uint8_t rest[ISO_RECORD_MAX] = { 0 };
        if (w->v == ISO_PRIMARY)
                len += iso_rockridge(n, kind, root, ISO_RECORD_MAX - head, w->base ? rest : NULL,
                                     &w->more);
        len = (len + 1) & ~(size_t)1;
        uint64_t left = ISO_BLOCK - w->size % ISO_BLOCK;
        if (len > left)
                w->size += left;
        if (w->base) {
                uint8_t *p = w->base + w->size;
                put_fixed(p, n, x, len, name_len);
                memcpy(p + ISO_RECORD_FIXED, name, name_len);
                if (w->v == ISO_PRIMARY)
                        memcpy(p + head, rest, len - head);
        }
        w->size += len;
}

static Extent directory_extent(const Writing *w, const IsoNode *n) {
        const IsoDirectory *d = &n->dir[w->v];
        return (Extent){ iso_structure_block(w->p, d->block, w->set), (uint32_t)d->size,
                         IS_DIRECTORY };
}

static void add_file(Writing *w, const IsoNode *n) {
        uint64_t left = n->file ? iso_file_size(n->file) : 0, block = n->file ? n->file->block : 0;
        if (!left) {
                add_record(w, n, ISO_CHILD, false, &(Extent){ 0 });
                return;
        }
        while (left) {
                uint64_t size = MIN(left, left > UINT32_MAX ? EXTENT_MAX : left);
                Extent x = { iso_data_block(block, w->set), (uint32_t)size,
                             left > size ? MORE_EXTENTS : 0 };
                add_record(w, n, ISO_CHILD, false, &x);
                block += size / ISO_BLOCK;
                left -= size;
        }
}

static void add_directory(Writing *w, const IsoNode *node) {
        const IsoDirectory *d = &node->dir[w->v];
        bool root = node->parent == node;
        Extent self = directory_extent(w, node), parent = directory_extent(w, node->parent);
        add_record(w, node, ISO_SELF, root, &self);
        add_record(w, node->parent, ISO_PARENT, false, &parent);
        for (size_t i = 0; i < d->n; i++) {
                if (d->nodes[i]->dir) {
                        Extent x = directory_extent(w, d->nodes[i]);
                        add_record(w, d->nodes[i], ISO_CHILD, false, &x);
                } else {
                        add_file(w, d->nodes[i]);
                }
        }
}

void iso_directory_measure(const IsoPlan *p, IsoView v, IsoNode *node) {
        Writing w = { .p = p, .v = v };
        add_directory(&w, node);
        node->dir[v].size = iso_blocks(w.size) * ISO_BLOCK;
        node->dir[v].more_size = iso_blocks(w.more.size) * ISO_BLOCK;
}

void iso_directory_write(const IsoPlan *p, IsoView v, size_t set, const IsoNode *node,
                         uint8_t *at) {
        const IsoDirectory *d = &node->dir[v];
        Writing w = {
                .p = p,
                .v = v,
                .set = set,
                .base = at + (d->block - p->structures) * ISO_BLOCK,
                .more = { .base = at + (d->more_block - p->structures) * ISO_BLOCK,
                          .block = iso_structure_block(p, d->more_block, set) },
        };
        add_directory(&w, node);
}

void iso_root_record(const IsoPlan *p, IsoView v, size_t set, uint8_t *to) {
        Writing w = { .p = p, .v = v, .set = set };
        Extent x = directory_extent(&w, p->root);
        put_fixed(to, p->root, &x, ISO_RECORD_FIXED + 1, 1);
}

/* --- path tables ------------------------------------------------------------------------- */

/* ECMA-119, 6.9.1: by level, then by the parent's number, then by name.  Going through the sorted
 * directories breadth first yields just that. */
void iso_directories_order(IsoPlan *p, IsoView v) {
        IsoNode **dirs = p->dirs[v] = arena_alloc(p->arena, p->n_dirs * sizeof *dirs);
        size_t n = 0;
        dirs[n++] = p->root;
        for (size_t at = 0; at < n; at++) {
                IsoDirectory *d = &dirs[at]->dir[v];
                d->number = (uint32_t)(at + 1);
                for (size_t i = 0; i < d->n; i++)
                        if (d->nodes[i]->dir)
                                dirs[n++] = d->nodes[i];
        }
}

static size_t table_identifier(const IsoPlan *p, IsoView v, const IsoNode *n, uint8_t *to) {
        return identifier(n, n == p->root ? ISO_SELF : ISO_CHILD, v, to);
}

uint64_t iso_path_table_size(const IsoPlan *p, IsoView v) {
        uint8_t name[256];
        uint64_t size = 0;
        for (size_t i = 0; i < p->n_dirs; i++)
                size += 8 + ((table_identifier(p, v, p->dirs[v][i], name) + 1) & ~(size_t)1);
        return size;
}

void iso_path_tables_write(const IsoPlan *p, IsoView v, size_t set, uint8_t *at) {
        uint8_t *l = at + (p->tables[v] - p->structures) * ISO_BLOCK;
        uint8_t *m = l + iso_blocks(p->table_size[v]) * ISO_BLOCK;
        for (size_t i = 0; i < p->n_dirs; i++) {
                const IsoNode *n = p->dirs[v][i];
                uint8_t name[256];
                size_t len = table_identifier(p, v, n, name), step = 8 + ((len + 1) & ~(size_t)1);
                uint32_t block = iso_structure_block(p, n->dir[v].block, set);
                l[0] = m[0] = (uint8_t)len;
                put_le(l + 2, block, 4);
                put_be(m + 2, block, 4);
                put_le(l + 6, n->parent->dir[v].number, 2);
                put_be(m + 6, n->parent->dir[v].number, 2);
                memcpy(l + 8, name, len);
                memcpy(m + 8, name, len);
                l += step;
                m += step;
        }
}
