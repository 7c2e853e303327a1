/* testutil.h - hand-made entries for the tests of this room, and what came out as one text.
 *
 * A layer is an array of rows; include after cmocka.h. */
#pragma once

#include <ftw.h>
#include <inttypes.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/rootfs/flatten.h"

typedef struct Row {
        EntryType type;
        const char *name;
        const char *text; /* content of a file, target of a link */
        uint32_t mode;    /* 0: 0644, directories 0755 */
} Row;

static inline void row_get(const void *ctx, size_t i, Entry *ret) {
        const Row *row = (const Row *)ctx + i;
        *ret = (Entry){ .name = row->name, .type = row->type, .mtime = 1500000000, .uid = 7 };
        ret->mode = row->mode ? row->mode : row->type == ENTRY_DIR ? 0755 : 0644;
        if (row->type == ENTRY_FILE)
                ret->content = content_bytes(row->text, row->text ? strlen(row->text) : 0);
        else
                ret->link = row->text;
}

#define LIST(rows) ((EntryList){ ARRAY_LEN(rows), row_get, rows })

/* Appends one line per entry: type letter, name, then "=content" or ">target". */
static inline void describe(Buf *b, const Entry *entry) {
        const char *letter = entry->type == ENTRY_DIR        ? "D"
                             : entry->type == ENTRY_SYMLINK  ? "L"
                             : entry->type == ENTRY_HARDLINK ? "H"
                             : entry->type == ENTRY_FILE     ? "F"
                                                             : "?";
        buf_addf(b, "%s %s", letter, entry->name);
        if (entry->type == ENTRY_FILE && !entry->content.blob)
                buf_addf(b, "=%.*s", (int)entry->content.size, (const char *)entry->content.bytes);
        else if (entry->link)
                buf_addf(b, ">%s", entry->link);
        buf_addc(b, '\n');
}

static inline int describe_fn(void *ctx, const Entry *entry, Err *e) {
        (void)e;
        describe(ctx, entry);
        return 0;
}

static inline int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        (void)st, (void)flag, (void)ftw;
        return remove(path);
}

/* A folder of a test with all that is in it. */
static inline int remove_tree(const char *directory) {
        return nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
