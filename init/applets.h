/* applets.h - the small programs of the multi-call binary. */
#pragma once

/* poweroff, reboot, halt: asks pid 1; with -f calls reboot(2) at once. */
int applet_poweroff(int argc, char **argv);
int applet_reboot(int argc, char **argv);
int applet_halt(int argc, char **argv);

/* rc.shutdown [poweroff|reboot|halt|noop]: asks pid 1. */
int applet_rc_shutdown(int argc, char **argv);

/* modprobe [-bqs] [--] NAME [OPTION...], or -a NAME...: module names or aliases, as the kernel
 * calls it.  An alias whose modules are all there already is an error only without -q. */
int applet_modprobe(int argc, char **argv);

/* usermode-helper: the filter for kernel upcalls (boot.md 15); the wanted program is argv[0]. */
int applet_usermode_helper(int argc, char **argv);
