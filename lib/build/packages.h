/* packages.h - the components of a checkout that a build file names by their folder ("@pkg:PATH"):
 * each is opened once and built when the cache lacks it. */
#pragma once

#include "lib/build/pins.h"
#include "lib/oci/registry.h"

typedef struct Packages Packages;

/* locked: their lock files must be satisfied. registry must outlive the result. */
Packages *packages_new(const RegistryOptions *registry, bool locked);
void packages_free(Packages *p); /* p may be NULL */
/* A SpecPackageFn; ctx is a Packages. */
int packages_reference(void *ctx, const char *dir, char **ret, Err *e);
/* Makes sure that the cache holds what was referenced, for arch.  pins may be NULL. */
int packages_build(Packages *p, Cache *c, const Pins *pins, const char *arch, Err *e);
