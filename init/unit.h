/* unit.h - one service and its life: prepared, created, started, watched, restarted, stopped.
 *
 * A unit is a state machine that only moves when the engine answers, a deadline passes or somebody
 * asks for something; nothing in it waits.  All units share one engine, which may vanish at any
 * time: unit_disconnected() and, with the next one, unit_resync() carry the unit over. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "init/bundle.h"
#include "init/containerd.h"
#include "init/engine.h"
#include "init/logsend.h"

typedef enum UnitState {
        UNIT_WAITING,  /* to be started as soon as there is an engine, the gate is open and what it
                          needs is ready */
        UNIT_CREATING, /* from the first mount to the answer to the start */
        UNIT_RUNNING,
        UNIT_STOPPING, /* asked to end, not ended yet */
        UNIT_CLEANING, /* being removed from the engine */
        UNIT_BACKOFF,  /* ended or failed; will be started at the deadline */
        UNIT_STOPPED,  /* ended because somebody asked for it */
        UNIT_EXITED,   /* ended, and the policy leaves it so */
        UNIT_FAILED,   /* could not be started, and the policy leaves it so */
        UNIT_LOST,     /* the engine was lost while it had the unit in its hands */
} UnitState;

/* What the last probes say; UNIT_UNASKED for a service without any. */
typedef enum UnitHealth { UNIT_UNASKED, UNIT_STARTING, UNIT_HEALTHY, UNIT_UNHEALTHY } UnitHealth;

typedef struct Unit Unit;

typedef struct UnitEnv {
        const Engine *engine;  /* NULL while there is none */
        bool ready;            /* in step with the engine and allowed to start services */
        const char *ns;        /* default containerd namespace */
        const char *log_dir;   /* /var/log */
        const LogTarget *log;  /* the log daemon, if there is one; NULL: files */
        const char *state_dir; /* what a restarted supervisor must know; NULL: not kept */
        RestartPolicy policy;  /* of units that have none */
        bool quiet;            /* only failures are reported */
        bool recheck;          /* set by units: somebody waiting may be startable now */
        uint64_t kill_by;      /* no stop may wait longer before SIGKILL; 0: no limit */
        void (*changed)(void *data, Unit *u); /* after every change of state */
        void *data;
} UnitEnv;

/* path is the bundle's directory, its last component the name, which must be a valid containerd id.
 * env must outlive the unit. */
int unit_new(UnitEnv *env, const char *path, Unit **ret, Err *e);
/* Forgets the unit and its open calls; nothing is stopped or removed.  u may be NULL. */
void unit_free(Unit *u);

const char *unit_name(const Unit *u);
const char *unit_namespace(const Unit *u);
/* Path of the OCI runtime that it asks for, NULL when it is all the same. */
const char *unit_runtime(const Unit *u);
UnitState unit_state(const Unit *u);
const char *unit_state_name(const Unit *u);
pid_t unit_pid(const Unit *u);
unsigned unit_restarts(const Unit *u);
double unit_uptime(const Unit *u);     /* seconds; 0 when it does not run */
const char *unit_error(const Unit *u); /* why it ended or could not be started; "" if fine */
/* Ready for those that need it: its probe has succeeded, or it has none and was started.  Stays
 * true for one that has done its work and ended with status 0. */
bool unit_is_ready(const Unit *u);
bool unit_was_ready(const Unit *u); /* once since the machine started */
UnitHealth unit_health(const Unit *u);
char *const *unit_needs(const Unit *u, size_t *n); /* names */
unsigned unit_restart_limit(const Unit *u);        /* 0: none */
/* The file that holds its output where no log daemon looks after that. */
const char *unit_log_path(const Unit *u, bool err);

/* Starts a unit in UNIT_WAITING; env must be ready.  What it needs is the caller's to know. */
void unit_go(Unit *u);
/* A user's wishes; the unit then waits for unit_go(), one that has just ended when the engine has
 * forgotten it.
 * dump_spec may be NULL: where to write the container's config.json. */
int unit_start(Unit *u, const char *dump_spec, Err *e);
int unit_restart(Unit *u, const char *dump_spec, Err *e);
void unit_stop(Unit *u);

/* CLOCK_MONOTONIC ms of the next unit_tick(), UINT64_MAX for none. */
uint64_t unit_deadline(const Unit *u);
void unit_tick(Unit *u, uint64_t now_ms);

/* A task of this unit ended or ran out of memory, by the event stream. */
void unit_on_exit(Unit *u, pid_t pid, uint32_t exit_status);
void unit_on_oom(Unit *u);
/* The child process that asks whether the unit works; 0: there is none. */
pid_t unit_probe_pid(const Unit *u);
/* It has ended, and was collected: with this wait status. */
void unit_on_probe(Unit *u, int status);

/* The state that a former supervisor kept: to be called before the first unit_resync(). */
void unit_adopt(Unit *u);
/* The connection is gone, and with it every call. */
void unit_disconnected(Unit *u);
/* A new connection: what the engine has under the unit's name; task may be NULL. */
void unit_resync(Unit *u, bool has_container, const Task *task);
