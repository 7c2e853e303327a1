/* unitinside.h - what the files of a unit share: unit.c (its life), unitprobe.c (ready and
 * healthy), unittakeover.c (across engines and supervisors), unitinfo.c (questions) and unitorder.c
 * (needs). Nobody else looks into a Unit. */
#pragma once

#include "init/unit.h"
#include "init/unitlogs.h"

/* Who is asked what, and when; see unitprobe.c. */
typedef struct UnitProbe {
        enum { ASK_NOTHING, ASK_READY, ASK_HEALTH } phase;
        pid_t pid;        /* the child at work, 0: none */
        bool discarded;   /* its answer is not wanted any more */
        uint64_t kill_at; /* of the child */
        uint64_t next;    /* the next try */
        uint64_t limit;   /* ASK_READY: of all tries; ASK_HEALTH: failures before do not count */
        unsigned bad;     /* failures in a row that count */
        UnitHealth health;
        char reason[128]; /* of the last failure */
} UnitProbe;

struct Unit {
        UnitEnv *env;
        char *path, *ns, *dump, *error, *runtime;
        const char *name; /* last component of path */
        RestartPolicy policy;
        Bundle *bundle; /* as last read; NULL: never without a fault */
        bool mounted;   /* the bundle knows the mounts */
        UnitLogs logs;
        UnitState state, next; /* next: after UNIT_CLEANING */
        bool wanted;           /* should run; false while it is to end */
        bool again;            /* restart: wanted again once it has stopped */
        bool collided;         /* "already exists" was answered once by a wipe */
        bool tried, has_run, was_running, killed;
        bool ready, was_ready;
        bool unhealthy;                      /* it is being stopped because of that */
        uint64_t call, wait_call, wipe_call; /* of the engine; 0: none */
        pid_t pid;
        bool ended; /* the task's end is known, its start not yet answered */
        uint32_t exit_status;
        uint64_t started_ms, stop_ms, deadline;
        unsigned failures, restarts;
        UnitProbe probe;
        /* Of unitorder.c: the units of bundle_needs(), NULL for a name that is none. */
        Unit **needs;
        size_t n_needs;
        bool linked, mark;
};

extern const char *const unit_state_names[];

/* Changes the state, keeps what a later supervisor must know of it, and tells the owner. */
void unit_set_state(Unit *u, UnitState s);

/* Writes down for a later supervisor that the unit runs and is ready. */
void unit_keep_ready(const Unit *u);

/* Removes the unit from the engine, with SIGKILL first if asked to; `next` is its state then. */
void unit_clean(Unit *u, bool kill_first, UnitState next);

/* Decides about the next start and says so: text is what happened, final the state without one. */
void unit_decide(Unit *u, const char *text, bool restart, uint64_t lived_ms, bool kill_first,
                 UnitState final);

/* A start that has come to nothing. */
void unit_fail_to_start(Unit *u, const char *text);

/* SIGTERM, and a deadline for SIGKILL. */
void unit_begin_stop(Unit *u);

/* The answer to engine_wait(). */
void unit_on_wait(void *data, const EngineReply *r);

/* Reads runtime.json again; on failure the unit keeps what it knew. */
int unit_read_settings(Unit *u, Err *e);

/* --- unitprobe.c --- */

/* The unit runs: asks whether it is ready, unless that is known, and then whether it is healthy. */
void unitprobe_begin(Unit *u);
/* The unit does not run any more, or not in our hands. */
void unitprobe_end(Unit *u);
uint64_t unitprobe_deadline(const Unit *u);
void unitprobe_tick(Unit *u, uint64_t now_ms);
