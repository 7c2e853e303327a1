/* filter.h - what a build drops, replaces and appends when it unpacks an image (yaml.md 8).
 *
 * The appended entries come even when the image has the same names: the later entry wins, which is
 * how /etc gets mode 0755 whatever the image says. */
#pragma once

#include <stdbool.h>

#include "lib/base/entry.h"
#include "lib/base/err.h"
#include "lib/rootfs/maker.h"

typedef struct Filter {
        Maker maker;
        const char *prefix; /* "" or "containers/…/lower/", with the slash */
        bool container;     /* else an init image or a volume: resolv.conf becomes a symlink */
        bool exported;      /* the files come from a docker engine (end of section 8) */
        bool has_mtab;      /* set by filter_entry, as the next */
        unsigned has_dirs;  /* exported: bits of the appended directories that the image has */
} Filter;

/* True for the names that are dropped; for flatten(). */
bool filter_skips(const char *name);
/* The function to give to flatten() for this filter: an exported image keeps dev/pts and dev/shm.
 */
typedef bool (*FilterSkipFn)(const char *name);
FilterSkipFn filter_skip(const Filter *f);
/* An EntryFn; ctx is the Filter. Strings of the entry must outlive the tree. */
int filter_entry(void *ctx, const Entry *entry, Err *e);
/* Appends dev, etc/hosts, proc … after the last entry of the image. */
void filter_end(Filter *f);
