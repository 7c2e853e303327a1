/* content.c - see content.h. */
#include "lib/base/content.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/sums.h"

#include <errno.h>
#include <sys/stat.h>

/* Bytes under a digest that are not those of the digest would enter the cache of compressed pieces
 * and stay there for every later build. */
static int check_unchanged(const Blob *b, Err *e) {
        struct stat st;
        if (!b->path)
                return 0;
        if (fstat(b->fd, &st) < 0)
                return err_set(e, ERR_IO, errno, "%s", b->path);
        if (st.st_ctim.tv_sec != b->changed.tv_sec || st.st_ctim.tv_nsec != b->changed.tv_nsec)
                return err_set(e, ERR_IO, 0, "%s changed during the build", b->path);
        return 0;
}

int content_read(const Content *c, uint64_t at, void *buf, size_t n, Err *e) {
        if (at > c->size || n > c->size - at)
                return err_set(e, ERR_INTERNAL, 0, "read past the end of a content reference");
        if (!c->blob) {
                if (n)
                        memcpy(buf, (const char *)c->bytes + at, n);
                return 0;
        }
        if (c->blob->sums)
                return sums_read(c->blob, c->offset + at, buf, n, e);
        int64_t got = fd_pread(c->blob->fd, buf, n, c->offset + at, c->blob->id.text, e);
        if (got < 0)
                return -1;
        if ((uint64_t)got != n)
                return err_set(e, ERR_VERIFY, 0, "%s: shorter than its index says",
                               c->blob->id.text);
        return check_unchanged(c->blob, e);
}

int content_check(const Content *c, Err *e) {
        if (!c->blob || !c->blob->sums)
                return 0;
        return sums_read(c->blob, c->offset, NULL, c->size, e);
}

Content content_slice(const Content *c, uint64_t at, uint64_t n) {
        Content s = *c;
        s.size = n;
        if (c->blob)
                s.offset += at;
        else if (c->bytes)
                s.bytes = (const char *)c->bytes + at;
        return s;
}

int content_load(const Content *c, uint64_t limit, char **ret, Err *e) {
        if (c->size > limit)
                return err_set(e, ERR_VERIFY, 0, "%llu bytes are more than the limit of %llu",
                               (unsigned long long)c->size, (unsigned long long)limit);
        _cleanup_free_ char *p = xmalloc(c->size + 1);
        if (content_read(c, 0, p, c->size, e) < 0)
                return -1;
        p[c->size] = 0;
        *ret = take(p);
        return 0;
}
