/* registry.h - OCI distribution client over libcurl: pulls into a cache, verified while streaming.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/oci/cache.h"

typedef struct RegistryOptions {
        const char *const
                *mirrors; /* "REGISTRY=URL" or "URL" (cli.md 5.3), NULL-terminated; may be NULL */
        const char *const
                *cert_files; /* PEM files added to the system's, NULL-terminated; may be NULL */
} RegistryOptions;

/* Fetches manifest or index of ref, for an index the manifests of linux/arch (all manifests and
 * configs, layers of that arch only), several layers at once, and points the name at the root
 * object. Blobs that the cache has are not fetched again. */
int registry_pull(Cache *c, const RegistryOptions *o, const char *ref, const char *arch, Err *e);

/* Makes every transfer that is under way fail with ERR_CANCELLED soon; async-signal-safe. */
void registry_cancel(void);
