/* format.h - the table of output formats.  A format is one row and one function from the tree to
 * files. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/oci/cache.h"
#include "lib/rootfs/tree.h"

/* One build: what the formats read, and the files they have written but not committed. */
typedef struct FormatJob {
        const Tree *tree;
        Cache *cache;
        const char *arch;   /* Go name */
        const char *prefix; /* DIR/NAME */
        const char *output; /* --o: the file of a format that streams, "-" is stdout; NULL: PREFIX +
                               suffix */
        int64_t mtime;
        Sink **sinks; /* complete, waiting for format_job_commit */
        size_t n_sinks, cap_sinks;
        int device;   /* descriptor of an --o that is a pipe or a device; 0: it is a file */
        char **stale; /* files of an earlier build that this one does not have */
        size_t n_stale, cap_stale;
} FormatJob;

typedef struct Format {
        const char *name, *help;
        bool streams; /* may go to stdout, and must be the only format */
        int (*write)(FormatJob *job, Err *e);
} Format;

/* NULL when there is no such format. */
const Format *format_find(const char *name);
/* The file of a format that streams: output (--o), else PREFIX.FORMAT (yaml.md 3). malloc'ed. */
char *format_stream_path(const Format *f, const char *output, const char *prefix);

/* Makes the outputs visible, by rename, and removes stale ones. */
int format_job_commit(FormatJob *job, Err *e);
/* Frees the job's lists; uncommitted outputs vanish. */
void format_job_done(FormatJob *job);
