/* syslinux.h - SYSLINUX on a FAT volume, as its installer would put it there, for BIOS machines.
 *
 * Its files come from the installer's own program, of which nothing is run: only that carries
 * ldlinux.sys and the boot sector (formats.md 3.13).  They are GPL-2+ data beside ours. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/content.h"
#include "lib/base/err.h"
#include "lib/base/extents.h"
#include "lib/base/str.h"
#include "lib/fs/fat.h"

/* What the installer carries; borrowed from the buffer it was found in. */
typedef struct Syslinux {
        const uint8_t *boot_sector; /* 512 bytes */
        const uint8_t *sys;         /* ldlinux.sys */
        size_t sys_size;
        const uint8_t *c32; /* ldlinux.c32 of the same version */
        size_t c32_size;
} Syslinux;

/* Finds the three parts in the bytes of the Linux program /usr/bin/syslinux (version 6, Debian
 * package syslinux, amd64).  Hostile input.  ERR_VERIFY: they are not there. */
int syslinux_extract(const void *installer, size_t n, Syslinux *ret, Err *e);

/* What the one entry of syslinux.cfg starts; paths as in the volume, without leading "/". */
typedef struct SyslinuxBoot {
        const char *kernel;
        const char *const *initrds; /* in this order; may be NULL */
        size_t n_initrds;
        const char *cmdline; /* NULL or "": none */
} SyslinuxBoot;

/* Appends the text of syslinux.cfg.  ERR_USAGE: SYSLINUX cannot hand this command line or these
 * names over. */
int syslinux_config(const SyslinuxBoot *boot, Buf *out, Err *e);

/* Size of ldlinux.sys on the volume, and its bytes and boot sector (512 bytes) for a file that
 * begins at this sector of the volume and is contiguous. */
size_t syslinux_installed_size(const Syslinux *s);
int syslinux_patch(const Syslinux *s, uint32_t sector, uint8_t *sys, uint8_t *boot_sector, Err *e);

/* A volume that a BIOS boots once code in the MBR starts it: files (which hold the kernel and the
 * initrds), ldlinux.sys, ldlinux.c32 and syslinux.cfg.  o as for fat_image, without boot_sector;
 * o->hidden_sectors must be the start of the partition.  The installer's program is read from
 * installer; out keeps what it needs of it.  layout may be NULL; its file_sectors, if given, are
 * those of files. */
int syslinux_volume(const Content *installer, const SyslinuxBoot *boot, const FatFile *files,
                    size_t n, const FatOptions *o, Extents *out, FatLayout *layout, Err *e);
