/* import_parts.h - what the two readers of import.h share; private to them. */
#pragma once

#include "lib/oci/import.h"
#include "lib/oci/tarball.h"

typedef struct Import {
        Cache *cache;
        const Tarball *tar;
        const char *path; /* for messages */
        const ImportOptions *options;
        Imported *result; /* names are in normal form, but not yet in the cache */
} Import;

/* Makes sure that the cache holds d; *content (NULL: none) is where the archive has it. */
int import_blob(Import *i, const Descriptor *d, const Content *content, Err *e);
/* Takes down that root is to be called name. */
int import_name(Import *i, const char *name, const Descriptor *root, Err *e);

/* The images of manifest.json, as `docker save` writes it. */
int import_docker(Import *i, const Content *manifest_json, Err *e);
