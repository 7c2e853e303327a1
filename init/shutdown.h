/* shutdown.h - the last steps before reboot(2) (boot.md section 13). */
#pragma once

/* Unmounts what can be unmounted, in reverse mount order, detaches loop and device-mapper devices,
 * sets the rest read-only and syncs.  Runs in a child of pid 1, because a dead network file system
 * may hold it for ever. */
void shutdown_storage(void);

/* Decodes the \ooo escapes of /proc/PID/mountinfo in place. */
void shutdown_unescape(char *path);
