/* qcow2.h - QEMU's disk image, version 3 (formats.md 3.6; QEMU, docs/interop/qcow2.txt). */
#pragma once

#include "lib/base/err.h"
#include "lib/base/extents.h"
#include "lib/base/io.h"
#include "lib/base/log.h"

/* Writes disk; out must be able to sink_patch. Does not finish it. */
int qcow2_write(const Extents *disk, Sink *out, Progress *p, Err *e);
