/* references.h - checks that need the merged Spec: unique names, volumes and uids that are named
 * somewhere else (yaml.md 4.3, 14, 16). */
#pragma once

#include "lib/spec/problem.h"
#include "lib/spec/spec.h"

/* Service and volume names may appear once (over all FILEs: W13). */
void references_check_unique(const Spec *s, Problems *p);
/* Volume names in binds and mounts, entry names in uid, gid and additionalGids, service names in
 * needs. */
void references_check_names(const Spec *s, Problems *p);
