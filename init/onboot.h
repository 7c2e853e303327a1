/* onboot.h - containers that run one after another (boot.md section 8). */
#pragma once

/* Runs every bundle of a directory through the OCI runtime, in byte order, each to its end.  word
 * is "onboot" or "shutdown": it names messages, logs and container ids.  A container that fails is
 * reported and the next one runs.  A missing directory is an empty one.  Returns the exit status: 0
 * when every container could be run, whatever its own exit status, else 1. */
int onboot_main(const char *dir, const char *word);
