/* vhd.h - Microsoft's virtual hard disk, fixed and dynamic (formats.md 3.7; "Virtual Hard Disk
 * Image Format Specification", 2006). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/extents.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/base/uuid.h"

typedef struct VhdOptions {
        bool dynamic;
        Uuid uuid;
        int64_t time; /* seconds since 1970 */
} VhdOptions;

/* disk is a multiple of 1 MiB, at most 2040 GiB (ERR_USAGE). A dynamic one needs an out that can
 * sink_patch. Does not finish it. */
int vhd_write(const Extents *disk, const VhdOptions *o, Sink *out, Progress *p, Err *e);
