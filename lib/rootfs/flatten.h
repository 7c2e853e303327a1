/* flatten.h - several layers become one ordered stream of entries (yaml.md 7).
 *
 * The order is surprising and part of the contract: the topmost layer comes first. Only hard links
 * move, behind their target. Nothing is copied: emitted entries borrow all strings from the layers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/entry.h"
#include "lib/base/err.h"
#include "lib/rootfs/entrylist.h"

typedef int (*EntryFn)(void *ctx, const Entry *entry, Err *e);

/* Calls fn for every entry of the image, layers[0] being the bottom. OCI semantics: whiteouts and
 * opaque markers act on lower layers only, the last entry of a name in a layer wins, hard links
 * come after their target, and when the target is gone its first link becomes the file.
 *
 * skip (may be NULL) names entries that the caller drops: they still hide lower layers, but are not
 * emitted, and hard links to them are repaired as for any target that is gone.
 *
 * Emitted names never start with "/" and never hold a ".." component. ERR_VERIFY for names
 * that point outside, for hard links without any target and for those below a file. */
int flatten(const EntryList *layers, size_t n_layers, bool (*skip)(const char *name), EntryFn fn,
            void *ctx, Err *e);
