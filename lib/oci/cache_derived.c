/* cache_derived.c - files that can be made again from other content, with what tells whether they
 * still are what was written: DATA | sums of its chunks (sums.h) | tail.
 *
 * Everything is one file, so one rename publishes it.  A derived file is never flushed to the disk:
 * one that a power failure has spoilt is found out and made again. */
#include "lib/oci/cache.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/base/sums.h"
#include "lib/oci/cache_internal.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#define TAIL_MAGIC "LKDERIV1"

enum {
        TAIL_SIZE = 24,        /* magic 8, size of the data 8, sum of sums, magic and size 8 */
        USE_STAMP = 24 * 3600, /* seconds: how exactly the time of the last use is kept */
};

/* --- time of last use ----------------------------------------------------------------------- */

void derived_used(int fd) {
        struct stat st;
        if (fstat(fd, &st) == 0 && time(NULL) - st.st_mtime > USE_STAMP)
                (void)futimens(fd, NULL); /* a cache that is only readable is not pruned either */
}

void derived_used_path(const char *path) {
        struct stat st;
        if (stat(path, &st) == 0 && time(NULL) - st.st_mtime > USE_STAMP)
                (void)utimensat(AT_FDCWD, path, NULL, 0);
}

bool derived_is_foreign(const char *kind) {
        static const char *const kinds[] = { "apt", "debs", "import", "partial", "scratch" };
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                if (str_eq(kind, kinds[i]))
                        return true;
        return false;
}

/* --- writing -------------------------------------------------------------------------------- */

typedef struct DerivedSink {
        Sink base;
        int fd;
        char *path;
        char *tmp;     /* NULL once committed */
        Buf sums;      /* of the chunks that are complete */
        uint64_t size; /* bytes in the file: complete chunks */
        size_t used;   /* of chunk */
        unsigned char chunk[SUMS_CHUNK];
} DerivedSink;

static int write_at(const DerivedSink *d, const void *p, size_t n, uint64_t at, Err *e) {
        const char *from = p;
        while (n) {
                ssize_t k = pwrite(d->fd, from, n, (off_t)at);
                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return err_set(e, ERR_IO, k < 0 ? errno : EIO, "write %s", d->path);
                from += k;
                at += (uint64_t)k;
                n -= (size_t)k;
        }
        return 0;
}

/* The file is one chunk longer afterwards; data false: a hole, whose sum is that of zeros. */
static int end_chunk(DerivedSink *d, const void *p, size_t n, bool data, Err *e) {
        unsigned char sum[SUM_SIZE];
        sums_put(sum, p, n);
        buf_add(&d->sums, sum, sizeof sum);
        if (data && write_at(d, p, n, d->size, e) < 0)
                return -1;
        d->size += n;
        return 0;
}

static int derived_write(Sink *s, const void *p, size_t n, Err *e) {
        DerivedSink *d = (DerivedSink *)s;
        const unsigned char *at = p;
        while (n) {
                if (d->used == 0 && n >= SUMS_CHUNK) {
                        if (end_chunk(d, at, SUMS_CHUNK, true, e) < 0)
                                return -1;
                        at += SUMS_CHUNK;
                        n -= SUMS_CHUNK;
                        continue;
                }
                size_t part = MIN(n, SUMS_CHUNK - d->used);
                memcpy(d->chunk + d->used, at, part);
                d->used += part;
                at += part;
                n -= part;
                if (d->used == SUMS_CHUNK) {
                        if (end_chunk(d, d->chunk, SUMS_CHUNK, true, e) < 0)
                                return -1;
                        d->used = 0;
                }
        }
        return 0;
}

static int derived_zero(Sink *s, uint64_t n, Err *e) {
        static const unsigned char zeros[SUMS_CHUNK];
        DerivedSink *d = (DerivedSink *)s;
        while (n) {
                size_t part = (size_t)MIN(n, (uint64_t)(SUMS_CHUNK - d->used));
                int r = part == SUMS_CHUNK ? end_chunk(d, zeros, part, false, e)
                                           : derived_write(s, zeros, part, e);
                if (r < 0)
                        return -1;
                n -= part;
        }
        return 0;
}

/* A chunk that is changed was complete: it is read back, which is a moment to check it as well. */
static int patch_chunk(DerivedSink *d, uint64_t chunk, size_t inside, const void *p, size_t n,
                       Err *e) {
        _cleanup_free_ unsigned char *old = xmalloc(SUMS_CHUNK);
        unsigned char *sum = (unsigned char *)d->sums.data + chunk * SUM_SIZE;
        uint64_t at = chunk * SUMS_CHUNK;
        /* a hole at the end of the file is read as nothing yet */
        if (ftruncate(d->fd, (off_t)d->size) < 0 ||
            fd_pread(d->fd, old, SUMS_CHUNK, at, d->path, e) != SUMS_CHUNK ||
            !sums_match(sum, old, SUMS_CHUNK))
                return err_set(e, ERR_IO, EIO, "%s changed while it was written", d->path);
        memcpy(old + inside, p, n);
        sums_put(sum, old, SUMS_CHUNK);
        return write_at(d, old + inside, n, at + inside, e);
}

