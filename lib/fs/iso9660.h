/* iso9660.h - a tree as a CD image: ECMA-119 with Rock Ridge, optionally Joliet, bootable by BIOS
 * (El Torito, isohybrid) and by UEFI (El Torito, appended ESP with GPT), from CD and from disk.
 *
 * The image is a list of references: file data are never copied, so planning an image of gigabytes
 * costs memory for names and records only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/content.h"
#include "lib/base/err.h"
#include "lib/base/extents.h"
#include "lib/base/uuid.h"
#include "lib/rootfs/tree.h"

/* Bytes that no single Content can name: a file system image in the ISO, an initrd. */
typedef struct IsoData {
        const char *path;    /* of an (empty) file in the tree */
        const Extents *data; /* must outlive the image */
} IsoData;

typedef struct IsoOptions {
        const char *volume_id; /* at most 32 bytes of ASCII */
        int64_t mtime;         /* of the volume and of directories that the tree does not name */
        bool joliet;
        /* Leaves out the entries whose path it answers true for, with all below; NULL: none. */
        bool (*skip)(const char *path);
        const IsoData *data; /* what these files of the tree hold; n_data of them */
        size_t n_data;
        /* A BIOS boots this file of the tree ("isolinux/isolinux.bin"): El Torito without
         * emulation.  A boot information table is patched into the image's copy, and the boot
         * catalogue appears beside it as boot.cat.  NULL: no BIOS boot. */
        const char *bios_image;
        /* Boot code that makes the image a disk for a BIOS too: isohdpfx.bin, 432 bytes, in
         * memory; goes with bios_image.  NULL: none. */
        const Content *hybrid_mbr;
        uint32_t mbr_signature;
        /* A FAT file system that UEFI boots from: appended behind the ISO 9660 file system as GPT
         * partition 2 and named in the boot catalogue.  Must outlive the image.  NULL: none. */
        const Extents *efi_image;
        Uuid disk_guid, iso_guid, esp_guid; /* with efi_image: of the disk and both partitions */
} IsoOptions;

/* Appends the image to out, which holds what is made here; tree, options' strings and contents
 * that the tree refers to must outlive out.  Layout: formats.md 2.2, 2.3 and 3.3.
 * Errors come before anything is appended: a boot or data file that is missing (ERR_NOT_FOUND),
 * names or sizes beyond the format's limits (ERR_SPEC), a file that cannot be read. */
int iso9660_image(const Tree *t, const IsoOptions *o, Extents *out, Err *e);
