/* paxrecords.h - the records of one pax extended header (POSIX.1-2001, "pax Extended Header"). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/entry.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

/* Zero-initialise to start.  Strings point into body or arena and live until the next clear. */
typedef struct PaxRecords {
        Buf body; /* the caller puts the header's bytes here before pax_parse, which changes them */
        const char *path, *linkpath, *uname, *gname; /* NULL: not given */
        bool has_size, has_uid, has_gid, has_mtime;
        uint64_t size, uid, gid;
        int64_t mtime;
        uint32_t mtime_nsec;
        bool sparse;        /* some GNU.sparse record is there */
        PaxRecord *records; /* all others, in archive order until pax_sort */
        size_t n, cap;
        Arena *arena;
} PaxRecords;

int pax_parse(PaxRecords *p, Err *e);
/* Adds a record KEY=decimal number. key must outlive p. */
void pax_add_number(PaxRecords *p, const char *key, int64_t v);
/* Sorts by key; of two records with one key the later stays. */
void pax_sort(PaxRecords *p);
void pax_clear(PaxRecords *p);
void pax_done(PaxRecords *p);
