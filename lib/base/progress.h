/* progress.h - how far long steps are: lines at the foot of a terminal, events with JSON logging,
 * nothing elsewhere or when quiet.  Any thread may call; a NULL Progress is ignored. */
#pragma once

#include <stdint.h>

typedef struct Progress Progress;

/* A step; total in bytes, 0: unknown.  The first second of a step is not shown on a terminal. */
Progress *progress_start(const char *what, uint64_t total);
/* A part of a step, on a line of its own below it: what is added here counts there too.  Ends
 * before its parent does. */
Progress *progress_item(Progress *parent, const char *item, uint64_t total);
void progress_add(Progress *p, uint64_t n);
/* Sets what is done, also back when a part has to be done again. */
void progress_set(Progress *p, uint64_t done);
void progress_end(Progress *p);
