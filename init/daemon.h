/* daemon.h - the containerd process: start, watch by pidfd, stop, take over from a former
 * supervisor.
 *
 * The supervisor may be restarted under a running containerd, so the process is known by a pid file
 * that also holds its start time; such a process is not our child and has no exit status. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "init/logsend.h"
#include "lib/base/err.h"

typedef struct DaemonPaths {
        const char *binary; /* /usr/bin/containerd */
        const char *socket; /* removed before each start */
        const char *conf;   /* runtime-config.toml */
        const char *pid_file;
        const char *log; /* output of containerd unless conf names another place */
        /* Both may be NULL.  With our log daemon the output goes to that, which writes the file. */
        LogPipe *pipe;
        const LogTarget *to;
} DaemonPaths;

typedef struct Daemon {
        pid_t pid; /* 0: not running */
        int pidfd; /* readable when it has ended; -1: not running */
        bool child;
        off_t log_start; /* where its own part of the log begins */
        bool to_console; /* its error output is on the console already */
} Daemon;

#define DAEMON_INIT ((Daemon){ .pidfd = -1 })

/* Starts containerd, after removing what a killed one left half deleted in its state directory,
 * which is taken to be the directory of its socket.  An unusable conf is reported on the console
 * and replaced by the defaults: a typo there must not cost every service of the machine.
 * ERR_NOT_FOUND: the image has no containerd. */
int daemon_start(Daemon *d, const DaemonPaths *p, Err *e);

/* Takes over the process that the pid file names; false when there is none. */
bool daemon_adopt(Daemon *d, const DaemonPaths *p);

/* Sends a signal to the process, if it runs. */
void daemon_kill(Daemon *d, int signo);

/* To be called when pidfd is readable: reaps the process and forgets it.  Describes its end in
 * text. */
void daemon_reap(Daemon *d, const DaemonPaths *p, char *text, size_t size);

/* Prints the last lines of the log file on the console, for a daemon that died early. */
void daemon_print_log(const Daemon *d, const DaemonPaths *p);
