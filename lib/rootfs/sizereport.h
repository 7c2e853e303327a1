/* sizereport.h - which component brings how many bytes into the tree, and its largest files (W25,
 * W26).
 *
 * Sizes are those of the files' contents as the tar stores them: before compression, without
 * headers; an entry that a later one replaces counts too, because it is in the tar. */
#pragma once

#include "lib/base/str.h"
#include "lib/rootfs/tree.h"

/* {"bytes", "files", "components": [{location, source, bytes, files}], "largest": [{path, location,
 * source, bytes}]}: components by size, then in tree order; at most 20 largest files. */
void sizereport_json(const Tree *t, Buf *out);
/* The same as aligned lines. Control characters of names become "?". */
void sizereport_text(const Tree *t, Buf *out);
