/* squashfs_piece.c - compresses one piece, or finds it in the cache.
 *
 * The name of a cached piece comes from the references that it is made of, not from bytes: what is
 * known is not read at all.  Cached: u32 sizes of the blocks, then the blocks. */
#include "lib/base/sums.h"
#include "lib/fs/squashfs_parts.h"

#define KIND "squashfs-blocks" /* of derived files */

SquashfsPiece *squashfs_piece_new(const SquashfsPlan *plan, Cache *cache, SquashfsFile *file,
                                  uint32_t first) {
        SquashfsPiece *p = xcalloc(1, sizeof *p);
        p->plan = plan;
        p->cache = cache;
        p->file = file;
        p->first = first;
        return p;
}

void squashfs_piece_free(void *piece) {
        SquashfsPiece *p = piece;
        if (!p)
                return;
        free(p->parts);
        free(p->sizes);
        buf_done(&p->out);
        free(p);
}

void squashfs_piece_add(SquashfsPiece *p, const Content *c) {
        *vec_push(p->parts, p->n_parts, p->cap_parts) = *c;
        p->size += c->size;
}

/* --- compression ---------------------------------------------------------------------------- */

static bool all_zero(const char *p, size_t n) {
        return !*p && memcmp(p, p + 1, n - 1) == 0;
}

static int read_parts(const SquashfsPiece *p, char *to, Err *e) {
        for (size_t i = 0; i < p->n_parts; i++) {
                if (content_read(&p->parts[i], 0, to, p->parts[i].size, e) < 0)
                        return -1;
                to += p->parts[i].size;
        }
        return 0;
}

static int compress(SquashfsPiece *p, Err *e) {
        const SquashfsPlan *plan = p->plan;
        _cleanup_free_ char *in = xmalloc(p->size), *packed = xmalloc(plan->block_size);
        _cleanup_squashfs_codec_ SquashfsCodec *codec = squashfs_codec_new(plan->kind, plan->level);
        if (read_parts(p, in, e) < 0)
                return -1;
        buf_clear(&p->out);
        for (uint32_t i = 0; i < p->n_blocks; i++) {
                const char *block = in + (size_t)i * plan->block_size;
                size_t n = MIN(p->size - (size_t)i * plan->block_size, (size_t)plan->block_size);
                if (p->file && all_zero(block, n)) {
                        p->sizes[i] = 0; /* a hole */
                        continue;
                }
                size_t small = squashfs_codec_block(codec, block, n, packed);
                p->sizes[i] = small ? (uint32_t)small : (uint32_t)n | SQUASHFS_STORED;
                buf_add(&p->out, small ? packed : block, small ? small : n);
        }
        return 0;
}

/* --- the cache ------------------------------------------------------------------------------ */

static void make_key(const SquashfsPiece *p, Digest *ret) {
        const SquashfsPlan *plan = p->plan;
        _cleanup_hash_ Hash *h = hash_new();
        _cleanup_buf_ Buf b = { 0 };
        buf_addf(&b, "compressor %d %s level %d block %u %s\n", plan->kind,
                 squashfs_codec_version(plan->kind), plan->level, plan->block_size,
                 p->file ? "file" : "fragment");
        for (size_t i = 0; i < p->n_parts; i++) {
                const Content *c = &p->parts[i];
                buf_addf(&b, "%s %llu %llu\n", c->blob ? c->blob->id.text : "literal",
                         (unsigned long long)c->offset, (unsigned long long)c->size);
                if (!c->blob)
                        buf_add(&b, c->bytes, c->size);
        }
        hash_update(h, b.data, b.len);
        hash_final(h, ret);
}

/* The sizes come from a file that is checked against accidents only, so they must fit it. */
static bool sizes_fit(const SquashfsPiece *p, uint64_t total) {
        uint64_t sum = 0;
        for (uint32_t i = 0; i < p->n_blocks; i++) {
                uint32_t n = p->sizes[i] & (SQUASHFS_STORED - 1);
                if (n > p->plan->block_size)
                        return false;
                sum += n;
        }
        return sum == total;
}

static bool load(SquashfsPiece *p, const Digest *key) {
        _cleanup_err_ Err ignored = ERR_INIT;
        _cleanup_blob_ Blob *b = NULL;
        if (cache_derived_open(p->cache, KIND, digest_hex(key), &b, &ignored) < 0)
                return false;
        uint64_t head = (uint64_t)p->n_blocks * 4;
        if (b->size < head || b->size - head > p->size)
                return false;
        _cleanup_free_ unsigned char *bytes = xmalloc(b->size + 1);
        Content all = { .blob = b, .size = b->size };
        if (content_read(&all, 0, bytes, b->size, &ignored) < 0)
                return false;
        for (uint32_t i = 0; i < p->n_blocks; i++)
                p->sizes[i] = bytes[4 * i] | bytes[4 * i + 1] << 8 | bytes[4 * i + 2] << 16 |
                              (uint32_t)bytes[4 * i + 3] << 24;
        if (!sizes_fit(p, b->size - head))
                return false;
        buf_add(&p->out, bytes + head, b->size - head);
        return true;
}

/* Losing the cached copy (full disk, read-only cache) costs time later, not the build. */
static void save(const SquashfsPiece *p, const Digest *key) {
        _cleanup_err_ Err ignored = ERR_INIT;
        _cleanup_sink_ Sink *s = NULL;
        _cleanup_buf_ Buf head = { 0 };
        for (uint32_t i = 0; i < p->n_blocks; i++)
                buf_add_le(&head, p->sizes[i], 4);
        if (cache_derived_sink(p->cache, KIND, digest_hex(key), &s, &ignored) == 0 &&
            sink_write(s, head.data, head.len, &ignored) == 0 &&
            sink_write(s, p->out.data, p->out.len, &ignored) == 0)
                (void)sink_finish(s, &ignored);
}

int squashfs_piece_work(void *piece, Err *e) {
        SquashfsPiece *p = piece;
        uint32_t block = p->plan->block_size;
        Digest key;
        p->n_blocks = (uint32_t)((p->size + block - 1) / block);
        p->sizes = xcalloc(p->n_blocks, sizeof *p->sizes);
        if (p->cache) {
                make_key(p, &key);
                if (load(p, &key))
                        return 0;
        }
        if (compress(p, e) < 0)
                return -1;
        if (p->cache)
                save(p, &key);
        return 0;
}
