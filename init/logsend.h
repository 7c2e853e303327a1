/* logsend.h - the side of those whose output is logged: streams on their way to the log daemon.
 *
 * Either daemon will do, ours or the reference's memlogd: a datagram with the stream's name and the
 * read end (boot.md 11.3). */
#pragma once

#include <stdbool.h>

#include "lib/base/err.h"

/* Where logs go. */
typedef struct LogTarget {
        const char *socket; /* NULL: files, without a daemon */
        const char *fifos;  /* where LogPipes are made */
        bool ours;          /* the daemon writes files as well, and finds FIFOs again */
} LogTarget;

/* What this machine has at this moment. */
LogTarget logsend_target(void);

/* Hands fd, which stays open here, to the daemon at socket.  Never waits.  -1 with errno when
 * nobody takes it. */
int logsend_stream(const char *socket, const char *name, int fd);

/* A FIFO between a container and the log daemon.  We hold a read end as well: what is in the FIFO
 * survives a restart of the daemon, which finds it again in the directory, and no writer gets
 * EPIPE. */
typedef struct LogPipe {
        char *path; /* NULL: none */
        int hold;
} LogPipe;

#define LOGPIPE_INIT ((LogPipe){ .hold = -1 })

/* Makes the FIFO of this name and hands it to the daemon; to be called before every life of the
 * writer.  Our daemon goes on with the FIFO that is there.  A foreign one reads to the end of file,
 * which a FIFO without a writer has at once: it gets a new FIFO for each life, and we hold that one
 * for writing until the next.  Nothing is kept of a former content of *p. */
int logpipe_renew(LogPipe *p, const LogTarget *to, const char *name, Err *e);

/* Holds an existing FIFO of a writer that runs already and whose stream the daemon has. */
void logpipe_adopt(LogPipe *p, const LogTarget *to, const char *name);

/* True when the daemon has read all that was written. */
bool logpipe_is_empty(const LogPipe *p);

/* The read end of the FIFO at path, without waiting for a writer; -1 when it is none. */
int logpipe_open_reader(const char *path);

/* The writer's descriptor.  Readable too, so that neither opening nor writing needs anybody at the
 * other end.  -1 with errno. */
int logpipe_open_writer(const char *path);

/* Lets go; the FIFO itself stays. */
void logpipe_done(LogPipe *p);
