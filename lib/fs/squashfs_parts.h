/* squashfs_parts.h - what the files of the squashfs writer share; private to them.
 *
 * Order of an image: superblock, data blocks and fragment blocks as their files come, then the
 * tables. Everything that a table needs to know of the data is in SquashfsData. */
#pragma once

#include "lib/base/bytes.h"
#include "lib/base/str.h"
#include "lib/fs/inodes.h"
#include "lib/fs/squashfs.h"

enum {
        SQUASHFS_META = 8192,           /* bytes in a metadata block */
        SQUASHFS_STORED = 1 << 24,      /* in the size of a data block: not compressed */
        SQUASHFS_META_STORED = 1 << 15, /* the same in the header of a metadata block */
        SQUASHFS_GZIP = 1,
        SQUASHFS_ZSTD = 6,
        SQUASHFS_SUPER = 96,
};
#define SQUASHFS_NONE UINT32_MAX /* no fragment, no xattrs */

/* --- squashfs_codec.c */

typedef struct SquashfsCodec SquashfsCodec;

/* kind is SQUASHFS_GZIP or SQUASHFS_ZSTD. One codec serves one thread. */
SquashfsCodec *squashfs_codec_new(int kind, int level);
void squashfs_codec_free(SquashfsCodec *c); /* may be NULL */
static inline void cleanup_squashfs_codec_fn(SquashfsCodec **c) {
        squashfs_codec_free(*c);
}
#define _cleanup_squashfs_codec_ __attribute__((cleanup(cleanup_squashfs_codec_fn)))
/* Into out, which has room for n bytes; 0 when the result would not be smaller than the input. */
size_t squashfs_codec_block(SquashfsCodec *c, const void *in, size_t n, void *out);
const char *squashfs_codec_version(int kind);
int squashfs_codec_default_level(int kind);

typedef struct SquashfsPlan { /* options with their defaults filled in */
        int kind, level;
        uint32_t block_size, mtime;
        bool xattrs;
        Progress *progress;
} SquashfsPlan;

/* --- squashfs_data.c */

/* Where the bytes of a file are. */
typedef struct SquashfsFile {
        uint64_t start;   /* of its blocks in the image */
        uint32_t *blocks; /* sizes as inodes have them; 0: a hole */
        uint32_t n_blocks;
        uint32_t fragment, offset; /* SQUASHFS_NONE: no fragment */
        uint64_t sparse;           /* bytes in holes */
} SquashfsFile;

typedef struct SquashfsFragment {
        uint64_t start;
        uint32_t size;
} SquashfsFragment;

typedef struct SquashfsData {
        Arena *arena;
        SquashfsFile *files; /* by the number of the original inode, less one */
        SquashfsFragment *fragments;
        size_t n_fragments, cap_fragments;
} SquashfsData;

/* Writes all data to out, whose position is that of the image; cache may be NULL. */
int squashfs_write_data(const Inodes *x, const SquashfsPlan *plan, Cache *cache, Sink *out,
                        SquashfsData *ret, Err *e);
void squashfs_data_done(SquashfsData *d);

/* --- squashfs_piece.c */

/* Some blocks of one file, or one fragment block: what one thread compresses at a time. */
typedef struct SquashfsPiece {
        const SquashfsPlan *plan;
        Cache *cache;       /* may be NULL */
        SquashfsFile *file; /* NULL: a fragment block */
        uint32_t first;     /* block of the file */
        Content *parts;     /* follow each other; blocks are cut from all of them */
        size_t n_parts, cap_parts;
        uint64_t size;
        /* the result: sizes as inodes have them, and the blocks behind each other */
        uint32_t *sizes, n_blocks;
        Buf out;
} SquashfsPiece;

SquashfsPiece *squashfs_piece_new(const SquashfsPlan *plan, Cache *cache, SquashfsFile *file,
                                  uint32_t first);
void squashfs_piece_add(SquashfsPiece *p, const Content *c);
/* For pool.h: fills in the result of a SquashfsPiece, and frees one (may be NULL). */
int squashfs_piece_work(void *piece, Err *e);
void squashfs_piece_free(void *piece);

/* --- squashfs_meta.c */

/* A table that grows in compressed blocks. */
typedef struct SquashfsMeta {
        SquashfsCodec *codec; /* borrowed */
        Buf out;              /* finished blocks with their headers */
        size_t used;
        char block[SQUASHFS_META];
} SquashfsMeta;

void squashfs_meta_add(SquashfsMeta *m, const void *p, size_t n);
/* Position of the next byte: start of its block << 16 | offset inside of it. */
uint64_t squashfs_meta_position(const SquashfsMeta *m);
void squashfs_meta_flush(SquashfsMeta *m);

/* A table of fixed records and behind it, after head (may be NULL), the list of its blocks: writes
 * all of it, and hands out where head and list begin. */
int squashfs_write_indexed(Sink *out, SquashfsCodec *codec, const Buf *head, const Buf *records,
                           uint64_t *ret_start, Err *e);

/* --- squashfs_xattr.c */

/* The sets of extended attributes: equal ones are stored once. */
typedef struct SquashfsXattrs SquashfsXattrs;
SquashfsXattrs *squashfs_xattrs_new(SquashfsCodec *codec);
void squashfs_xattrs_free(SquashfsXattrs *x);
/* The number of the entry's set, SQUASHFS_NONE when it has none that the format can hold. */
uint32_t squashfs_xattrs_add(SquashfsXattrs *x, const Entry *entry);
/* Writes the tables to out; *ret_start is all ones when there are no sets. */
int squashfs_xattrs_write(SquashfsXattrs *x, Sink *out, uint64_t *ret_start, Err *e);

/* --- squashfs_tables.c */

typedef struct SquashfsTables {
        SquashfsMeta inodes, directories;
        uint64_t *references; /* of inodes, by number less one */
        uint32_t *ids;        /* users and groups, ascending */
        size_t n_ids;
} SquashfsTables;

/* What must hold before anything is written; fills ids. */
int squashfs_check(const Inodes *x, SquashfsTables *t, Err *e);
int squashfs_make_tables(const Inodes *x, const SquashfsPlan *plan, const SquashfsData *data,
                         SquashfsCodec *codec, SquashfsXattrs *xattrs, SquashfsTables *t, Err *e);
void squashfs_tables_done(SquashfsTables *t);
