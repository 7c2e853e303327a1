/* package.h - component packages: build.yml, content tags, the native recipe (Debian packages,
 * files of the folder, programs of this repository) and the image it makes. No docker, no root. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/oci/image.h"
#include "lib/spec/spec.h"

typedef struct PackageOptions { /* flags of the pkg commands (pkg.md 5.1); zero-initialise for the
                                   defaults */
        const char *build_yml;  /* NULL: "build.yml" */
        const char *org, *tag, *hash, *hash_commit, *hash_path; /* NULL: not given */
        bool dev, force_dirty;
        bool force;  /* build even when the cache has it */
        bool locked; /* a lock file that cannot be satisfied is an error, not a new resolution */
        const char *mirror;   /* URI used instead of the host's apt configuration
                                 (LINUXKIT_DEBIAN_MIRROR) */
        const char *programs; /* directory ARCH/NAME of compiled programs; NULL: build/target of the
                                 checkout */
        Cache *cache;
        const RegistryOptions *registry;
} PackageOptions;

typedef struct Package Package;

/* Reads and checks DIR/build.yml; unknown keys are errors with line and column. With "package: SUB"
 * as its only key, DIR/SUB is opened. */
int package_open(const char *dir, const PackageOptions *o, Package **ret, Err *e);
void package_free(Package *p);
/* "docker.io/linuxkit/runc:TAG" (pkg.md 2); borrowed. */
const char *package_ref(const Package *p);
/* "linuxkit/runc:TAG", what show-tag prints; borrowed. */
const char *package_tag(const Package *p);
bool package_is_native(const Package *p);
/* NULL-terminated list from build.yml; borrowed. */
const char *const *package_arches(const Package *p);

/* Makes sure that the cache holds the package for arch: nothing to do when it is there and its
 * inputs are unchanged, else builds it. *ret_built (may be NULL) tells whether work was done. */
int package_build(Package *p, const PackageOptions *o, const char *arch, bool *ret_built, Err *e);

/* Resolves all Debian packages of the recipe afresh and rewrites DIR/ARCH lock entries. */
int package_lock(Package *p, const PackageOptions *o, const char *arch, Err *e);
