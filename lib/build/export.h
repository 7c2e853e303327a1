/* export.h - `cache export`: an image of the cache as one archive (cli.md 6.4, 14 row 15). */
#pragma once

#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/oci/cache.h"
#include "lib/oci/platform.h"

typedef enum ExportFormat {
        EXPORT_OCI,        /* OCI layout: one platform, several, or the whole index */
        EXPORT_DOCKER,     /* for `docker load`: one platform */
        EXPORT_FILESYSTEM, /* the files, all layers laid over each other: one platform */
} ExportFormat;

typedef struct ExportOptions {
        const char *ref;  /* name in the cache, in normal form */
        const char *name; /* name inside the archive, in normal form; NULL: ref */
        ExportFormat format;
        Platforms platforms; /* one for docker and filesystem.  oci: with one the archive names that
                                image's manifest, with more the index */
} ExportOptions;

/* The same image gives the same bytes.  Does not finish the sink.  ERR_NOT_FOUND: no such name,
 * platform or blob; ERR_VERIFY: damaged blobs. */
int export_image(Cache *c, const ExportOptions *o, Sink *out, Err *e);
