/* attestation.h - what an index says about one of its images, as BuildKit writes it: an extra
 * manifest for unknown/unknown whose layers are in-toto statements (pkg.md 3).
 *
 * Nothing here is needed to build: whoever reads attestations warns and goes on. */
#pragma once

#include <stdbool.h>

#include "lib/oci/image.h"
#include "lib/oci/manifest.h"

#define ATTESTATION_TYPE      "vnd.docker.reference.type"
#define ATTESTATION_SUBJECT   "vnd.docker.reference.digest"
#define ATTESTATION_PREDICATE "in-toto.io/predicate-type"

/* True when entry is an attestation manifest; subject NULL: about any image. */
bool attestation_is_about(const ManifestEntry *entry, const Digest *subject);

/* Stores an SPDX document (JSON text) about the image `subject` of ref and arch as statement,
 * config and manifest; *ret_entry is the new entry of the index. */
int attestation_store(Cache *c, const char *ref, const char *arch, const Digest *subject,
                      const char *spdx, json_t **ret_entry, Err *e);
