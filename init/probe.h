/* probe.h - one question to a running service, asked by a short-lived child of the supervisor, so
 * that nothing in the container can hold the supervisor up.
 *
 * tcp connects in the container's network namespace, file looks below the container's root without
 * leaving it, exec lets the OCI runtime run a program inside.  The child is a process group of its
 * own; whoever started it collects it and sets its deadline. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "init/bundle.h"
#include "init/engine.h"

typedef struct ProbeTarget {
        pid_t pid; /* first process of the container */
        const char *name;
        EngineRuntime runtime; /* of exec */
} ProbeTarget;

/* The child's number, -1 when there can be none. */
pid_t probe_start(const ProbeSpec *p, const ProbeTarget *t);

/* Kills the child and what it runs inside the container; it is still to be collected. */
void probe_kill(pid_t pid);

/* Whether the answer is yes, by the child's wait status; text gets the reason when it is no. */
bool probe_succeeded(const ProbeSpec *p, int status, char *text, size_t size);
