/* disks.h - from what `root=` says to a device node, by looking at the block devices that are
 * there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "pkg/bootloader/probe.h"

enum { DISK_PATH_MAX = 300 };

/* "/dev/NAME", "PARTUUID=", "PARTLABEL=", "UUID=" or "LABEL=": true and the node when it is there.
 */
bool disks_find(const char *root, char ret[DISK_PATH_MAX]);
/* Does disks_find understand it? */
bool disks_knows(const char *root);
/* Calls fn with every device node that holds an ISO 9660 file system, until it returns true. */
bool disks_each_iso(bool (*fn)(void *ctx, const char *node), void *ctx);
/* Names of all block devices with their sizes, "vda 64M, vda1 32M", or "none". */
void disks_describe(char *ret, size_t n);
/* File system of a device node or file; NULL: unknown. */
const char *disks_type(const char *node);
