/* squashfs_tables.c - inodes and directories.  A directory names its inodes by where they stand in
 * the inode table, so everything in it is written before it: depth first, root last. */
#include "lib/fs/squashfs_parts.h"

enum { /* types of inodes; the extended forms are 7 more */
       TYPE_DIR = 1,
       TYPE_FILE,
       TYPE_SYMLINK,
       TYPE_BLOCK,
       TYPE_CHAR,
       TYPE_FIFO,
       EXTENDED = 7,
       MAX_RUN = 256,   /* names under one directory header */
       MAX_IDS = 65535, /* u16 */
       MAX_XATTR_NAME = 255,
       MAX_XATTR_VALUE = 65536,
};

typedef struct Maker {
        const Inodes *x;
        const SquashfsPlan *plan;
        const SquashfsData *data;
        SquashfsTables *t;
        SquashfsXattrs *xattrs;
} Maker;

typedef struct Listing { /* where a directory's names are */
        uint64_t position;
        uint64_t size;
        Buf index;
        uint32_t n_index;
} Listing;

/* --- before anything is written ------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b) {
        uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
        return x < y ? -1 : x > y;
}

static int check_inode(const Entry *entry, Err *e) {
        if (entry->mtime < 0 || entry->mtime > UINT32_MAX)
                return err_set(e, ERR_SPEC, 0, "\"%s\": squashfs cannot hold its time (%lld)",
                               entry->name, (long long)entry->mtime);
        for (size_t i = 0; i < entry->n_pax; i++) {
                const char *name = inode_xattr_name(&entry->pax[i]);
                if (name &&
                    (strlen(name) > MAX_XATTR_NAME || entry->pax[i].value_len > MAX_XATTR_VALUE))
                        return err_set(e, ERR_SPEC, 0,
                                       "\"%s\": extended attribute \"%.40s\" is larger than Linux "
                                       "allows",
                                       entry->name, name);
        }
        return 0;
}

int squashfs_check(const Inodes *x, SquashfsTables *t, Err *e) {
        t->ids = xcalloc(2 * x->n, sizeof *t->ids);
        for (size_t i = 0; i < x->n; i++) {
                const Entry *entry = &x->all[i]->entry;
                if (check_inode(entry, e) < 0)
                        return -1;
                t->ids[2 * i] = entry->uid;
                t->ids[2 * i + 1] = entry->gid;
        }
        qsort(t->ids, 2 * x->n, sizeof *t->ids, compare_ids);
        for (size_t i = 0; i < 2 * x->n; i++)
                if (!i || t->ids[i] != t->ids[t->n_ids - 1])
                        t->ids[t->n_ids++] = t->ids[i];
        if (t->n_ids > MAX_IDS)
                return err_set(e, ERR_SPEC, 0, "%zu users and groups, squashfs has room for %d",
                               t->n_ids, MAX_IDS);
        return 0;
}

static uint32_t id_number(const SquashfsTables *t, uint32_t id) {
        const uint32_t *p = bsearch(&id, t->ids, t->n_ids, sizeof *t->ids, compare_ids);
        return (uint32_t)(p - t->ids);
}

/* --- inodes --------------------------------------------------------------------------------- */

static uint32_t plain_type(const Inode *i) {
        switch (i->entry.type) {
        case ENTRY_DIR:
                return TYPE_DIR;
        case ENTRY_SYMLINK:
                return TYPE_SYMLINK;
        case ENTRY_BLOCK:
                return TYPE_BLOCK;
        case ENTRY_CHAR:
                return TYPE_CHAR;
        case ENTRY_FIFO:
                return TYPE_FIFO;
        case ENTRY_FILE:
        case ENTRY_HARDLINK:
                break;
        }
        return TYPE_FILE;
}

static void put_head(const Maker *m, Buf *b, const Inode *i, bool extended) {
        buf_add_le(b, plain_type(i) + (extended ? EXTENDED : 0), 2);
        buf_add_le(b, i->entry.mode & 07777, 2);
        buf_add_le(b, id_number(m->t, i->entry.uid), 2);
        buf_add_le(b, id_number(m->t, i->entry.gid), 2);
        buf_add_le(b, (uint64_t)i->entry.mtime, 4);
        buf_add_le(b, i->number, 4);
}

