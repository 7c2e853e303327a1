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
/* An open descriptor (stdout, a pipe); not closed, nothing to undo. name is for messages. */
Sink *sink_fd(int fd, const char *name);
/* Passes everything on to inner (owned) and hashes it. *ret gets the digest in finish. */
Sink *sink_hash(Sink *inner, Digest *ret);
/* Collects in memory; for small members and tests. buf is borrowed and outlives the sink. */
struct Buf;
Sink *sink_buf(struct Buf *buf);

/* --- files --------------------------------------------------------------------------------- */

/* Unlinks every temporary file of this process; async-signal-safe. */
void file_tmp_remove_all(void);
/* Makes an empty temporary file next to path and registers it; ret_tmp is malloc'ed. Returns the
 * fd. */
int file_tmp_open(const char *path, uint32_t mode, char **ret_tmp, Err *e);
/* Renames tmp to path, flushing data to the disk first, and forgets tmp: for what must survive a
 * power failure. */
int file_tmp_commit(int fd, const char *tmp, const char *path, Err *e);
/* The same without flushing: survives any kill of the process, and costs nothing. */
int file_tmp_rename(const char *tmp, const char *path, Err *e);
/* Unlinks tmp and forgets it. */
void file_tmp_discard(const char *tmp);

/* Whole file, at most limit bytes (more is an error). *ret is malloc'ed and NUL-terminated. A
 * missing file is ERR_NOT_FOUND. */
int file_read(const char *path, uint64_t limit, char **ret, size_t *ret_len, Err *e);
/* Atomically: see sink_file. */
int file_write(const char *path, const void *p, size_t n, uint32_t mode, Err *e);
/* mkdir -p with mode 0777 minus umask; existing directories are fine. */
int dir_make(const char *path, Err *e);
bool file_exists(const char *path);
/* write(2) until done. */
int fd_write_all(int fd, const void *p, size_t n, const char *name, Err *e);
/* pread(2) until n bytes or end of file; returns the count or -1. */
int64_t fd_pread(int fd, void *p, size_t n, uint64_t at, const char *name, Err *e);
