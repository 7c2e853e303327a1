/* rootcopy.c - see rootcopy.h.  Everything goes through descriptors of the two parent directories,
 * so no path ever grows and no symbolic link is followed.  Times of a directory are set when its
 * content is complete. */
#include "init/rootcopy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { DEPTH_MAX = 256, XATTR_MAX = 64 << 10 };

/* A file with several names, of which one has been copied. */
typedef struct Link {
        ino_t ino;
        char *path; /* below `to` */
} Link;

typedef struct Copy {
        int to; /* the target's top directory, for hard links */
        dev_t dev;
        Link *links;
        size_t n_links, cap_links;
        unsigned depth;
} Copy;

/* One entry on its way. */
typedef struct Entry {
        int from, to; /* the parent directories */
        const char *name;
        const char *path; /* below both tops, for messages and links */
        struct stat st;
} Entry;

static int fail(const Entry *n, const char *what, Err *e) {
        return err_set(e, ERR_IO, errno, "%s %s", what, n->path);
}

/* For names that cannot be opened: /proc/self/fd/N/NAME works for every type of file. */
static char *by_descriptor(int dir, const char *name) {
        return xasprintf("/proc/self/fd/%d/%s", dir, name);
}

static int copy_xattrs(const Entry *n, Err *e) {
        _cleanup_free_ char *from = by_descriptor(n->from, n->name);
        _cleanup_free_ char *to = by_descriptor(n->to, n->name);
        _cleanup_free_ char *names = xmalloc(XATTR_MAX), *value = xmalloc(XATTR_MAX);
        ssize_t len = llistxattr(from, names, XATTR_MAX);
        if (len < 0)
                return errno == ENOTSUP ? 0 : fail(n, "list the attributes of", e);
        for (const char *p = names; p < names + len; p += strlen(p) + 1) {
                ssize_t size = lgetxattr(from, p, value, XATTR_MAX);
                if (size < 0 || lsetxattr(to, p, value, (size_t)size, 0) < 0)
                        return err_set(e, ERR_IO, errno, "copy attribute %s of %s", p, n->path);
        }
        return 0;
}

/* Owner before mode, because a new owner takes setuid away; both before the attributes, because it
 * takes file capabilities as well. */
