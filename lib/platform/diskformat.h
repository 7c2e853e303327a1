/* diskformat.h - which of QEMU's formats a disk image is in.
 *
 * QEMU would look for itself, but by content alone: a guest that writes the first sector of its raw
 * disk could turn it into a qcow2 image whose backing file is any file of the host.  So the name
 * counts, and the content must agree. */
#pragma once

#include "lib/base/err.h"

/* *ret: "raw", "qcow2", "vmdk", "vpc", "vhdx" or "vdi". By the suffix, .img and unknown ones being
 * raw.  ERR_VERIFY when the content is of another format. */
int disk_format(const char *path, const char **ret, Err *e);
