/* cache_index.c - the names of a cache: index.json (cli.md 6.1).
 *
 * Readers need no lock because we replace the file by rename.  The original LinuxKit rewrites it in
 * place under its lock; so when a text does not parse it is read once more under the lock. */
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/oci/cache.h"
#include "lib/oci/cache_internal.h"
#include "lib/oci/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#define REF_NAME "org.opencontainers.image.ref.name"

enum {
        INDEX_LIMIT = 64 << 20,
        TRY_MS = 10,
        TRIES = 50, /* then the user is told what we wait for */
};

static int wait_for_lock(Cache *c, int fd, short type, const char *path, Err *e) {
        struct flock lock = { .l_type = type, .l_whence = SEEK_SET };
        for (unsigned tries = 0;
             fcntl(fd, tries < TRIES ? F_OFD_SETLK : F_OFD_SETLKW, &lock) < 0;) {
                bool taken = errno == EAGAIN || errno == EACCES;
                if (!taken && errno != EINTR)
                        return err_set(e, ERR_IO, errno, "lock %s", path);
                if (taken && ++tries == TRIES)
                        log_info("waiting for another process that uses %s", cache_dir(c));
                else if (taken)
                        nanosleep(&(struct timespec){ .tv_nsec = TRY_MS * 1000000 }, NULL);
        }
        return 0;
}

static bool has_name(int fd, const char *path) {
        struct stat ours, named;
        return fstat(fd, &ours) == 0 && stat(path, &named) == 0 && ours.st_ino == named.st_ino &&
               ours.st_dev == named.st_dev;
}

/* An open file description lock: it excludes the original's record locks and, unlike those, also
 * other threads, and closing another descriptor of the file does not drop it.  A cache that was
 * emptied while we waited (cache_empty) has another lock file by then, or none, and begins anew. */
int cache_lock(Cache *c, const char *name, short type, Err *e) {
        _cleanup_free_ char *path = path_join(cache_dir(c), name);
        for (unsigned anew = 0;; anew++) {
                _cleanup_fd_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
                if (fd < 0 && errno == ENOENT && anew < TRIES) {
                        if (cache_make_layout(c, e) < 0)
                                return -1;
                        continue;
                }
                if (fd < 0 && type == F_RDLCK) /* somebody else's cache: may be read all the same */
                        fd = open(path, O_RDONLY | O_CLOEXEC);
                if (fd < 0)
                        return err_set(e, ERR_IO, errno, "%s", path);
                if (wait_for_lock(c, fd, type, path, e) < 0)
                        return -1;
                /* a file system whose inode numbers change must not keep us for ever */
                if (has_name(fd, path) || anew == TRIES)
                        return cache_make_layout(c, e) < 0 ? -1 : fd_take(&fd);
        }
}

int cache_hold(Cache *c, Err *e) {
        return cache_lock(c, ".in-use", F_RDLCK, e);
}

static int index_parse(const char *path, json_t **ret, Err *e) {
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ json_t *j = NULL;
        size_t n;
        if (file_read(path, INDEX_LIMIT, &text, &n, e) < 0 || json_parse(text, n, path, &j, e) < 0)
                return -1;
        if (!json_is_object(j))
                return err_set(e, ERR_VERIFY, 0, "%s: not an image index", path);
        json_t *list = json_object_get(j, "manifests");
        if (!list || json_is_null(list))
                json_object_set_new(j, "manifests", json_array());
        else if (!json_is_array(list))
                return err_set(e, ERR_VERIFY, 0, "%s: manifests is not a list", path);
        *ret = take(j);
        return 0;
}

int cache_index_read_locked(Cache *c, json_t **ret, Err *e) {
        _cleanup_free_ char *path = path_join(cache_dir(c), "index.json");
        return index_parse(path, ret, e);
}

int cache_index_read(Cache *c, json_t **ret, Err *e) {
        _cleanup_free_ char *path = path_join(cache_dir(c), "index.json");
        if (index_parse(path, ret, NULL) == 0)
                return 0;
        _cleanup_fd_ int lock = cache_lock(c, ".lock", F_RDLCK, NULL);
        if (lock < 0)
                log_debug("%s is read without its lock", path);
        return index_parse(path, ret, e);
}

static int index_write(Cache *c, const json_t *index, Err *e) {
        _cleanup_free_ char *path = path_join(cache_dir(c), "index.json");
        _cleanup_free_ char *text = json_dumps(index, JSON_INDENT(3));
        _cleanup_free_ char *tmp = NULL;
        if (!text)
                return err_set(e, ERR_INTERNAL, 0, "%s: cannot be written as JSON", path);
        _cleanup_fd_ int fd = file_tmp_open(path, 0644, &tmp, e);
        if (fd < 0)
                return -1;
        if (fd_write_all(fd, text, strlen(text), path, e) < 0 ||
            file_tmp_commit(fd, tmp, path, e) < 0) {
                file_tmp_discard(tmp);
                return -1;
        }
        return 0;
}

const char *cache_entry_name(const json_t *entry) {
        return json_str(json_object_get(entry, "annotations"), REF_NAME);
}

/* The last entry of that name, or NULL. */
static const json_t *find(const json_t *index, const char *ref) {
        const json_t *list = json_object_get(index, "manifests");
        for (size_t i = json_array_size(list); i-- > 0;)
                if (str_eq(cache_entry_name(json_array_get(list, i)), ref))
                        return json_array_get(list, i);
        return NULL;
}

