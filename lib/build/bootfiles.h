/* bootfiles.h - the parts of an image that are neither its own nor the kernel's: EFI stub, BIOS
 * boot loaders, the program of the stub initramfs, firmware of the Raspberry Pi.
 *
 * They come from component packages of this repository (pkg/bootloader, pkg/bootloader-bios,
 * pkg/raspi-firmware), built into the cache when they are first asked for and found there without
 * any network afterwards; or from what --bootloader or LINUXKIT_BOOTLOADER names. */
#pragma once

#include <stdbool.h>

#include "lib/base/content.h"
#include "lib/base/err.h"
#include "lib/oci/cache.h"
#include "lib/oci/registry.h"

typedef struct BootfilesOptions {
        Cache *cache;
        const RegistryOptions *registry;
        const char *arch;     /* of the image that is built, Go name */
        const char *override; /* --bootloader: a reference, a package folder or a folder of files;
                                 NULL or
                                 "": $LINUXKIT_BOOTLOADER, else the packages beside the program */
        bool locked;          /* as in PackageOptions */
} BootfilesOptions;

typedef struct Bootfiles Bootfiles;

/* Nothing is fetched or built before the first bootfiles_get. Strings of o are borrowed. */
int bootfiles_open(const BootfilesOptions *o, Bootfiles **ret, Err *e);
/* The same for the firmware of the Raspberry Pi: "start.elf", "fixup.dat" ...; its variable is
 * LINUXKIT_RPI_FIRMWARE. */
int rpi_firmware_open(const BootfilesOptions *o, Bootfiles **ret, Err *e);
/* b may be NULL; contents that came from it die with it. */
void bootfiles_free(Bootfiles *b);

/* A part by name: "stub", "linux.efi.stub"; amd64 also "syslinux", "mbr.bin", "gptmbr.bin",
 * "ldlinux.c32", "isolinux.bin", "isohdpfx.bin".  ERR_NOT_FOUND names the part, the architecture
 * and what to do. Not thread-safe. */
int bootfiles_get(Bootfiles *b, const char *name, Content *ret, Err *e);
/* Calls fn for every file, sorted by name: for what is copied as a whole, the Pi's firmware.
 * Licences are among them ("licences/..."). */
int bootfiles_each(Bootfiles *b, int (*fn)(void *ctx, const char *name, const Content *c, Err *e),
                   void *ctx, Err *e);