static void put_file(const Maker *m, Buf *b, const Inode *i, uint32_t xattr) {
        const SquashfsFile *f = &m->data->files[i->original->number - 1];
        uint64_t size = i->entry.content.size;
        bool extended = xattr != SQUASHFS_NONE || i->links > 1 || f->sparse ||
                        f->start > UINT32_MAX || size > UINT32_MAX;
        put_head(m, b, i, extended);
        buf_add_le(b, f->start, extended ? 8 : 4);
        if (extended) {
                buf_add_le(b, size, 8);
                buf_add_le(b, f->sparse >= size && size ? size - 1 : f->sparse, 8);
                buf_add_le(b, i->links, 4);
        }
        buf_add_le(b, f->fragment, 4);
        buf_add_le(b, f->offset, 4);
        buf_add_le(b, extended ? xattr : size, 4);
        for (uint32_t k = 0; k < f->n_blocks; k++)
                buf_add_le(b, f->blocks[k], 4);
}

static void put_dir(const Maker *m, Buf *b, const Inode *i, uint32_t xattr, const Listing *l) {
        uint64_t size = l->size + 3; /* "." and ".." are counted, not stored */
        bool extended = xattr != SQUASHFS_NONE || size > UINT16_MAX || l->n_index;
        bool root = i->parent == i;
        uint64_t parent = root ? m->x->n + 1 : i->parent->number;
        put_head(m, b, i, extended);
        if (!extended) {
                buf_add_le(b, l->position >> 16, 4);
                buf_add_le(b, i->links, 4);
                buf_add_le(b, size, 2);
                buf_add_le(b, l->position & 0xffff, 2);
                buf_add_le(b, parent, 4);
                return;
        }
        buf_add_le(b, i->links, 4);
        buf_add_le(b, size, 4);
        buf_add_le(b, l->position >> 16, 4);
        buf_add_le(b, parent, 4);
        buf_add_le(b, l->n_index, 2);
        buf_add_le(b, l->position & 0xffff, 2);
        buf_add_le(b, xattr, 4);
        buf_add(b, l->index.data, l->index.len);
}

static void put_other(const Maker *m, Buf *b, const Inode *i, uint32_t xattr) {
        bool extended = xattr != SQUASHFS_NONE;
        put_head(m, b, i, extended);
        buf_add_le(b, i->links, 4);
        if (i->entry.type == ENTRY_SYMLINK) {
                buf_add_le(b, strlen(i->entry.link), 4);
                buf_adds(b, i->entry.link);
        } else if (i->entry.type != ENTRY_FIFO) {
                buf_add_le(b, inode_device(i), 4);
        }
        if (extended)
                buf_add_le(b, xattr, 4);
}

static void write_inode(Maker *m, const Inode *i, const Listing *l) {
        _cleanup_buf_ Buf b = { 0 };
        uint32_t xattr =
                m->plan->xattrs ? squashfs_xattrs_add(m->xattrs, &i->entry) : SQUASHFS_NONE;
        if (l)
                put_dir(m, &b, i, xattr, l);
        else if (i->entry.type == ENTRY_FILE)
                put_file(m, &b, i, xattr);
        else
                put_other(m, &b, i, xattr);
        m->t->references[i->number - 1] = squashfs_meta_position(&m->t->inodes);
        squashfs_meta_add(&m->t->inodes, b.data, b.len);
}

/* --- directories ---------------------------------------------------------------------------- */

/* How many names from k on can stand under one header: same metadata block of inodes, numbers
 * within 16 bits of the first. */
