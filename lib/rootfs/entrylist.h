/* entrylist.h - the entries of one layer, however they are stored, and two questions about their
 * names.
 *
 * Layers come from strangers: a name may start with "/" or hold ".." components. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/entry.h"

/* One layer: n entries with cleaned names, read through get (a mapped index or an array). */
typedef struct EntryList {
        size_t n;
        void (*get)(const void *ctx, size_t i, Entry *ret);
        const void *ctx;
} EntryList;

/* True when some component of path is "..". */
bool path_has_dotdot(const char *path);
/* name without leading slashes; "." for nothing. Borrowed. */
const char *name_relative(const char *name);
