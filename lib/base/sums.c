/* sums.c - see sums.h.  Two threads may check the same chunk at once; that costs time and nothing
 * else, so a bit in a bitmap is all that is kept. */
#include "lib/base/sums.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"

#include <endian.h>
#include <sys/stat.h>
#include <xxhash.h>

enum { WORD_BITS = 8 * sizeof(unsigned) };

void sums_put(unsigned char p[SUM_SIZE], const void *chunk, size_t n) {
        uint64_t v = htole64(XXH3_64bits(chunk, n));
        memcpy(p, &v, SUM_SIZE);
}

bool sums_match(const unsigned char p[SUM_SIZE], const void *chunk, size_t n) {
        unsigned char got[SUM_SIZE];
        sums_put(got, chunk, n);
        return memcmp(p, got, SUM_SIZE) == 0;
}

/* One piece of memory: Blob, Sums with its bitmap, the values, the path. */
Blob *blob_new(int fd, const Digest *id, uint64_t size, const unsigned char *sums,
               const char *path) {
        uint64_t n = sums_count(size);
        size_t words = (size_t)(n / WORD_BITS + 1);
        size_t head = sizeof(Blob) + sizeof(Sums) + words * sizeof(atomic_uint);
        char *memory = xcalloc(1, head + n * SUM_SIZE + strlen(path) + 1);
        _Static_assert(sizeof(Blob) % _Alignof(Sums) == 0, "Sums stand behind the Blob");
        Blob *b = (Blob *)memory;
        b->fd = fd;
        b->id = *id;
        b->size = size;
        b->sums = (Sums *)(memory + sizeof(Blob));
        for (size_t i = 0; i < words; i++)
                atomic_init(&b->sums->checked[i], 0);
        if (n)
                memcpy(memory + head, sums, n * SUM_SIZE);
        b->sums->values = (unsigned char *)memory + head;
        strcpy(memory + head + n * SUM_SIZE, path);
        b->sums->path = memory + head + n * SUM_SIZE;
        return b;
}

void blob_free(Blob *b) {
        if (!b)
                return;
        close(b->fd);
        free(b);
}

/* --- a stream ------------------------------------------------------------------------------- */

static void add_chunk(SumsWriter *w, const void *p, size_t n) {
        unsigned char sum[SUM_SIZE];
        sums_put(sum, p, n);
        buf_add(&w->values, sum, sizeof sum);
}

void sums_writer_add(SumsWriter *w, const void *p, size_t n) {
        const unsigned char *at = p;
        while (n) {
                if (w->used == 0 && n >= SUMS_CHUNK) {
                        add_chunk(w, at, SUMS_CHUNK);
                        at += SUMS_CHUNK;
                        n -= SUMS_CHUNK;
                        continue;
                }
                if (!w->chunk)
                        w->chunk = xmalloc(SUMS_CHUNK);
                size_t part = MIN(n, SUMS_CHUNK - w->used);
                memcpy(w->chunk + w->used, at, part);
                w->used += part;
                at += part;
                n -= part;
                if (w->used == SUMS_CHUNK) {
                        add_chunk(w, w->chunk, SUMS_CHUNK);
                        w->used = 0;
                }
        }
}

void sums_writer_end(SumsWriter *w) {
        if (w->used)
                add_chunk(w, w->chunk, w->used);
        w->used = 0;
}

void sums_writer_done(SumsWriter *w) {
        buf_done(&w->values);
        free(w->chunk);
        *w = (SumsWriter){ 0 };
}

/* --- reading -------------------------------------------------------------------------------- */

static bool is_checked(const Sums *s, uint64_t chunk) {
        unsigned word = atomic_load_explicit(&s->checked[chunk / WORD_BITS], memory_order_relaxed);
        return word >> chunk % WORD_BITS & 1;
}

static void set_checked(Sums *s, uint64_t chunk) {
        atomic_fetch_or_explicit(&s->checked[chunk / WORD_BITS], 1U << chunk % WORD_BITS,
                                 memory_order_relaxed);
}

/* Somebody else may have put a good file in its place meanwhile: that one stays. */
static int damaged(const Blob *b, Err *e) {
        struct stat open_file, named;
        const char *path = b->sums->path;
        if (fstat(b->fd, &open_file) == 0 && lstat(path, &named) == 0 &&
            open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino)
                unlink(path);
        err_set(e, ERR_DAMAGED, 0, "%s does not hold what was stored in it", path);
        return err_hint(e, "the damaged file was removed; run again to make or fetch it anew");
}

/* Checks one chunk; the bytes are in buf afterwards. */
static int read_chunk(const Blob *b, uint64_t chunk, unsigned char *buf, Err *e) {
        uint64_t start = chunk * SUMS_CHUNK;
        size_t n = (size_t)MIN(b->size - start, (uint64_t)SUMS_CHUNK);
        if (fd_pread(b->fd, buf, n, start, b->sums->path, NULL) != (int64_t)n ||
            !sums_match(b->sums->values + chunk * SUM_SIZE, buf, n))
                return damaged(b, e);
        set_checked(b->sums, chunk);
        return 0;
}

/* How many bytes from at on, at most n, lie in checked chunks. */
static uint64_t checked_run(const Blob *b, uint64_t at, uint64_t n) {
        uint64_t end = at;
        while (end < at + n && is_checked(b->sums, end / SUMS_CHUNK))
                end = (end / SUMS_CHUNK + 1) * SUMS_CHUNK;
        return end < at + n ? end - at : n;
}

int sums_read(const Blob *b, uint64_t at, void *buf, uint64_t n, Err *e) {
        _cleanup_free_ unsigned char *scratch = NULL;
        unsigned char *to = buf;
        if (at > b->size || n > b->size - at)
                return err_set(e, ERR_INTERNAL, 0, "read past the end of %s", b->sums->path);
        for (uint64_t part; n; at += part, n -= part, to = to ? to + part : NULL) {
                part = checked_run(b, at, n);
                if (part) {
                        if (to && fd_pread(b->fd, to, (size_t)part, at, b->sums->path, NULL) !=
                                          (int64_t)part)
                                return damaged(b, e);
                        continue;
                }
                uint64_t chunk = at / SUMS_CHUNK, inside = at % SUMS_CHUNK;
                uint64_t whole = MIN(b->size - chunk * SUMS_CHUNK, (uint64_t)SUMS_CHUNK);
                part = MIN(n, whole - inside);
                if (to && part == whole) {
                        if (read_chunk(b, chunk, to, e) < 0)
                                return -1;
                        continue;
                }
                if (!scratch)
                        scratch = xmalloc(SUMS_CHUNK);
                if (read_chunk(b, chunk, scratch, e) < 0)
                        return -1;
                if (to)
                        memcpy(to, scratch + inside, (size_t)part);
        }
        return 0;
}
