/* layer.c - see layer.h.  Two derived files make up a ready layer, DIGEST.tar and DIGEST.idx; the
 * index is written last and names the tar's size, so a pair that was interrupted half way is simply
 * made again.  A blob that is a plain tar already serves as its own tar. */
#include "lib/oci/layer.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/oci/layer_index.h"
#include "lib/oci/tarscan.h"
#include "lib/oci/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

struct Layer {
        Index *index;
        Blob blob;
};

typedef struct Paths {
        char *tar, *index;
} Paths;

static void paths_done(Paths *p) {
        free(p->tar);
        free(p->index);
}

static int paths_make(Cache *c, const Descriptor *d, Paths *ret, Err *e) {
        _cleanup_free_ char *tar = xasprintf("%s.tar", digest_hex(&d->digest));
        _cleanup_free_ char *index = xasprintf("%s.idx", digest_hex(&d->digest));
        if (cache_derived_path(c, "layers", tar, &ret->tar, e) < 0)
                return -1;
        return cache_derived_path(c, "layers", index, &ret->index, e);
}

static int64_t mtime_of(const struct stat *st) {
        return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* A file that was touched since it was indexed (a copied or restored cache, or somebody wrote into
 * it) is read in full once; when it is good its time is put back, so that the next build does not
 * read it again. */
static bool tar_is_good(int fd, const PlainTar *tar) {
        struct stat st;
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != tar->size)
                return false;
        if (mtime_of(&st) == tar->mtime)
                return true;
        Digest got;
        if (hash_fd(fd, &got, NULL, NULL) < 0 || !digest_eq(&got, &tar->digest))
                return false;
        const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
                                           { .tv_sec = tar->mtime / 1000000000,
                                             .tv_nsec = tar->mtime % 1000000000 } };
        if (futimens(fd, times) < 0)
                log_debug("%s: its time cannot be restored", tar->digest.text);
        return true;
}

/* The plain tar: a derived file, or the blob itself when that is what the index was made from. */
static int open_tar(Cache *c, const Descriptor *d, const Paths *p, const PlainTar *tar) {
        _cleanup_fd_ int fd = digest_eq(&tar->digest, &d->digest)
                                      ? cache_open_blob(c, &d->digest, NULL)
                                      : open(p->tar, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        return fd >= 0 && tar_is_good(fd, tar) ? fd_take(&fd) : -1;
}

/* NULL: not there or not usable. */
static Layer *open_ready(Cache *c, const Descriptor *d, const Paths *p) {
        Index *index = index_open(p->index, &d->digest);
        if (!index)
                return NULL;
        const PlainTar *tar = index_tar(index);
        int fd = open_tar(c, d, p, tar);
        if (fd < 0) {
                index_free(index);
                return NULL;
        }
        Layer *l = xcalloc(1, sizeof *l);
        l->index = index;
        l->blob = (Blob){ .id = tar->digest, .fd = fd, .size = tar->size };
        return l;
}

static int add_entry(void *ctx, const Entry *entry, Err *e) {
        return index_writer_add(ctx, entry, e);
}

static int make_index(const Descriptor *d, const Paths *p, const Blob *tar, Err *e) {
        _cleanup_index_writer_ IndexWriter *w = index_writer_new();
        Content all = { .blob = tar, .size = tar->size };
        if (tarscan_run(&all, false, add_entry, w, e) < 0)
                return -1;
        struct stat st;
        if (fstat(tar->fd, &st) < 0)
                return err_set(e, ERR_IO, errno, "%s", p->tar);
        PlainTar plain = { .digest = tar->id, .size = tar->size, .mtime = mtime_of(&st) };
        return index_writer_finish(w, p->index, &d->digest, &plain, e);
}

static int derive_plain(int blob, const Descriptor *d, const Paths *p, Err *e) {
        Blob tar = { .fd = blob };
        if (unpack_run(blob, d, -1, NULL, &tar.id, &tar.size, e) < 0)
                return -1;
        return make_index(d, p, &tar, e);
}

static int derive_unpacked(int blob, const Descriptor *d, const Paths *p, Err *e) {
        _cleanup_free_ char *tmp = NULL;
        _cleanup_fd_ int fd = file_tmp_open(p->tar, 0644, &tmp, e);
        if (fd < 0)
                return -1;
        Blob tar = { .fd = fd };
        if (unpack_run(blob, d, fd, p->tar, &tar.id, &tar.size, e) < 0 ||
            file_tmp_commit(fd, tmp, p->tar, e) < 0) {
                file_tmp_discard(tmp);
                return -1;
        }
        if (make_index(d, p, &tar, e) < 0) {
                unlink(p->tar);
                return -1;
        }
        return 0;
}

/* A file that is not what its name says helps nobody; without it the next build fetches it anew. */
static void drop_if_damaged(Cache *c, int blob, const Descriptor *d, Err *e) {
        Digest got;
        uint64_t size;
        if (hash_fd(blob, &got, &size, NULL) < 0 || digest_eq(&got, &d->digest))
                return;
        cache_drop_blob(c, &d->digest);
        err_hint(e, "the damaged file was removed from the cache; run again to fetch it");
}

static int derive(Cache *c, const Descriptor *d, const Paths *p, Err *e) {
        bool compressed;
        _cleanup_fd_ int blob = cache_open_blob(c, &d->digest, e);
        if (blob < 0 || unpack_is_compressed(blob, d, &compressed, e) < 0)
                return -1;
        log_debug("unpack layer %s (%llu bytes)", d->digest.text, (unsigned long long)d->size);
        posix_fadvise(blob, 0, 0, POSIX_FADV_SEQUENTIAL);
        int r = compressed ? derive_unpacked(blob, d, p, e) : derive_plain(blob, d, p, e);
        if (r < 0 && e && e->kind == ERR_VERIFY)
                drop_if_damaged(c, blob, d, e);
        return r;
}

int layer_open(Cache *c, const Descriptor *d, Layer **ret, Err *e) {
        _cleanup_(paths_done) Paths p = { 0 };
        if (paths_make(c, d, &p, e) < 0)
                return err_wrap(e, "layer %s", d->digest.text);
        Layer *l = open_ready(c, d, &p);
        if (!l) {
                if (derive(c, d, &p, e) < 0)
                        return err_wrap(e, "layer %s", d->digest.text);
                l = open_ready(c, d, &p);
        }
        if (!l)
                return err_set(e, ERR_IO, 0, "layer %s: %s changed while it was made",
                               d->digest.text, p.index);
        *ret = l;
        return 0;
}

void layer_free(Layer *l) {
        if (!l)
                return;
        index_free(l->index);
        close(l->blob.fd);
        free(l);
}

size_t layer_count(const Layer *l) {
        return index_count(l->index);
}

void layer_entry(const Layer *l, size_t i, Entry *ret) {
        index_entry(l->index, i, &l->blob, ret);
}

int layer_scan_tar(const Content *c, bool raw_names,
                   int (*fn)(void *ctx, const Entry *entry, Err *e), void *ctx, Err *e) {
        return tarscan_run(c, raw_names, fn, ctx, e);
}
