/* partition.h - a disk: boot code, a DOS or GUID partition table and the volumes in it, as extents.
 *
 * Partitions start at multiples of 1 MiB and the disk's size is one; with GPT the last MiB is the
 * backup table's (formats.md 3.1). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/extents.h"
#include "lib/base/gpt.h"
#include "lib/base/uuid.h"

enum { SECTOR = 512, PARTITION_ALIGN = 1 << 20, MBR_CODE = 440, MBR_PARTITIONS = 4 };

/* DOS partition types (formats.md 3.1). */
enum { MBR_FAT32_LBA = 0x0c, MBR_LINUX = 0x83 };

typedef struct Partition {
        const Extents *data; /* padded to 1 MiB on the disk */
        const char *type;    /* GPT type */
        const char *name;    /* GPT name, ASCII, at most 36 characters */
        Uuid uuid;
        uint64_t attributes;
        uint8_t mbr_type; /* DOS table */
        bool active;
} Partition;

typedef struct DiskLayout {
        bool gpt;
        Uuid guid;                /* GPT: of the disk */
        uint32_t signature;       /* of the DOS table; kept beside GPT too when it is not 0 */
        const Content *boot_code; /* at most MBR_CODE bytes; NULL: none */
        const Partition *partitions;
        size_t n;
        uint64_t size; /* of the disk in bytes, a multiple of 1 MiB; 0: what it needs */
} DiskLayout;

/* Byte position of partition i. */
uint64_t partition_start(const DiskLayout *d, size_t i);
/* Size of the smallest disk that holds everything. */
uint64_t disk_size_needed(const DiskLayout *d);
/* Appends the whole disk to out; the volumes must outlive it. ERR_USAGE: it does not fit. */
int disk_image(const DiskLayout *d, Extents *out, Err *e);
