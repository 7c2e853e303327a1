/* closure.h - completes an image by the shared libraries its programs need (DT_NEEDED, PT_INTERP),
 * taken from the resolved Debian packages; nothing is run to find out. */
#pragma once

#include "lib/base/err.h"
#include "lib/package/debs.h"
#include "lib/package/stage.h"

/* Looks at every ELF file of the stage that is for arch (Go name). Packages are opened as needed,
 * the most likely ones first. A library that no package has is ERR_SPEC naming it and who needs it.
 */
int closure_add(Stage *s, Debs *d, const char *arch, Err *e);
