/* ociruntime.h - the OCI runtime of the image: runc, crun or any other with their command line. */
#pragma once

/* Path of the program: what linuxkit.runtime= on the kernel command line names (a path, or a name
 * in /usr/bin), else /usr/bin/runc, else /usr/bin/crun.  "" when the image has none of them; a
 * wanted one that is not there is reported on the console. */
const char *ociruntime_path(void);

/* The same for a given text of a command line and directory; the result is freed by the caller. */
char *ociruntime_find(const char *cmdline, const char *dir);