static bool forget(json_t *index, const char *ref) {
        json_t *list = json_object_get(index, "manifests");
        bool found = false;
        for (size_t i = json_array_size(list); i-- > 0;) {
                if (str_eq(cache_entry_name(json_array_get(list, i)), ref)) {
                        json_array_remove(list, i);
                        found = true;
                }
        }
        return found;
}

int cache_lookup(Cache *c, const char *ref, Descriptor *ret, Err *e) {
        _cleanup_json_ json_t *index = NULL;
        if (cache_index_read(c, &index, e) < 0)
                return err_wrap(e, "image cache");
        const json_t *entry = find(index, ref);
        if (!entry)
                return err_set(e, ERR_NOT_FOUND, 0, "%s is not in the cache", ref);
        return descriptor_parse(entry, ref, ret, e);
}

/* old is looked at only when compare is set. */
static int update_name(Cache *c, const char *ref, bool compare, const Descriptor *old,
                       const Descriptor *d, Err *e) {
        if (!cache_has_blob(c, &d->digest, d->size))
                return err_set(e, ERR_INTERNAL, 0, "%s: root object %s is not in the cache", ref,
                               d->digest.text);
        _cleanup_fd_ int lock = cache_lock(c, ".lock", F_WRLCK, e);
        _cleanup_json_ json_t *index = NULL;
        _cleanup_free_ char *path = path_join(cache_dir(c), "index.json");
        if (lock < 0 || index_parse(path, &index, e) < 0)
                return err_wrap(e, "image cache");
        const json_t *entry = find(index, ref);
        Descriptor now = { 0 };
        bool readable = entry && descriptor_parse(entry, ref, &now, NULL) == 0;
        if (compare && (old ? !readable || !digest_eq(&now.digest, &old->digest) : entry != NULL))
                return 1;
        if (readable && digest_eq(&now.digest, &d->digest) && now.size == d->size &&
            str_eq(now.media_type, d->media_type))
                return 0;

        forget(index, ref);
        json_t *fresh = descriptor_json(d);
        json_object_set_new(fresh, "annotations", json_pack("{s:s}", REF_NAME, ref));
        json_array_append_new(json_object_get(index, "manifests"), fresh);
        if (index_write(c, index, e) < 0)
                return err_wrap(e, "image cache");
        return 0;
}

int cache_set_name(Cache *c, const char *ref, const Descriptor *d, Err *e) {
        return update_name(c, ref, false, NULL, d, e);
}

int cache_swap_name(Cache *c, const char *ref, const Descriptor *old, const Descriptor *d, Err *e) {
        return update_name(c, ref, true, old, d, e);
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int cache_each_name(Cache *c, int (*fn)(void *ctx, const char *ref, const Descriptor *d, Err *e),
                    void *ctx, Err *e) {
        _cleanup_json_ json_t *index = NULL;
        if (cache_index_read(c, &index, e) < 0)
                return err_wrap(e, "image cache");
        const json_t *list = json_object_get(index, "manifests");
        _cleanup_free_ const char **names = xcalloc(json_array_size(list), sizeof *names);
        size_t n = 0;
        for (size_t i = 0; i < json_array_size(list); i++) {
                const char *name = cache_entry_name(json_array_get(list, i));
                if (name)
                        names[n++] = name;
        }
        qsort(names, n, sizeof *names, compare_names);
        for (size_t i = 0; i < n; i++) {
                Descriptor d;
                if (i > 0 && str_eq(names[i], names[i - 1]))
                        continue;
                if (descriptor_parse(find(index, names[i]), names[i], &d, e) < 0 ||
                    fn(ctx, names[i], &d, e) < 0)
                        return -1;
        }
        return 0;
}

/* --- removal -------------------------------------------------------------------------------- */

int cache_remove(Cache *c, const char *const *refs, size_t n, Err *e) {
        _cleanup_fd_ int hold = cache_lock(c, ".in-use", F_WRLCK, e);
        if (hold < 0)
                return -1;
        _cleanup_fd_ int lock = cache_lock(c, ".lock", F_WRLCK, e);
        _cleanup_json_ json_t *index = NULL;
        _cleanup_free_ char *path = path_join(cache_dir(c), "index.json");
        if (lock < 0 || index_parse(path, &index, e) < 0)
                return err_wrap(e, "image cache");
        for (size_t i = 0; i < n; i++)
                if (!find(index, refs[i]))
                        return err_set(e, ERR_NOT_FOUND, 0, "%s is not in the cache", refs[i]);

        _cleanup_reach_ Reach gone = { 0 }, kept = { 0 };
        for (size_t i = 0; i < n; i++) {
                const json_t *entry = find(index, refs[i]);
                if (entry) /* NULL: the same name was given twice */
                        reach_add_entry(c, entry, &gone);
                forget(index, refs[i]);
        }
        const json_t *list = json_object_get(index, "manifests");
        for (size_t i = 0; i < json_array_size(list); i++)
                reach_add_entry(c, json_array_get(list, i), &kept);

        /* Names first: stopped half way, a cache may hold useless blobs but no broken names. */
        if (index_write(c, index, e) < 0)
                return -1;
        if (kept.blind) {
                log_warn("blobs stay in the cache because %s is damaged: `linuxkit cache verify`",
                         kept.blind_at.text);
                return 0;
        }
        for (size_t i = 0; i < gone.n; i++)
                if (!reach_has(&kept, &gone.digests[i]))
                        cache_drop_blob(c, &gone.digests[i]);
        return 0;
}
