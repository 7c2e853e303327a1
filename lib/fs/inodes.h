/* inodes.h - a tree as a file system sees it: directories with sorted names, and inodes that may
 * have several names.
 *
 * The tree is a list in which names repeat; here it is played in order as unpacking it would: a
 * later file replaces an earlier one, a later directory gives an earlier one its attributes,
 * missing parents appear (root:root 0755), parents that are symlinks are followed inside the tree.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/entry.h"
#include "lib/base/err.h"
#include "lib/rootfs/tree.h"

typedef struct Inode Inode;

/* A name in a directory: one component, never "." or "..", at most 255 bytes. */
typedef struct Dirent {
        const char *name;
        Inode *inode;
} Dirent;

struct Inode {
        /* Attributes, never of type ENTRY_HARDLINK. name is the full path of the first of its names
         * that the tree gave, without slashes at its ends; "" is the root. Directories that the
         * tree does not mention have their last component only. */
        Entry entry;
        uint32_t number; /* 1 .. n: its place in Inodes.all, plus one */
        uint32_t links;  /* its names; of a directory 2 and its sub-directories */
        Inode *parent;   /* of a directory: where it stands; of the root: itself; else NULL */
        Dirent *children;
        size_t n_children; /* sorted by bytes; directories only */
        /* Files: the first file in `all` that has the same bytes. Itself until inodes_find_copies.
         */
        Inode *original;
};

typedef struct Inodes {
        Arena *arena;
        Inode **all; /* root first, every directory before what stands in it, siblings sorted */
        size_t n;
} Inodes;

/* skip (may be NULL) tells which cleaned full names are left out, with all below them; a hard link
 * elsewhere to such a file keeps it.  mtime is for directories that the tree does not mention. t
 * must outlive *ret. Errors: a name or a symlink's target that cannot be, a file that must also be
 * a directory, a hard link to nothing. */
int inodes_new(const Tree *t, bool (*skip)(const char *name), int64_t mtime, Inodes **ret, Err *e);
void inodes_free(Inodes *x); /* may be NULL */
static inline void cleanup_inodes_fn(Inodes **x) {
        inodes_free(*x);
}
#define _cleanup_inodes_ __attribute__((cleanup(cleanup_inodes_fn)))

/* Sets `original` everywhere: equal references first, then, among files of one size, equal SHA-256
 * (read on all cores).  The result follows from the bytes only, not from how they are referenced.
 */
int inodes_find_copies(Inodes *x, Err *e);

/* Names what an image is made from: how (options, versions), all names and attributes, and contents
 * by reference - hence equal trees may have two digests, but one digest never two trees. */
void inodes_digest(const Inodes *x, const char *how, Digest *ret);

/* The skip of the "rootfs split" (formats.md 1.2): all below boot/, but not boot itself. */
bool inodes_skip_boot(const char *name);

/* Mode with the bits of its type (S_IFREG ...). */
uint32_t inode_mode(const Inode *i);
/* Device number as Linux encodes it in 32 bits (new_encode_dev). */
uint32_t inode_device(const Inode *i);
/* The extended attribute that a pax record carries ("security.capability"), NULL: none. */
const char *inode_xattr_name(const PaxRecord *p);
static inline bool inode_is_dir(const Inode *i) {
        return i->entry.type == ENTRY_DIR;
}
