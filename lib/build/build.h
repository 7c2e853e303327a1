/* build.h - the pipeline spec -> images -> tree -> stream and the table of output formats. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/oci/registry.h"

typedef struct BuildOptions { /* flags of `linuxkit build` (yaml.md 3); zero-initialise for the
                                 defaults */
        const char *const *files;
        size_t n_files;
        const char *const *formats; /* as given, split at commas */
        size_t n_formats;
        const char *output; /* --o */
        const char *name, *dir, *arch, *cache;
        bool pull, decompress_kernel, no_sbom, sbom_current_time, dry_run;
        const char *sbom_output;
        const char *size;       /* of disks, as given: "1024M"; NULL: what they need */
        const char *disk_root;  /* "squashfs", "erofs" or "initrd"; NULL: squashfs */
        const char *bootloader; /* image or folder; NULL: the package beside the program */
        const char *secureboot_key, *secureboot_cert; /* PEM files; NULL: nothing is signed */
        const char *input_tar;                        /* output of an earlier build, NULL: none */
        bool docker;                                  /* look for images in a docker engine first */
        const char *size_report; /* file for the JSON; "-": a table on stderr; NULL: none */
        RegistryOptions registry;
        /* The lock files of packages named by path, and the one of the build file, must be
         * satisfied. */
        bool locked;
        const char *lock_file; /* NULL: linuxkit.lock beside the first file, see pins.h */
        const char *bundle;    /* take images from this file and ask no registry; NULL: none */
        /* Opt-ins, as in AssembleOptions. */
        bool keep_dirs, dedup, relative_source, strict;
} BuildOptions;

int build_run(const BuildOptions *o, Err *e);

/* One row per format, for --help, completion and the check of --format. Ends with name NULL. */
typedef struct FormatInfo {
        const char *name, *help;
} FormatInfo;
const FormatInfo *build_formats(void);
