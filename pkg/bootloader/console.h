/* console.h - the stub's voice.  Without `debug` on the command line it only speaks when it fails.
 */
#pragma once

#include <stdbool.h>

extern bool console_debug;

/* One line, with newline added. */
void console_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, with `debug` only. */
void console_trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
