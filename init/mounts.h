/* mounts.h - the file systems of the machine (boot.md 2.2, 5.1, 5.2). */
#pragma once

/* When / is the initial root file system (ramfs, tmpfs): makes it a mount that pivot_root can
 * leave, by bind and move; nothing is copied.  Failure is reported on the console and leaves / as
 * it is. */
void mounts_move_root(void);

/* The table of 5.1, device nodes, the skeleton of /var and the cgroup hierarchy.  Every failure is
 * one console line; nothing stops the boot. */
void mounts_all(void);

/* Opens /dev/console on descriptors 0 to 2 where they are closed or only place holders. */
void mounts_open_console(void);
