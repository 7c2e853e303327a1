/* ending.h - how the machine ends: on request, or because process 1 cannot go on. */
#pragma once

typedef enum Ending { ENDING_HALT, ENDING_POWEROFF, ENDING_REBOOT } Ending;

const char *ending_name(Ending ending);

/* The signal that asks pid 1 for an ending (boot.md section 4). */
int ending_signal(Ending ending);

/* reboot(2) at once.  Returns only when the kernel refuses. */
void ending_now(Ending ending);

/* For states that cannot be: says so, and ends the machine as the kernel would after panic=. */
void ending_panic(const char *what) __attribute__((noreturn));

/* From now on a crash or an exit of process 1 is an ending_panic(), not a kernel panic that hangs
 * for ever. */
void ending_guard(void);
