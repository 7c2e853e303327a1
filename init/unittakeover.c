/* unittakeover.c - units across a lost connection or a new supervisor: what runs is kept, what was
 * half done is removed and begun again. */
#include "init/clock.h"
#include "init/log.h"
#include "init/policy.h"
#include "init/unitinside.h"
#include "init/unitstate.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

/* "STATE" or "STATE ready". */
void unit_adopt(Unit *u) {
        char text[32];
        u->was_running = u->tried = true; /* tried: this is no boot */
        u->state = UNIT_LOST;
        if (!unitstate_load(u->env->state_dir, u->name, text, sizeof text))
                return;
        char *blank = strchr(text, ' ');
        u->ready = u->was_ready = blank && str_eq(blank + 1, "ready");
        if (blank)
                *blank = 0;
        u->wanted = !str_eq(text, unit_state_names[UNIT_STOPPING]);
        for (UnitState s = UNIT_STOPPED; s <= UNIT_FAILED; s++) {
                if (str_eq(text, unit_state_names[s])) {
                        u->state = s;
                        u->was_running = false;
                }
        }
}

void unit_disconnected(Unit *u) {
        UnitState s = u->state;
        /* The connection takes its calls along; only what we hold has to be forgotten. */
        u->call = u->wait_call = u->wipe_call = 0;
        if (s != UNIT_CREATING && s != UNIT_RUNNING && s != UNIT_STOPPING && s != UNIT_CLEANING)
                return;
        u->was_running = s == UNIT_RUNNING || s == UNIT_STOPPING;
        if (s != UNIT_CLEANING)
                u->next = UNIT_WAITING;
        uint64_t deadline = u->deadline;
        unit_set_state(u, UNIT_LOST);
        u->deadline = deadline;
}

static void readopt(Unit *u, const Task *t) {
        u->was_running = u->ended = false;
        u->has_run = true;
        u->pid = t->pid;
        unitlogs_adopt(&u->logs, u->env->log);
        if (u->started_ms == 0)
                u->started_ms = clock_ms();
        u->wait_call = engine_wait(u->env->engine, u->ns, u->name, unit_on_wait, u);
        if (t->status != TASK_STOPPED && !u->env->quiet)
                log_line("service %s: still running (pid %d)", u->name, (int)t->pid);
        unit_set_state(u, UNIT_RUNNING);
        unitprobe_begin(u);
        if (!u->wanted || u->unhealthy)
                unit_begin_stop(u);
}

void unit_resync(Unit *u, bool has_container, const Task *task) {
        bool alive = task && (task->status == TASK_RUNNING || task->status == TASK_STOPPED ||
                              task->status == TASK_PAUSED || task->status == TASK_PAUSING);
        if (u->state != UNIT_LOST) {
                if (has_container || task)
                        unit_clean(u, true, u->state);
        } else if (u->was_running && alive) {
                readopt(u, task);
        } else if (u->was_running && u->has_run) {
                u->exit_status = ENGINE_STATUS_UNKNOWN;
                unit_decide(u, "vanished", policy_restarts(u->policy, ENGINE_STATUS_UNKNOWN),
                            clock_ms() - u->started_ms, true, UNIT_EXITED);
        } else {
                unit_clean(u, true, u->was_running ? UNIT_WAITING : u->next);
        }
}
