/* iso9660_internal.h - what the parts of the ISO 9660 writer share; see iso9660.h.
 *
 * One plan, two views: the primary volume (ECMA-119 names, Rock Ridge) and Joliet's have their own
 * directories and path tables but the same file data.  When the image gets a partition at block 16,
 * all of these structures stand twice: set 0 counts blocks from the start of the image, set 1 from
 * the start of the partition, so that both the whole disk and partition 1 can be mounted. */
#pragma once

#include "lib/base/bytes.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/fs/inodes.h"
#include "lib/fs/iso9660.h"

enum {
        ISO_BLOCK = 2048,
        ISO_DESCRIPTORS = 16, /* block of the first volume descriptor */
        ISO_PARTITION = 16,   /* block where partition 1 starts when there is a GPT */
        ISO_SECTORS = ISO_BLOCK / 512,
        ISO_RECORD_MAX = 254, /* an even number that fits the length byte */
        ISO_RECORD_FIXED = 33,
};

typedef enum IsoView { ISO_PRIMARY, ISO_JOLIET, ISO_VIEWS } IsoView;

/* Bytes that stand in the image once, whoever refers to them. */
typedef struct IsoFile {
        Content content;
        const Extents *data; /* instead of content; NULL: none */
        uint64_t block;
} IsoFile;

static inline uint64_t iso_file_size(const IsoFile *f) {
        return f->data ? extents_size(f->data) : f->content.size;
}

typedef struct IsoNode IsoNode;

/* A directory in one view. Blocks are those of set 0. */
typedef struct IsoDirectory {
        IsoNode **nodes; /* in the order of the records */
        size_t n;
        uint64_t block, size;           /* size in bytes, whole blocks */
        uint64_t more_block, more_size; /* Rock Ridge continuation areas */
        uint32_t number;                /* in the path table, from 1 */
} IsoDirectory;

/* A name; several may share an inode, and so a file. */
struct IsoNode {
        const char *name; /* bytes as in the tree; "" for the root */
        const Inode *inode;
        IsoNode *parent; /* the root's is itself */
        IsoNode **children;
        size_t n_children;      /* sorted by bytes */
        IsoDirectory *dir;      /* [ISO_VIEWS]; NULL: not a directory */
        IsoFile *file;          /* NULL: no bytes */
        const char *iso;        /* ECMA-119 name without version */
        const uint16_t *joliet; /* UCS-2, native byte order */
        size_t joliet_len;      /* in units */
};

typedef struct IsoPlan {
        const IsoOptions *o;
        Arena *arena; /* dies with the plan */
        Arena *kept;  /* lives with the image */
        Inodes *inodes;
        IsoNode *root;
        IsoNode **directories;     /* all, parents before their children */
        IsoNode **dirs[ISO_VIEWS]; /* the same in the order of the path table */
        size_t n_dirs, cap_dirs;
        IsoFile **files; /* every one that has bytes, once */
        size_t n_files, cap_files;
        IsoFile *bios;    /* of bios_image, a copy in memory; NULL: none */
        IsoFile *catalog; /* El Torito's, one block; NULL: none */
        size_t n_sets;
        uint64_t tables[ISO_VIEWS];         /* first block of the two path tables */
        uint64_t table_size[ISO_VIEWS];     /* in bytes */
        uint64_t structures, n_structures;  /* block and number of blocks of one set */
        uint64_t iso_end, esp_block, total; /* in blocks */
} IsoPlan;

/* The number that set's structures name a block of structures, or of data, by. */
static inline uint32_t iso_structure_block(const IsoPlan *p, uint64_t block, size_t set) {
        return (uint32_t)(block + set * p->n_structures - set * ISO_PARTITION);
}
static inline uint32_t iso_data_block(uint64_t block, size_t set) {
        return (uint32_t)(block - set * ISO_PARTITION);
}
static inline uint64_t iso_blocks(uint64_t bytes) {
        return bytes / ISO_BLOCK + (bytes % ISO_BLOCK != 0);
}

