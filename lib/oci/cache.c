/* cache.c - the cache's files: layout, blobs, derived data.  Names are cache_index.c.
 *
 * A temporary file is kept under an flock by its writer (file_tmp_open), so a file that can be
 * locked has lost its writer and is swept away. */
#include "lib/oci/cache.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/oci/cache_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define LAYOUT_TEXT "{\n    \"imageLayoutVersion\": \"1.0.0\"\n}"
#define EMPTY_INDEX                                                        \
        "{\n   \"schemaVersion\": 2,\n"                                    \
        "   \"mediaType\": \"application/vnd.oci.image.index.v1+json\",\n" \
        "   \"manifests\": []\n}"

struct Cache {
        char *dir;
        char *blobs;
        atomic_flag swept;
        atomic_bool distrusted;
};

/* --- opening -------------------------------------------------------------------------------- */

static char *default_dir(Err *e) {
        const char *dir = getenv("LINUXKIT_CACHE");
        if (!str_is_empty(dir))
                return xstrdup(dir);
        const char *home = getenv("HOME");
        if (str_is_empty(home)) {
                err_set(e, ERR_USAGE, 0, "HOME is not set");
                err_hint(e, "name the cache with --cache or LINUXKIT_CACHE");
                return NULL;
        }
        return path_join(home, ".linuxkit/cache");
}

/* Writes DIR/name unless it exists; the first process makes it, others find it. */
static int make_file(Cache *c, const char *name, const char *text, uint32_t mode, Err *e) {
        _cleanup_free_ char *path = path_join(c->dir, name);
        _cleanup_free_ char *tmp = NULL;
        if (file_exists(path))
                return 0;
        _cleanup_fd_ int fd = file_tmp_open(path, mode, &tmp, e);
        if (fd < 0)
                return -1;
        int r = fd_write_all(fd, text, strlen(text), path, e);
        if (r == 0)
                r = fdatasync(fd) < 0 ? err_set(e, ERR_IO, errno, "%s", path) : 0;
        /* link(2) instead of rename(2): an index that another process filled meanwhile stays */
        if (r == 0 && link(tmp, path) < 0 && errno != EEXIST)
                r = err_set(e, ERR_IO, errno, "%s", path);
        file_tmp_discard(tmp);
        return r;
}

int cache_make_layout(Cache *c, Err *e) {
        if (dir_make(c->blobs, e) < 0 || make_file(c, "oci-layout", LAYOUT_TEXT, 0755, e) < 0 ||
            make_file(c, "index.json", EMPTY_INDEX, 0644, e) < 0)
                return err_wrap(e, "image cache");
        return 0;
}

int cache_open(const char *dir, Cache **ret, Err *e) {
        Cache *c = xcalloc(1, sizeof *c);
        atomic_flag_clear(&c->swept);
        atomic_init(&c->distrusted, false);
        c->dir = dir ? xstrdup(dir) : default_dir(e);
        if (!c->dir) {
                cache_free(c);
                return -1;
        }
        c->blobs = path_join(c->dir, "blobs/sha256");
        if (cache_make_layout(c, e) < 0) {
                cache_free(c);
                return -1;
        }
        *ret = c;
        return 0;
}

void cache_free(Cache *c) {
        if (!c)
                return;
        free(c->dir);
        free(c->blobs);
        free(c);
}

const char *cache_dir(const Cache *c) {
        return c->dir;
}

int cache_hint_full(Cache *c, Err *e) {
        if (e && (e->errnum == ENOSPC || e->errnum == EDQUOT))
                err_hint(e, "the cache is %s; `linuxkit cache gc` frees what no image needs",
                         c->dir);
        return -1;
}

void cache_distrust(Cache *c) {
        atomic_store(&c->distrusted, true);
}

bool cache_is_distrusted(const Cache *c) {
        return atomic_load(&c->distrusted);
}

/* --- leftovers ------------------------------------------------------------------------------ */

