/* bootwatch.h - the host's end of the port through which a machine reports its boot. */
#pragma once

#include "lib/base/err.h"
#include "lib/base/str.h"

typedef struct BootWatch BootWatch;

/* Begins to listen.  A report is written to json_path when it arrives; what stands there is removed
 * first.  *ret_fd is the machine's end, inherited by every program that is executed, and stays ours
 * to close after its start. */
int bootwatch_start(const char *json_path, BootWatch **ret, int *ret_fd, Err *e);

/* To be called right before the emulator starts: the zero of what the host measures. */
void bootwatch_begin(BootWatch *w);

/* The machine has ended: appends a table for each of its boots, or one line that says why there is
 * none, and frees w. */
void bootwatch_finish(BootWatch *w, Buf *text);