static int copy_inode(const Entry *n, Err *e) {
        bool symlink = S_ISLNK(n->st.st_mode);
        if (fchownat(n->to, n->name, n->st.st_uid, n->st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
                return fail(n, "set the owner of", e);
        if (!symlink && fchmodat(n->to, n->name, n->st.st_mode & 07777, 0) < 0)
                return fail(n, "set the mode of", e);
        if (copy_xattrs(n, e) < 0)
                return -1;
        const struct timespec times[2] = { n->st.st_atim, n->st.st_mtim };
        if (utimensat(n->to, n->name, times, AT_SYMLINK_NOFOLLOW) < 0)
                return fail(n, "set the times of", e);
        return 0;
}

static int copy_content(const Entry *n, Err *e) {
        _cleanup_fd_ int in = openat(n->from, n->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (in < 0)
                return fail(n, "open", e);
        _cleanup_fd_ int out =
                openat(n->to, n->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (out < 0)
                return fail(n, "create", e);
        for (;;) {
                ssize_t r = sendfile(out, in, NULL, 1 << 20);
                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return fail(n, "copy", e);
                if (r == 0)
                        return 0;
        }
}

static int copy_symlink(const Entry *n, Err *e) {
        char target[4096];
        ssize_t len = readlinkat(n->from, n->name, target, sizeof(target) - 1);
        if (len < 0)
                return fail(n, "read link", e);
        target[len] = 0;
        return symlinkat(target, n->to, n->name) < 0 ? fail(n, "make link", e) : 0;
}

/* 1: the file is there already under another name, and now under this one too. */
static int copy_link(Copy *c, const Entry *n, Err *e) {
        for (size_t i = 0; i < c->n_links; i++) {
                if (c->links[i].ino != n->st.st_ino)
                        continue;
                if (linkat(c->to, c->links[i].path, n->to, n->name, 0) < 0)
                        return fail(n, "make link", e);
                if (n->st.st_nlink == 1) { /* the last name: its number may be given away */
                        free(c->links[i].path);
                        c->links[i] = c->links[--c->n_links];
                }
                return 1;
        }
        if (n->st.st_nlink < 2)
                return 0;
        *vec_push(c->links, c->n_links, c->cap_links) = (Link){ n->st.st_ino, xstrdup(n->path) };
        return 0;
}

static int make_file(const Entry *n, Err *e) {
        switch (n->st.st_mode & S_IFMT) {
        case S_IFREG:
                return copy_content(n, e);
        case S_IFLNK:
                return copy_symlink(n, e);
        default:
                return mknodat(n->to, n->name, n->st.st_mode, n->st.st_rdev) < 0
                               ? fail(n, "make node", e)
                               : 0;
        }
}

static int move_file(Copy *c, const Entry *n, Err *e) {
        if (S_ISSOCK(n->st.st_mode))
                return 0;
        int linked = copy_link(c, n, e);
        if (linked < 0 || (linked == 0 && (make_file(n, e) < 0 || copy_inode(n, e) < 0)))
                return -1;
        return unlinkat(n->from, n->name, 0) < 0 ? fail(n, "remove", e) : 0;
}

static int move_dir(Copy *c, int from, int to, const char *path, Err *e);

static int move_subdir(Copy *c, const Entry *n, Err *e) {
        if (mkdirat(n->to, n->name, 0700) < 0 && errno != EEXIST)
                return fail(n, "make directory", e);
        if (n->st.st_dev == c->dev) {
                int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
                _cleanup_fd_ int from = openat(n->from, n->name, flags);
                _cleanup_fd_ int to = openat(n->to, n->name, flags);
                if (from < 0 || to < 0)
                        return fail(n, "open", e);
                if (move_dir(c, from, to, n->path, e) < 0)
                        return -1;
        }
        return copy_inode(n, e);
}

static int move_entry(Copy *c, int from, int to, const char *dir, const char *name, Err *e) {
        _cleanup_free_ char *path = path_join(dir, name);
        Entry n = { .from = from, .to = to, .name = name, .path = path };
        if (fstatat(from, name, &n.st, AT_SYMLINK_NOFOLLOW) < 0)
                return fail(&n, "look at", e);
        return S_ISDIR(n.st.st_mode) ? move_subdir(c, &n, e) : move_file(c, &n, e);
}

/* path is "" for the top.  Names are read before anything is removed: a directory that changes
 * while it is read may skip some. */
static int move_dir(Copy *c, int from, int to, const char *path, Err *e) {
        char **names = NULL;
        size_t n = 0, cap = 0;
        int r = 0;
        if (++c->depth > DEPTH_MAX)
                return err_set(e, ERR_IO, 0, "%s: more than %d directories deep", path, DEPTH_MAX);
        int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        if (!d)
                return err_set(e, ERR_IO, errno, "read directory %s", path);
        for (struct dirent *de; (de = readdir(d));)
                if (!str_eq(de->d_name, ".") && !str_eq(de->d_name, ".."))
                        *vec_push(names, n, cap) = xstrdup(de->d_name);
        closedir(d);
        for (size_t i = 0; i < n; i++) {
                if (r == 0)
                        r = move_entry(c, from, to, path, names[i], e);
                free(names[i]);
        }
        free(names);
        c->depth--;
        return r;
}

int rootcopy_move(const char *from, const char *to, Err *e) {
        struct stat st;
        int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
        _cleanup_fd_ int from_fd = open(from, flags);
        _cleanup_fd_ int to_fd = open(to, flags);
        if (from_fd < 0 || to_fd < 0 || fstat(from_fd, &st) < 0)
                return err_set(e, ERR_IO, errno, "open %s and %s", from, to);
        Copy c = { .to = to_fd, .dev = st.st_dev };
        int r = move_dir(&c, from_fd, to_fd, "", e);
        for (size_t i = 0; i < c.n_links; i++)
                free(c.links[i].path);
        free(c.links);
        return r;
}
