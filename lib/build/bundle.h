/* bundle.h - `linuxkit bundle`: everything that a build file needs, in one archive.
 *
 * It is an OCI image layout as a tar, which any tool can read, with a linuxkit.lock beside it. */
#pragma once

#include "lib/base/io.h"
#include "lib/oci/platform.h"
#include "lib/oci/registry.h"

typedef struct BundleOptions {
        const char *const *files; /* build files, merged as for a build */
        size_t n_files;
        const char *cache;
        Platforms platforms; /* to build for: linux only, not `all` */
        RegistryOptions registry;
        bool pull, locked;     /* as for a build */
        const char *lock_file; /* as for a build */
} BundleOptions;

/* Builds packages and fetches images as a build would, and writes them. The same build files,
 * images and platforms give the same bytes.  Does not finish the sink. */
int bundle_write(const BundleOptions *o, Sink *out, Err *e);
