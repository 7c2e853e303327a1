/* erofs.c - see erofs.h: the plan becomes extents.
 *
 * The superblock goes in last but stands in memory that the extents refer to, so identifier and
 * checksum are filled in after everything else is known. */
#include "lib/base/uuid.h"
#include "lib/fs/erofs_parts.h"

enum {
        MAGIC = 0xe0f5e1e2,
        COMPAT_CHECKSUM = 1,
        COMPAT_MTIME = 2,
        CHECKSUM_AT = EROFS_SUPER_OFFSET + 4,
        UUID_AT = EROFS_SUPER_OFFSET + 48,
};

/* Collects literal bytes, so that each stretch between two references is one extent. */
typedef struct Writer {
        Extents *part;
        Arena *arena;
        Buf literal;
} Writer;

static void flush(Writer *w) {
        if (!w->literal.len)
                return;
        char *p = arena_alloc(w->arena, w->literal.len);
        memcpy(p, w->literal.data, w->literal.len);
        Content c = content_bytes(p, w->literal.len);
        extents_add(w->part, &c);
        buf_clear(&w->literal);
}

static uint64_t position(const Writer *w) {
        return extents_size(w->part) + w->literal.len;
}

static void put_content(Writer *w, const Content *c) {
        flush(w);
        extents_add(w->part, c);
}

/* --- inodes --------------------------------------------------------------------------------- */

static void put_tail(const ErofsPlan *plan, const Inode *i, Writer *w) {
        const ErofsPlace *p = &plan->places[i->number - 1];
        uint64_t full = p->size / EROFS_BLOCK * EROFS_BLOCK;
        if (i->entry.type == ENTRY_FILE) {
                Content c = content_slice(&i->entry.content, full, p->size - full);
                put_content(w, &c);
        } else if (i->entry.type == ENTRY_SYMLINK) {
                buf_adds(&w->literal, i->entry.link + full);
        } else {
                _cleanup_buf_ Buf b = { 0 };
                erofs_put_directory(plan, i, &b);
                buf_add(&w->literal, b.data + full, b.len - full);
        }
}

typedef struct Order {
        uint64_t at;
        const Inode *inode;
} Order;

static int compare_order(const void *a, const void *b) {
        uint64_t x = ((const Order *)a)->at, y = ((const Order *)b)->at;
        return x < y ? -1 : x > y;
}

static void put_inodes(const ErofsPlan *plan, Writer *w) {
        size_t n = plan->x->n;
        _cleanup_free_ Order *order = xcalloc(n, sizeof *order);
        for (size_t i = 0; i < n; i++)
                order[i] = (Order){ plan->places[i].at, plan->x->all[i] };
        qsort(order, n, sizeof *order, compare_order);
        for (size_t i = 0; i < n; i++) {
                buf_zero(&w->literal, order[i].at - position(w));
                erofs_put_inode(plan, order[i].inode, &w->literal);
                if (plan->places[order[i].inode->number - 1].tail_inside)
                        put_tail(plan, order[i].inode, w);
        }
        buf_zero(&w->literal, plan->n_meta * EROFS_BLOCK - position(w));
}

/* --- blocks --------------------------------------------------------------------------------- */

static void put_blocks(const ErofsPlan *plan, bool directories, Writer *w) {
        for (size_t i = 0; i < plan->x->n; i++) {
                const Inode *inode = plan->x->all[i];
                const ErofsPlace *p = &plan->places[i];
                uint64_t n = MIN(erofs_blocks(p) * EROFS_BLOCK, p->size);
                /* Shared blocks stand where the first of their files is. */
                if (inode_is_dir(inode) != directories || !n ||
                    p->block * EROFS_BLOCK != position(w))
                        continue;
                if (inode->entry.type == ENTRY_FILE) {
                        Content c = content_slice(&inode->entry.content, 0, n);
                        put_content(w, &c);
                        extents_pad(w->part, EROFS_BLOCK);
                        continue;
                }
                _cleanup_buf_ Buf b = { 0 };
                if (directories)
                        erofs_put_directory(plan, inode, &b);
                else
                        buf_adds(&b, inode->entry.link);
                buf_add(&w->literal, b.data, n);
                buf_zero(&w->literal, -n & (EROFS_BLOCK - 1));
        }
        flush(w);
}

/* --- the superblock ------------------------------------------------------------------------- */

static void put_super(const ErofsPlan *plan, Buf *b) {
        buf_zero(b, EROFS_SUPER_OFFSET);
        buf_add_le(b, MAGIC, 4);
        buf_add_le(b, 0, 4);
        buf_add_le(b, COMPAT_CHECKSUM | COMPAT_MTIME, 4);
        buf_add_le(b, (uint64_t)__builtin_ctz(EROFS_BLOCK), 1);
        buf_add_le(b, 0, 1);
        buf_add_le(b, plan->places[0].at / EROFS_SLOT, 2);
        buf_add_le(b, plan->x->n, 8);
        buf_add_le(b, (uint64_t)plan->mtime, 8);
        buf_add_le(b, 0, 4);
        buf_add_le(b, plan->n_blocks, 4);
        buf_zero(b, EROFS_BLOCK - b->len);
}

/* CRC-32C as the kernel's crc32c(~0, ...): not inverted at the end. */
static uint32_t crc32c(const unsigned char *p, size_t n) {
        uint32_t crc = UINT32_MAX;
        for (size_t i = 0; i < n; i++) {
                crc ^= p[i];
                for (int bit = 0; bit < 8; bit++)
                        crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
        }
        return crc;
}

/* --- the identifier ------------------------------------------------------------------------- */

/* *ret follows from all bytes, and so does the identifier that it becomes. */
static int seal(unsigned char *block, const Extents *part, Digest *ret, Err *e) {
        if (extents_digest(part, ret, e) < 0)
                return -1;
        Uuid uuid = uuid_derive("erofs", ret);
        memcpy(block + UUID_AT, uuid.b, sizeof uuid.b);
        uint32_t crc = crc32c(block + EROFS_SUPER_OFFSET, EROFS_BLOCK - EROFS_SUPER_OFFSET);
        for (size_t i = 0; i < 4; i++)
                block[CHECKSUM_AT + i] = (unsigned char)(crc >> (8 * i));
        return 0;
}

int erofs_image(const Tree *t, bool (*skip)(const char *name), const ErofsOptions *o, Extents *out,
                Err *e) {
        _cleanup_inodes_ Inodes *x = NULL;
        ErofsPlan plan = { 0 };
        Digest digest;
        if (inodes_new(t, skip, o->mtime, &x, e) < 0 || inodes_find_copies(x, e) < 0)
                return -1;
        int r = erofs_plan(x, o->mtime, &plan, e);
        if (r == 0) {
                _cleanup_extents_ Extents *part = extents_new();
                Writer w = { .part = part, .arena = extents_arena(out) };
                put_super(&plan, &w.literal);
                unsigned char *block = arena_alloc(w.arena, EROFS_BLOCK);
                memcpy(block, w.literal.data, EROFS_BLOCK);
                buf_clear(&w.literal);
                extents_add(part, &(Content){ .bytes = block, .size = EROFS_BLOCK });
                put_inodes(&plan, &w);
                put_blocks(&plan, true, &w);
                put_blocks(&plan, false, &w);
                buf_done(&w.literal);
                bool alone = !extents_size(out);
                r = seal(block, part, &digest, e);
                if (r == 0)
                        extents_append(out, part);
                if (r == 0 && alone)
                        extents_set_digest(out, &digest);
        }
        erofs_plan_done(&plan);
        return r;
}
