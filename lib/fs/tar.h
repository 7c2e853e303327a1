/* tar.h - the compatible tar stream (yaml.md 18): ustar with pax headers, nothing depends on the
 * host. */
#pragma once

#include "lib/base/entry.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/rootfs/tree.h"

/* One entry with its content. The marks become the pax records LINUXKIT.location and
 * LINUXKIT.source. */
int tar_write_entry(Sink *out, const Entry *entry, Err *e);
/* Header of a regular file of size bytes whose content the caller then writes and pads to 512. */
int tar_write_stream(Sink *out, const Entry *entry, uint64_t size, Err *e);
/* Two zero blocks. Does not finish the sink. */
int tar_write_end(Sink *out, Err *e);
/* A whole tree, end included; does not finish the sink. */
int tar_write_tree(Sink *out, const Tree *t, Err *e);
