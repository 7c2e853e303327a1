/* image.h - manifests, indexes and configs: from a reference to an ordered list of layers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/oci/cache.h"
#include "lib/oci/registry.h"

/* The parts of an image config (OCI image spec, config.md) that a build uses. */
typedef struct ImageConfig {
        char **entrypoint, **cmd, **env; /* NULL-terminated, NULL when absent */
        char *working_dir;               /* NULL or "" when absent */
        char *label;                     /* org.mobyproject.config, NULL when absent */
        char *architecture, *os;
} ImageConfig;

typedef struct Image {
        Arena *arena;
        char *ref;
        Descriptor root; /* what the name stands for: an index, or the manifest itself */
        Descriptor manifest;
        Descriptor config_descriptor;
        ImageConfig config;
        Descriptor *layers; /* bottom first */
        size_t n_layers;
        Descriptor *attestations; /* manifests of the index that are about this image */
        size_t n_attestations;
} Image;

/* What a reference stands for, whatever its tag says now; an empty text means that this much is not
 * said. */
typedef struct ImagePin {
        Digest root;
        Digest manifest; /* of the architecture */
} ImagePin;

typedef struct ImageSource {
        Cache *cache;
        const char *arch; /* Go name: "amd64", "arm64" */
        bool pull;        /* ask the registry even when cached */
        const RegistryOptions *registry;
        struct Engine *engine; /* asked before the cache for files of images, not by image_get;
                                  NULL: none */
        bool offline;          /* no registry is asked: what is missing is an error */
        /* Fills *ret and returns true when ref is pinned; NULL: nothing is. */
        bool (*pin)(const void *ctx, const char *ref, const char *arch, ImagePin *ret);
        const void *pin_ctx;
} ImageSource;

/* Reads the JSON text of an OCI image config; strings are copied into the arena. */
int image_config_parse(Arena *a, const char *text, size_t n, ImageConfig *ret, Err *e);

/* Looks ref up in the cache, pulls it when missing or incomplete (yaml.md 6.2), and reads it. An
 * image that is pinned is found under its own name or as NAME@DIGEST, and is pulled as the latter:
 * what the name stands for in the cache does not change.
 * All layers of the chosen platform are in the cache afterwards; its attestations need not be. */
int image_get(const ImageSource *src, const char *ref, Image **ret, Err *e);
/* The same from the cache alone; ERR_NOT_FOUND when something is missing. */
int image_open(Cache *c, const char *ref, const char *arch, Image **ret, Err *e);
void image_free(Image *i);

/* Fetches one object of ref's repository into the cache again, by its digest, in place of one that
 * was damaged: the tag may have moved since. */
int image_refetch(const ImageSource *src, const char *ref, const Descriptor *d, bool is_manifest,
                  Err *e);
/* The same for an operation that failed with e because the object was damaged: 0 and e empty, the
 * operation is to be repeated; or -1, and e says both what was wrong and why it cannot be fetched.
 */
int image_replace(const ImageSource *src, const char *ref, const Descriptor *d, bool is_manifest,
                  Err *e);
/* For objects that need not be in the cache: fetches d again when something else than a file of its
 * size stands in its place. ERR_NOT_FOUND: there is nothing. */
int image_ensure(const ImageSource *src, const char *ref, const Descriptor *d, bool is_manifest,
                 Err *e);
/* Fetches again whatever is missing or damaged of the image that the (full) name stands for now.
 * ERR_NOT_FOUND: the cache has no such name, or the registry no longer has such an object. */
int image_repair(const ImageSource *src, const char *ref, Err *e);

#define MEDIA_IN_TOTO  "application/vnd.in-toto+json"
#define PREDICATE_SPDX "https://spdx.dev/Document"

/* What is read, and fetched, of the statements about one image. */
enum { IMAGE_MAX_STATEMENTS = 16, IMAGE_STATEMENT_LIMIT = 64 << 20 };

/* The in-toto statements about i with this predicate type (NULL: any; yaml.md 17): *ret is
 * malloc'ed, *ret_n is 0 when nobody attests anything.  Only what comes with the index is asked;
 * whether the statements are in the cache is not checked.  ERR_VERIFY and ERR_NOT_FOUND (more than
 * one attestation manifest, one that is missing or broken) are a reason for a warning only. */
int image_attestations(Cache *c, const Image *i, const char *predicate, Descriptor **ret,
                       size_t *ret_n, Err *e);

/* Writes config and manifest for these layers and points ref at an index with one entry per
 * architecture: an existing entry of the same architecture is replaced (pkg.md 5.5). config_json is
 * the complete OCI image config; annotations is a NULL-terminated list key, value, key, value ...
 * for the manifest. */
int image_store(Cache *c, const char *ref, const char *arch, const char *config_json,
                const Descriptor *layers, size_t n_layers, const char *const *annotations, Err *e);
/* The same with an attestation: spdx is an SPDX 2.3 document as JSON text.  It takes the place of
 * the attestations of the image that is replaced. */
int image_store_sbom(Cache *c, const char *ref, const char *arch, const char *config_json,
                     const Descriptor *layers, size_t n_layers, const char *const *annotations,
                     const char *spdx, Err *e);
/* Value of an annotation of the manifest of ref for arch in the cache: malloc'ed, or NULL. */
char *image_annotation(Cache *c, const char *ref, const char *arch, const char *key);
