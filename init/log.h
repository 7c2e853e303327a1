/* log.h - what the boot programs say on the console.
 *
 * Every call is one line and one write(2), so that lines of several processes never mix.  There is
 * no buffer and no allocation: pid 1 uses it in any state. */
#pragma once

#include <stdbool.h>
#include <time.h>

/* A console that poll(2) calls writable takes this much at once. */
enum { LOG_PIECE = 1024 };

/* The bare line as given; a newline is added.  Lines over LOG_PIECE are cut. */
void log_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "linuxkit: TEXT". */
void log_init(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "linuxkit: STAGE at 1.23s" with the seconds since the machine started. */
void log_stage(const char *stage);

/* From now on, in this process and those it forks, every line also goes to the log daemon at this
 * socket, never waited for: what it cannot take is missing there.  What this process has said
 * before is made up for, as far as it is short. */
void log_copy_to(const char *socket);

/* Waits until the console at fd takes LOG_PIECE bytes.  False when it does not for long; from then
 * on, until there is room again, it is false at once. */
bool log_has_room(int fd);

/* Seconds on CLOCK_BOOTTIME. */
double log_uptime(void);
