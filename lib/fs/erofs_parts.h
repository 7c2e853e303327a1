/* erofs_parts.h - what the files of the EROFS writer share; private to them.
 *
 * Order of an image: block 0 with the superblock; blocks of inodes, each followed by its extended
 * attributes and, where it fits, the end of its data; blocks of directories; blocks of files. */
#pragma once

#include "lib/base/bytes.h"
#include "lib/base/str.h"
#include "lib/fs/erofs.h"
#include "lib/fs/inodes.h"

enum {
        EROFS_BLOCK = 4096,
        EROFS_SLOT = 32, /* inodes are aligned to it, and numbered by it */
        EROFS_COMPACT = 32,
        EROFS_EXTENDED = 64,
        EROFS_SUPER_OFFSET = 1024,
};

/* What becomes of one inode. */
typedef struct ErofsPlace {
        uint64_t at;      /* of the inode in the image, in bytes */
        uint64_t size;    /* of its data */
        uint32_t head;    /* the inode and its extended attributes */
        uint32_t xattrs;  /* bytes of those, 0: none */
        bool extended;    /* form of the inode */
        bool tail_inside; /* what is behind the last full block stands behind the head */
        uint64_t block;   /* first block of the rest, when there is any */
} ErofsPlace;

typedef struct ErofsPlan {
        const Inodes *x;
        int64_t mtime;
        ErofsPlace *places; /* by number of the inode, less one */
        uint64_t n_meta;    /* blocks up to and with those of inodes */
        uint64_t n_blocks;
} ErofsPlan;

/* Number of blocks outside of the inode. */
static inline uint64_t erofs_blocks(const ErofsPlace *p) {
        return p->size / EROFS_BLOCK + (p->size % EROFS_BLOCK && !p->tail_inside);
}

/* --- erofs_plan.c: checks everything and decides where it goes */
int erofs_plan(const Inodes *x, int64_t mtime, ErofsPlan *ret, Err *e);
void erofs_plan_done(ErofsPlan *p);

/* --- erofs_inode.c */
uint64_t erofs_xattrs_size(const Entry *entry);
/* The inode with its extended attributes: places[..].head bytes. */
void erofs_put_inode(const ErofsPlan *p, const Inode *i, Buf *b);

/* --- erofs_directory.c */
uint64_t erofs_directory_size(const Inode *dir);
/* All of its blocks, the last one cut to its length. */
void erofs_put_directory(const ErofsPlan *p, const Inode *dir, Buf *b);
