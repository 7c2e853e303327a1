/* bootvolume.h - the FAT volume that firmware starts from: a unified kernel image for UEFI, kernel
 * and syslinux for BIOS, or both. */
#pragma once

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/extents.h"
#include "lib/build/format.h"
#include "lib/build/parts.h"

typedef struct BootVolume {
        Boot boot; /* BOOT_BIOS, BOOT_EFI or BOOT_HYBRID */
        const char *arch;
        const Extents *kernel;
        const Extents *initrd; /* NULL: none */
        char *cmdline;
        int64_t mtime;
        uint32_t volume_id;
        uint64_t start; /* byte position on the disk, 0: not a partition of a DOS or GUID table */
} BootVolume;

/* Appends the volume to out, which then holds all that is made here. */
int boot_volume(Parts *p, const BootVolume *v, Extents *out, Err *e);
