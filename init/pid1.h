/* pid1.h - the first process: starts everything, reaps everything, ends everything. */
#pragma once

#include <stdbool.h>

/* How the machine is to end. */
typedef enum Ending { ENDING_HALT, ENDING_POWEROFF, ENDING_REBOOT } Ending;

/* The signal that asks pid 1 for an ending (boot.md section 4). */
int pid1_signal(Ending ending);

/* reboot(2) at once.  Returns only when the kernel refuses. */
void pid1_reboot(Ending ending);

/* /init of an image with a foreign /sbin/init: makes the root pivotable and executes PATH.  Returns
 * when that cannot be executed. */
void pid1_hand_over(char *path);

/* machine: mounts, devices and a real end; otherwise ("userspace mode", the entry point of a
 * container) only hooks and reaping.  Does not return. */
void pid1_run(bool machine) __attribute__((noreturn));
