/* file.h - files and descriptors: temporary files that become visible whole, reading with a limit.
 *
 * Below content.h and io.h: nothing here knows of sinks (file_write, which needs one, stands in
 * io.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

/* Unlinks every temporary file of this process; async-signal-safe. */
void file_tmp_remove_all(void);
/* Makes an empty temporary file next to path (PATH.tmp-PID-N), registers it and locks it with flock
 * while it is open; ret_tmp is malloc'ed. Returns the fd. */
int file_tmp_open(const char *path, uint32_t mode, char **ret_tmp, Err *e);
/* Renames tmp to path, flushing data to the disk first, and forgets tmp: for what must survive a
 * power failure. */
int file_tmp_commit(int fd, const char *tmp, const char *path, Err *e);
/* The same without flushing: survives any kill of the process, and costs nothing. */
int file_tmp_rename(const char *tmp, const char *path, Err *e);
/* Unlinks tmp and forgets it. */
void file_tmp_discard(const char *tmp);
/* Removes temporary files for `name` in dir ("": for any name) whose writer was killed: old enough,
 * and nobody holds their lock. Never fails; what cannot be removed stays. */
void file_tmp_sweep(const char *dir, const char *name);

/* Whole file, at most limit bytes (more is an error). *ret is malloc'ed and NUL-terminated. A
 * missing file is ERR_NOT_FOUND. */
int file_read(const char *path, uint64_t limit, char **ret, size_t *ret_len, Err *e);
/* mkdir -p with mode 0777 minus umask; existing directories are fine. */
int dir_make(const char *path, Err *e);
bool file_exists(const char *path);
/* write(2) until done. */
int fd_write_all(int fd, const void *p, size_t n, const char *name, Err *e);
/* pread(2) until n bytes or end of file; returns the count or -1. */
int64_t fd_pread(int fd, void *p, size_t n, uint64_t at, const char *name, Err *e);
