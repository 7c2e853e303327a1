/* gzip.c - see gzip.h.  RFC 1952 (gzip) around RFC 1951 (deflate) pieces; each piece ends with a
 * full flush, which leaves a byte boundary and an empty window.
 *
 * The point a reader would miss: the name of a cached piece is computed from *references* (digest
 * of the blob, offset, length) and from literal bytes, never by reading file contents. That is why
 * a warm build does not touch the layers at all. */
#include "lib/base/bytes.h"
#include "lib/fs/gzip.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/pool.h"
#include "lib/base/str.h"
#include "lib/base/sums.h"

#include <zlib.h>

enum {
        PIECE = 1 << 20,     /* input bytes of a piece: large beside the 32 KiB window, small beside
                                memory */
        OWN_PIECE = 1 << 18, /* contents from this size on get pieces of their own, shared by all
                                images */
        PIECE_HEADER = 12,   /* in the cache: size of the input 8, its CRC-32 4 */
};

/* Of the derived files. */
#define KIND "deflate"

typedef struct Part { /* literal bytes of the piece's buffer, or a reference */
        size_t at;
        Content content; /* blob NULL: literal */
} Part;

typedef struct Piece {
        Cache *cache;
        int level;
        Part *parts;
        size_t n_parts, cap_parts;
        Buf literal;
        uint64_t size; /* input bytes */
        /* result: memory, or an open cached file */
        uint32_t crc;
        unsigned char *out;
        uint64_t out_size;
        Blob *file;
} Piece;

typedef struct GzipSink {
        Sink base;
        Sink *out;
        Cache *cache;
        int level;
        Ordered *ordered;
        Piece *piece; /* the one being filled */
        uint32_t crc;
        uint64_t size;
        Progress *progress; /* borrowed */
} GzipSink;

static Piece *piece_new(const GzipSink *g) {
        Piece *p = xcalloc(1, sizeof *p);
        p->cache = g->cache;
        p->level = g->level;
        return p;
}

static void piece_free(void *job) {
        Piece *p = job;
        if (!p)
                return;
        blob_free(p->file);
        buf_done(&p->literal);
        free(p->parts);
        free(p->out);
        free(p);
}

/* --- one piece ------------------------------------------------------------------------------ */

static void piece_key(const Piece *p, Digest *ret) {
        _cleanup_hash_ Hash *h = hash_new();
        _cleanup_free_ char *head = xasprintf("deflate %d zlib %s\n", p->level, zlibVersion());
        hash_update(h, head, strlen(head));
        for (size_t i = 0; i < p->n_parts; i++) {
                const Part *part = &p->parts[i];
                const Content *c = &part->content;
                char text[160];
                int n = snprintf(text, sizeof text, "%s %llu %llu\n",
                                 c->blob ? c->blob->id.text : "literal",
                                 (unsigned long long)c->offset, (unsigned long long)c->size);
                hash_update(h, text, (size_t)n);
                if (!c->blob)
                        hash_update(h, p->literal.data + part->at, c->size);
        }
        hash_final(h, ret);
}

/* The body is looked at here, on the worker's thread, because a damaged piece can still be made
 * again here. */
static bool piece_load(Piece *p, const char *name) {
        unsigned char h[PIECE_HEADER];
        _cleanup_blob_ Blob *blob = NULL;
        if (cache_derived_open(p->cache, KIND, name, &blob, NULL) < 0)
                return false;
        const Content all = { .blob = blob, .size = blob->size };
        if (blob->size < PIECE_HEADER || content_check(&all, NULL) < 0 ||
            content_read(&all, 0, h, sizeof h, NULL) < 0 || get_le(h, 8) != p->size)
                return false;
        p->out_size = blob->size - PIECE_HEADER;
        p->crc = (uint32_t)get_le(h + 8, 4);
        p->file = take(blob);
        return true;
}

/* Losing the cached copy (full disk, read-only cache) costs time later, not the build. */
static void piece_save(const Piece *p, const char *name) {
        unsigned char h[PIECE_HEADER];
        put_le(h, p->size, 8);
        put_le(h + 8, p->crc, 4);
        _cleanup_sink_ Sink *s = NULL;
        if (cache_derived_sink(p->cache, KIND, name, &s, NULL) == 0 &&
            sink_write(s, h, sizeof h, NULL) == 0 && sink_write(s, p->out, p->out_size, NULL) == 0)
                (void)sink_finish(s, NULL);
}

static int piece_read(const Piece *p, unsigned char *into, Err *e) {
        for (size_t i = 0; i < p->n_parts; i++) {
                const Part *part = &p->parts[i];
                const Content *c = &part->content;
                if (!c->blob)
                        memcpy(into, p->literal.data + part->at, c->size);
                else if (content_read(c, 0, into, c->size, e) < 0)
                        return -1;
                into += c->size;
        }
        return 0;
}

