/* io.c - sinks; see io.h. */
#include "lib/base/io.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { COPY_CHUNK = 1 << 18 };

int sink_write(Sink *s, const void *p, size_t n, Err *e) {
        if (!n)
                return 0;
        if (s->ops->write(s, p, n, e) < 0)
                return -1;
        s->written += n;
        return 0;
}

int sink_content(Sink *s, const Content *c, Err *e) {
        if (!c->size)
                return 0;
        if (s->ops->content) {
                if (s->ops->content(s, c, e) < 0)
                        return -1;
                s->written += c->size;
                return 0;
        }
        if (!c->blob)
                return sink_write(s, c->bytes, c->size, e);
        _cleanup_free_ char *buf = xmalloc(COPY_CHUNK);
        for (uint64_t at = 0; at < c->size;) {
                size_t n = (size_t)MIN((uint64_t)COPY_CHUNK, c->size - at);
                if (content_read(c, at, buf, n, e) < 0 || sink_write(s, buf, n, e) < 0)
                        return -1;
                at += n;
        }
        return 0;
}

int sink_zero(Sink *s, uint64_t n, Err *e) {
        static const char zeros[4096];
        if (n && s->ops->zero) {
                if (s->ops->zero(s, n, e) < 0)
                        return -1;
                s->written += n;
                return 0;
        }
        while (n) {
                size_t part = (size_t)MIN(n, (uint64_t)sizeof zeros);
                if (sink_write(s, zeros, part, e) < 0)
                        return -1;
                n -= part;
        }
        return 0;
}

int sink_pad(Sink *s, uint64_t align, Err *e) {
        return sink_zero(s, -s->written & (align - 1), e);
}

int sink_patch(Sink *s, uint64_t at, const void *p, size_t n, Err *e) {
        if (!s->ops->patch || at > s->written || n > s->written - at)
                return err_set(e, ERR_INTERNAL, 0, "patch outside of what was written");
        return s->ops->patch(s, at, p, n, e);
}

int sink_flush(Sink *s, Err *e) {
        return s->ops->flush ? s->ops->flush(s, e) : 0;
}

int sink_finish(Sink *s, Err *e) {
        return s->ops->finish ? s->ops->finish(s, e) : 0;
}

void sink_free(Sink *s) {
        if (s)
                s->ops->free(s);
}

/* --- a descriptor, a file ------------------------------------------------------------------- */

/* Small writes are collected; large ones and file ranges go straight to the kernel. */
typedef struct FdSink {
        Sink base;
        int fd;
        bool seekable;
        char *name;
        char *tmp; /* NULL for a plain descriptor */
        size_t used;
        char buf[65536];
} FdSink;

static int fd_flush(FdSink *f, Err *e) {
        size_t n = f->used;
        f->used = 0;
        return fd_write_all(f->fd, f->buf, n, f->name, e);
}

static int fd_sink_write(Sink *s, const void *p, size_t n, Err *e) {
        FdSink *f = (FdSink *)s;
        if (n > sizeof f->buf - f->used && fd_flush(f, e) < 0)
                return -1;
        if (n >= sizeof f->buf)
                return fd_write_all(f->fd, p, n, f->name, e);
        memcpy(f->buf + f->used, p, n);
        f->used += n;
        return 0;
}

/* The kernel copies (or shares the extents of) a range without passing it through user space where
 * the file systems allow; elsewhere the first call fails and the plain loop does it. */
static int fd_sink_content(Sink *s, const Content *c, Err *e) {
        FdSink *f = (FdSink *)s;
        if (!c->blob)
                return fd_sink_write(s, c->bytes, c->size, e);
        uint64_t at = 0;
        if (f->seekable && c->size >= sizeof f->buf && !c->blob->path) {
                if (fd_flush(f, e) < 0 || content_check(c, e) < 0)
                        return -1;
                while (at < c->size) {
                        off_t from = (off_t)(c->offset + at);
                        size_t part = (size_t)MIN(c->size - at, (uint64_t)1 << 30);
                        ssize_t n = copy_file_range(c->blob->fd, &from, f->fd, NULL, part, 0);
                        if (n < 0 && errno == EINTR)
                                continue;
                        if (n < 0 && errno == ENOSPC)
                                return err_set(e, ERR_IO, errno, "write %s", f->name);
                        if (n <= 0)
                                break; /* the loop below says what is wrong, if anything is */
                        at += (uint64_t)n;
                }
        }
        char *buf = NULL;
        int r = 0;
        while (at < c->size && r == 0) {
                if (!buf)
                        buf = xmalloc(COPY_CHUNK);
                size_t n = (size_t)MIN((uint64_t)COPY_CHUNK, c->size - at);
                if (content_read(c, at, buf, n, e) < 0 || fd_sink_write(s, buf, n, e) < 0)
                        r = -1;
                at += n;
        }
        free(buf);
        return r;
}

static int fd_sink_zero(Sink *s, uint64_t n, Err *e) {
        FdSink *f = (FdSink *)s;
        static const char zeros[4096];
        if (f->seekable && n >= sizeof f->buf) {
                if (fd_flush(f, e) < 0)
                        return -1;
                off_t end = lseek(f->fd, (off_t)n, SEEK_CUR);
                if (end < 0 || ftruncate(f->fd, end) < 0)
                        return err_set(e, ERR_IO, errno, "write %s", f->name);
                return 0;
        }
        while (n) {
                size_t part = (size_t)MIN(n, (uint64_t)sizeof zeros);
                if (fd_sink_write(s, zeros, part, e) < 0)
                        return -1;
                n -= part;
        }
        return 0;
}

