/* clusters.c - see clusters.h.  Most of a disk is compressed already (kernel, root image): trying
 * anyway would be nearly all the work, so a sample in the middle of a cluster decides first. */
#include "lib/disk/clusters.h"
#include "lib/base/pool.h"
#include "lib/base/str.h"

#include <zlib.h>

enum {
        BATCH = 16, /* clusters of a job */
        SAMPLE = 4096,
        LEVEL = 6,
};

typedef struct Batch {
        const Extents *disk;
        const ClusterOptions *options;
        uint64_t first; /* index of the first cluster */
        size_t n;
        Buf out;
        size_t length[BATCH]; /* 0: all zero */
        bool compressed[BATCH];
} Batch;

typedef struct Walk {
        int (*fn)(void *ctx, const Cluster *c, Err *e);
        void *ctx;
        Progress *progress;
} Walk;

bool bytes_are_zero(const void *p, size_t n) {
        const char *c = p;
        return n == 0 || (c[0] == 0 && memcmp(c, c + 1, n - 1) == 0);
}

/* Appends the deflated bytes to out; returns how many they are. */
static size_t deflate_to(Buf *out, const void *p, size_t n, int window_bits, int level) {
        z_stream z = { 0 };
        /* fails only without memory or with impossible parameters */
        if (deflateInit2(&z, level, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
                return 0;
        size_t bound = deflateBound(&z, (uLong)n), start = out->len;
        buf_zero(out, bound);
        z.next_in = (Bytef *)p;
        z.avail_in = (uInt)n;
        z.next_out = (Bytef *)out->data + start;
        z.avail_out = (uInt)bound;
        int r = deflate(&z, Z_FINISH);
        size_t produced = bound - z.avail_out;
        deflateEnd(&z);
        out->len = start + (r == Z_STREAM_END ? produced : 0);
        return out->len - start;
}

static bool worth_deflating(const char *p, size_t n, int window_bits) {
        if (n < (size_t)SAMPLE * 2)
                return true;
        _cleanup_buf_ Buf sample = { 0 };
        size_t got = deflate_to(&sample, p + n / 2, SAMPLE, window_bits, 1);
        return got && got < SAMPLE - SAMPLE / 16;
}

static void pack(Batch *b, size_t i, const char *p) {
        const ClusterOptions *o = b->options;
        size_t start = b->out.len, got = 0;
        bool worth = worth_deflating(p, o->size, o->window_bits);
        if (worth || o->only_deflated)
                got = deflate_to(&b->out, p, o->size, o->window_bits, worth ? LEVEL : 0);
        b->compressed[i] = got && (o->only_deflated || got < o->size - o->size / 8);
        if (!b->compressed[i]) {
                b->out.len = start;
                buf_add(&b->out, p, o->size);
                got = o->size;
        }
        b->length[i] = got;
}

static int pack_batch(void *job, Err *e) {
        Batch *b = job;
        size_t size = b->options->size;
        _cleanup_free_ char *buf = xmalloc(size);
        for (size_t i = 0; i < b->n; i++) {
                uint64_t at = (b->first + i) * size;
                size_t n = (size_t)MIN((uint64_t)size, extents_size(b->disk) - at);
                if (extents_hole(b->disk, at) >= n)
                        continue;
                if (extents_read(b->disk, at, buf, n, e) < 0)
                        return -1;
                memset(buf + n, 0, size - n);
                if (!bytes_are_zero(buf, n))
                        pack(b, i, buf);
        }
        return 0;
}

static int hand_over(void *ctx, void *job, Err *e) {
        Walk *w = ctx;
        Batch *b = job;
        const char *at = b->out.data;
        for (size_t i = 0; i < b->n; i++) {
                if (!b->length[i])
                        continue;
                Cluster c = { .index = b->first + i,
                              .data = at,
                              .n = b->length[i],
                              .compressed = b->compressed[i] };
                if (w->fn(w->ctx, &c, e) < 0)
                        return -1;
                at += b->length[i];
        }
        uint64_t first = b->first * b->options->size, left = extents_size(b->disk) - first;
        progress_add(w->progress, MIN((uint64_t)b->n * b->options->size, left));
        return 0;
}

static void batch_free(void *job) {
        Batch *b = job;
        buf_done(&b->out);
        free(b);
}

int clusters_each(const Extents *disk, const ClusterOptions *o,
                  int (*fn)(void *ctx, const Cluster *c, Err *e), void *ctx, Progress *p, Err *e) {
        Walk w = { fn, ctx, p };
        uint64_t count = (extents_size(disk) + o->size - 1) / o->size;
        Ordered *pipeline = ordered_new(0, pack_batch, hand_over, batch_free, &w);
        int r = 0;
        for (uint64_t i = 0; i < count && r == 0;) {
                uint64_t empty = extents_hole(disk, i * o->size) / o->size;
                if (empty) { /* a large hole costs nothing */
                        progress_add(p, empty * o->size);
                        i += empty;
                        continue;
                }
                Batch *b = xcalloc(1, sizeof *b);
                b->disk = disk;
                b->options = o;
                b->first = i;
                b->n = (size_t)MIN((uint64_t)BATCH, count - i);
                i += b->n;
                r = ordered_submit(pipeline, b, e);
        }
        if (r == 0)
                r = ordered_finish(pipeline, e);
        ordered_free(pipeline);
        return r;
}
