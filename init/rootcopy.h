/* rootcopy.h - moves a directory tree from one file system to another, whole: modes, owners, times,
 * extended attributes, hard links, symbolic links, device nodes, FIFOs. */
#pragma once

#include "lib/base/err.h"

/* Moves everything below the directory `from` to the directory `to`.  Each file is removed from the
 * source as soon as it has been copied, so that both together need little more memory than one; the
 * directories of the source stay.  Other file systems mounted below `from` are made as empty
 * directories and not entered.  Sockets are left out. */
int rootcopy_move(const char *from, const char *to, Err *e);
