/* pool.h - the only place that makes threads.  Work finishes in any order; callers commit results
 * in input order, so no output depends on the number of threads. */
#pragma once

#include <stddef.h>

#include "lib/base/err.h"

/* Number of threads to use: LINUXKIT_THREADS, else online CPUs. */
size_t pool_threads(void);

/* Calls fn(ctx, i, e) for every i in [0, n), on up to `threads` threads (0: pool_threads()). After
 * a failure no new items are started.  Returns the failure with the lowest index: the same message
 * on any number of threads whenever the failure is deterministic. */
int pool_run(size_t n, size_t threads, int (*fn)(void *ctx, size_t i, Err *e), void *ctx, Err *e);

/* A pipeline stage: jobs are submitted in order, run in parallel, and handed to `done` strictly in
 * submission order on the submitting thread (from inside ordered_submit and ordered_finish). At
 * most 4 x threads jobs are in flight, which bounds memory. */
typedef struct Ordered Ordered;
Ordered *ordered_new(size_t threads, int (*work)(void *job, Err *e),
                     int (*done)(void *ctx, void *job, Err *e), void (*job_free)(void *job),
                     void *ctx);
/* Takes ownership of job in any case. */
int ordered_submit(Ordered *o, void *job, Err *e);
int ordered_finish(Ordered *o, Err *e);
void ordered_free(Ordered *o); /* cancels what has not started; o may be NULL */
