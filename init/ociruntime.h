/* ociruntime.h - the OCI runtimes of the image: runc, crun or any other with their command line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

/* Path of the program for containers that do not ask for another: what linuxkit.runtime= on the
 * kernel command line names (a path, or a name in /usr/bin), else /usr/bin/runc, else
 * /usr/bin/crun.  "" when the image has none of them; a wanted one that is not there is reported on
 * the console. */
const char *ociruntime_path(void);

/* The same for a given text of a command line and directory; the result is freed by the caller. */
char *ociruntime_find(const char *cmdline, const char *dir);

/* The program that a container asks for, a path or a name in one of the usual folders; word "" is
 * NULL.  The caller frees *ret.  ERR_NOT_FOUND when the image does not have it. */
int ociruntime_named(const char *word, char **ret, Err *e);

/* What containerd's shim must be told to run: NULL for runc, which it takes by itself, else program
 * (may be NULL), else crun of an image that has no runc. */
const char *ociruntime_for_shim(const char *program);

/* The version of the specification that config.json must have for a program, NULL when it takes
 * what is written there. */
const char *ociruntime_spec_version(const char *program);

/* Writes config.json of a bundle as the program wants it into path, which is replaced.  text NULL:
 * it is read from the bundle.  *written is false when the bundle's own will do. */
int ociruntime_write_spec(const char *program, const char *bundle, const char *text, size_t n,
                          const char *path, bool *written, Err *e);
