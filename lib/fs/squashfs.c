/* squashfs.c - see squashfs.h.  The superblock stands first and is known last: it is patched in.
 *
 * The kernel checks that each index ends exactly where the next table begins, so the order of the
 * tables is fixed: inodes, directories, fragments, export, ids, extended attributes. */
#include "lib/base/spool.h"
#include "lib/base/sums.h"
#include "lib/fs/squashfs_parts.h"

#include <errno.h>

enum {
        MIN_BLOCK = 4096,
        MAX_BLOCK = 1 << 20,
        MAX_LEVEL_ZSTD = 22,
        MAX_LEVEL_GZIP = 9,
        WRITER_VERSION = 1, /* of the bytes: images of another one are not taken from the cache */
        FLAG_DUPLICATES = 0x40,
        FLAG_EXPORTABLE = 0x80,
        FLAG_NO_XATTRS = 0x200,
        FLAG_OPTIONS = 0x400,
        ALIGN = 4096,
};
#define MAX_FILE ((uint64_t)1 << 43) /* keeps counts of blocks within 32 bits */
#define KIND     "squashfs"          /* of derived files: whole images */

typedef struct Super {
        uint64_t root, used, ids, xattrs, inodes, directories, fragments, export;
} Super;

/* --- options -------------------------------------------------------------------------------- */

static int make_plan(const SquashfsOptions *o, SquashfsPlan *p, Err *e) {
        const char *name = o->compressor ? o->compressor : "zstd";
        if (!str_eq(name, "zstd") && !str_eq(name, "gzip"))
                return err_set(e, ERR_USAGE, 0, "squashfs: unknown compressor \"%s\"", name);
        p->kind = str_eq(name, "zstd") ? SQUASHFS_ZSTD : SQUASHFS_GZIP;
        int max = p->kind == SQUASHFS_ZSTD ? MAX_LEVEL_ZSTD : MAX_LEVEL_GZIP;
        if (o->level < 0 || o->level > max)
                return err_set(e, ERR_USAGE, 0, "squashfs: %s has levels 1 to %d, not %d", name,
                               max, o->level);
        p->level = o->level ? o->level : squashfs_codec_default_level(p->kind);
        p->block_size = o->block_size ? o->block_size : 128 << 10;
        if (p->block_size < MIN_BLOCK || p->block_size > MAX_BLOCK ||
            (p->block_size & (p->block_size - 1)))
                return err_set(e, ERR_USAGE, 0,
                               "squashfs: block size %u is no power of two from %d to %d",
                               p->block_size, MIN_BLOCK, MAX_BLOCK);
        if (o->mtime < 0 || o->mtime > UINT32_MAX)
                return err_set(e, ERR_SPEC, 0, "squashfs cannot hold the time %lld",
                               (long long)o->mtime);
        p->mtime = (uint32_t)o->mtime;
        p->xattrs = !o->no_xattrs;
        p->progress = o->progress;
        return 0;
}

static int check_files(const Inodes *x, Err *e) {
        for (size_t i = 0; i < x->n; i++)
                if (x->all[i]->entry.type == ENTRY_FILE && x->all[i]->entry.content.size > MAX_FILE)
                        return err_set(e, ERR_SPEC, 0, "\"%s\": larger than 8 TiB",
                                       x->all[i]->entry.name);
        return 0;
}

/* --- the image ------------------------------------------------------------------------------ */

static void put_super(Buf *b, const SquashfsPlan *p, const Inodes *x, size_t n_fragments,
                      size_t n_ids, const Super *s) {
        uint16_t flags = FLAG_DUPLICATES | FLAG_EXPORTABLE;
        if (!p->xattrs)
                flags |= FLAG_NO_XATTRS;
        if (p->level != squashfs_codec_default_level(p->kind))
                flags |= FLAG_OPTIONS;
        buf_adds(b, "hsqs");
        buf_add_le(b, x->n, 4);
        buf_add_le(b, p->mtime, 4);
        buf_add_le(b, p->block_size, 4);
        buf_add_le(b, n_fragments, 4);
        buf_add_le(b, (uint64_t)p->kind, 2);
        buf_add_le(b, (uint64_t)__builtin_ctz(p->block_size), 2);
        buf_add_le(b, flags, 2);
        buf_add_le(b, n_ids, 2);
        buf_add_le(b, 4, 2);
        buf_add_le(b, 0, 2);
        const uint64_t places[] = { s->root,   s->used,        s->ids,       s->xattrs,
                                    s->inodes, s->directories, s->fragments, s->export };
        for (size_t i = 0; i < ARRAY_LEN(places); i++)
                buf_add_le(b, places[i], 8);
}

