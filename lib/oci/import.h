/* import.h - images from an archive into the cache: OCI layouts (also those that docker and skopeo
 * write) and archives of `docker save`, plain, gzip or zstd (cli.md 6.5, 14 row 14). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/oci/cache.h"

typedef struct ImportOptions {
        const char *name; /* instead of the archive's own name, which must hold one image then;
                             NULL: none */
        bool check;      /* read what the cache has already and replace it when it is damaged; small
                            blobs always are */
        bool keep_names; /* a name that the cache has with other content stays as it is; the image
                            is entered as NAME@DIGEST */
} ImportOptions;

typedef struct ImportedImage {
        char *name; /* as in the cache */
        Descriptor root;
} ImportedImage;

typedef struct Imported {
        ImportedImage *images;
        size_t n, cap;
        char *lock; /* text of the member "linuxkit.lock" of a bundle, NULL: none */
        size_t lock_len;
} Imported;

/* path "-": standard input.  Only what the images need is stored, each blob verified against its
 * digest; names are set last.  A part that an image needs may be in the cache already.  Errors:
 * ERR_VERIFY when the archive is not what it claims, ERR_NOT_FOUND when it lacks a part or holds no
 * image with a name. */
int import_archive(Cache *c, const char *path, const ImportOptions *o, Imported *ret, Err *e);
void imported_done(Imported *i);
#define _cleanup_imported_ __attribute__((cleanup(imported_done)))
