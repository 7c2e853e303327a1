/* tag.h - the name of a package's content (pkg.md 2): the git tree of its folder, marked when it
 * was changed.
 *
 * native.lock is special: the first build writes it, and that must not change the tag.  It counts
 * when it is committed (it is part of the tree then), not while it is untracked. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

#define TAG_LOCK_FILE "native.lock"

typedef struct TagSource { /* an extra source */
        const char *path;  /* absolute */
        const char *name;  /* where it goes in the context: part of the content hash */
} TagSource;

typedef struct TagOptions {
        const char *dir;    /* the package, an absolute path without symlinks */
        const char *commit; /* NULL: HEAD */
        const char *path;   /* --hash-path: hash this directory instead; NULL: dir */
        bool force_dirty;
        const TagSource *sources;
        size_t n_sources;
} TagOptions;

typedef struct Tag {
        char *hash;     /* 40 hex digits, perhaps "-dirty-" and 7 more */
        char *commit;   /* NULL outside of git, or when nothing is committed */
        char *toplevel; /* of the checkout, NULL outside of git */
        bool dirty;
} Tag;

/* Outside of git, and for a folder that was never committed, the hash is one of the content. */
int tag_compute(const TagOptions *o, Tag *ret, Err *e);
void tag_done(Tag *t);
/* Go template with the one value .Hash (pkg.md 2.4): text, {{.Hash}}, blanks and trim markers. *ret
 * is malloc'ed. */
int tag_expand(const char *template, const char *hash, char **ret, Err *e);
