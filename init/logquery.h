/* logquery.h - those who read the log through the query socket (boot.md 11.3).
 *
 * Their queue is the ring itself: a reader has a place in it and a small buffer, and one that is
 * too slow loses lines and is told how many.  None waits for another. */
#pragma once

#include <stddef.h>

#include "init/logring.h"

/* The byte that a client sends.  LOGQUERY_MARKED is ours: what there is, an empty line, then what
 * comes. */
enum { LOGQUERY_DUMP = 0, LOGQUERY_FOLLOW = 1, LOGQUERY_BOTH = 2, LOGQUERY_MARKED = 3 };

typedef struct LogQuery LogQuery;

/* listener is watched from now on and stays the caller's. */
LogQuery *logquery_new(LogRing *ring, int epoll, int listener);
void logquery_free(LogQuery *q); /* q may be NULL */

/* Sends what there is for everybody; to be called after every turn of the loop. */
void logquery_pump(LogQuery *q);