static int derived_patch(Sink *s, uint64_t at, const void *p, size_t n, Err *e) {
        DerivedSink *d = (DerivedSink *)s;
        const unsigned char *from = p;
        while (n) {
                uint64_t chunk = at / SUMS_CHUNK;
                size_t inside = (size_t)(at % SUMS_CHUNK), part = MIN(n, SUMS_CHUNK - inside);
                if (at >= d->size)
                        memcpy(d->chunk + inside, from, part);
                else if (patch_chunk(d, chunk, inside, from, part, e) < 0)
                        return -1;
                at += part;
                from += part;
                n -= part;
        }
        return 0;
}

static int derived_finish(Sink *s, Err *e) {
        DerivedSink *d = (DerivedSink *)s;
        unsigned char tail[TAIL_SIZE];
        if (d->used && end_chunk(d, d->chunk, d->used, true, e) < 0)
                return -1;
        d->used = 0;
        uint64_t size = htole64(d->size);
        size_t n_sums = d->sums.len;
        memcpy(tail, TAIL_MAGIC, 8);
        memcpy(tail + 8, &size, 8);
        buf_add(&d->sums, tail, 16);
        sums_put(tail + 16, d->sums.data, d->sums.len);
        cache_make_way(d->path);
        if (write_at(d, d->sums.data, n_sums, d->size, e) < 0 ||
            write_at(d, tail, sizeof tail, d->size + n_sums, e) < 0 ||
            file_tmp_rename(d->tmp, d->path, e) < 0)
                return -1;
        free(take(d->tmp));
        return 0;
}

static void derived_free(Sink *s) {
        DerivedSink *d = (DerivedSink *)s;
        if (d->tmp)
                file_tmp_discard(d->tmp);
        close(d->fd);
        free(d->tmp);
        free(d->path);
        buf_done(&d->sums);
        free(d);
}

static const SinkOps derived_ops = {
        .write = derived_write,
        .zero = derived_zero,
        .patch = derived_patch,
        .finish = derived_finish,
        .free = derived_free,
};

int cache_derived_sink(Cache *c, const char *kind, const char *name, Sink **ret, Err *e) {
        _cleanup_free_ char *path = NULL;
        char *tmp = NULL;
        if (cache_derived_path(c, kind, name, &path, e) < 0)
                return -1;
        int fd = file_tmp_open(path, 0644, &tmp, e);
        if (fd < 0)
                return -1;
        DerivedSink *d = xmalloc(sizeof *d); /* the chunk need not be zero */
        d->base = (Sink){ .ops = &derived_ops };
        d->fd = fd;
        d->path = take(path);
        d->tmp = tmp;
        d->sums = (Buf){ 0 };
        d->size = 0;
        d->used = 0;
        *ret = &d->base;
        return 0;
}

/* --- reading -------------------------------------------------------------------------------- */

/* *ret_sums is malloc'ed; -1: the file does not hold together. */
static int read_tail(int fd, uint64_t *ret_size, unsigned char **ret_sums, size_t *ret_n) {
        unsigned char tail[TAIL_SIZE];
        struct stat st;
        uint64_t size;
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < TAIL_SIZE ||
            fd_pread(fd, tail, sizeof tail, (uint64_t)st.st_size - TAIL_SIZE, "", NULL) !=
                    TAIL_SIZE ||
            memcmp(tail, TAIL_MAGIC, 8) != 0)
                return -1;
        memcpy(&size, tail + 8, 8);
        size = le64toh(size);
        if (size > (uint64_t)st.st_size ||
            size + sums_count(size) * SUM_SIZE + TAIL_SIZE != (uint64_t)st.st_size)
                return -1;
        size_t n = (size_t)sums_count(size) * SUM_SIZE;
        _cleanup_free_ unsigned char *sums = xmalloc(n + 16);
        if (fd_pread(fd, sums, n + 16, size, "", NULL) != (int64_t)n + 16 ||
            !sums_match(tail + 16, sums, n + 16))
                return -1;
        *ret_size = size;
        *ret_sums = take(sums);
        *ret_n = n;
        return 0;
}

Blob *derived_open_at(const char *path, const char *kind, const char *name) {
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        _cleanup_free_ unsigned char *sums = NULL;
        uint64_t size;
        size_t n;
        if (fd < 0 || read_tail(fd, &size, &sums, &n) < 0)
                return NULL;
        /* sums alone can be forged by whoever makes an image, the name of its inputs cannot */
        _cleanup_hash_ Hash *hash = hash_new();
        _cleanup_free_ char *head =
                xasprintf("derived %s %s %llu\n", kind, name, (unsigned long long)size);
        Digest id;
        hash_update(hash, head, strlen(head));
        hash_update(hash, sums, n);
        hash_final(hash, &id);
        return blob_new(fd_take(&fd), &id, size, sums, path);
}

int cache_derived_open(Cache *c, const char *kind, const char *name, Blob **ret, Err *e) {
        _cleanup_free_ char *path = xasprintf("%s/derived/%s/%s", cache_dir(c), kind, name);
        _cleanup_blob_ Blob *b = derived_open_at(path, kind, name);
        const Content all = { .blob = b, .size = b ? b->size : 0 };
        if (!b || (cache_is_distrusted(c) && content_check(&all, NULL) < 0))
                return err_set(e, ERR_NOT_FOUND, 0, "derived/%s/%s is not in the cache", kind,
                               name);
        derived_used(b->fd);
        *ret = take(b);
        return 0;
}
