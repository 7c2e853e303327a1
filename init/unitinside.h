/* unitinside.h - what unit.c and unittakeover.c share; nobody else looks into a Unit. */
#pragma once

#include "init/unit.h"

struct Unit {
        UnitEnv *env;
        char *path, *ns, *out_log, *err_log, *dump, *error, *runtime;
        const char *name; /* last component of path */
        RestartPolicy policy;
        Bundle *bundle;
        UnitState state, next; /* next: after UNIT_CLEANING */
        bool wanted;           /* should run; false while it is to end */
        bool again;            /* restart: wanted again once it has stopped */
        bool collided;         /* "already exists" was answered once by a wipe */
        bool tried, has_run, was_running, killed;
        uint64_t call, wait_call, wipe_call; /* of the engine; 0: none */
        pid_t pid;
        bool ended; /* the task's end is known, its start not yet answered */
        uint32_t exit_status;
        uint64_t started_ms, deadline;
        unsigned failures, restarts;
};

extern const char *const unit_state_names[];

/* Changes the state, keeps what a later supervisor must know of it, and tells the owner. */
void unit_set_state(Unit *u, UnitState s);

/* Removes the unit from the engine, with SIGKILL first if asked to; `next` is its state then. */
void unit_clean(Unit *u, bool kill_first, UnitState next);

/* Decides about the next start and says so: text is what happened, final the state without one. */
void unit_decide(Unit *u, const char *text, bool restart, uint64_t lived_ms, bool kill_first,
                 UnitState final);

/* SIGTERM, and a deadline for SIGKILL. */
void unit_begin_stop(Unit *u);

/* The answer to engine_wait(). */
void unit_on_wait(void *data, const EngineReply *r);