static int piece_compress(Piece *p, Err *e) {
        _cleanup_free_ unsigned char *in = xmalloc(p->size);
        if (piece_read(p, in, e) < 0)
                return -1;
        z_stream z = { 0 };
        if (deflateInit2(&z, p->level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
                return err_set(e, ERR_INTERNAL, 0, "deflate cannot be initialised");
        size_t room = deflateBound(&z, p->size) + 64;
        p->out = xmalloc(room);
        z.next_in = in;
        z.avail_in = (uInt)p->size;
        z.next_out = p->out;
        z.avail_out = (uInt)room;
        int r = deflate(&z, Z_FULL_FLUSH);
        p->out_size = z.total_out;
        bool complete = r == Z_OK && !z.avail_in && z.avail_out;
        deflateEnd(&z);
        if (!complete)
                return err_set(e, ERR_INTERNAL, 0, "deflate did not take its input");
        p->crc = (uint32_t)crc32(0, in, (uInt)p->size);
        return 0;
}

static int piece_work(void *job, Err *e) {
        Piece *p = job;
        Digest key;
        if (p->cache) {
                piece_key(p, &key);
                if (piece_load(p, digest_hex(&key)))
                        return 0;
        }
        if (piece_compress(p, e) < 0)
                return -1;
        if (p->cache)
                piece_save(p, digest_hex(&key));
        return 0;
}

static int piece_done(void *ctx, void *job, Err *e) {
        GzipSink *g = ctx;
        Piece *p = job;
        g->crc = (uint32_t)crc32_combine(g->crc, p->crc, (z_off_t)p->size);
        g->size += p->size;
        progress_add(g->progress, p->size);
        if (p->out)
                return sink_write(g->out, p->out, p->out_size, e);
        Content c = { .blob = p->file, .offset = PIECE_HEADER, .size = p->out_size };
        return sink_content(g->out, &c, e);
}

/* --- the sink ------------------------------------------------------------------------------- */

static int cut(GzipSink *g, Err *e) {
        Piece *p = g->piece;
        if (!p->size)
                return 0;
        g->piece = piece_new(g);
        return ordered_submit(g->ordered, p, e);
}

static void add_part(Piece *p, const Content *c) {
        *vec_push(p->parts, p->n_parts, p->cap_parts) =
                (Part){ .at = p->literal.len, .content = *c };
        p->size += c->size;
}

static int gzip_write(Sink *s, const void *data, size_t n, Err *e) {
        GzipSink *g = (GzipSink *)s;
        const char *at = data;
        while (n) {
                Piece *p = g->piece;
                size_t part = MIN(n, (size_t)(PIECE - p->size));
                Part *last = p->n_parts ? &p->parts[p->n_parts - 1] : NULL;
                if (last && !last->content.blob) {
                        last->content.size += part;
                        p->size += part;
                } else {
                        add_part(p, &(Content){ .size = part });
                }
                buf_add(&p->literal, at, part);
                at += part;
                n -= part;
                if (p->size == PIECE && cut(g, e) < 0)
                        return -1;
        }
        return 0;
}

static int add_slice(GzipSink *g, const Content *c, Err *e) {
        if (!c->blob)
                return gzip_write(&g->base, c->bytes, c->size, e);
        add_part(g->piece, c);
        return 0;
}

/* Where pieces are cut must not depend on whether the bytes are in memory. */
static int gzip_content(Sink *s, const Content *c, Err *e) {
        GzipSink *g = (GzipSink *)s;
        if (c->size < OWN_PIECE) {
                if (g->piece->size + c->size > PIECE && cut(g, e) < 0)
                        return -1;
                return add_slice(g, c, e);
        }
        if (cut(g, e) < 0)
                return -1;
        for (uint64_t at = 0; at < c->size; at += PIECE) {
                Content slice = content_slice(c, at, MIN(c->size - at, (uint64_t)PIECE));
                if (add_slice(g, &slice, e) < 0 || cut(g, e) < 0)
                        return -1;
        }
        return 0;
}

static int gzip_finish(Sink *s, Err *e) {
        GzipSink *g = (GzipSink *)s;
        if (cut(g, e) < 0 || ordered_finish(g->ordered, e) < 0)
                return -1;
        /* An empty last block with fixed codes (RFC 1951 3.2.6), then CRC-32 and size (RFC
         * 1952 2.3.1). */
        unsigned char tail[10] = { 0x03, 0x00 };
        put_le(tail + 2, g->crc, 4);
        put_le(tail + 6, g->size, 4);
        return sink_write(g->out, tail, sizeof tail, e);
}

static void gzip_free(Sink *s) {
        GzipSink *g = (GzipSink *)s;
        ordered_free(g->ordered);
        piece_free(g->piece);
        free(g);
}

static const SinkOps gzip_ops = {
        .write = gzip_write,
        .content = gzip_content,
        .finish = gzip_finish,
        .free = gzip_free,
};

void gzip_set_progress(Sink *gzip, Progress *p) {
        ((GzipSink *)gzip)->progress = p;
}

int gzip_sink(Sink *out, Cache *cache, int level, Sink **ret, Err *e) {
        /* RFC 1952 2.3: deflate, no flags, no time, no extra flags, operating system unknown. */
        static const unsigned char head[10] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255 };
        if (sink_write(out, head, sizeof head, e) < 0)
                return -1;
        GzipSink *g = xcalloc(1, sizeof *g);
        g->base.ops = &gzip_ops;
        g->out = out;
        g->cache = cache;
        g->level = level;
        g->ordered = ordered_new(0, piece_work, piece_done, piece_free, g);
        g->piece = piece_new(g);
        *ret = &g->base;
        return 0;
}
