/* lockimages.h - `linuxkit lock`: asks what every image of a build file stands for, today. */
#pragma once

#include "lib/build/speclock.h"
#include "lib/oci/platform.h"
#include "lib/oci/registry.h"

typedef struct LockImagesOptions {
        const char *const *files; /* build files, merged as for a build */
        size_t n_files;
        const char *cache;
        Platforms platforms; /* these only, and every image must have them; all: what each has */
        RegistryOptions registry;
} LockImagesOptions;

/* References come from the registry; one that it does not have, or that cannot be asked, from the
 * cache, with a warning.  Packages of the checkout are never looked for in a registry. Nothing is
 * built and no layer is fetched.  *ret needs speclock_done after success only.  Errors carry the
 * position of the image. */
int lockimages_resolve(const LockImagesOptions *o, SpecLock *ret, Err *e);