/* What mksquashfs records when the level is not the default; readers only show it. */
static int write_options(const SquashfsPlan *p, Sink *out, Err *e) {
        enum { GZIP_WINDOW = 15, GZIP_STRATEGIES = 0 };
        _cleanup_buf_ Buf b = { 0 };
        if (p->level == squashfs_codec_default_level(p->kind))
                return 0;
        size_t n = p->kind == SQUASHFS_ZSTD ? 4 : 8;
        buf_add_le(&b, n | SQUASHFS_META_STORED, 2);
        buf_add_le(&b, (uint64_t)p->level, 4);
        if (p->kind == SQUASHFS_GZIP) {
                buf_add_le(&b, GZIP_WINDOW, 2);
                buf_add_le(&b, GZIP_STRATEGIES, 2);
        }
        return sink_write(out, b.data, b.len, e);
}

static int write_lists(const Inodes *x, const SquashfsData *data, const SquashfsTables *t,
                       SquashfsCodec *codec, Sink *out, Super *s, Err *e) {
        _cleanup_buf_ Buf fragments = { 0 }, references = { 0 }, ids = { 0 };
        for (size_t i = 0; i < data->n_fragments; i++) {
                buf_add_le(&fragments, data->fragments[i].start, 8);
                buf_add_le(&fragments, data->fragments[i].size, 4);
                buf_add_le(&fragments, 0, 4);
        }
        for (size_t i = 0; i < x->n; i++)
                buf_add_le(&references, t->references[i], 8);
        for (size_t i = 0; i < t->n_ids; i++)
                buf_add_le(&ids, t->ids[i], 4);
        if (squashfs_write_indexed(out, codec, NULL, &fragments, &s->fragments, e) < 0 ||
            squashfs_write_indexed(out, codec, NULL, &references, &s->export, e) < 0)
                return -1;
        return squashfs_write_indexed(out, codec, NULL, &ids, &s->ids, e);
}

static int write_tables(const Inodes *x, const SquashfsPlan *plan, const SquashfsData *data,
                        SquashfsTables *t, Sink *out, Super *s, Err *e) {
        _cleanup_squashfs_codec_ SquashfsCodec *codec = squashfs_codec_new(plan->kind, plan->level);
        SquashfsXattrs *xattrs = squashfs_xattrs_new(codec);
        int r = squashfs_make_tables(x, plan, data, codec, xattrs, t, e);
        s->root = t->references[0];
        s->inodes = out->written;
        s->directories = s->inodes + t->inodes.out.len;
        if (r < 0 || sink_write(out, t->inodes.out.data, t->inodes.out.len, e) < 0 ||
            sink_write(out, t->directories.out.data, t->directories.out.len, e) < 0 ||
            write_lists(x, data, t, codec, out, s, e) < 0 ||
            squashfs_xattrs_write(xattrs, out, &s->xattrs, e) < 0)
                r = -1;
        s->used = out->written;
        squashfs_xattrs_free(xattrs);
        return r;
}

/* Everything, with room for the superblock, which comes in *super. */
static int write_image(const Inodes *x, const SquashfsPlan *plan, Cache *cache, SquashfsTables *t,
                       Sink *out, Buf *super, Err *e) {
        SquashfsData data = { 0 };
        Super s = { 0 };
        if (sink_zero(out, SQUASHFS_SUPER, e) < 0 || write_options(plan, out, e) < 0)
                return -1;
        int r = squashfs_write_data(x, plan, cache, out, &data, e);
        if (r == 0)
                r = write_tables(x, plan, &data, t, out, &s, e);
        if (r == 0)
                r = sink_pad(out, ALIGN, e);
        put_super(super, plan, x, data.n_fragments, t->n_ids, &s);
        squashfs_data_done(&data);
        return r;
}

/* --- where it stands ------------------------------------------------------------------------ */

/* Hashes what passes, and leaves inner open. */
typedef struct Tap {
        Sink base;
        Sink *inner;
        Hash *hash;
} Tap;

static int tap_write(Sink *s, const void *p, size_t n, Err *e) {
        Tap *t = (Tap *)s;
        hash_update(t->hash, p, n);
        return sink_write(t->inner, p, n, e);
}

/* The image goes to out; *ret is a digest of its bytes (the superblock last). */
static int write_hashed(const Inodes *x, const SquashfsPlan *plan, Cache *cache, SquashfsTables *t,
                        Sink *out, Buf *super, Digest *ret, Err *e) {
        static const SinkOps ops = { .write = tap_write };
        _cleanup_hash_ Hash *h = hash_new();
        Tap tap = { .base.ops = &ops, .inner = out, .hash = h };
        if (write_image(x, plan, cache, t, &tap.base, super, e) < 0)
                return -1;
        hash_update(h, super->data, super->len);
        hash_final(h, ret);
        return 0;
}

static int into_scratch(const Inodes *x, const SquashfsPlan *plan, Cache *cache, SquashfsTables *t,
                        Content *ret, Err *e) {
        const char *dir = getenv("TMPDIR");
        _cleanup_buf_ Buf super = { 0 };
        Spool spool;
        Digest id;
        if (spool_open(str_is_empty(dir) ? "/tmp" : dir, &spool, e) < 0)
                return -1;
        _cleanup_fd_ int fd = fd_take(&spool.blob.fd);
        spool_done(&spool);
        _cleanup_sink_ Sink *out = sink_fd(fd, "scratch file");
        if (write_hashed(x, plan, cache, t, out, &super, &id, e) < 0 || sink_finish(out, e) < 0)
                return -1;
        if (pwrite(fd, super.data, super.len, 0) != (ssize_t)super.len)
                return err_set(e, ERR_IO, errno, "scratch file");
        Blob *b = xcalloc(1, sizeof *b);
        b->id = id;
        b->size = out->written;
        b->fd = fd_take(&fd);
        *ret = (Content){ .blob = b, .size = b->size };
        return 0;
}

