/* lock.h - native.lock: which Debian packages a recipe was resolved to, per architecture.
 *
 * Plain lines, sorted, no addresses: the file is meant to be committed and to give readable diffs.
 *
 *     [amd64]
 *     request bookworm runc
 *     libc6 2.36-9+deb12u10 SHA256
 *
 * The request line is what was asked for; when the recipe asks for something else, the section is
 * stale. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/hash.h"

typedef struct LockEntry {
        char *name, *version;
        char sha256[65];
} LockEntry;

typedef struct LockSection {
        char *arch, *request;
        LockEntry *entries; /* sorted by name */
        size_t n, cap;
} LockSection;

typedef struct Lock {
        LockSection *sections; /* sorted by arch */
        size_t n, cap;
} Lock;

/* Reads path; ERR_NOT_FOUND when there is none, ERR_SPEC with file:line when it is damaged. */
int lock_load(const char *path, Lock *ret, Err *e);
/* The same for a text in memory; file is the name in messages. */
int lock_parse(const char *text, const char *file, Lock *ret, Err *e);
void lock_done(Lock *l);
#define _cleanup_lock_ __attribute__((cleanup(lock_done)))

/* NULL: the file has nothing for arch. */
const LockSection *lock_section(const Lock *l, const char *arch);
/* Replaces the section of arch by a copy of s, sorted. */
void lock_set(Lock *l, const LockSection *s);
/* Can these three stand in a lock file? They reach command lines and file names, so nothing that
 * could be an option or a path does. */
bool lock_words_ok(const char *name, const char *version, const char *sha256);
/* Appends an entry, unsorted; its words are ok. */
void lock_section_add(LockSection *s, const char *name, const char *version, const char *sha256);
void lock_section_sort(LockSection *s);
const LockEntry *lock_section_find(const LockSection *s, const char *name);
void lock_section_done(LockSection *s);

/* The text of the whole file, or of one section (without the comment on top). */
struct Buf;
void lock_print(const Lock *l, struct Buf *out);
void lock_section_print(const LockSection *s, struct Buf *out);
