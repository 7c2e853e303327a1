/* fat.h - a FAT12, FAT16 or FAT32 volume as extents: tables are made here, file data is referred
 * to.
 *
 * The layout is planned exactly before anything is written, so a volume is as small as can be and
 * whoever must know where a file will lie (SYSLINUX) can ask first (formats.md 3.2). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/extents.h"

enum { FAT_SECTOR = 512 };
/* Attributes of a file (fatgen103, "FAT Directory Structure"). */
enum { FAT_READ_ONLY = 0x01, FAT_HIDDEN = 0x02, FAT_SYSTEM = 0x04, FAT_ARCHIVE = 0x20 };

typedef struct FatFile {
        const char *path;    /* "EFI/BOOT/BOOTX64.EFI", UTF-8; folders above it are made */
        const Extents *data; /* outlives the volume; every file is contiguous on it */
        uint8_t attributes;  /* FAT_..., 0 means FAT_ARCHIVE */
        bool first;          /* lies in front of all other files */
} FatFile;

typedef struct FatOptions {
        const char *label; /* at most 11 printable ASCII characters; NULL: none */
        uint32_t volume_id;
        uint32_t hidden_sectors; /* where the partition starts on its disk, in sectors */
        int64_t mtime;           /* of everything, stored in UTC and steps of two seconds */
        uint64_t size;           /* in bytes; 0: the smallest that holds everything, whole MiB */
        int bits;                /* 12, 16, 32; 0: what suits the size */
        uint32_t align;          /* every file starts at a multiple of so many bytes of the volume,
                                    a power of two up to 1 MiB; 0: of a sector */
        const uint8_t *boot_sector; /* bytes 0-10 and 90-509 of these 512 become the boot sector's;
                                       NULL: code that halts */
} FatOptions;

typedef struct FatLayout {
        int bits;
        uint32_t sectors_per_cluster;
        uint32_t reserved_sectors;
        uint32_t fat_sectors;  /* of one of the two tables */
        uint32_t root_entries; /* FAT12 and FAT16 */
        uint32_t data_sector;  /* where cluster 2 begins */
        uint32_t clusters, free_clusters;
        uint32_t total_sectors;
        /* Room for one number per file, given by the caller, or NULL: the sector of the volume
         * where the file begins, 0 for an empty one. */
        uint32_t *file_sectors;
} FatLayout;

/* Plans the volume and says what it will be.  Only layout->file_sectors is read of *layout.
 * ERR_USAGE: too large for FAT or for o->size (with the size needed), a name that FAT cannot hold,
 * two that it cannot tell apart, a file above 4 GiB - 1. */
int fat_plan(const FatFile *files, size_t n, const FatOptions *o, FatLayout *layout, Err *e);
/* The size of the smallest volume, a multiple of 1 MiB; o->size is not looked at. Errors as above.
 */
int fat_size_needed(const FatFile *files, size_t n, const FatOptions *o, uint64_t *ret, Err *e);
/* Appends the volume to out; layout may be NULL.  Errors as above, before anything is appended. */
int fat_image(const FatFile *files, size_t n, const FatOptions *o, Extents *out, FatLayout *layout,
              Err *e);
