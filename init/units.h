/* units.h - all services of the machine: the directories of /containers/services, in name order. */
#pragma once

#include "init/inventory.h"
#include "init/unit.h"

typedef struct Units {
        UnitEnv env;
        const char *dir;
        Unit **v;
        size_t n, cap;
        bool summed_up; /* the line that ends the boot has been printed */
        bool stopping;
        uint64_t hurry_at; /* while stopping: whatever still waits for others is stopped then */
} Units;

/* Adds every service of units->dir; what is no valid service is reported and left out.  A missing
 * directory is an empty one. */
void units_load(Units *units);
void units_free(Units *units);

Unit *units_find(const Units *units, const char *name); /* NULL if unknown */
Unit *units_find_in(const Units *units, const char *ns, const char *name);
/* The service of that name, looked up in the directory when it is not known yet. */
int units_get(Units *units, const char *name, Unit **ret, Err *e);

/* The namespaces in use, each once; the array is the caller's, the strings are borrowed. */
const char **units_namespaces(const Units *units, size_t *n);

/* Stops all services, those that need others before those; what must be killed is killed in time
 * for the limit, CLOCK_MONOTONIC in ms. */
void units_stop_all(Units *units, uint64_t limit_ms);
bool units_all_stopped(const Units *units);
uint64_t units_deadline(const Units *units);
/* Also starts, while env.ready, those whose needs have become ready. */
void units_tick(Units *units, uint64_t now_ms);
/* After SIGCHLD: collects the probes that have ended. */
void units_reap(Units *units);
/* Somebody else has collected this child, which may be a probe. */
void units_on_child(Units *units, pid_t pid, int status);
void units_disconnected(Units *units);
void units_adopt(Units *units);
void units_resync(Units *units, const Inventory *inv);
void units_on_event(Units *units, const Event *ev);
