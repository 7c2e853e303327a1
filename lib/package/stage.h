/* stage.h - the tree of an image while it is put together: one entry per path, the latest wins.
 *
 * Unlike lib/rootfs/tree.h nothing is repeated and the order is that of the paths; parents that
 * nobody added come into being in stage_finish. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/entry.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

typedef struct Stage Stage;

Stage *stage_new(void);
void stage_free(Stage *s); /* s may be NULL; blobs are not closed */
static inline void cleanup_stage_fn(Stage **s) {
        stage_free(*s);
}
#define _cleanup_stage_ _cleanup_(cleanup_stage_fn)
Arena *stage_arena(Stage *s);
/* Adds or replaces the entry called name; link must outlive the stage. A directory does not replace
 * a directory (its first owner wins); a directory against a file is ERR_SPEC. */
int stage_add(Stage *s, const char *name, const Entry *entry, Err *e);
/* NULL: none. Valid until the next change. */
const Entry *stage_find(const Stage *s, const char *name);
void stage_remove(Stage *s, const char *name);
/* Every entry as it was added; NULL: removed meanwhile. */
size_t stage_slots(const Stage *s);
const Entry *stage_slot(const Stage *s, size_t i);

/* Adds the missing parents (0755, root, mtime), refuses entries below something that is no
 * directory, and turns equal files that share their bytes into hard links when links is true. *ret:
 * sorted by name, valid until the next change; malloc'ed array. */
int stage_finish(Stage *s, int64_t mtime, bool links, Entry **ret, size_t *ret_n, Err *e);
