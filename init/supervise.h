/* supervise.h - the process that keeps the services alive (boot.md 10): it runs containerd, or in
 * an image without that calls the OCI runtime itself.
 *
 * It is a child of pid 1, which restarts it when it dies; containerd, the shims and the services
 * live on meanwhile, and the new supervisor takes them over. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SUPERVISE_SOCKET     "/run/containerd/containerd.sock"
#define SUPERVISE_PATH       "/containers/services"
#define SUPERVISE_CONTAINERD "/usr/bin/containerd"
#define SUPERVISE_NAMESPACE  "services.linuxkit"
#define SUPERVISE_CONF       "/etc/containerd/runtime-config.toml"
#define SUPERVISE_RUN_DIR    "/run/linuxkit"
#define SUPERVISE_LOG_DIR    "/var/log"
/* Below the run directory. */
#define SUPERVISE_CONTROL "service.sock"

typedef struct SuperviseOptions {
        const char *socket; /* of containerd */
        const char *path;   /* the directory of the services' bundles */
        const char *binary; /* containerd */
        const char
                *runtime; /* for an image without containerd; NULL: what ociruntime_path() finds */
        const char *ns;   /* containerd namespace of services that name none */
        const char *conf; /* runtime-config.toml */
        const char *run_dir; /* control socket, pid file, states; lost at a reboot */
        const char *log_dir;
        const char *log_socket; /* of the log daemon; NULL: what this machine has */
        int gate_fd; /* services start when it has a byte or its other end is closed; -1: at once */
        bool quiet, verbose;
} SuperviseOptions;

#define SUPERVISE_DEFAULTS                                   \
        ((SuperviseOptions){ .socket = SUPERVISE_SOCKET,     \
                             .path = SUPERVISE_PATH,         \
                             .binary = SUPERVISE_CONTAINERD, \
                             .ns = SUPERVISE_NAMESPACE,      \
                             .conf = SUPERVISE_CONF,         \
                             .run_dir = SUPERVISE_RUN_DIR,   \
                             .log_dir = SUPERVISE_LOG_DIR,   \
                             .gate_fd = -1 })

/* Runs until SIGTERM or SIGINT, which stop all services, then containerd.  Returns an exit status;
 * not 0 only when it could not begin. */
int supervise_run(const SuperviseOptions *o);
