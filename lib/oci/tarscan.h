/* tarscan.h - reads the entries of a tar with the place of their data.
 *
 * libarchive reads tar too, but keeps what we need to itself: where a member's bytes stand in the
 * file, pax records it does not know, and names that are not valid in the current locale.  The
 * tests hold this reader against libarchive's. */
#pragma once

#include <stdbool.h>

#include "lib/base/entry.h"
#include "lib/base/err.h"

/* Calls fn for each entry in archive order; the entry is valid during the call only, except that
 * its content points into c.  v7, ustar, pax, GNU (long names, base-256) and star are understood; a
 * sparse member or an unknown type is an error, so that bytes are never wrong.  Global pax headers
 * are skipped, as the reference does.  raw_names: names exactly as stored, else cleaned lexically
 * (yaml.md 7); link targets are never changed.  Extended attributes that only libarchive's own
 * record (LIBARCHIVE.xattr) holds get a SCHILY.xattr record.  Errors: ERR_VERIFY for content. */
int tarscan_run(const Content *c, bool raw_names, int (*fn)(void *ctx, const Entry *entry, Err *e),
                void *ctx, Err *e);
