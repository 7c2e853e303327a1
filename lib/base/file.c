/* file.c - see file.h.
 *
 * Temporary names are kept in a fixed table, so that a signal handler can unlink them without
 * taking a lock or calling malloc: the flag of a slot is set last and cleared first. */
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define TMP_MARK ".tmp-"

enum {
        TMP_SLOTS = 256,
        SWEEP_AGE = 60, /* seconds: between making a temporary file and locking it */
};

static struct {
        atomic_bool used;
        char path[PATH_MAX];
} tmp_files[TMP_SLOTS];
static pthread_mutex_t tmp_lock = PTHREAD_MUTEX_INITIALIZER;

static bool tmp_register(const char *path) {
        bool ok = false;
        pthread_mutex_lock(&tmp_lock);
        for (size_t i = 0; i < TMP_SLOTS && !ok; i++) {
                if (atomic_load(&tmp_files[i].used) || strlen(path) >= PATH_MAX)
                        continue;
                strcpy(tmp_files[i].path, path);
                atomic_store(&tmp_files[i].used, true);
                ok = true;
        }
        pthread_mutex_unlock(&tmp_lock);
        return ok;
}

static void tmp_forget(const char *path) {
        pthread_mutex_lock(&tmp_lock);
        for (size_t i = 0; i < TMP_SLOTS; i++)
                if (atomic_load(&tmp_files[i].used) && str_eq(tmp_files[i].path, path))
                        atomic_store(&tmp_files[i].used, false);
        pthread_mutex_unlock(&tmp_lock);
}

void file_tmp_remove_all(void) {
        for (size_t i = 0; i < TMP_SLOTS; i++)
                if (atomic_load(&tmp_files[i].used))
                        unlink(tmp_files[i].path);
}

/* The process id and the counter make names unique; no random source is needed because of O_EXCL.
 * The lock lasts as long as the descriptor: whoever cleans up later can tell by it whether the
 * writer still lives (process ids would lie between containers that share a folder). */
int file_tmp_open(const char *path, uint32_t mode, char **ret_tmp, Err *e) {
        static atomic_uint counter;
        for (int tries = 0; tries < 100; tries++) {
                _cleanup_free_ char *tmp = xasprintf("%s" TMP_MARK "%d-%u", path, (int)getpid(),
                                                     atomic_fetch_add(&counter, 1));
                if (!tmp_register(tmp))
                        return err_set(e, ERR_INTERNAL, 0, "%s: too many files at once", path);
                int fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
                if (fd < 0) {
                        int saved = errno;
                        tmp_forget(tmp);
                        if (saved == EEXIST)
                                continue;
                        return err_set(e, ERR_IO, saved, "%s", path);
                }
                if (fchmod(fd, mode & 07777) < 0) {
                        err_set(e, ERR_IO, errno, "%s", path);
                        close(fd);
                        file_tmp_discard(tmp);
                        return -1;
                }
                flock(fd,
                      LOCK_EX | LOCK_NB); /* a file system without locks has no cleaner either */
                *ret_tmp = take(tmp);
                return fd;
        }
        return err_set(e, ERR_IO, EEXIST, "%s", path);
}

int file_tmp_commit(int fd, const char *tmp, const char *path, Err *e) {
        if (fdatasync(fd) < 0 && errno != EINVAL && errno != EROFS)
                return err_set(e, ERR_IO, errno, "%s", path);
        return file_tmp_rename(tmp, path, e);
}

int file_tmp_rename(const char *tmp, const char *path, Err *e) {
        if (rename(tmp, path) < 0)
                return err_set(e, ERR_IO, errno, "%s", path);
        tmp_forget(tmp);
        return 0;
}

void file_tmp_discard(const char *tmp) {
        unlink(tmp);
        tmp_forget(tmp);
}

static void sweep_file(int dirfd, const char *name) {
        struct stat st;
        _cleanup_fd_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return;
        if (time(NULL) - st.st_mtime < SWEEP_AGE || flock(fd, LOCK_EX | LOCK_NB) < 0)
                return;
        if (unlinkat(dirfd, name, 0) == 0)
                log_debug("removed %s, left over by an interrupted process", name);
}

void file_tmp_sweep(const char *dir, const char *name) {
        _cleanup_free_ char *prefix = xasprintf("%s%s", name, TMP_MARK);
        DIR *d = opendir(dir);
        if (!d)
                return;
        for (struct dirent *de; (de = readdir(d));)
                if (*name ? str_has_prefix(de->d_name, prefix) : strstr(de->d_name, prefix) != NULL)
                        sweep_file(dirfd(d), de->d_name);
        closedir(d);
}

int file_read(const char *path, uint64_t limit, char **ret, size_t *ret_len, Err *e) {
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "%s", path);
        _cleanup_buf_ Buf b = { 0 };
        _cleanup_free_ char *chunk = xmalloc(65536);
        for (;;) {
                ssize_t n = read(fd, chunk, 65536);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_set(e, ERR_IO, errno, "%s", path);
                if (n == 0)
                        break;
                if (b.len + (size_t)n > limit)
                        return err_set(e, ERR_IO, EFBIG, "%s", path);
                buf_add(&b, chunk, (size_t)n);
        }
        if (ret_len)
                *ret_len = b.len;
        *ret = buf_steal(&b);
        return 0;
}

int dir_make(const char *path, Err *e) {
        _cleanup_free_ char *p = xstrdup(path);
        for (char *slash = *p ? p + 1 : p;; slash++) {
                if (*slash && *slash != '/')
                        continue;
                char saved = *slash;
                *slash = 0;
                if (mkdir(p, 0777) < 0 && errno != EEXIST && errno != EISDIR)
                        return err_set(e, ERR_IO, errno, "%s", p);
                if (!saved)
                        break;
                *slash = saved;
        }
        struct stat st;
        if (stat(path, &st) < 0)
                return err_set(e, ERR_IO, errno, "%s", path);
        if (!S_ISDIR(st.st_mode))
                return err_set(e, ERR_IO, ENOTDIR, "%s", path);
        return 0;
}

bool file_exists(const char *path) {
        return access(path, F_OK) == 0;
}

int fd_write_all(int fd, const void *p, size_t n, const char *name, Err *e) {
        const char *at = p;
        while (n) {
                ssize_t w = write(fd, at, n);
                if (w < 0 && errno == EINTR)
                        continue;
                if (w < 0)
                        return err_set(e, ERR_IO, errno, "write %s", name);
                at += w;
                n -= (size_t)w;
        }
        return 0;
}

int64_t fd_pread(int fd, void *p, size_t n, uint64_t at, const char *name, Err *e) {
        size_t got = 0;
        while (got < n) {
                ssize_t r = pread(fd, (char *)p + got, n - got, (off_t)(at + got));
                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return err_set(e, ERR_IO, errno, "read %s", name);
                if (r == 0)
                        break;
                got += (size_t)r;
        }
        return (int64_t)got;
}
