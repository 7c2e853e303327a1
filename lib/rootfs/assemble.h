/* assemble.h - from a spec and its images to the tree (yaml.md 6-16). */
#pragma once

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/oci/image.h"
#include "lib/rootfs/inputtar.h"
#include "lib/rootfs/tree.h"
#include "lib/spec/spec.h"

/* 2017-04-18 16:30:00 UTC, yaml.md 1: mtime of everything the builder makes itself. */
#define ASSEMBLE_T0 1492533000

typedef struct AssembleOptions {
        ImageSource images;
        int64_t mtime; /* T0, or SOURCE_DATE_EPOCH */
        bool decompress_kernel;
        const InputTar *input_tar; /* NULL: none */
        bool docker;               /* --format docker: adds the Dockerfile entry */
        const char *sbom_output;   /* name of the SBOM entry; NULL: none */
        bool sbom_current_time;
        /* Opt-ins of yaml.md 21; without them the tree is the reference's. */
        bool keep_dirs;       /* W10: `files` leaves directories alone that are there already */
        bool dedup;           /* W25: container roots are told apart by digest, not by name */
        bool relative_source; /* W38: `source` is relative to the folder of its build file */
        bool strict;          /* W43: docker's isolation for containers that set none */
} AssembleOptions;

typedef struct Rootfs Rootfs; /* the tree and everything it refers to */

/* spec must be resolved (spec_resolve) and outlive the result. Fetches and opens all images in
 * parallel, then adds entries in the order of yaml.md 9. */
int assemble(const Spec *spec, const AssembleOptions *o, Rootfs **ret, Err *e);
void rootfs_free(Rootfs *r);
const Tree *rootfs_tree(const Rootfs *r);