/* Once per open cache, before the first new file. */
static void sweep(Cache *c) {
        if (atomic_flag_test_and_set(&c->swept))
                return;
        file_tmp_sweep(c->dir, "");
        file_tmp_sweep(c->blobs, "");
        derived_sweep(c);
        cache_prune(c);
}

/* --- blobs ---------------------------------------------------------------------------------- */

char *cache_blob_path(Cache *c, const Digest *d) {
        return path_join(c->blobs, digest_hex(d));
}

bool cache_has_blob(Cache *c, const Digest *d, uint64_t size) {
        _cleanup_free_ char *path = cache_blob_path(c, d);
        struct stat st;
        return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
}

/* O_NONBLOCK: a pipe in a blob's place must not make anybody wait. */
int cache_open_blob(Cache *c, const Digest *d, Err *e) {
        _cleanup_free_ char *path = cache_blob_path(c, d);
        struct stat st;
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0 && errno == ENOENT)
                return err_set(e, ERR_NOT_FOUND, 0, "%s is not in the cache", d->text);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
                return err_set(e, ERR_IO, errno, "%s", path);
        if (fd < 0)
                return err_set(e, ERR_VERIFY, errno, "%s in the cache cannot be read", d->text);
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return err_set(e, ERR_VERIFY, 0, "%s in the cache is not a regular file", d->text);
        return fd_take(&fd);
}

int cache_load_blob(Cache *c, const Descriptor *d, uint64_t limit, char **ret, Err *e) {
        if (d->size > limit)
                return err_set(e, ERR_VERIFY, 0, "%s: %llu bytes are more than the limit of %llu",
                               d->digest.text, (unsigned long long)d->size,
                               (unsigned long long)limit);
        _cleanup_fd_ int fd = cache_open_blob(c, &d->digest, e);
        if (fd < 0)
                return -1;
        _cleanup_free_ char *p = xmalloc(d->size + 1);
        int64_t n = fd_pread(fd, p, d->size + 1, 0, d->digest.text, e);
        if (n < 0) {
                if (e)
                        e->kind = ERR_VERIFY; /* whatever the disk says: it is to be replaced */
                return -1;
        }
        if ((uint64_t)n != d->size)
                return err_set(e, ERR_VERIFY, 0, "%s in the cache is not %llu bytes long",
                               d->digest.text, (unsigned long long)d->size);
        Digest got;
        hash_bytes(p, d->size, &got);
        if (!digest_eq(&got, &d->digest))
                return err_set(e, ERR_VERIFY, 0, "%s in the cache has digest %s", d->digest.text,
                               got.text);
        p[d->size] = 0;
        *ret = take(p);
        return 0;
}

int cache_put_bytes(Cache *c, const char *media_type, const void *p, size_t n, Descriptor *ret,
                    Err *e) {
        Descriptor d = { .size = n };
        if (strlen(media_type) >= sizeof d.media_type)
                return err_set(e, ERR_VERIFY, 0, "media type \"%s\" is too long", media_type);
        strcpy(d.media_type, media_type);
        hash_bytes(p, n, &d.digest);
        /* A damaged file of that name is replaced, a good one is left alone. */
        _cleanup_free_ char *old = NULL;
        if (cache_load_blob(c, &d, n, &old, NULL) < 0) {
                _cleanup_sink_ Sink *sink = NULL;
                if (cache_blob_sink(c, &d, NULL, &sink, e) < 0 || sink_write(sink, p, n, e) < 0 ||
                    sink_finish(sink, e) < 0)
                        return -1;
        }
        *ret = d;
        return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void)st, (void)type, (void)ftw;
        return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

int cache_clear(const char *path) {
        struct stat st;
        int r = lstat(path, &st);
        if (r == 0)
                r = S_ISDIR(st.st_mode) ? nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS)
                                        : unlink(path);
        return r < 0 && errno == ENOENT ? 0 : r; /* another process may remove it as well */
}

