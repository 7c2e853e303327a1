/* retry.h - when something is tried again, and how long to wait before (cli.md 5.2). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { RETRY_ATTEMPTS = 3, RETRY_MAX_WAIT = 60 /* seconds */ };

/* Zero-initialise for each object. */
typedef struct Retry {
        unsigned fruitless; /* attempts in a row that brought nothing */
        unsigned fruitful;  /* attempts that failed but brought a part */
} Retry;

/* Statuses that may pass. */
bool retry_status(long status);

/* After a failed attempt: waits and returns true, or false when there were enough of them.
 * progress: the attempt brought something new, so it does not count - but for a limit that grows
 * with size, the bytes of the object, so that a server cannot keep us for ever.  retry_after: what
 * the server asks for, in seconds; for more than a minute nobody sits and waits: false. */
bool retry_again(Retry *r, bool progress, uint64_t retry_after, uint64_t size);
