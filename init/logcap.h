/* logcap.h - keeps a log file that somebody else appends to below a size.
 *
 * The log directory is memory (a tmpfs) on most machines, and the writer keeps its descriptor, so
 * the file cannot be renamed away: its last part is copied to NAME.0 and the file is emptied. Lines
 * written between the two steps are lost. */
#pragma once

#include <stdint.h>

/* Rotates the file when it is larger than max; NAME.0 then holds at most max / 2 bytes of it.
 * Failures are ignored: there is no better place to report them than the log itself. */
void logcap_check(const char *path, uint64_t max);
