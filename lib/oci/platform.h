/* platform.h - OS/ARCH[/VARIANT] as users write it and as indexes name it (OCI image spec,
 * image-index.md). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/oci/manifest.h"

typedef struct Platform {
        const char *os, *arch;
        const char *variant; /* NULL: any */
} Platform;

/* Which images of an index are meant; all: every one of them, and items is not looked at. */
typedef struct Platforms {
        bool all;
        Platform *items;
        size_t n;
} Platforms;

/* "linux/arm64", "linux/arm/v7"; other names of known machines ("linux/aarch64") are accepted.
 * Strings are copied into the arena.  ERR_USAGE. */
int platform_parse(Arena *a, const char *text, Platform *ret, Err *e);
/* linux/ARCH for this machine. */
Platform platform_host(void);
/* Any of the arguments may be NULL: an entry without a platform matches nothing. */
bool platform_matches(const Platform *p, const char *os, const char *arch, const char *variant);
/* Is the entry an image of one of these platforms? */
bool platforms_match(const Platforms *p, const ManifestEntry *entry);
/* variant of an index entry, NULL when it has none; borrowed. */
const char *platform_variant(const ManifestEntry *entry);
/* "linux/arm64, linux/amd64" or "all platforms", malloc'ed. */
char *platforms_text(const Platforms *p);
