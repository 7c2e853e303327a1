/* logring.h - the log lines of the machine in memory: the newest ones, bounded by bytes and lines.
 *
 * The memory is that of a descriptor (memfd) which somebody else may hold as well: whoever opens it
 * after a crash of the writer finds every line that was stored. One process writes and reads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

/* Longest line and longest source name; the rest of a longer one is cut off. */
#define LOGRING_LINE_MAX   32768
#define LOGRING_SOURCE_MAX 512

#define LOGRING_BYTES_MIN 65536
#define LOGRING_BYTES_MAX (1u << 30)

typedef struct LogRing LogRing;

/* One line; the texts are not NUL-terminated and valid until the next call with the ring. */
typedef struct LogEntry {
        uint64_t seq;
        int64_t time_ns; /* CLOCK_REALTIME */
        const char *source, *msg;
        size_t source_len, msg_len;
} LogEntry;

/* A place between two lines. */
typedef struct LogCursor {
        uint64_t pos, seq;
} LogCursor;

/* fd is kept open by the caller; -1: memory of our own.  bytes and lines are the bounds; memory is
 * only used as lines come.  What fd holds is kept when it was made with the same number of bytes
 * and is whole, else the ring begins empty. */
int logring_open(int fd, uint64_t bytes, uint64_t lines, LogRing **ret, Err *e);
void logring_free(LogRing *r); /* r may be NULL */

void logring_append(LogRing *r, int64_t time_ns, const char *source, size_t source_len,
                    const char *msg, size_t msg_len);

LogCursor logring_begin(const LogRing *r); /* before the oldest line */
LogCursor logring_end(const LogRing *r);   /* behind the newest */

/* The line at the cursor, which moves behind it; false when there is none.  *lost is the number of
 * lines that were overwritten before this cursor came to them. */
bool logring_next(LogRing *r, LogCursor *c, LogEntry *ret, uint64_t *lost);

/* A number that lives as long as the lines: where the reader of kernel messages is. */
uint64_t logring_mark(const LogRing *r);
void logring_set_mark(LogRing *r, uint64_t mark);
