/* unitprep.h - the files around a service: its config.json as containerd gets it, its logs, and
 * mounts that a former life left behind. */
#pragma once

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/str.h"

/* Appends the container's specification: PATH/config.json with the absolute path of PATH/rootfs.
 * dump names a file that gets a copy; NULL: none. */
int unitprep_spec(const char *path, const char *dump, Buf *ret, Err *e);

/* Creates a log file: the shim only appends to existing files (boot.md A.4).  keep: what it holds
 * already is left there, so that a restart does not remove the reason for it. */
int unitprep_log(const char *path, bool keep, Err *e);

/* Unmounts everything below the directory path, last mount first.  Never fails. */
void unitprep_unmount(const char *path);
