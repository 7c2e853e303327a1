/* maker.h - adds the entries that the builder makes itself: owner 0:0 unless said otherwise, one
 * mtime, one pair of ownership marks (yaml.md 9).
 *
 * A Maker is a value: copy it and change a member for a variation. */
#pragma once

#include "lib/base/content.h"
#include "lib/rootfs/tree.h"

typedef struct Maker {
        Tree *tree;
        int64_t mtime;
        uint32_t uid, gid;
        const char *location, *source; /* must outlive the tree; NULL: no mark */
} Maker;

/* Names and link targets are copied into the tree; content is taken as it is. */
void make_dir(const Maker *m, const char *name, uint32_t mode);
void make_file(const Maker *m, const char *name, uint32_t mode, Content content);
void make_symlink(const Maker *m, const char *name, uint32_t mode, const char *target);
/* One directory entry per component, from the top down to and including path, which is clean. */
void make_leading_dirs(const Maker *m, const char *path);
/* n bytes copied into the tree. */
Content make_content(const Maker *m, const void *p, size_t n);
