/* clock.h - the clock of every deadline: CLOCK_MONOTONIC in milliseconds, never the time of day,
 * which jumps when a network time service starts. */
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ms(void) {
        struct timespec ts = { 0 };
        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}
