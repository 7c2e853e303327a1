/* deb.h - the files of a Debian package: ar archive, in it data.tar.{xz,zst,gz,bz2} or data.tar.
 *
 * Contents are spooled once into an unnamed scratch file; the entries point into it.  No maintainer
 * script is ever looked at; of control.tar only a few fields are read, and a package without is
 * fine.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/entry.h"
#include "lib/base/err.h"

typedef struct Deb Deb;

/* scratch: a directory for the spool. Errors name path; a package with ".." in a name, device nodes
 * or without data.tar is ERR_VERIFY. */
int deb_open(const char *path, const char *scratch, Deb **ret, Err *e);
void deb_free(Deb *d); /* entries and contents die with it; d may be NULL */
size_t deb_count(const Deb *d);
/* In archive order. Names are clean ("usr/bin/runc"), the root directory is left out, hard links
 * have become files with the content of their target. */
const Entry *deb_entry(const Deb *d, size_t i);
/* NULL when there is no such name. */
const Entry *deb_find(const Deb *d, const char *name);
/* True when entry is one of deb_entry's. */
bool deb_owns(const Deb *d, const Entry *entry);

/* deb-control(5); each NULL when the package does not say it, or says it in other characters than
 * Debian's policy has for it.  source and source_version: as dpkg completes them. */
typedef struct DebControl {
        const char *architecture, *source, *source_version;
} DebControl;

const DebControl *deb_control(const Deb *d);
