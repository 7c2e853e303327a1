/* logd.h - the log of the machine: one process that keeps what everybody says (boot.md 11).
 *
 * It speaks the protocol of the reference's memlogd on the same sockets.  Process 1 holds the
 * sockets and the memory of the ring, so neither a stream nor a stored line is lost when this
 * process dies. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

/* boot.md 11.3; /var/run is /run. */
#define LOGD_SOCKET       "/run/linuxkit-external-logging.sock"
#define LOGD_QUERY_SOCKET "/run/memlogdq.sock"
/* Where init's own programs send their lines, one datagram each; it exists when the log daemon is
 * ours. */
#define LOGD_INIT_SOCKET "/run/linuxkit/log.sock"
/* FIFOs that are read without being asked for, each under its name. */
#define LOGD_FIFOS "/run/linuxkit/log"

typedef struct LogdOptions {
        bool daemonize;
        const char *socket_log, *socket_query; /* made here when fd_log, fd_query are -1 */
        int fd_log, fd_query;
        int fd_init;     /* a datagram socket, -1: none */
        int fd_ring;     /* the ring's memory, -1: its own */
        uint64_t lines;  /* of the ring */
        uint64_t line;   /* bytes of a line */
        uint64_t bytes;  /* of the ring */
        uint64_t rate;   /* lines a second and stream, 0: any */
        const char *dir; /* of the files, NULL: none */
        const char *fifos;
        const char *kmsg; /* the kernel's messages, NULL: left out */
} LogdOptions;

#define LOGD_DEFAULTS                                      \
        ((LogdOptions){ .socket_log = LOGD_SOCKET,         \
                        .socket_query = LOGD_QUERY_SOCKET, \
                        .fd_log = -1,                      \
                        .fd_query = -1,                    \
                        .fd_init = -1,                     \
                        .fd_ring = -1,                     \
                        .lines = 5000,                     \
                        .line = 1024,                      \
                        .bytes = 1 << 20,                  \
                        .rate = 500 })

/* A socket bound to path, where an older one is removed; listens when it is of type SOCK_STREAM.
 * No allocation.  -1 with errno. */
int logd_bind(const char *path, int type);

/* Runs until SIGTERM.  Returns an exit status; not 0 only when it could not begin. */
int logd_run(const LogdOptions *o);

/* The program `memlogd` (also `logd`), with the options of the reference's. */
int logd_main(int argc, char **argv);
