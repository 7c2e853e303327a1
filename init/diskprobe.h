/* diskprobe.h - what the content of a block device says about itself: the label and the UUID of a
 * file system, and those of a partition in its table.  A disk may hold anything: every offset is
 * checked, and what makes no sense is no file system. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { PROBE_LABEL_BYTES = 257, PROBE_UUID_BYTES = 41 };

typedef struct DiskProbe {
        const char *type;              /* "ext4", "vfat", ...; NULL: nothing that is known here */
        char label[PROBE_LABEL_BYTES]; /* as it stands there, without the filling; "" for none */
        char uuid[PROBE_UUID_BYTES];   /* in the usual spelling of the type; "" for none */
} DiskProbe;

/* ext2 to ext4, XFS, btrfs, FAT, swap, ISO 9660, EROFS, LUKS (squashfs has neither label nor UUID).
 * Reads less than 100 KiB. */
void diskprobe_file_system(int fd, DiskProbe *ret);

/* The partition of this number, which begins at byte start of the disk, in a GUID or MBR table.
 * sector is the size of a logical block.  False when no table has such a partition. */
bool diskprobe_partition(int disk, unsigned number, uint64_t start, uint64_t sector,
                         DiskProbe *ret);
