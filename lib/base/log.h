/* log.h - what the user sees on stderr while work goes on.  The only changing global state of the
 * library: the level and the form.  Library code may say info (a step began), warn and debug;
 * errors travel as Err. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/progress.h"

typedef enum LogLevel { LOG_QUIET = 0, LOG_INFO = 1, LOG_DEBUG = 2, LOG_TRACE = 3 } LogLevel;

/* explicit_level: -v was given; then lines become `time="..." level=info msg="..."` (cli.md 3). */
void log_setup(LogLevel level, bool explicit_level);
/* Each line becomes a JSON object: {"time": ..., "level": "info", "msg": ...}. */
void log_setup_json(bool json);
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- for progress.c ------------------------------------------------------------------------- */

typedef enum LogForm { LOG_NOTHING, LOG_TERMINAL, LOG_EVENTS } LogForm;

/* How progress is to be shown. */
LogForm log_progress_form(void);
/* Lines that stay below everything else that is said, until they are replaced; n 0: none. They are
 * cut to the terminal's width and height.  Thread-safe, as all here. */
void log_area(const char *const *lines, size_t n);
/* A line of its own, without a newline: a JSON object. */
void log_event(const char *json);
/* Takes the lines of log_area off the terminal; async-signal-safe, for a program that ends. */
void log_area_abandon(void);
