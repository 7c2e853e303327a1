/* pvh.h - a compressed x86 kernel unpacked on the host, which QEMU then enters by its PVH note:
 * under emulation the decompressor in the image is the slowest way to unpack it. */
#pragma once

#include <stdbool.h>

#include "lib/base/err.h"

/* Makes elf from the image at kernel, unless key says that it stems from this very image.  False
 * when that kernel cannot be entered so, or not be unpacked: the image itself has to do. */
bool pvh_unpack(const char *kernel, const char *elf, const char *key);

/* Whether the ELF file of 64 bits holds a PVH entry (note 18 of "Xen", which Linux and QEMU read).
 */
bool pvh_has_entry(const char *elf);
