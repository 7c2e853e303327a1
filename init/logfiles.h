/* logfiles.h - the files that log streams are kept in beside the ring: /var/log/SOURCE.log, and
 * /run/log/onboot, /run/log/shutdown for what those containers wrote (boot.md 11.2).
 *
 * A file holds what the stream's writer wrote, byte for byte.  In memory (tmpfs) files are small,
 * on a disk larger; a file system mounted over the directory later is seen and used. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct LogFiles LogFiles;
typedef struct LogSink LogSink; /* one stream's file */

/* Says something to whoever looks after the log: the files of a directory have stopped, or go on.
 */
typedef void (*LogFilesTell)(void *data, const char *text);

/* run_log: the parent of the directories of onboot and onshutdown containers.  The strings must
 * outlive the result. */
LogFiles *logfiles_new(const char *log_dir, const char *run_log, LogFilesTell tell, void *data);

/* NULL when the source has no name for a file, or there are too many.  Sources of one name share
 * the file.  ours: the name is from init; names that containers choose are few in the life of a
 * daemon, for each of them leaves files. */
LogSink *logfiles_open(LogFiles *f, const char *source, size_t n, bool ours);

/* Makes the file now; else that is done when there is something to write.  s may be NULL. */
void logsink_touch(LogSink *s);

void logsink_close(LogSink *s); /* s may be NULL */

/* Appends.  What a full or missing directory cannot take is lost; it is tried again later. */
void logsink_write(LogSink *s, const void *p, size_t n);

/* True when the directory of this sink is on a disk. */
bool logsink_on_disk(const LogSink *s);

/* To be called when the mounts of the machine have changed. */
void logfiles_check(LogFiles *f);
