/* cache_gc.c - what may go: blobs without a name, leftovers, derived files that nobody used for
 * longest.
 *
 * A blob is only ever removed under both locks: `.in-use`, which everybody holds who fetches or
 * makes parts of an image before he names it, and `.lock`, which the original holds in a pull. */
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/oci/cache.h"
#include "lib/oci/cache_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

enum {
        PRUNE_INTERVAL = 24 * 3600,
        ORPHAN_AGE = 3600, /* half of a pair may be another process's that is about to finish it */
        HEX_LENGTH = 64,
};

typedef struct Gc {
        Cache *cache;
        const GcOptions *options;
        int (*report)(void *ctx, const GcItem *i, Err *e);
        void *ctx;
        uint64_t freed;
} Gc;

/* What goes together: a file, or the two files of a layer. */
typedef struct Old {
        char *path;  /* below the cache's directory */
        char *path2; /* may be NULL */
        uint64_t bytes;
        int64_t used;
} Old;

typedef struct OldList {
        Old *items;
        size_t n, cap;
        uint64_t bytes;
} OldList;

static void old_list_done(OldList *l) {
        for (size_t i = 0; i < l->n; i++) {
                free(l->items[i].path);
                free(l->items[i].path2);
        }
        free(l->items);
}

/* --- folders -------------------------------------------------------------------------------- */

typedef struct File {
        const char *name;
        char *path; /* below the cache's directory */
        bool regular;
        uint64_t bytes; /* on the disk */
        int64_t mtime;
} File;

