/* pid1.h - the first process: starts everything, reaps everything, ends everything. */
#pragma once

#include <stdbool.h>

/* /init of an image with a foreign /sbin/init: makes the root pivotable and executes PATH.  Returns
 * when that cannot be executed. */
void pid1_hand_over(char *path);

/* machine: mounts, devices and a real end; otherwise ("userspace mode", the entry point of a
 * container) only hooks and reaping.  Does not return. */
void pid1_run(bool machine) __attribute__((noreturn));
