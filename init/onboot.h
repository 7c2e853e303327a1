/* onboot.h - containers that run one after another (boot.md section 8). */
#pragma once

/* An exit status of onboot_main(): a container has failed and wants the boot to stop there. */
#define ONBOOT_STOP 2

/* Runs every bundle of a directory through the OCI runtime, in byte order, each to its end.  word
 * is "onboot" or "shutdown": it names messages, logs and container ids.  A container that fails is
 * reported, and its "fail" in runtime.json says whether the next one runs, the row ends, or process
 * 1 is asked to reboot or power off.  A missing directory is an empty one.  Returns the exit
 * status: 0 when every container could be run, whatever its own exit status, ONBOOT_STOP, else 1.
 */
int onboot_main(const char *dir, const char *word);
