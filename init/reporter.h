/* reporter.h - hands the boot report out: to who asks inside the machine (`service boot`), and
 * through a virtio port to who started it (`linuxkit run qemu --boot-report`). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Prints the report of this boot; an exit status. */
int reporter_print(bool json);

/* A process of its own, child of process 1: waits until the boot is over, or now, or SIGTERM, and
 * writes the report to the port.  Returns at once on a machine that cannot have such a port. */
void reporter_run(bool now);

/* Writes to a descriptor that does not block, until all is written and answered, or the deadline
 * (CLOCK_MONOTONIC in ms). */
void reporter_send(int fd, const char *p, size_t n, uint64_t deadline);
