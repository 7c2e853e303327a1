/* bundle.h - one container directory of the image: its runtime.json and the actions it asks for.
 *
 * The order is open, prepare, (create the container), attach, (start it), and cleanup when it has
 * ended.  What the user mounted outside the bundle directory stays after cleanup: an onboot
 * container is allowed to leave a mounted disk behind. */
#pragma once

#include <sys/types.h>

#include "lib/base/err.h"

typedef struct Bundle Bundle;

/* What to do when the process of a service ends; key "restart" of runtime.json. */
typedef enum RestartPolicy {
        RESTART_UNSET, /* the key is absent: the supervisor's default applies */
        RESTART_NO,
        RESTART_ON_FAILURE,
        RESTART_ALWAYS,
} RestartPolicy;

/* What follows when an onboot container fails; key "fail". */
typedef enum FailPolicy {
        FAIL_CONTINUE, /* also when the key is absent */
        FAIL_STOP,
        FAIL_REBOOT,
        FAIL_POWEROFF,
} FailPolicy;

typedef enum ProbeKind { PROBE_NONE, PROBE_EXEC, PROBE_TCP, PROBE_FILE } ProbeKind;

/* How a service is asked whether it is ready or healthy; times in seconds, none of them 0 but
 * start_period. */
typedef struct ProbeSpec {
        ProbeKind kind; /* PROBE_NONE: the key is absent, and nothing below is set */
        char **exec;    /* PROBE_EXEC: NULL-terminated */
        size_t n_exec;
        const char *target; /* PROBE_TCP: "PORT" or "HOST:PORT"; PROBE_FILE: a path */
        unsigned interval, timeout;
        unsigned retries, start_period; /* of health only */
} ProbeSpec;

/* Reads PATH/runtime.json; an absent file is an empty one, unknown keys are ignored.  A file that
 * is not JSON, or has a key of the wrong type, is ERR_SPEC.  *ret is set on success only and must
 * be freed with bundle_free. */
int bundle_open(const char *path, Bundle **ret, Err *e);

/* Mounts, directories and cgroups, before the container is created (boot.md 9.1).  On failure the
 * caller calls bundle_cleanup.  May be called again after bundle_cleanup. */
int bundle_prepare(Bundle *b, Err *e);

/* Interfaces and namespace files, when process pid exists but runs no user code yet (boot.md 9.2).
 * Call it from the root namespaces. */
int bundle_attach(Bundle *b, pid_t pid, Err *e);

/* True when bundle_attach has anything to do; when not, a container may be run in one step. */
int bundle_needs_attach(const Bundle *b);

/* Undoes the mounts below the bundle directory, last one first.  Never fails. */
void bundle_cleanup(Bundle *b);

const char *bundle_path(const Bundle *b);
const char *bundle_name(const Bundle *b);      /* last component of the path */
const char *bundle_namespace(const Bundle *b); /* containerd namespace, "" when not given */
RestartPolicy bundle_restart(const Bundle *b);
FailPolicy bundle_fail(const Bundle *b);
unsigned bundle_timeout(const Bundle *b); /* seconds that an onboot container may run; 0: any */
/* The OCI runtime that it asks for, see ociruntime_named(); "" when it is all the same. */
const char *bundle_oci_runtime(const Bundle *b);

/* Of services; the results live as long as the bundle. */
char *const *bundle_needs(const Bundle *b, size_t *n);
const ProbeSpec *bundle_ready(const Bundle *b);
const ProbeSpec *bundle_health(const Bundle *b);
unsigned bundle_restart_limit(const Bundle *b); /* 0: none */
unsigned bundle_stop_timeout(const Bundle *b);  /* seconds; 0: the default */

void bundle_free(Bundle *b); /* b may be NULL */

static inline void cleanup_bundle_fn(Bundle **b) {
        bundle_free(*b);
}
#define _cleanup_bundle_ __attribute__((cleanup(cleanup_bundle_fn)))
