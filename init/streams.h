/* streams.h - output of a container on its way to the console and the log (boot.md 8, 11).
 *
 * Standard output and standard error are pipes; what comes out of them is written to the console
 * line by line as it comes, without control characters, and byte for byte to the log daemon, or to
 * a file when none listens. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "init/logsend.h"
#include "lib/base/err.h"

typedef struct Streams Streams;

/* Log stream "NAME.out" for standard output and "NAME" for standard error; without a daemon files
 * are put into dir.  What the log cannot take is lost after a moment.  *ret is freed with
 * streams_free. */
int streams_open(const char *dir, const char *name, const LogTarget *to, Streams **ret, Err *e);

/* Output goes to the console as it is, without pipes or logs (linuxkit.runc_console=1). */
Streams *streams_open_console(void);

/* In a child between fork and exec: makes the streams its descriptors 0 (/dev/null), 1 and 2. */
void streams_attach(const Streams *s);

/* Carries output until child pid has ended; returns its wait status, -1 if it is no child.  At
 * deadline_ms (CLOCK_MONOTONIC, UINT64_MAX for none) the child is killed and *expired set. */
int streams_wait(Streams *s, pid_t pid, uint64_t deadline_ms, bool *expired);

/* To be called when the container has ended: carries what is left.  When processes that it left
 * behind still hold the pipes, our log daemon takes them over (what comes then is not shown on the
 * console any more); without it a process of its own stays with them. */
void streams_finish(Streams *s);

/* True when there are files (and not a foreign log daemon, or the console alone). */
bool streams_in_files(const Streams *s);

void streams_free(Streams *s); /* s may be NULL */
