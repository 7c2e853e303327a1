/* manifest.h - reading image manifests and indexes, OCI and Docker v2, which differ in media types
 * only (OCI image spec 1.0, manifest.md, image-index.md). */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/oci/cache.h"

#define MEDIA_OCI_INDEX       "application/vnd.oci.image.index.v1+json"
#define MEDIA_OCI_MANIFEST    "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_OCI_CONFIG      "application/vnd.oci.image.config.v1+json"
#define MEDIA_DOCKER_LIST     "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"

/* Bodies of manifests, indexes and configs that are larger than this are refused. */
enum { MANIFEST_LIMIT = 4 << 20 };

/* One image in an index.  Strings are borrowed from Manifest.json, NULL when absent. */
typedef struct ManifestEntry {
        Descriptor descriptor;
        const char *os, *architecture;
        const json_t *json; /* the whole descriptor */
} ManifestEntry;

typedef struct Manifest {
        json_t *json;
        bool is_index;
        Descriptor config; /* not for an index */
        Descriptor *layers;
        size_t n_layers;
        ManifestEntry *entries; /* index only */
        size_t n_entries;
} Manifest;

/* Parses text; what names it in messages ("manifest of x").  Whether it is an index is told by its
 * members.  Only sha256 digests are accepted. Errors: ERR_VERIFY. */
int manifest_parse(const char *text, size_t n, const char *what, Manifest *ret, Err *e);
void manifest_done(Manifest *m);
#define _cleanup_manifest_ __attribute__((cleanup(manifest_done)))

/* First entry for linux/arch, the variant is ignored (yaml.md 6.2); NULL when there is none. */
const ManifestEntry *manifest_choose(const Manifest *m, const char *arch);

/* The platforms of an index as text for a message: "linux/amd64, linux/arm64". malloc'ed. */
char *manifest_platforms(const Manifest *m);

/* Reads a descriptor object (mediaType may be absent: ""). */
int descriptor_parse(const json_t *j, const char *what, Descriptor *ret, Err *e);
/* A new object with mediaType, size and digest, in the reference's order. */
json_t *descriptor_json(const Descriptor *d);
