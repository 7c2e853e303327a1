/* vmdk.h - VMware's virtual disk, streamOptimized (formats.md 3.8; "Virtual Disk Format 5.0"). */
#pragma once

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/extents.h"
#include "lib/base/io.h"
#include "lib/base/log.h"

/* cid: content identifier, derived from the content.  At most 2 TiB (ERR_USAGE).  A stream: out
 * need not be able to sink_patch. Does not finish it. */
int vmdk_write(const Extents *disk, uint32_t cid, Sink *out, Progress *p, Err *e);
