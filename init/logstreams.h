/* logstreams.h - the streams that the log daemon reads: pipes, FIFOs and sockets, line by line into
 * the ring and byte for byte into files.
 *
 * A stream's writer is never held up: what comes faster than the rate is read, counted and left out
 * of the ring. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "init/logfiles.h"
#include "init/logring.h"

typedef struct LogStreams LogStreams;

typedef struct LogStreamsConfig {
        LogRing *ring;
        LogFiles *files; /* NULL: none */
        int epoll;
        const char *fifos; /* where init makes FIFOs, NULL: nowhere */
        size_t line_max;   /* bytes of a line that are kept */
        uint64_t rate;     /* lines a second and stream, 0: any */
} LogStreamsConfig;

LogStreams *logstreams_new(const LogStreamsConfig *c);
void logstreams_free(LogStreams *s); /* s may be NULL */

/* Takes fd, the read end of a pipe, FIFO or stream socket; what is none, or one too many, is
 * closed.  FIFOs that init has made are bounded apart from what containers send: their writers
 * would wait for ever for a reader.  The same FIFO or pipe once more replaces the descriptor of
 * the first time. */
void logstreams_add(LogStreams *s, int fd, const char *name, size_t n);

/* Every FIFO of a directory whose name does not begin with a dot becomes a stream of its name. */
void logstreams_scan(LogStreams *s, const char *dir);

/* CLOCK_MONOTONIC ms of the next tick, UINT64_MAX for none. */
uint64_t logstreams_deadline(const LogStreams *s);
void logstreams_tick(LogStreams *s, uint64_t now_ms);

/* CLOCK_REALTIME in nanoseconds. */
int64_t logstreams_now(void);
