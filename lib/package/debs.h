/* debs.h - the Debian packages a recipe may take from: what the lock says, fetched and opened only
 * when needed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/oci/cache.h"
#include "lib/package/apt.h"
#include "lib/package/deb.h"
#include "lib/package/lock.h"

typedef struct Debs Debs;

/* Packages are those of section (borrowed, sorted by name); .deb files live in the cache by digest.
 */
int debs_new(Cache *cache, Apt *apt, const LockSection *section, Debs **ret, Err *e);
void debs_free(Debs *d); /* closes all packages; d may be NULL */

size_t debs_count(const Debs *d);
const char *debs_name(const Debs *d, size_t i);
/* Makes sure that the chosen packages are open, fetching what is missing in one go. A package whose
 * bytes are not those of the lock is ERR_VERIFY; one that is offered no more ERR_NOT_FOUND, and
 * debs_gone says so. */
int debs_open(Debs *d, const bool *choice, Err *e);
/* NULL: not opened. */
const Deb *debs_get(const Debs *d, size_t i);
bool debs_gone(const Debs *d);
/* Notes that entry, of one of the packages, is in the image; directories do not count. */
void debs_note(Debs *d, const Entry *entry);
/* True when something of package i was noted. */
bool debs_used(const Debs *d, size_t i);
const LockEntry *debs_lock(const Debs *d, size_t i);
/* Directory for scratch files. */
const char *debs_scratch(const Debs *d);