void cache_make_way(const char *path) {
        struct stat st;
        if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
                cache_clear(path);
}

void cache_drop_blob(Cache *c, const Digest *d) {
        static const char *const derived[] = { "tar", "idx" };
        _cleanup_free_ char *path = cache_blob_path(c, d);
        cache_clear(path);
        for (size_t i = 0; i < ARRAY_LEN(derived); i++) {
                _cleanup_free_ char *file =
                        xasprintf("%s/derived/layers/%s.%s", c->dir, digest_hex(d), derived[i]);
                unlink(file);
        }
}

/* --- streaming in --------------------------------------------------------------------------- */

typedef struct BlobSink {
        Sink base;
        Cache *cache;
        int fd;
        char *name; /* for messages: the path it will have */
        char *tmp;  /* NULL once committed */
        Hash *hash;
        bool expected;
        Descriptor want;
        Descriptor *ret;
} BlobSink;

static int blob_write(Sink *s, const void *p, size_t n, Err *e) {
        BlobSink *b = (BlobSink *)s;
        if (b->expected && n > b->want.size - s->written)
                return err_set(e, ERR_VERIFY, 0, "%s: more than the promised %llu bytes",
                               b->want.digest.text, (unsigned long long)b->want.size);
        hash_update(b->hash, p, n);
        return fd_write_all(b->fd, p, n, b->name, e);
}

static int blob_finish(Sink *s, Err *e) {
        BlobSink *b = (BlobSink *)s;
        Descriptor got = b->want;
        got.size = s->written;
        hash_final(b->hash, &got.digest);
        if (b->expected && got.size != b->want.size)
                return err_set(e, ERR_VERIFY, 0, "%s: %llu bytes instead of the promised %llu",
                               b->want.digest.text, (unsigned long long)got.size,
                               (unsigned long long)b->want.size);
        if (b->expected && !digest_eq(&got.digest, &b->want.digest))
                return err_set(e, ERR_VERIFY, 0, "%s: the content has digest %s",
                               b->want.digest.text, got.digest.text);
        _cleanup_free_ char *path = cache_blob_path(b->cache, &got.digest);
        cache_make_way(path);
        if (file_tmp_commit(b->fd, b->tmp, path, e) < 0)
                return -1;
        free(take(b->tmp));
        if (b->ret)
                *b->ret = got;
        return 0;
}

static void blob_free(Sink *s) {
        BlobSink *b = (BlobSink *)s;
        if (b->tmp)
                file_tmp_discard(b->tmp);
        close(b->fd);
        free(b->name);
        free(b->tmp);
        hash_free(b->hash);
        free(b);
}

static const SinkOps blob_ops = {
        .write = blob_write,
        .finish = blob_finish,
        .free = blob_free,
};

int cache_blob_sink(Cache *c, const Descriptor *expect, Descriptor *ret, Sink **ret_sink, Err *e) {
        sweep(c);
        _cleanup_free_ char *path =
                expect ? cache_blob_path(c, &expect->digest) : path_join(c->blobs, "new");
        char *tmp = NULL;
        int fd = file_tmp_open(path, 0644, &tmp, e);
        if (fd < 0)
                return -1;
        BlobSink *b = xcalloc(1, sizeof *b);
        b->base.ops = &blob_ops;
        b->cache = c;
        b->fd = fd;
        b->name = take(path);
        b->tmp = tmp;
        b->hash = hash_new();
        b->expected = expect != NULL;
        if (expect)
                b->want = *expect;
        b->ret = ret;
        *ret_sink = &b->base;
        return 0;
}

int cache_derived_path(Cache *c, const char *kind, const char *name, char **ret, Err *e) {
        sweep(c);
        _cleanup_free_ char *dir = xasprintf("%s/derived/%s", c->dir, kind);
        if (dir_make(dir, e) < 0)
                return -1;
        *ret = path_join(dir, name);
        return 0;
}
