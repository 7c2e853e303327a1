/* pack.h - from the finished entries to an image in the cache: one gzip layer, config, manifest. */
#pragma once

#include "lib/base/entry.h"
#include "lib/base/err.h"
#include "lib/package/internal.h"
#include "lib/base/spool.h"
#include "lib/package/stage.h"

/* Annotation of the manifest: digest of everything the image was made from. */
#define PACK_INPUTS "org.linuxkit.recipe.inputs"

/* Moves the entries that the recipe's `tar` patterns match into inner archives, which become files
 * of the stage. */
int pack_inner_tars(const Recipe *r, Stage *s, Spool *spool, int64_t mtime, Err *e);
/* Stores the stage as the image of p for arch, with the SPDX document spdx as its attestation. */
int pack_image(const Package *p, Cache *cache, const char *arch, Stage *s, int64_t mtime,
               const char *inputs, const char *spdx, Err *e);
