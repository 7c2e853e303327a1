/* policy.h - when a service is started again, and how long to wait before: pure functions.
 *
 * The exit status is the one of a shell: 128 plus the signal number for a death by signal. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "init/bundle.h"

#define POLICY_FIRST_DELAY_MS 1000
#define POLICY_MAX_DELAY_MS   60000
/* A service that lived this long had recovered: its next failure counts as the first. */
#define POLICY_STABLE_MS 60000

/* The words of runtime.json and of linuxkit.restart=; RESTART_UNSET for anything else. */
RestartPolicy policy_from_word(const char *word);

/* The first of service, machine and RESTART_ON_FAILURE that is set. */
RestartPolicy policy_choose(RestartPolicy service, RestartPolicy machine);

/* Whether a service that ended with this status is started again. */
bool policy_restarts(RestartPolicy p, uint32_t exit_status);

/* Counts one more end of a service that lived lived_ms: *failures is the number of ends in quick
 * succession.  Returns the delay before the next start: 1 s, doubling up to 60 s. */
uint64_t policy_delay_ms(unsigned *failures, uint64_t lived_ms);

/* Whether so many ends in quick succession are the last; limit 0: never. */
bool policy_gives_up(unsigned failures, unsigned limit);