/* --- numbers and dates (ECMA-119, 7 and 8.4.26, 9.1.5) ----------------------------------- */

static inline void iso_both16(uint8_t *p, uint32_t v) {
        put_le(p, v, 2);
        put_be(p + 2, v, 2);
}
static inline void iso_both32(uint8_t *p, uint32_t v) {
        put_le(p, v, 4);
        put_be(p + 4, v, 4);
}
enum { ISO_DATE = 7, ISO_LONG_DATE = 17 };
/* UTC; a time outside of 1900 to 2155 becomes the nearest one inside. */
void iso_date(uint8_t *p, int64_t t);
void iso_long_date(uint8_t *p, int64_t t);

/* --- iso9660_tree.c ---------------------------------------------------------------------- */

/* Fills inodes, root, directories, files, bios and catalog. */
int iso_tree_build(IsoPlan *p, const Tree *t, Err *e);

/* --- iso9660_names.c --------------------------------------------------------------------- */

enum { ISO_NAME_MAX = 255 }; /* bytes of a name, as in Linux */

/* Gives every node its name in each view, unique in its directory, and sorts the records. */
void iso_names_assign(IsoPlan *p, IsoNode *dir);
size_t iso_joliet_units(const char *utf8, uint16_t *ret, size_t max);

/* --- iso9660_rockridge.c ----------------------------------------------------------------- */

typedef enum IsoRecord { ISO_SELF, ISO_PARENT, ISO_CHILD } IsoRecord;

/* Where the entries go that do not fit into a record; base is NULL while sizes are counted. */
typedef struct IsoMore {
        uint8_t *base;
        uint64_t size;
        uint32_t block; /* number of base's block */
} IsoMore;

/* Writes the entries of a record about node into its last `room` bytes at to (NULL: counts only)
 * and the rest into more; yields the number of bytes in the record. */
size_t iso_rockridge(const IsoNode *node, IsoRecord kind, bool root, size_t room, uint8_t *to,
                     IsoMore *more);

/* --- iso9660_directory.c ----------------------------------------------------------------- */

/* Orders the directories as the path table has them. */
void iso_directories_order(IsoPlan *p, IsoView v);
/* Sizes of a directory and of its continuation areas. */
void iso_directory_measure(const IsoPlan *p, IsoView v, IsoNode *node);
/* The record of the root as a volume descriptor holds it: 34 bytes. */
void iso_root_record(const IsoPlan *p, IsoView v, size_t set, uint8_t *to);
/* at: where the set's structures begin in memory. */
void iso_directory_write(const IsoPlan *p, IsoView v, size_t set, const IsoNode *node, uint8_t *at);
uint64_t iso_path_table_size(const IsoPlan *p, IsoView v);
void iso_path_tables_write(const IsoPlan *p, IsoView v, size_t set, uint8_t *at);

/* --- iso9660_volume.c -------------------------------------------------------------------- */

/* Number of descriptor blocks of a set, and the blocks themselves. */
size_t iso_descriptors(const IsoPlan *p, size_t set);
void iso_descriptors_write(const IsoPlan *p, size_t set, uint8_t *to);

/* --- iso9660_boot.c ---------------------------------------------------------------------- */

/* Memory for the catalogue, and a copy of the BIOS boot file in place of its content. */
int iso_boot_load(IsoPlan *p, Err *e);
/* Fill them once all blocks are known. */
void iso_catalog_write(const IsoPlan *p);
void iso_boot_patch(const IsoPlan *p);

/* --- iso9660_hybrid.c -------------------------------------------------------------------- */

/* The 16 blocks in front of the descriptors: boot code and partition tables. */
void iso_system_area_write(const IsoPlan *p, uint8_t *to);
/* The second copy of the GPT, the last ISO_GPT_TAIL bytes of the image. */
enum { ISO_GPT_TAIL = 33 * 512 };
void iso_gpt_tail_write(const IsoPlan *p, uint8_t *to);