static size_t run_length(const Maker *m, const Inode *dir, size_t k) {
        const Dirent *d = dir->children;
        uint64_t block = m->t->references[d[k].inode->number - 1] >> 16;
        size_t n = 1;
        for (; n < MAX_RUN && k + n < dir->n_children; n++) {
                int64_t delta = (int64_t)d[k + n].inode->number - d[k].inode->number;
                if (m->t->references[d[k + n].inode->number - 1] >> 16 != block ||
                    delta < INT16_MIN || delta > INT16_MAX)
                        break;
        }
        return n;
}

static void put_run(const Maker *m, Buf *b, const Dirent *d, size_t n) {
        const uint64_t *references = m->t->references;
        uint32_t first = d[0].inode->number;
        buf_add_le(b, n - 1, 4);
        buf_add_le(b, references[first - 1] >> 16, 4);
        buf_add_le(b, first, 4);
        for (size_t i = 0; i < n; i++) {
                const Inode *inode = d[i].inode;
                buf_add_le(b, references[inode->number - 1] & 0xffff, 2);
                buf_add_le(b, inode->number - first, 2);
                buf_add_le(b, plain_type(inode), 2);
                buf_add_le(b, strlen(d[i].name) - 1, 2);
                buf_adds(b, d[i].name);
        }
}

/* The first name of each further metadata block goes into the index, so that looking up a name in
 * a large directory unpacks one block, not half of them. A header must stand there. */
static void list_directory(Maker *m, const Inode *dir, Listing *l) {
        SquashfsMeta *out = &m->t->directories;
        _cleanup_buf_ Buf b = { 0 };
        l->position = squashfs_meta_position(out);
        uint64_t block = out->out.len;
        for (size_t k = 0, n; k < dir->n_children; k += n) {
                const char *name = dir->children[k].name;
                if (out->out.len != block && l->n_index < UINT16_MAX) {
                        block = out->out.len;
                        buf_add_le(&l->index, l->size, 4);
                        buf_add_le(&l->index, block, 4);
                        buf_add_le(&l->index, strlen(name) - 1, 4);
                        buf_adds(&l->index, name);
                        l->n_index++;
                }
                n = run_length(m, dir, k);
                buf_clear(&b);
                put_run(m, &b, dir->children + k, n);
                squashfs_meta_add(out, b.data, b.len);
                l->size += b.len;
        }
}

static void write_directory(Maker *m, const Inode *dir) {
        Listing l = { 0 };
        for (size_t i = 0; i < dir->n_children; i++)
                if (inode_is_dir(dir->children[i].inode))
                        write_directory(m, dir->children[i].inode);
        for (size_t i = 0; i < dir->n_children; i++) {
                const Inode *child = dir->children[i].inode;
                if (!inode_is_dir(child) && m->t->references[child->number - 1] == UINT64_MAX)
                        write_inode(m, child, NULL);
        }
        list_directory(m, dir, &l);
        write_inode(m, dir, &l);
        buf_done(&l.index);
}

/* Positions inside the tables are 32 bits wide. */
static int check_size(const SquashfsMeta *m, const char *what, Err *e) {
        if (m->out.len > UINT32_MAX)
                return err_set(e, ERR_SPEC, 0, "squashfs: more than 4 GiB of %s", what);
        return 0;
}

int squashfs_make_tables(const Inodes *x, const SquashfsPlan *plan, const SquashfsData *data,
                         SquashfsCodec *codec, SquashfsXattrs *xattrs, SquashfsTables *t, Err *e) {
        Maker m = { .x = x, .plan = plan, .data = data, .t = t, .xattrs = xattrs };
        t->inodes.codec = t->directories.codec = codec;
        t->references = xmalloc(x->n * sizeof *t->references);
        memset(t->references, 0xff, x->n * sizeof *t->references);
        write_directory(&m, x->all[0]);
        squashfs_meta_flush(&t->inodes);
        squashfs_meta_flush(&t->directories);
        if (check_size(&t->inodes, "inodes", e) < 0)
                return -1;
        return check_size(&t->directories, "directories", e);
}

void squashfs_tables_done(SquashfsTables *t) {
        buf_done(&t->inodes.out);
        buf_done(&t->directories.out);
        free(t->references);
        free(t->ids);
}
