/* specimages.h - every place of a build file that names an image, in one list. */
#pragma once

#include "lib/spec/spec.h"

typedef struct SpecImage {
        const char *ref; /* normal form */
        const char *who; /* `services[2] "dns"` */
        Pos pos;
        const char *package;  /* as written behind "@pkg:", NULL: not a package of the checkout */
        const Volume *layout; /* a volume that holds images of several platforms, else NULL */
} SpecImage;

/* spec must be resolved; *ret_n entries in the arena, which outlives no string of spec. */
SpecImage *specimages_list(const Spec *spec, Arena *arena, size_t *ret_n);
