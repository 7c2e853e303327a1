/* entry.h - one member of an archive: what layers are read into and what all writers consume.
 *
 * Names are relative ("etc/hosts"), without a leading slash; directories carry no trailing slash
 * unless the source archive had one and the specification says that it is kept (yaml.md 18). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/content.h"

/* The values are the typeflags of POSIX.1-2001 pax, ustar interchange format. */
typedef enum EntryType {
        ENTRY_FILE = '0',
        ENTRY_HARDLINK = '1',
        ENTRY_SYMLINK = '2',
        ENTRY_CHAR = '3',
        ENTRY_BLOCK = '4',
        ENTRY_DIR = '5',
        ENTRY_FIFO = '6',
} EntryType;

/* A pax extended header record that must survive (SCHILY.xattr.*, atime, ctime, comment ...). The
 * value may hold NUL bytes. path, linkpath, size, uid, gid, mtime, uname and gname never stand
 * here: they are members of Entry. */
typedef struct PaxRecord {
        const char *key;
        const char *value;
        size_t value_len;
} PaxRecord;

/* All pointers are borrowed from whoever made the entry (a mapped index, a tree's arena). */
typedef struct Entry {
        const char *name;
        const char *link; /* target of symlink or hard link, else NULL */
        EntryType type;
        uint32_t mode; /* low 12 bits only */
        uint32_t uid, gid;
        int64_t mtime;             /* seconds since 1970 */
        uint32_t mtime_nsec;       /* 0..999999999 */
        const char *uname, *gname; /* NULL or "" when not given */
        uint32_t dev_major, dev_minor;
        const PaxRecord *pax; /* sorted by key */
        size_t n_pax;
        Content content;      /* files only */
        const char *location; /* LINUXKIT.location, NULL: no mark */
        const char *source;   /* LINUXKIT.source, NULL: no mark */
} Entry;
