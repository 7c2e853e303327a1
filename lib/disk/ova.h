/* ova.h - an OVF package in one tar: descriptor, manifest, disk (DMTF DSP0243, formats.md 3.8). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/extents.h"
#include "lib/base/hash.h"
#include "lib/base/io.h"

typedef struct OvaOptions {
        const char *name; /* of the machine and of the members, of which letters, digits and "._-"
                             are kept, '_' stands for others, 90 bytes at most */
        const Extents *vmdk;   /* streamOptimized */
        const Digest *digest;  /* of vmdk */
        uint64_t capacity;     /* bytes of the disk in it */
        bool efi;              /* firmware of the machine; else BIOS */
        unsigned cpus, memory; /* memory in MiB */
        int64_t mtime;
} OvaOptions;

/* Does not finish out. */
int ova_write(const OvaOptions *o, Sink *out, Err *e);
