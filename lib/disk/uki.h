/* uki.h - a unified kernel image: kernel, initrd and command line as sections behind systemd's EFI
 * stub, one program that firmware starts (formats.md 3.11). */
#pragma once

#include <stdint.h>

#include "lib/base/content.h"
#include "lib/base/err.h"
#include "lib/base/extents.h"

typedef struct UkiParts {
        const char *arch;      /* Go name: what stub and kernel must be for */
        const Content *stub;   /* linuxx64.efi.stub and the like; hostile input */
        const Extents *kernel; /* bzImage or Image with EFI stub */
        const Extents *initrd; /* NULL: none */
        const char *cmdline;   /* NULL or "": none */
        const char *osrel;     /* os-release text, NULL: none */
        const char *uname;     /* kernel release, NULL: none */
        const Content *dtb;    /* NULL: none */
        uint32_t align;        /* data of new sections starts at a multiple of so many bytes of the
                                  file, a power of two up to 1 MiB; 0: what the stub's header asks */
} UkiParts;

/* Where a part lies in the file, for who refers to the same bytes; 0 when there is none. */
typedef struct UkiLayout {
        uint64_t kernel_at, initrd_at;
} UkiLayout;

/* ERR_SPEC: not a bzImage (amd64) or uncompressed Image (arm64). */
int uki_check_kernel(const Extents *kernel, const char *arch, Err *e);
/* Appends the image to out; kernel and initrd are referred to and must outlive it.  layout may be
 * NULL.  ERR_SPEC: kernel or stub of another kind or architecture, parts too large; ERR_VERIFY:
 * the stub is damaged or has no room for the sections. */
int uki_image(const UkiParts *parts, Extents *out, UkiLayout *layout, Err *e);
