/* partial.c - see partial.h.
 *
 * Nothing is flushed to the disk: the page cache outlives a killed process, and after a power
 * failure a blob that has lost bytes is found by its digest like any other damage, and fetched
 * again.
 *
 * derived/ may be deleted at any time, also under our hands: then the file has no name any more, or
 * another process has made a new one in its place.  partial_finish deals with both. */
#include "lib/oci/partial.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/oci/cache_internal.h"
#include "lib/oci/http.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

enum {
        BUFFER = 256 * 1024,
        WAIT_MS = 50,
};

struct Partial {
        Cache *cache;
        Descriptor want;
        char *path;
        int fd;
        Hash *hash;
        char *buffer;
        size_t buffered;
        uint64_t flushed; /* bytes in the file */
        bool useless;     /* to be removed when it is closed */
        Progress *progress;
};

/* --- opening -------------------------------------------------------------------------------- */

static bool same_file(int fd, const char *path) {
        struct stat ours, named;
        return fstat(fd, &ours) == 0 && lstat(path, &named) == 0 && ours.st_ino == named.st_ino &&
               ours.st_dev == named.st_dev;
}

/* A descriptor with the lock on the file that has the name now; -2 when the blob has come while we
 * waited. */
static int open_locked(Cache *c, const Descriptor *d, const char *path, Err *e) {
        for (bool cleared = false;;) {
                struct stat st;
                _cleanup_fd_ int fd =
                        open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
                bool strange = fd < 0 ? errno == EISDIR || errno == ELOOP
                                      : fstat(fd, &st) == 0 && !S_ISREG(st.st_mode);
                if (strange && !cleared) { /* a folder, a pipe, a link: nobody's download */
                        cache_clear(path);
                        cleared = true;
                        continue;
                }
                if (fd < 0)
                        return err_set(e, ERR_IO, errno, "%s", path);
                if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
                        if (cache_has_blob(c, &d->digest, d->size)) {
                                if (same_file(fd, path))
                                        unlink(path);
                                return -2;
                        }
                        if (same_file(fd, path))
                                return fd_take(&fd);
                        continue;
                }
                if (errno != EWOULDBLOCK && errno != EINTR)
                        return err_set(e, ERR_IO, errno, "lock %s", path);
                http_wait(WAIT_MS);
                if (http_cancelled())
                        return err_set(e, ERR_CANCELLED, 0, "interrupted");
        }
}

/* Computes the hash of what an earlier process left. */
static int resume(Partial *p, Err *e) {
        struct stat st;
        if (fstat(p->fd, &st) < 0)
                return err_set(e, ERR_IO, errno, "%s", p->path);
        if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > p->want.size)
                return partial_restart(p, e);
        while (p->flushed < (uint64_t)st.st_size) {
                int64_t n = fd_pread(p->fd, p->buffer, BUFFER, p->flushed, p->path, e);
                if (n < 0)
                        return -1;
                if (n == 0)
                        break;
                hash_update(p->hash, p->buffer, (size_t)n);
                p->flushed += (uint64_t)n;
                if (http_cancelled())
                        return err_set(e, ERR_CANCELLED, 0, "interrupted");
        }
        if (p->flushed)
                log_debug("%s: %llu of %llu bytes are there from an earlier time",
                          p->want.digest.text, (unsigned long long)p->flushed,
                          (unsigned long long)p->want.size);
        progress_set(p->progress, p->flushed);
        return 0;
}

int partial_open(Cache *c, const Descriptor *d, Progress *progress, Partial **ret, Err *e) {
        _cleanup_free_ char *path = NULL;
        *ret = NULL;
        if (cache_derived_path(c, "partial", digest_hex(&d->digest), &path, e) < 0)
                return -1;
        int fd = open_locked(c, d, path, e);
        if (fd < 0)
                return fd == -2 ? 1 : err_wrap(e, "%s", d->digest.text);
        _cleanup_partial_ Partial *p = xcalloc(1, sizeof *p);
        p->cache = c;
        p->want = *d;
        p->path = take(path);
        p->fd = fd;
        p->hash = hash_new();
        p->buffer = xmalloc(BUFFER);
        p->progress = progress;
        if (resume(p, e) < 0)
                return err_wrap(e, "%s", d->digest.text);
        *ret = take(p);
        return 0;
}

/* --- writing -------------------------------------------------------------------------------- */

