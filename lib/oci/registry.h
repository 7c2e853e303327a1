/* registry.h - OCI distribution client, reading: pulls into a cache, verified while streaming, and
 * says what stands behind a name.  Writing is push.h.
 *
 * Connections, tokens and what was learned about a host are shared by everything that one process
 * does, so an image costs no more round trips than its objects. */
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
        /* Called for each layer that registry_pull has fetched, while others are still on their
         * way, on any number of threads at once: time to unpack it.  NULL: nobody cares. */
        void (*layer_arrived)(void *ctx, const Descriptor *layer);
        void *layer_arrived_ctx;
} RegistryOptions;

/* Fetches manifest or index of ref, for an index the manifests of linux/arch (all manifests and
 * configs, layers of that arch only; arch NULL: of all platforms), several layers at once, and
 * points the name at the root object. Blobs that the cache has are not fetched again, what an
 * interrupted pull has left is continued.  One info line says what came. */
int registry_pull(Cache *c, const RegistryOptions *o, const char *ref, const char *arch, Err *e);

/* Fetches one object of ref's repository into the cache again: a manifest or index, or a blob. The
 * caller has removed what was wrong about it (cache_drop_blob). */
int registry_fetch(Cache *c, const RegistryOptions *o, const char *ref, const Descriptor *d,
                   bool is_manifest, Err *e);

/* An image behind a reference. */
typedef struct RegistryPlatform {
        char *os, *architecture;
        char *variant;       /* NULL: none */
        Descriptor manifest; /* for a plain image the root itself */
} RegistryPlatform;

typedef struct RegistryObject {
        Descriptor root; /* what the tag or digest of the reference names */
        bool is_index;
        RegistryPlatform *platforms; /* in the index's order, without attestations */
        size_t n_platforms;
} RegistryObject;

/* Asks for the manifest or index of ref (a plain image: its config too) and fetches nothing else;
 * mirrors apply, no cache is touched.  ERR_NOT_FOUND: the registry has no such object. */
int registry_resolve(const RegistryOptions *o, const char *ref, RegistryObject *ret, Err *e);
void registry_object_done(RegistryObject *r);
/* The root's descriptor alone, by HEAD where the registry answers that. */
int registry_head(const RegistryOptions *o, const char *ref, Descriptor *ret, Err *e);

static inline void cleanup_registry_object_fn(RegistryObject *r) {
        registry_object_done(r);
}
#define _cleanup_registry_object_ __attribute__((cleanup(cleanup_registry_object_fn)))

/* Makes every transfer that is under way fail with ERR_CANCELLED soon; async-signal-safe. */
void registry_cancel(void);