static int fd_sink_patch(Sink *s, uint64_t at, const void *p, size_t n, Err *e) {
        FdSink *f = (FdSink *)s;
        const char *from = p;
        if (!f->tmp)
                return err_set(e, ERR_INTERNAL, 0, "%s: only a new file can be patched", f->name);
        if (fd_flush(f, e) < 0)
                return -1;
        while (n) {
                ssize_t k = pwrite(f->fd, from, n, (off_t)at);
                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return err_set(e, ERR_IO, k < 0 ? errno : EIO, "write %s", f->name);
                from += k;
                at += (uint64_t)k;
                n -= (size_t)k;
        }
        return 0;
}

static int fd_sink_flush(Sink *s, Err *e) {
        return fd_flush((FdSink *)s, e);
}

static int fd_sink_finish(Sink *s, Err *e) {
        FdSink *f = (FdSink *)s;
        if (fd_flush(f, e) < 0)
                return -1;
        if (!f->tmp)
                return 0;
        if (file_tmp_rename(f->tmp, f->name, e) < 0)
                return -1;
        free(f->tmp);
        f->tmp = NULL;
        close(f->fd);
        f->fd = -1;
        return 0;
}

static void fd_sink_free(Sink *s) {
        FdSink *f = (FdSink *)s;
        if (f->tmp) {
                close(f->fd);
                file_tmp_discard(f->tmp);
                free(f->tmp);
        }
        free(f->name);
        free(f);
}

static const SinkOps fd_ops = {
        .write = fd_sink_write,
        .content = fd_sink_content,
        .zero = fd_sink_zero,
        .patch = fd_sink_patch,
        .flush = fd_sink_flush,
        .finish = fd_sink_finish,
        .free = fd_sink_free,
};

static FdSink *fd_sink_new(int fd, const char *name) {
        FdSink *f = xmalloc(sizeof *f);
        f->base = (Sink){ .ops = &fd_ops };
        f->fd = fd;
        f->name = xstrdup(name);
        f->tmp = NULL;
        f->used = 0;
        f->seekable = false;
        return f;
}

int sink_file(const char *path, uint32_t mode, Sink **ret, Err *e) {
        struct stat st;
        /* A device or pipe named as output must be written to, not replaced. */
        if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
                if (S_ISDIR(st.st_mode))
                        return err_set(e, ERR_IO, EISDIR, "%s", path);
                return err_set(e, ERR_USAGE, 0, "%s: not a regular file", path);
        }
        char *tmp = NULL;
        int fd = file_tmp_open(path, mode, &tmp, e);
        if (fd < 0)
                return -1;
        FdSink *f = fd_sink_new(fd, path);
        f->tmp = tmp;
        f->seekable = true;
        *ret = &f->base;
        return 0;
}

int file_write(const char *path, const void *p, size_t n, uint32_t mode, Err *e) {
        _cleanup_sink_ Sink *s = NULL;
        if (sink_file(path, mode, &s, e) < 0 || sink_write(s, p, n, e) < 0)
                return -1;
        return sink_finish(s, e);
}

Sink *sink_fd(int fd, const char *name) {
        return &fd_sink_new(fd, name)->base;
}

/* --- hash ----------------------------------------------------------------------------------- */

typedef struct HashSink {
        Sink base;
        Sink *inner;
        Hash *hash;
        Digest *ret;
} HashSink;

static int hash_sink_write(Sink *s, const void *p, size_t n, Err *e) {
        HashSink *h = (HashSink *)s;
        hash_update(h->hash, p, n);
        return sink_write(h->inner, p, n, e);
}

static int hash_sink_finish(Sink *s, Err *e) {
        HashSink *h = (HashSink *)s;
        hash_final(h->hash, h->ret);
        return sink_finish(h->inner, e);
}

static void hash_sink_free(Sink *s) {
        HashSink *h = (HashSink *)s;
        sink_free(h->inner);
        hash_free(h->hash);
        free(h);
}

static const SinkOps hash_ops = {
        .write = hash_sink_write,
        .finish = hash_sink_finish,
        .free = hash_sink_free,
};

Sink *sink_hash(Sink *inner, Digest *ret) {
        HashSink *h = xcalloc(1, sizeof *h);
        h->base.ops = &hash_ops;
        h->inner = inner;
        h->hash = hash_new();
        h->ret = ret;
        return &h->base;
}

/* --- memory --------------------------------------------------------------------------------- */

typedef struct BufSink {
        Sink base;
        Buf *buf;
} BufSink;

static int buf_sink_write(Sink *s, const void *p, size_t n, Err *e) {
        (void)e;
        buf_add(((BufSink *)s)->buf, p, n);
        return 0;
}

static int buf_sink_patch(Sink *s, uint64_t at, const void *p, size_t n, Err *e) {
        (void)e;
        Buf *buf = ((BufSink *)s)->buf;
        memcpy(buf->data + (buf->len - s->written) + at, p, n);
        return 0;
}

static void buf_sink_free(Sink *s) {
        free(s);
}

static const SinkOps buf_ops = { .write = buf_sink_write,
                                 .patch = buf_sink_patch,
                                 .free = buf_sink_free };

Sink *sink_buf(Buf *buf) {
        BufSink *b = xcalloc(1, sizeof *b);
        b->base.ops = &buf_ops;
        b->buf = buf;
        return &b->base;
}
