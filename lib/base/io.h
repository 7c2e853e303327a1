/* io.h - sinks: where bytes go.  A writer knows only this face; behind it stands a file that
 * appears by rename, a pipe, a hash, a compressor or another format. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/content.h"
#include "lib/base/err.h"
#include "lib/base/hash.h"

typedef struct Sink Sink;

typedef struct SinkOps {
        int (*write)(Sink *s, const void *p, size_t n, Err *e);
        /* NULL: sink_content reads and calls write */
        int (*content)(Sink *s, const Content *c, Err *e);
        /* NULL: zeros are written; a file sink makes a hole */
        int (*zero)(Sink *s, uint64_t n, Err *e);
        /* NULL: what was written cannot be changed any more */
        int (*patch)(Sink *s, uint64_t at, const void *p, size_t n, Err *e);
        /* NULL: nothing is held back */
        int (*flush)(Sink *s, Err *e);
        int (*finish)(Sink *s, Err *e); /* commit; a sink freed without it leaves nothing behind */
        void (*free)(Sink *s);
} SinkOps;

/* Concrete sinks start with this. */
struct Sink {
        const SinkOps *ops;
        uint64_t written; /* bytes accepted so far, kept by the functions below */
};

int sink_write(Sink *s, const void *p, size_t n, Err *e);
int sink_content(Sink *s, const Content *c, Err *e);
int sink_zero(Sink *s, uint64_t n, Err *e);
/* Zeros up to the next multiple of align (a power of two) of what was written. */
int sink_pad(Sink *s, uint64_t align, Err *e);
/* Overwrites n bytes at position at, all of which were written before: for a header that is known
 * last.  Only files and buffers can; ERR_INTERNAL elsewhere. */
int sink_patch(Sink *s, uint64_t at, const void *p, size_t n, Err *e);
/* Hands over what was collected, so that a full disk shows before anything is committed. */
int sink_flush(Sink *s, Err *e);
int sink_finish(Sink *s, Err *e);
void sink_free(Sink *s); /* s may be NULL */

static inline void cleanup_sink_fn(Sink **s) {
        sink_free(*s);
}
#define _cleanup_sink_ __attribute__((cleanup(cleanup_sink_fn)))

/* A file that appears at path with exactly this mode when finished: written under a temporary
 * name in the same directory, then renamed (not flushed, see file_tmp_rename).  An existing target
 * stays untouched until then; one that is not a regular file is refused. Temporary files of an
 * interrupted process are removed by file_tmp_remove_all (signal handler). */
int sink_file(const char *path, uint32_t mode, Sink **ret, Err *e);
/* A whole file from memory: sink_file, one write, finish. */
int file_write(const char *path, const void *p, size_t n, uint32_t mode, Err *e);
/* An open descriptor (stdout, a pipe); not closed, nothing to undo. name is for messages. */
Sink *sink_fd(int fd, const char *name);
/* Passes everything on to inner (owned) and hashes it. *ret gets the digest in finish. */
Sink *sink_hash(Sink *inner, Digest *ret);
/* Collects in memory; for small members and tests. buf is borrowed and outlives the sink. */
struct Buf;
Sink *sink_buf(struct Buf *buf);
