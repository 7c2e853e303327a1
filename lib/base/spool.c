/* spool.c - see spool.h.  O_TMPFILE where the file system has it; elsewhere a name that is removed
 * at once. */
#include "lib/base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "lib/base/file.h"
#include "lib/base/mem.h"

int spool_open(const char *dir, Spool *s, Err *e) {
        *s = (Spool){ .blob.fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) };
        if (s->blob.fd < 0) {
                _cleanup_free_ char *name = xasprintf("%s/.spool-XXXXXX", dir);

                s->blob.fd = mkostemp(name, O_CLOEXEC);
                if (s->blob.fd < 0)
                        return err_set(e, ERR_IO, errno, "scratch file in %s", dir);
                unlink(name);
        }
        s->hash = hash_new();
        return 0;
}

int spool_add(Spool *s, const void *p, size_t n, Err *e) {
        if (fd_write_all(s->blob.fd, p, n, "scratch file", e) < 0)
                return -1;
        hash_update(s->hash, p, n);
        s->blob.size += n;
        return 0;
}

Content spool_since(const Spool *s, uint64_t since) {
        if (s->blob.size == since)
                return (Content){ 0 };
        return (Content){ .blob = &s->blob, .offset = since, .size = s->blob.size - since };
}

void spool_seal(Spool *s) {
        if (!s->hash)
                return;
        hash_final(s->hash, &s->blob.id);
        hash_free(s->hash);
        s->hash = NULL;
}

void spool_done(Spool *s) {
        if (s->hash)
                hash_free(s->hash);
        if (s->blob.fd >= 0)
                close(s->blob.fd);
        *s = (Spool){ .blob.fd = -1 };
}

typedef struct SpoolSink {
        Sink sink;
        Spool *spool;
} SpoolSink;

static int spool_sink_write(Sink *s, const void *p, size_t n, Err *e) {
        return spool_add(((SpoolSink *)s)->spool, p, n, e);
}

static int spool_sink_finish(Sink *s, Err *e) {
        (void)s, (void)e;
        return 0;
}

static void spool_sink_free(Sink *s) {
        free(s);
}

Sink *spool_sink(Spool *s) {
        static const SinkOps ops = {
                .write = spool_sink_write,
                .finish = spool_sink_finish,
                .free = spool_sink_free,
        };
        SpoolSink *r = xcalloc(1, sizeof(*r));

        r->sink.ops = &ops;
        r->spool = s;
        return &r->sink;
}
