/* log.h - what the user sees on stderr while work goes on.  The only changing global state of the
 * library: the level.  Library code may say info (a step began), warn and debug; errors travel as
 * Err. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum LogLevel { LOG_QUIET = 0, LOG_INFO = 1, LOG_DEBUG = 2, LOG_TRACE = 3 } LogLevel;

/* explicit_level: -v was given; then lines become `time="..." level=info msg="..."` (cli.md 3). */
void log_setup(LogLevel level, bool explicit_level);
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A line on a terminal that shows how far a long step is; nothing at all elsewhere or when quiet.
 * Thread-safe.  total 0: unknown. */
typedef struct Progress Progress;
Progress *progress_start(const char *what, uint64_t total);
void progress_add(Progress *p, uint64_t n); /* p may be NULL */
void progress_end(Progress *p);             /* p may be NULL */
