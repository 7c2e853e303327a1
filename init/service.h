/* service.h - the command line of /usr/bin/service (boot.md section 6). */
#pragma once

/* Returns the exit status.  Commands that change or show services ask the supervisor through its
 * control socket; `supervise` and `system-init` are the supervisor. */
int service_main(int argc, char **argv);
