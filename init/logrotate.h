/* logrotate.h - one log file that is renamed when it has grown: NAME.log, NAME.log.0, NAME.log.1
 * ...
 *
 * Nothing but libc: the logwrite component uses it as well. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* size 0: never renamed.  old: how many renamed files are kept, counted from 0 (boot.md 11.4). */
typedef struct LogLimits {
        uint64_t size;
        unsigned old;
} LogLimits;

typedef struct LogFile {
        int fd; /* -1: closed */
        uint64_t size;
} LogFile;

#define LOGFILE_INIT ((LogFile){ .fd = -1 })

/* Appends to the file at path, which is opened when it is not yet, and renames it when that brings
 * it over the limit, at the end of a line if there is one near.  False with errno when
 * not all of it could be written; the file is closed then. */
bool logfile_append(LogFile *f, const char *path, const void *data, size_t n, LogLimits limits);

/* Makes the file if it does not exist; a failure shows when something is written. */
void logfile_touch(LogFile *f, const char *path);

void logfile_close(LogFile *f);
