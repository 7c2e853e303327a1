/* logkeep.h - process 1 and the log daemon: what must outlive it is held here, and it is started
 * again when it dies.  Nothing in here allocates or waits. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

typedef struct LogKeep {
        bool on;
        int log, query, init, ring; /* the daemon's descriptors */
        pid_t pid;                  /* 0: not running */
        double since, due;          /* due 0: no start planned */
        double backoff;             /* seconds */
} LogKeep;

/* Makes sockets and memory, unless the image brings another log daemon (memlogd) or the kernel
 * command line has linuxkit.log=files; from then on what init says is copied to the log.  A failure
 * is reported and leaves a machine without the daemon. */
void logkeep_open(LogKeep *k);

/* Starts the daemon if it does not run. */
void logkeep_start(LogKeep *k);

/* The daemon has ended with this wait status: says so and plans the next start. */
void logkeep_ended(LogKeep *k, int status);