/* In the cache the digest follows the image: what is derived from it (identifiers of disks) must
 * not depend on the references that the key is made of. */
static bool from_cache(Cache *cache, const Digest *key, Content *ret) {
        enum { TEXT = 7 + 64 };
        _cleanup_err_ Err ignored = ERR_INIT;
        _cleanup_blob_ Blob *b = NULL;
        char text[TEXT + 1] = "";
        Digest id;
        if (cache_derived_open(cache, KIND, digest_hex(key), &b, &ignored) < 0 ||
            b->size < SQUASHFS_SUPER + TEXT || (b->size - TEXT) % ALIGN)
                return false;
        Content all = { .blob = b, .size = b->size };
        if (content_read(&all, b->size - TEXT, text, TEXT, &ignored) < 0 ||
            !digest_parse(text, &id))
                return false;
        b->id = id;
        *ret = (Content){ .blob = b, .size = b->size - TEXT };
        b = NULL;
        return true;
}

static int write_into_cache(const Inodes *x, const SquashfsPlan *plan, Cache *cache,
                            SquashfsTables *t, Sink *out, Err *e) {
        _cleanup_buf_ Buf super = { 0 };
        Digest id;
        if (write_hashed(x, plan, cache, t, out, &super, &id, e) < 0 ||
            sink_write(out, id.text, strlen(id.text), e) < 0 ||
            sink_patch(out, 0, super.data, super.len, e) < 0)
                return -1;
        return sink_finish(out, e);
}

/* Before the image is written once more. */
static int start_again(const Inodes *x, const SquashfsPlan *plan, SquashfsTables *t, Err *e) {
        progress_set(plan->progress, 0);
        squashfs_tables_done(t);
        memset(t, 0, sizeof *t);
        return squashfs_check(x, t, e);
}

/* 1: the cache takes no new file (it may be read-only) or its disk is full: nothing is left there.
 */
static int into_cache(const Inodes *x, const SquashfsPlan *plan, Cache *cache, const Digest *key,
                      SquashfsTables *t, Content *ret, Err *e) {
        _cleanup_err_ Err failed = ERR_INIT;
        _cleanup_sink_ Sink *out = NULL;
        if (cache_derived_sink(cache, KIND, digest_hex(key), &out, &failed) < 0)
                return 1;
        if (write_into_cache(x, plan, cache, t, out, &failed) < 0) {
                if (failed.errnum == ENOSPC || failed.errnum == EDQUOT)
                        return start_again(x, plan, t, e) < 0 ? -1 : 1;
                err_move(e, &failed);
                return -1;
        }
        if (!from_cache(cache, key, ret))
                return err_set(e, ERR_IO, 0, "the finished squashfs image is gone from the cache");
        return 0;
}

static int make(Inodes *x, const SquashfsPlan *plan, Cache *cache, const Digest *key, Content *ret,
                Err *e) {
        SquashfsTables *t = xcalloc(1, sizeof *t);
        int r = squashfs_check(x, t, e);
        if (r == 0)
                r = inodes_find_copies(x, e);
        if (r == 0)
                r = cache ? into_cache(x, plan, cache, key, t, ret, e) : 1;
        if (r > 0)
                r = into_scratch(x, plan, cache, t, ret, e);
        squashfs_tables_done(t);
        free(t);
        return r;
}

int squashfs_image(const Tree *t, bool (*skip)(const char *name), const SquashfsOptions *o,
                   Cache *cache, Extents *out, Err *e) {
        SquashfsPlan plan = { 0 };
        _cleanup_inodes_ Inodes *x = NULL;
        Content image = { 0 };
        Digest key;
        if (make_plan(o, &plan, e) < 0 || inodes_new(t, skip, o->mtime, &x, e) < 0 ||
            check_files(x, e) < 0)
                return -1;
        _cleanup_free_ char *how =
                xasprintf("squashfs %d compressor %d %s level %d block %u time %u xattrs %d",
                          WRITER_VERSION, plan.kind, squashfs_codec_version(plan.kind), plan.level,
                          plan.block_size, plan.mtime, plan.xattrs);
        inodes_digest(x, how, &key);
        if ((!cache || !from_cache(cache, &key, &image)) &&
            make(x, &plan, cache, &key, &image, e) < 0)
                return -1;
        bool alone = !extents_size(out);
        extents_own(out, (Blob *)(uintptr_t)image.blob);
        extents_add(out, &image);
        if (alone)
                extents_set_digest(out, &image.blob->id);
        return 0;
}