static int io_error(Partial *p, int errnum, Err *e) {
        p->useless |= errnum == ENOSPC || errnum == EDQUOT;
        err_set(e, ERR_IO, errnum, "%s", p->want.digest.text);
        return cache_hint_full(p->cache, e);
}

static int flush(Partial *p, Err *e) {
        for (size_t done = 0; done < p->buffered;) {
                ssize_t n = pwrite(p->fd, p->buffer + done, p->buffered - done,
                                   (off_t)(p->flushed + done));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return io_error(p, errno, e);
                done += (size_t)n;
        }
        p->flushed += p->buffered;
        p->buffered = 0;
        return 0;
}

uint64_t partial_size(const Partial *p) {
        return p->flushed + p->buffered;
}

int partial_restart(Partial *p, Err *e) {
        if (ftruncate(p->fd, 0) < 0)
                return io_error(p, errno, e);
        hash_free(p->hash);
        p->hash = hash_new();
        p->flushed = 0;
        p->buffered = 0;
        progress_set(p->progress, 0);
        return 0;
}

int partial_write(Partial *p, const void *data, size_t n, Err *e) {
        if (n > p->want.size - partial_size(p))
                return err_set(e, ERR_VERIFY, 0, "%s: more than the promised %llu bytes",
                               p->want.digest.text, (unsigned long long)p->want.size);
        hash_update(p->hash, data, n);
        progress_add(p->progress, n);
        for (const char *from = data; n;) {
                size_t part = MIN(n, BUFFER - p->buffered);
                memcpy(p->buffer + p->buffered, from, part);
                p->buffered += part;
                from += part;
                n -= part;
                if (p->buffered == BUFFER && flush(p, e) < 0)
                        return -1;
        }
        return 0;
}

/* --- finishing ------------------------------------------------------------------------------ */

/* Our file has lost its name: its content is entered as a new one. */
static int copy_into_cache(Partial *p, Err *e) {
        _cleanup_sink_ Sink *sink = NULL;
        if (cache_blob_sink(p->cache, &p->want, NULL, &sink, e) < 0)
                return -1;
        for (uint64_t at = 0; at < p->want.size;) {
                int64_t n = fd_pread(p->fd, p->buffer, BUFFER, at, p->path, e);
                if (n < 0 || (n > 0 && sink_write(sink, p->buffer, (size_t)n, e) < 0))
                        return -1;
                if (n == 0)
                        break; /* finish says what is missing */
                at += (uint64_t)n;
        }
        return sink_finish(sink, e);
}

static int move_into_cache(Partial *p, Err *e) {
        _cleanup_free_ char *path = cache_blob_path(p->cache, &p->want.digest);
        if (same_file(p->fd, p->path) && rename(p->path, path) == 0) {
                if (same_file(p->fd, path))
                        return 0;
                unlink(path); /* the name changed hands at the last moment */
        }
        return copy_into_cache(p, e);
}

int partial_finish(Partial *p, Err *e) {
        Digest got;
        if (flush(p, e) < 0)
                return -1;
        hash_final(p->hash, &got);
        if (!digest_eq(&got, &p->want.digest)) {
                if (partial_restart(p, e) < 0)
                        return -1;
                return err_set(e, ERR_VERIFY, 0, "%s: the content has digest %s",
                               p->want.digest.text, got.text);
        }
        return move_into_cache(p, e);
}

void partial_free(Partial *p) {
        if (!p)
                return;
        if (p->buffered && !p->useless)
                flush(p, NULL);
        if ((p->useless || !p->flushed) && same_file(p->fd, p->path))
                unlink(p->path);
        close(p->fd);
        hash_free(p->hash);
        free(p->buffer);
        free(p->path);
        free(p);
}

/* --- sweeping ------------------------------------------------------------------------------- */

void partial_sweep(Cache *c) {
        _cleanup_free_ char *dir = path_join(cache_dir(c), "derived/partial");
        DIR *d = opendir(dir);
        for (struct dirent *entry; d && (entry = readdir(d));) {
                struct stat st;
                _cleanup_fd_ int fd = openat(dirfd(d), entry->d_name,
                                             O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
                if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
                    time(NULL) - st.st_mtime < CACHE_PARTIAL_AGE ||
                    flock(fd, LOCK_EX | LOCK_NB) < 0)
                        continue;
                if (unlinkat(dirfd(d), entry->d_name, 0) == 0)
                        log_debug("removed %s, which nobody continued", entry->d_name);
        }
        if (d)
                closedir(d);
}
