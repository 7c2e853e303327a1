/* fat_internal.h - what fat.c (planning, tables) and fat_tree.c (names, folders) share. */
#pragma once

#include "lib/base/bytes.h"
#include "lib/base/mem.h"
#include "lib/fs/fat.h"

enum { FAT_ENTRY = 32, FAT_SHORT = 11, FAT_DIRECTORY = 0x10 };

typedef struct FatNode FatNode;
struct FatNode {
        FatNode *parent, *next, *first_child, *last_child; /* children are sorted by name */
        const char *name;
        size_t name_len;
        const FatFile *file; /* NULL: a folder */
        uint8_t short_name[FAT_SHORT];
        unsigned units; /* of the long name in UTF-16; 0: the short name says it all */
        uint64_t bytes; /* of data, or of a folder's entries */
        uint32_t cluster, clusters;
};

typedef struct FatTree {
        FatNode *root;
        /* In the order in which they lie on the volume: folders, files that go first, files. The
         * root is the first. */
        FatNode **order;
        size_t n;
} FatTree;

/* Makes the tree and all names; everything lives in a. */
int fat_tree_build(const FatFile *files, size_t n, bool has_label, Arena *a, FatTree *ret, Err *e);
/* The entries of a folder into p, of at least dir->bytes bytes; clusters are assigned. label is
 * that of the volume for the root's first entry, or NULL. */
void fat_folder_fill(const FatNode *dir, const uint8_t *label, int64_t mtime, uint8_t *p);
