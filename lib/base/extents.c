/* extents.c - see extents.h.  Reading at random is a binary search; neighbouring holes are one. */
#include "lib/base/extents.h"
#include "lib/base/pool.h"
#include "lib/base/sums.h"

#include <unistd.h>

typedef struct Extent {
        uint64_t at;
        Content content; /* neither blob nor bytes: a hole */
} Extent;

struct Extents {
        Arena *arena;
        Extent *items;
        size_t n, cap;
        uint64_t size;
        Digest known; /* see extents_set_digest; empty: not known */
        Blob **blobs;
        size_t n_blobs, cap_blobs;
        Extents **adopted;
        size_t n_adopted, cap_adopted;
};

Extents *extents_new(void) {
        Extents *x = xcalloc(1, sizeof *x);
        x->arena = arena_new();
        return x;
}

void extents_free(Extents *x) {
        if (!x)
                return;
        for (size_t i = 0; i < x->n_blobs; i++) {
                close(x->blobs[i]->fd);
                free(x->blobs[i]);
        }
        for (size_t i = 0; i < x->n_adopted; i++)
                extents_free(x->adopted[i]);
        free(x->adopted);
        free(x->blobs);
        free(x->items);
        arena_free(x->arena);
        free(x);
}

Arena *extents_arena(Extents *x) {
        return x->arena;
}

void extents_own(Extents *x, Blob *blob) {
        *vec_push(x->blobs, x->n_blobs, x->cap_blobs) = blob;
}

void extents_adopt(Extents *x, Extents *part) {
        *vec_push(x->adopted, x->n_adopted, x->cap_adopted) = part;
}

static bool is_hole(const Extent *i) {
        return !i->content.blob && !i->content.bytes;
}

void extents_add(Extents *x, const Content *content) {
        if (!content->size)
                return;
        *vec_push(x->items, x->n, x->cap) = (Extent){ x->size, *content };
        x->known = (Digest){ "" };
        x->size += content->size;
}

void extents_zero(Extents *x, uint64_t n) {
        if (!n)
                return;
        if (x->n && is_hole(&x->items[x->n - 1]))
                x->items[x->n - 1].content.size += n;
        else
                *vec_push(x->items, x->n, x->cap) = (Extent){ x->size, { .size = n } };
        x->known = (Digest){ "" };
        x->size += n;
}

void extents_pad(Extents *x, uint64_t align) {
        extents_zero(x, -x->size & (align - 1));
}

uint64_t extents_size(const Extents *x) {
        return x->size;
}

/* The extent that holds position at, which lies inside. */
static size_t find(const Extents *x, uint64_t at) {
        size_t low = 0, high = x->n;
        while (high - low > 1) {
                size_t middle = low + (high - low) / 2;
                if (x->items[middle].at <= at)
                        low = middle;
                else
                        high = middle;
        }
        return low;
}

void extents_append_range(Extents *x, const Extents *part, uint64_t at, uint64_t n) {
        if (!n)
                return;
        for (size_t i = find(part, at); n; i++) {
                const Extent *it = &part->items[i];
                uint64_t inside = at - it->at, size = MIN(n, it->content.size - inside);
                if (is_hole(it)) {
                        extents_zero(x, size);
                } else {
                        Content c = content_slice(&it->content, inside, size);
                        extents_add(x, &c);
                }
                at += size;
                n -= size;
        }
}

void extents_append(Extents *x, const Extents *part) {
        extents_append_range(x, part, 0, part->size);
}

int extents_read(const Extents *x, uint64_t at, void *buf, size_t n, Err *e) {
        char *to = buf;
        if (!n)
                return 0;
        for (size_t i = find(x, at); n; i++) {
                const Extent *it = &x->items[i];
                uint64_t inside = at - it->at;
                size_t part = (size_t)MIN((uint64_t)n, it->content.size - inside);
                if (is_hole(it))
                        memset(to, 0, part);
                else if (content_read(&it->content, inside, to, part, e) < 0)
                        return -1;
                to += part;
                at += part;
                n -= part;
        }
        return 0;
}

uint64_t extents_hole(const Extents *x, uint64_t at) {
        if (at >= x->size)
                return 0;
        const Extent *it = &x->items[find(x, at)];
        return is_hole(it) ? it->content.size - (at - it->at) : 0;
}

static int write_content(const Content *c, Sink *out, Progress *p, Err *e) {
        enum { STEP = 1 << 24 }; /* how often the progress moves */
        for (uint64_t at = 0; at < c->size; at += STEP) {
                Content part = content_slice(c, at, MIN(c->size - at, (uint64_t)STEP));
                if (sink_content(out, &part, e) < 0)
                        return -1;
                progress_add(p, part.size);
        }
        return 0;
}

int extents_write_range(const Extents *x, uint64_t at, uint64_t n, Sink *out, Progress *p, Err *e) {
        if (!n)
                return 0;
        for (size_t i = find(x, at); n; i++) {
                const Extent *it = &x->items[i];
                uint64_t inside = at - it->at, part = MIN(n, it->content.size - inside);
                if (is_hole(it)) {
                        if (sink_zero(out, part, e) < 0)
                                return -1;
                        progress_add(p, part);
                } else {
                        Content c = content_slice(&it->content, inside, part);
                        if (write_content(&c, out, p, e) < 0)
                                return -1;
                }
                at += part;
                n -= part;
        }
        return 0;
}

int extents_write(const Extents *x, Sink *out, Progress *p, Err *e) {
        return extents_write_range(x, 0, x->size, out, p, e);
}

/* --- the digest ----------------------------------------------------------------------------- */

enum { CHUNKS_AT_ONCE = 16 }; /* of SUMS_CHUNK bytes, by one thread */

typedef struct ChunkSums {
        const Extents *x;
        unsigned char *values; /* SUM_SIZE each */
} ChunkSums;

static int sum_some(void *ctx, size_t i, Err *e) {
        const ChunkSums *s = ctx;
        uint64_t size = s->x->size, k = (uint64_t)i * CHUNKS_AT_ONCE, end = k + CHUNKS_AT_ONCE;
        _cleanup_free_ char *buf = xmalloc(SUMS_CHUNK);
        for (; k < end && k * SUMS_CHUNK < size; k++) {
                size_t n = (size_t)MIN(size - k * SUMS_CHUNK, (uint64_t)SUMS_CHUNK);
                if (extents_read(s->x, k * SUMS_CHUNK, buf, n, e) < 0)
                        return -1;
                sums_put(s->values + k * SUM_SIZE, buf, n);
        }
        return 0;
}

int extents_digest(const Extents *x, Digest *ret, Err *e) {
        if (x->known.text[0]) {
                *ret = x->known;
                return 0;
        }
        uint64_t chunks = sums_count(x->size);
        _cleanup_free_ unsigned char *values = xcalloc(chunks + 1, SUM_SIZE);
        ChunkSums s = { x, values };
        size_t jobs = (size_t)((chunks + CHUNKS_AT_ONCE - 1) / CHUNKS_AT_ONCE);
        if (pool_run(jobs, 0, sum_some, &s, e) < 0)
                return -1;
        hash_bytes(values, chunks * SUM_SIZE, ret);
        return 0;
}

void extents_set_digest(Extents *x, const Digest *d) {
        x->known = *d;
}
