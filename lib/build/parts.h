/* parts.h - the pieces that the formats of one build share: what the kernel section left in the
 * tree, and what is made from the rest of it.  Each is made when a format asks for it first, once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/content.h"
#include "lib/base/err.h"
#include "lib/base/extents.h"
#include "lib/build/bootfiles.h"
#include "lib/build/job.h"
#include "lib/build/stub.h"
#include "lib/oci/registry.h"

/* Where a disk or ISO has the root file system. */
typedef enum RootKind { ROOT_SQUASHFS, ROOT_EROFS, ROOT_INITRD } RootKind;

typedef struct PartsOptions {
        RootKind root;
        const RegistryOptions *registry;
        const char *bootloader; /* --bootloader, NULL: the component beside the program */
        const char *secure_key; /* PEM files: sign what UEFI starts; NULL: do not */
        const char *secure_cert;
        bool locked;
} PartsOptions;

/* Both must outlive the parts. */
Parts *parts_new(const FormatJob *job, const PartsOptions *o);
void parts_free(Parts *p); /* p may be NULL */
const PartsOptions *parts_options(const Parts *p);

/* The last file of that name in the tree is what a machine boots (formats.md 1.2): "boot/kernel",
 * "boot/cmdline", "boot/ucode.cpio".  Empty when there is none. */
Content boot_part(const Tree *t, const char *name);
/* boot/cmdline as text. */
int parts_cmdline(Parts *p, const char **ret, Err *e);
/* The same with `root` (NULL: nothing) behind it, unless a word root= is there already. */
int parts_cmdline_root(Parts *p, const char *root, char **ret, Err *e);
/* boot/kernel, on arm64 without compression, as its firmware wants it; ERR_USAGE when there is
 * none. */
int parts_kernel(Parts *p, const Extents **ret, Err *e);
/* The same, and firmware can start it: a bzImage or Image for this architecture (else ERR_SPEC). */
int parts_bootable_kernel(Parts *p, const Extents **ret, Err *e);

/* The tree without boot/... as a file system image. */
int parts_image(Parts *p, RootKind fs, const Extents **ret, Err *e);
/* "squashfs", "erofs". */
const char *root_name(RootKind fs);
/* Microcode and the tree without boot/... as gzip'ed cpio. */
int parts_initrd(Parts *p, const Extents **ret, Err *e);

/* Microcode and the small initramfs that finds a root of this kind there (stub.h).  *ret is NULL
 * when the kernel needs neither. */
int parts_stub(Parts *p, StubRoot where, RootKind fs, const Extents **ret, Err *e);

/* The root as --disk-root has it, or in the initrd in any case: *initrd with all of it and *root
 * NULL, or the image as *root and what leads to it as *initrd (NULL: the kernel alone does it). */
int parts_root(Parts *p, bool in_initrd, StubRoot where, const Extents **initrd,
               const Extents **root, Err *e);

/* A file of the boot loader component. */
int parts_boot_file(Parts *p, const char *name, Content *ret, Err *e);

/* The firmware of the Raspberry Pi; the parts'. */
int parts_firmware(Parts *p, Bootfiles **ret, Err *e);

/* Names a combination of parts (NULL: none) and the command line, for identifiers that must follow
 * from the content; and a number that follows from that, never 0. */
int parts_id(Parts *p, const Extents *kernel, const Extents *initrd, const Extents *root,
             Digest *ret, Err *e);
uint32_t parts_signature(const Digest *id);

/* Writes the tree without boot/... as gzip'ed cpio; out is not finished. */
int initrd_write(const FormatJob *job, Sink *out, Err *e);
