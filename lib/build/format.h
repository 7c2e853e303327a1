/* format.h - the table of output formats.  A format is one row: its names, what it needs, and one
 * function that stacks the writers it is made of. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/build/parts.h"

/* Architectures of a format. */
enum { ON_AMD64 = 1, ON_ARM64 = 2, ON_ANY = ~0 };

/* How a machine starts from a disk or ISO. BOOT_USUAL: BIOS on amd64, UEFI elsewhere. */
typedef enum Boot { BOOT_NONE, BOOT_BIOS, BOOT_EFI, BOOT_HYBRID, BOOT_USUAL } Boot;

/* What a raw disk is wrapped in. */
typedef enum Wrap {
        WRAP_NONE,
        WRAP_QCOW2,
        WRAP_VHD,
        WRAP_DYNAMIC_VHD,
        WRAP_VMDK,
        WRAP_OVA,
        WRAP_GCP
} Wrap;

enum { FORMAT_FILES = 4 };

typedef struct Format {
        const char *name, *help;
        int (*write)(FormatJob *job, const struct Format *f, Err *e);
        const char *files[FORMAT_FILES + 1]; /* suffixes behind DIR/NAME, NULL at the end */
        int arches;
        bool streams;    /* may go to stdout, and must be the only format */
        bool kernel;     /* cannot do without one */
        bool dockerfile; /* the tree ends with a Dockerfile */
        bool initrd;     /* the root is in the initrd, whatever --disk-root says */
        bool finds_root; /* its command line says where the root is */
        RootKind image;  /* of a format that is about one kind of root image */
        Boot boot;
        Wrap wrap;
        uint32_t size; /* MiB that a disk has at least; 0: what it needs */
        uint32_t unit; /* MiB that its size is a multiple of; 0: 1 */
} Format;

/* NULL when there is no such format. */
const Format *format_find(const char *name);
/* Checks what can be known before any image is fetched: architecture, and formats that write the
 * same file (ERR_USAGE). */
int format_check(const Format *const *formats, size_t n, const char *arch, Err *e);
/* How it boots there, BOOT_USUAL resolved. */
Boot format_boot(const Format *f, const char *arch);
/* The file of a format that streams: output (--o), else PREFIX + suffix (yaml.md 3). malloc'ed. */
char *format_stream_path(const Format *f, const char *output, const char *prefix);
