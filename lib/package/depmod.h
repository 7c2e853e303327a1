/* depmod.h - the index files of kernel modules (modules.dep, modules.alias ...) of an image, made
 * by kmod. */
#pragma once

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/spool.h"
#include "lib/package/stage.h"

/* Runs depmod for every lib/modules/VERSION of the stage on a copy of its modules below scratch,
 * the only time that files are written out, and adds what it makes. An image without modules is
 * ERR_SPEC. */
int depmod_add(Stage *s, Spool *spool, const char *scratch, int64_t mtime, Err *e);
