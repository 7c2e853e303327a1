/* procgroup.h - the cgroup of a process, whatever runtime made it. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Directory below /sys/fs/cgroup, NULL when the process has none of its own.  With cgroup v1 it is
 * the one of the first hierarchy that has such a directory.  The caller frees it. */
char *procgroup_path(pid_t pid);

/* True when processes are left in it; dir may be NULL. */
bool procgroup_has_processes(const char *dir);

/* How many of its processes were killed because memory ran out (cgroup v2); dir may be NULL. */
unsigned procgroup_oom_kills(const char *dir);
