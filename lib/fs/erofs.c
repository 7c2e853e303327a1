/* erofs.c - see erofs.h: the plan becomes extents.
 *
 * The superblock goes in last but stands in memory that the extents refer to, so identifier and
 * checksum are filled in after everything else is known. */
#include "lib/base/pool.h"
#include "lib/base/sums.h"
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
        erofs_le(b, MAGIC, 4);
        erofs_le(b, 0, 4);
        erofs_le(b, COMPAT_CHECKSUM | COMPAT_MTIME, 4);
        erofs_le(b, (uint64_t)__builtin_ctz(EROFS_BLOCK), 1);
        erofs_le(b, 0, 1);
        erofs_le(b, plan->places[0].at / EROFS_SLOT, 2);
        erofs_le(b, plan->x->n, 8);
        erofs_le(b, (uint64_t)plan->mtime, 8);
        erofs_le(b, 0, 4);
        erofs_le(b, plan->n_blocks, 4);
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

enum { READ_CHUNKS = 16 }; /* of SUMS_CHUNK bytes, by one thread at a time */

typedef struct ImageSums {
        const Extents *part;
        unsigned char *values; /* SUM_SIZE each */
} ImageSums;

static int sum_some(void *ctx, size_t i, Err *e) {
        const ImageSums *s = ctx;
        _cleanup_free_ char *buf = xmalloc(SUMS_CHUNK);
        for (uint64_t k = (uint64_t)i * READ_CHUNKS; k < ((uint64_t)i + 1) * READ_CHUNKS; k++) {
                uint64_t at = k * SUMS_CHUNK, size = extents_size(s->part);
                if (at >= size)
                        break;
                size_t n = (size_t)MIN(size - at, (uint64_t)SUMS_CHUNK);
                if (extents_read(s->part, at, buf, n, e) < 0)
                        return -1;
                sums_put(s->values + k * SUM_SIZE, buf, n);
        }
        return 0;
}

/* From the bytes, not from the references to them: the same tree out of a warm cache, or out of
 * layers that were compressed differently, must give the same image. */
static int digest_bytes(const Extents *part, Digest *ret, Err *e) {
        uint64_t chunks = sums_count(extents_size(part));
        _cleanup_free_ unsigned char *values = xcalloc(chunks, SUM_SIZE);
        ImageSums s = { part, values };
        if (pool_run((chunks + READ_CHUNKS - 1) / READ_CHUNKS, 0, sum_some, &s, e) < 0)
                return -1;
        hash_bytes(values, chunks * SUM_SIZE, ret);
        return 0;
}

static int seal(unsigned char *block, const Extents *part, Err *e) {
        Digest digest;
        if (digest_bytes(part, &digest, e) < 0)
                return -1;
        Uuid uuid = uuid_derive("erofs", &digest);
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
                r = seal(block, part, e);
                if (r == 0)
                        extents_append(out, part);
        }
        erofs_plan_done(&plan);
        return r;
}
