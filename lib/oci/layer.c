/* layer.c - see layer.h.  Two derived files make up a ready layer, DIGEST.tar and DIGEST.idx; the
 * index is written last and names the tar's size, so a pair that was interrupted half way is simply
 * made again.  A blob that is a plain tar already serves as its own tar. */
#include "lib/oci/layer.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/sums.h"
#include "lib/oci/cache_internal.h"
#include "lib/oci/layer_index.h"
#include "lib/oci/tarscan.h"
#include "lib/oci/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

struct Layer {
        Index *index;
        Blob *blob;
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

/* The plain tar: a derived file, or the blob itself when that is what the index was made from. */
static char *tar_path(Cache *c, const Descriptor *d, const Paths *p, const PlainTar *tar) {
        return digest_eq(&tar->digest, &d->digest) ? cache_blob_path(c, &d->digest)
                                                   : xstrdup(p->tar);
}

static Blob *open_tar(const char *path, const PlainTar *tar) {
        struct stat st;
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (!tar->sums || fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
            (uint64_t)st.st_size != tar->size)
                return NULL;
        return blob_new(fd_take(&fd), &tar->digest, tar->size, tar->sums, path);
}

/* NULL: not there or not usable.  The tar's bytes are looked at when somebody reads them. */
static Layer *open_ready(Cache *c, const Descriptor *d, const Paths *p) {
        Index *index = index_open(p->index, &d->digest);
        if (!index)
                return NULL;
        const PlainTar *tar = index_tar(index);
        _cleanup_free_ char *path = tar_path(c, d, p, tar);
        Blob *blob = open_tar(path, tar);
        if (!blob) {
                index_free(index);
                return NULL;
        }
        derived_used_path(p->index);
        Layer *l = xcalloc(1, sizeof *l);
        l->index = index;
        l->blob = blob;
        return l;
}

static int add_entry(void *ctx, const Entry *entry, Err *e) {
        return index_writer_add(ctx, entry, e);
}

/* Reads the tar that was just written or verified; each chunk has to have the sum it had then. */
static int make_index(const Descriptor *d, const Paths *p, Blob *tar, Err *e) {
        _cleanup_index_writer_ IndexWriter *w = index_writer_new();
        Content all = { .blob = tar, .size = tar->size };
        if (tarscan_run(&all, false, add_entry, w, e) < 0)
                return -1;
        PlainTar plain = { tar->id, tar->size, tar->sums->values };
        return index_writer_finish(w, p->index, &d->digest, &plain, e);
}

static int derive_plain(Cache *c, int blob, const Descriptor *d, const Paths *p, Err *e) {
        _cleanup_sums_writer_ SumsWriter sums = { 0 };
        Digest id;
        uint64_t size;
        if (unpack_run(blob, d, -1, NULL, &id, &size, &sums, e) < 0)
                return -1;
        _cleanup_free_ char *path = cache_blob_path(c, &d->digest);
        int fd = fcntl(blob, F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
                return err_set(e, ERR_IO, errno, "%s", path);
        _cleanup_blob_ Blob *tar =
                blob_new(fd, &id, size, (const unsigned char *)sums.values.data, path);
        return make_index(d, p, tar, e);
}

static int derive_unpacked(int blob, const Descriptor *d, const Paths *p, Err *e) {
        _cleanup_sums_writer_ SumsWriter sums = { 0 };
        _cleanup_free_ char *tmp = NULL;
        Digest id;
        uint64_t size;
        int fd = file_tmp_open(p->tar, 0644, &tmp, e);
        if (fd < 0)
                return -1;
        /* not flushed: what a power failure spoils has other sums */
        if (unpack_run(blob, d, fd, p->tar, &id, &size, &sums, e) < 0 ||
            file_tmp_rename(tmp, p->tar, e) < 0) {
                file_tmp_discard(tmp);
                close(fd);
                return -1;
        }
        _cleanup_blob_ Blob *tar =
                blob_new(fd, &id, size, (const unsigned char *)sums.values.data, p->tar);
        if (make_index(d, p, tar, e) < 0) {
                unlink(p->tar);
                return -1;
        }
        return 0;
}

/* A file that is not what its name says helps nobody; once it is gone it can be fetched again. */
static int drop_damaged(Cache *c, const Descriptor *d, Err *e) {
        cache_drop_blob(c, &d->digest);
        if (e)
                e->kind = ERR_DAMAGED;
        return err_hint(e, "the damaged file was removed from the cache");
}

/* Is it the blob's fault?  One with the right digest may still be no layer. */
static bool is_damaged(int blob, const Descriptor *d) {
        Digest got;
        uint64_t size;
        return hash_fd(blob, &got, &size, NULL) < 0 || !digest_eq(&got, &d->digest);
}

static int derive(Cache *c, const Descriptor *d, const Paths *p, Err *e) {
        bool compressed;
        Err why = ERR_INIT;
        _cleanup_fd_ int blob = cache_open_blob(c, &d->digest, &why);
        int r = blob < 0 ? -1 : unpack_is_compressed(blob, d, &compressed, &why);
        cache_make_way(p->tar);
        cache_make_way(p->index);
        if (r == 0) {
                log_debug("unpack layer %s (%llu bytes)", d->digest.text,
                          (unsigned long long)d->size);
                posix_fadvise(blob, 0, 0, POSIX_FADV_SEQUENTIAL);
                r = compressed ? derive_unpacked(blob, d, p, &why)
                               : derive_plain(c, blob, d, p, &why);
        }
        if (r == 0)
                return 0;
        bool suspect = why.kind == ERR_VERIFY || why.kind == ERR_IO;
        if (suspect && (blob < 0 ? why.kind == ERR_VERIFY : is_damaged(blob, d)))
                drop_damaged(c, d, &why);
        cache_hint_full(c, &why);
        err_move(e, &why);
        return -1;
}

int layer_open(Cache *c, const Descriptor *d, Layer **ret, Err *e) {
        _cleanup_(paths_done) Paths p = { 0 };
        if (paths_make(c, d, &p, e) < 0)
                return err_wrap(e, "layer %s", d->digest.text);
        Layer *l = open_ready(c, d, &p);
        if (l && cache_is_distrusted(c)) {
                const Content all = { .blob = l->blob, .size = l->blob->size };
                if (content_check(&all, e) < 0) {
                        bool plain = digest_eq(&l->blob->id, &d->digest);
                        layer_free(take(l));
                        if (plain) /* it was the blob itself */
                                return err_wrap(e, "layer %s", d->digest.text);
                        err_clear(e);
                }
        }
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

int layer_check_derived(Cache *c, const Digest *layer) {
        _cleanup_(paths_done) Paths p = { 0 };
        Descriptor d = { .digest = *layer };
        if (paths_make(c, &d, &p, NULL) < 0)
                return 0;
        Index *index = index_open(p.index, layer);
        bool plain = index && digest_eq(&index_tar(index)->digest, layer);
        Blob *tar = index && !plain ? open_tar(p.tar, index_tar(index)) : NULL;
        const Content all = { .blob = tar, .size = tar ? tar->size : 0 };
        bool sound = plain || (tar && content_check(&all, NULL) == 0);
        blob_free(tar);
        index_free(index);
        if (sound)
                return 0;
        cache_clear(p.index);
        cache_clear(p.tar);
        return 1;
}

void layer_free(Layer *l) {
        if (!l)
                return;
        index_free(l->index);
        blob_free(l->blob);
        free(l);
}

size_t layer_count(const Layer *l) {
        return index_count(l->index);
}

void layer_entry(const Layer *l, size_t i, Entry *ret) {
        index_entry(l->index, i, l->blob, ret);
}

int layer_scan_tar(const Content *c, bool raw_names,
                   int (*fn)(void *ctx, const Entry *entry, Err *e), void *ctx, Err *e) {
        return tarscan_run(c, raw_names, fn, ctx, e);
}