/* Calls fn for everything in DIR/folder; one that is not there is empty. */
static int each_file(Cache *c, const char *folder, int (*fn)(void *ctx, const File *f, Err *e),
                     void *ctx, Err *e) {
        _cleanup_free_ char *dir = path_join(cache_dir(c), folder);
        DIR *d = opendir(dir);
        if (!d)
                return errno == ENOENT || errno == ENOTDIR ? 0
                                                           : err_set(e, ERR_IO, errno, "%s", dir);
        int r = 0;
        for (struct dirent *de; r == 0 && (de = readdir(d));) {
                struct stat st;
                if (str_eq(de->d_name, ".") || str_eq(de->d_name, "..") ||
                    fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                _cleanup_free_ char *path = path_join(folder, de->d_name);
                const File f = { de->d_name, path, S_ISREG(st.st_mode),
                                 (uint64_t)st.st_blocks * 512, st.st_mtime };
                r = fn(ctx, &f, e);
        }
        closedir(d);
        return r;
}

static int let_go(Gc *g, const char *path, const char *why, uint64_t bytes, Err *e) {
        const GcItem item = { path, why, bytes };
        if (g->report && g->report(g->ctx, &item, e) < 0)
                return -1;
        g->freed += bytes;
        if (!g->options->dry_run) {
                _cleanup_free_ char *full = path_join(cache_dir(g->cache), path);
                log_debug("removing %s: %s", full, why);
                cache_clear(full);
        }
        return 0;
}

static bool is_hex(const char *s) {
        return strspn(s, "0123456789abcdef") >= HEX_LENGTH;
}

/* --- blobs ---------------------------------------------------------------------------------- */

typedef struct BlobSweep {
        Gc *gc;
        const Reach *reach;
} BlobSweep;

static int sweep_blob(void *ctx, const File *f, Err *e) {
        BlobSweep *s = ctx;
        _cleanup_free_ char *text = xasprintf("sha256:%s", f->name);
        Digest d;
        if (digest_parse(text, &d))
                return s->reach->blind || reach_has(s->reach, &d)
                               ? 0
                               : let_go(s->gc, f->path, "no name leads to it", f->bytes, e);
        if (f->regular && is_hex(f->name) && !strstr(f->name, ".tmp-"))
                return let_go(s->gc, f->path, "a download of the original that was interrupted",
                              f->bytes, e);
        return 0;
}

static int sweep_blobs(Gc *g, Err *e) {
        _cleanup_reach_ Reach reach = { 0 };
        _cleanup_json_ json_t *index = NULL;
        if (cache_index_read_locked(g->cache, &index, e) < 0)
                return -1;
        const json_t *list = json_object_get(index, "manifests");
        for (size_t i = 0; i < json_array_size(list); i++)
                reach_add_entry(g->cache, json_array_get(list, i), &reach);
        if (reach.blind)
                log_warn("blobs stay in the cache because %s is damaged: `linuxkit cache verify`",
                         reach.blind_at.text);
        BlobSweep s = { g, &reach };
        return each_file(g->cache, "blobs/sha256", sweep_blob, &s, e);
}

static int sweep_partial(void *ctx, const File *f, Err *e) {
        if (!f->regular || time(NULL) - f->mtime <= CACHE_PARTIAL_AGE)
                return 0;
        return let_go(ctx, f->path, "a download that was interrupted long ago", f->bytes, e);
}

/* --- derived files -------------------------------------------------------------------------- */

typedef struct Collect {
        Gc *gc;
        OldList *list;
} Collect;

/* A layer's two files count as one, used when the index was. */
static int collect_layer(Collect *c, const File *f, Err *e) {
        Cache *cache = c->gc->cache;
        const char *suffix = f->name + HEX_LENGTH;
        bool is_tar = str_eq(suffix, ".tar");
        if (!is_hex(f->name) || (!is_tar && !str_eq(suffix, ".idx")))
                return 0;
        struct stat st;
        _cleanup_free_ char *blob =
                xasprintf("%s/blobs/sha256/%.*s", cache_dir(cache), HEX_LENGTH, f->name);
        char *other =
                xasprintf("derived/layers/%.*s.%s", HEX_LENGTH, f->name, is_tar ? "idx" : "tar");
        _cleanup_free_ char *full = path_join(cache_dir(cache), other);
        bool has_other = lstat(full, &st) == 0;
        if (lstat(blob, &(struct stat){ 0 }) < 0) {
                free(other);
                return let_go(c->gc, f->path, "its layer is gone", f->bytes, e);
        }
        if (is_tar) { /* counted with its index; alone it is of no use */
                free(other);
                if (has_other || time(NULL) - f->mtime < ORPHAN_AGE)
                        return 0;
                return let_go(c->gc, f->path, "it was never finished", f->bytes, e);
        }
        uint64_t bytes = f->bytes + (has_other ? (uint64_t)st.st_blocks * 512 : 0);
        if (!has_other)
                free(take(other));
        *vec_push(c->list->items, c->list->n, c->list->cap) =
                (Old){ xstrdup(f->path), other, bytes, f->mtime };
        c->list->bytes += bytes;
        return 0;
}

static int collect_file(void *ctx, const File *f, Err *e) {
        Collect *c = ctx;
        if (!f->regular || strstr(f->name, ".tmp-"))
                return 0;
        if (str_has_prefix(f->path, "derived/layers/"))
                return collect_layer(c, f, e);
        *vec_push(c->list->items, c->list->n, c->list->cap) =
                (Old){ xstrdup(f->path), NULL, f->bytes, f->mtime };
        c->list->bytes += f->bytes;
        return 0;
}

static int collect_kind(void *ctx, const File *f, Err *e) {
        Collect *c = ctx;
        if (f->regular || derived_is_foreign(f->name))
                return 0;
        return each_file(c->gc->cache, f->path, collect_file, c, e);
}

static int compare_use(const void *a, const void *b) {
        const Old *x = a, *y = b;
        return x->used != y->used ? (x->used < y->used ? -1 : 1) : strcmp(x->path, y->path);
}

static int drop_old(Gc *g, OldList *list, Err *e) {
        uint64_t limit =
                g->options->derived_max_bytes ? g->options->derived_max_bytes : CACHE_DERIVED_LIMIT;
        int64_t age = g->options->derived_max_age, now = time(NULL);
        if (list->n)
                qsort(list->items, list->n, sizeof *list->items, compare_use);
        for (size_t i = 0; i < list->n; i++) {
                Old *o = &list->items[i];
                bool expired = age > 0 && now - o->used > age;
                if (list->bytes <= limit && !expired)
                        break;
                if (let_go(g, o->path,
                           expired ? "not used for long"
                                   : "more derived data than the limit allows",
                           o->bytes, e) < 0)
                        return -1;
                if (o->path2 && !g->options->dry_run) {
                        _cleanup_free_ char *full = path_join(cache_dir(g->cache), o->path2);
                        cache_clear(full);
                }
                list->bytes -= o->bytes;
        }
        return 0;
}

static int sweep_derived(Gc *g, Err *e) {
        __attribute__((cleanup(old_list_done))) OldList list = { 0 };
        Collect c = { g, &list };
        if (each_file(g->cache, "derived", collect_kind, &c, e) < 0)
                return -1;
        return drop_old(g, &list, e);
}

static int sweep_kind(void *ctx, const File *f, Err *e) {
        (void)e;
        _cleanup_free_ char *dir = path_join(cache_dir(ctx), f->path);
        if (!f->regular)
                file_tmp_sweep(dir, "");
        return 0;
}

void derived_sweep(Cache *c) {
        (void)each_file(c, "derived", sweep_kind, c, NULL);
}

/* --- all of it ------------------------------------------------------------------------------ */

int cache_gc(Cache *c, const GcOptions *o, int (*report)(void *ctx, const GcItem *i, Err *e),
             void *ctx, uint64_t *ret_bytes, Err *e) {
        Gc g = { .cache = c, .options = o, .report = report, .ctx = ctx };
        _cleanup_fd_ int hold = cache_lock(c, ".in-use", F_WRLCK, e);
        if (hold < 0)
                return -1;
        _cleanup_fd_ int lock = cache_lock(c, ".lock", F_WRLCK, e);
        if (lock < 0 || sweep_blobs(&g, e) < 0 ||
            each_file(c, "derived/partial", sweep_partial, &g, e) < 0 || sweep_derived(&g, e) < 0)
                return err_wrap(e, "image cache");
        if (!o->dry_run) {
                _cleanup_free_ char *blobs = path_join(cache_dir(c), "blobs/sha256");
                file_tmp_sweep(cache_dir(c), "");
                file_tmp_sweep(blobs, "");
                derived_sweep(c);
        }
        if (ret_bytes)
                *ret_bytes = g.freed;
        return 0;
}

/* The locks go last, and whoever waits for one finds out (cache_lock). */
int cache_empty(Cache *c, bool *ret_others, Err *e) {
        static const char *const members[] = { "index.json", "oci-layout", "blobs",  "derived",
                                               "ingest",     ".lock",      ".in-use" };
        const char *dir = cache_dir(c);
        _cleanup_fd_ int hold = cache_lock(c, ".in-use", F_WRLCK, e);
        if (hold < 0)
                return -1;
        _cleanup_fd_ int lock = cache_lock(c, ".lock", F_WRLCK, e);
        if (lock < 0)
                return -1;
        for (size_t i = 0; i < ARRAY_LEN(members); i++) {
                _cleanup_free_ char *path = path_join(dir, members[i]);
                if (cache_clear(path) < 0)
                        return err_set(e, ERR_IO, errno, "remove %s", path);
        }
        int errnum = rmdir(dir) < 0 ? errno : 0;
        *ret_others = errnum == ENOTEMPTY;
        return errnum && !*ret_others ? err_set(e, ERR_IO, errnum, "remove %s", dir) : 0;
}

/* The time of an empty file says when it was done last. */
void cache_prune(Cache *c) {
        static const GcOptions options = { 0 };
        Gc g = { .cache = c, .options = &options };
        _cleanup_free_ char *stamp = path_join(cache_dir(c), "derived/.pruned");
        struct stat st;
        if (stat(stamp, &st) == 0 && time(NULL) - st.st_mtime < PRUNE_INTERVAL)
                return;
        _cleanup_fd_ int fd = open(stamp, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0 || futimens(fd, NULL) < 0)
                return; /* nothing derived yet, or a cache that cannot be written */
        _cleanup_err_ Err why = ERR_INIT;
        if (sweep_derived(&g, &why) < 0)
                log_debug("derived files are not pruned: %s", why.text);
        else if (g.freed)
                log_info("removed %llu MiB of derived files that were not used for long",
                         (unsigned long long)g.freed >> 20);
}
