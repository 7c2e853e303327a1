/* cpio.h - the initrd: a "newc" cpio of the tree (yaml.md 19.2). */
#pragma once

#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/rootfs/tree.h"

/* Writes every entry except boot/kernel, boot/cmdline, boot/ucode.cpio and whatever else is below
 * boot/, then the trailer, padded to 512 bytes. Does not finish the sink. */
int cpio_write_tree(Sink *out, const Tree *t, Err *e);
