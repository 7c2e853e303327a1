/* select.h - from the Debian packages of a recipe to entries of the image. */
#pragma once

#include "lib/base/err.h"
#include "lib/package/debs.h"
#include "lib/package/recipe.h"
#include "lib/base/spool.h"
#include "lib/package/stage.h"

/* Adds what the recipe takes from its packages. Patterns and paths that match nothing are errors
 * with the position in build.yml. Packages are opened as needed. */
int select_packages(const Recipe *r, Debs *d, Stage *s, Err *e);
/* Adds the `concat` files: the matching files of the named packages, one after another, sorted by
 * name. */
int select_concats(const Recipe *r, Debs *d, Stage *s, Spool *spool, int64_t mtime, Err *e);
