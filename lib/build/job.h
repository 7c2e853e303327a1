/* job.h - one build on its way out: what the formats read, and the files that they have written but
 * that nobody sees yet.  All outputs of a build appear together, or none does. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/extents.h"
#include "lib/base/io.h"
#include "lib/oci/cache.h"
#include "lib/rootfs/tree.h"

typedef struct Parts Parts;

typedef struct FormatJob {
        const Tree *tree;
        Cache *cache;
        const char *arch;   /* Go name */
        const char *prefix; /* DIR/NAME */
        const char *output; /* --o: the file of a format that streams, "-" is stdout; NULL: PREFIX +
                               suffix */
        int64_t mtime;
        uint64_t size; /* --size in bytes, 0: not given */
        Parts *parts;  /* pieces that several formats share */
        /* the job's own */
        Sink **sinks; /* complete, waiting for job_commit */
        size_t n_sinks, cap_sinks;
        int device;   /* descriptor of an --o that is a pipe or a device; 0: it is a file */
        char **stale; /* files of an earlier build that this one does not have */
        size_t n_stale, cap_stale;
} FormatJob;

/* Opens PREFIX + suffix, or --o; the sink stays the job's. */
int job_open(FormatJob *job, const char *suffix, Sink **ret, Err *e);
/* Opens it, writes all of x there and shows how far it is. */
int job_write(FormatJob *job, const char *suffix, const Extents *x, Err *e);
/* The build has no file with this suffix: one of an earlier build goes when the outputs appear. */
void job_leave_out(FormatJob *job, const char *suffix);
/* Makes the outputs visible, by rename, and removes stale ones. */
int job_commit(FormatJob *job, Err *e);
/* Frees the job's lists; uncommitted outputs vanish. */
void job_done(FormatJob *job);
