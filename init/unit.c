/* unit.c - see unit.h.  The way up: make, bundle_attach, then wait and start together.  The way
 * down is always a wipe.  Every callback of the way up asks first whether the unit is still wanted,
 * so a stop needs no special case for a half-started service. */
#include "init/unit.h"

#include <signal.h>
#include <stdio.h>

#include "init/bootlog.h"
#include "init/clock.h"
#include "init/log.h"
#include "init/ociruntime.h"
#include "init/policy.h"
#include "init/unitinside.h"
#include "init/unitprep.h"
#include "init/unitstate.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#define STOP_TIMEOUT_MS 10000 /* without stopTimeout */
#define KILL_TIMEOUT_MS 10000

const char *const unit_state_names[] = {
        [UNIT_WAITING] = "waiting",   [UNIT_CREATING] = "starting", [UNIT_RUNNING] = "running",
        [UNIT_STOPPING] = "stopping", [UNIT_CLEANING] = "cleaning", [UNIT_BACKOFF] = "backoff",
        [UNIT_STOPPED] = "stopped",   [UNIT_EXITED] = "exited",     [UNIT_FAILED] = "failed",
        [UNIT_LOST] = "lost",
};

int unit_read_settings(Unit *u, Err *e) {
        _cleanup_bundle_ Bundle *b = NULL;
        if (bundle_open(u->path, &b, e) < 0)
                return -1;
        const char *ns = bundle_namespace(b);
        if (!str_is_empty(ns) && !containerd_id_is_valid(ns))
                return err_set(e, ERR_SPEC, 0, "namespace \"%s\" is not a valid name", ns);
        free(u->ns);
        u->ns = xstrdup(str_is_empty(ns) ? u->env->ns : ns);
        u->policy = policy_choose(bundle_restart(b), u->env->policy);
        bundle_free(u->bundle);
        u->bundle = take(b);
        u->linked = false;
        free(u->runtime);
        u->runtime = NULL;
        return ociruntime_named(bundle_oci_runtime(u->bundle), &u->runtime, e);
}

int unit_new(UnitEnv *env, const char *path, Unit **ret, Err *e) {
        const char *name = path_base(path);
        if (!containerd_id_is_valid(name))
                return err_set(e, ERR_SPEC, 0, "service \"%s\" is not a valid name", name);
        Unit *u = xcalloc(1, sizeof *u);
        u->env = env;
        u->path = xstrdup(path);
        u->name = path_base(u->path);
        u->ns = xstrdup(env->ns);
        u->policy = policy_choose(RESTART_UNSET, env->policy);
        unitlogs_init(&u->logs, env->log_dir, u->name);
        u->wanted = true;
        u->deadline = UINT64_MAX;
        /* Namespace, policy, needs and runtime are wanted before the first start.  A bad
         * runtime.json is reported when the unit is started, with the others. */
        unit_read_settings(u, NULL);
        *ret = u;
        return 0;
}

static void drop_calls(Unit *u) {
        const Engine *g = u->env->engine;
        engine_cancel(g, u->call);
        engine_cancel(g, u->wait_call);
        engine_cancel(g, u->wipe_call);
        u->call = u->wait_call = u->wipe_call = 0;
}

void unit_free(Unit *u) {
        if (!u)
                return;
        drop_calls(u);
        unitprobe_end(u);
        bundle_free(u->bundle);
        free(u->needs);
        free(u->path);
        free(u->ns);
        unitlogs_done(&u->logs);
        free(u->dump);
        free(u->error);
        free(u->runtime);
        free(u);
}

/* A word of the state and whether it was ready; nothing for one that is on its way up. */
static void keep_state(const Unit *u, UnitState s) {
        char text[32];
        snprintf(text, sizeof text, "%s%s", unit_state_names[s], u->ready ? " ready" : "");
        unitstate_save(u->env->state_dir, u->name, text);
}

void unit_keep_ready(const Unit *u) {
        keep_state(u, UNIT_RUNNING);
}

void unit_set_state(Unit *u, UnitState s) {
        u->state = s;
        if (s != UNIT_BACKOFF && s != UNIT_STOPPING)
                u->deadline = UINT64_MAX;
        if (s != UNIT_RUNNING)
                unitprobe_end(u);
        if (s == UNIT_STOPPED || s == UNIT_EXITED || s == UNIT_FAILED)
                keep_state(u, s);
        else if (s == UNIT_WAITING || s == UNIT_CREATING)
                unitstate_clear(u->env->state_dir, u->name);
        u->env->recheck = true;
        u->env->changed(u->env->data, u);
}

static void set_error(Unit *u, const char *text) {
        free(u->error);
        u->error = text ? xstrdup(text) : NULL;
}

/* A unit that a former supervisor started has mounts that no Bundle knows. */
static void drop_mounts(Unit *u) {
        if (u->mounted)
                bundle_cleanup(u->bundle);
        else
                unitprep_unmount(u->path);
        u->mounted = false;
}

/* Where a unit that is gone from the engine goes next. */
static void rest(Unit *u) {
        if (u->again) {
                u->again = false;
                u->wanted = true;
                u->failures = 0;
                u->next = UNIT_WAITING;
        } else if (!u->wanted) {
                u->next = UNIT_STOPPED;
        }
        unit_set_state(u, u->next);
}

static void on_wiped(void *data, const EngineReply *r) {
        Unit *u = data;
        u->wipe_call = 0;
        if (r->error)
                log_line("service %s: remove its container: %s", u->name, r->error);
        drop_mounts(u);
        rest(u);
}

void unit_clean(Unit *u, bool kill_first, UnitState next) {
        uint64_t deadline = u->deadline;
        drop_calls(u);
        u->next = next;
        /* Work that is done well stays done. */
        u->ready = u->ready && next == UNIT_EXITED && u->exit_status == 0;
        unit_set_state(u, UNIT_CLEANING);
        u->deadline = next == UNIT_BACKOFF ? deadline : UINT64_MAX;
        u->pid = 0;
        if (u->env->engine)
                u->wipe_call = engine_wipe(u->env->engine, u->ns, u->name, kill_first, on_wiped, u);
}

/* The pause before the next start runs from the end of the last one. */
static void back_off(Unit *u, const char *text, uint64_t lived_ms, bool kill_first) {
        unsigned limit = unit_restart_limit(u);
        uint64_t delay = policy_delay_ms(&u->failures, lived_ms);
        if (policy_gives_up(u->failures, limit)) {
                _cleanup_free_ char *last =
                        xasprintf("%s; given up after %u start%s in quick succession", text, limit,
                                  limit == 1 ? "" : "s");
                set_error(u, last);
                log_line("service %s: %s", u->name, last);
                unit_clean(u, kill_first, UNIT_FAILED);
                return;
        }
        log_line("service %s: %s; restarting in %llus", u->name, text,
                 (unsigned long long)(delay / 1000));
        u->deadline = clock_ms() + delay;
        unit_clean(u, kill_first, UNIT_BACKOFF);
}

void unit_decide(Unit *u, const char *text, bool restart, uint64_t lived_ms, bool kill_first,
                 UnitState final) {
        if (!u->tried)
                bootlog_note(BOOTLOG_SERVICE_FAILED, u->name, NULL);
        u->tried = true;
        set_error(u, text);
        if (!u->wanted) {
                if (!u->env->quiet)
                        log_line("service %s: %s", u->name, text);
                unit_clean(u, kill_first, UNIT_STOPPED);
        } else if (!restart) {
                if (final == UNIT_FAILED || u->exit_status != 0 || !u->env->quiet)
                        log_line("service %s: %s", u->name, text);
                unit_clean(u, kill_first, final);
        } else {
                back_off(u, text, lived_ms, kill_first);
        }
}

void unit_fail_to_start(Unit *u, const char *text) {
        _cleanup_free_ char *full = xasprintf("could not be started: %s", text);
        u->exit_status = ENGINE_STATUS_UNKNOWN;
        unit_decide(u, full, u->policy != RESTART_NO, 0, true, UNIT_FAILED);
}

static void handle_end(Unit *u) {
        uint64_t lived = u->started_ms ? clock_ms() - u->started_ms : 0;
        _cleanup_free_ char *text =
                xasprintf("%sexited with status %u after %.1fs", u->unhealthy ? "unhealthy, " : "",
                          u->exit_status, (double)lived / 1000);
        if (u->unhealthy)
                unit_decide(u, text, u->policy != RESTART_NO, lived, false, UNIT_FAILED);
        else
                unit_decide(u, text, policy_restarts(u->policy, u->exit_status), lived, false,
                            UNIT_EXITED);
}

static void task_ended(Unit *u, uint32_t status) {
        if (u->ended)
                return;
        u->ended = true;
        u->exit_status = status;
        if (u->state == UNIT_RUNNING || u->state == UNIT_STOPPING)
                handle_end(u);
}

void unit_on_wait(void *data, const EngineReply *r) {
        Unit *u = data;
        u->wait_call = 0;
        task_ended(u, r->status);
}

void unit_on_exit(Unit *u, pid_t pid, uint32_t exit_status) {
        if (u->pid == pid && pid > 0)
                task_ended(u, exit_status);
}

void unit_on_oom(Unit *u) {
        if (u->state == UNIT_RUNNING || u->state == UNIT_STOPPING || u->state == UNIT_CLEANING)
                log_line("service %s: out of memory in its cgroup", u->name);
}

static void on_stop_killed(void *data, const EngineReply *r) {
        (void)r; /* a process that is gone already answers the wait */
        ((Unit *)data)->call = 0;
}

static void send_signal(Unit *u, int signo) {
        if (u->env->engine && u->call == 0)
                u->call = engine_kill(u->env->engine, u->ns, u->name, signo, on_stop_killed, u);
}

static uint64_t stop_timeout_ms(const Unit *u) {
        unsigned seconds = u->bundle ? bundle_stop_timeout(u->bundle) : 0;
        return seconds ? (uint64_t)seconds * 1000 : STOP_TIMEOUT_MS;
}

void unit_begin_stop(Unit *u) {
        u->killed = u->ready = false;
        u->stop_ms = clock_ms();
        u->deadline = u->stop_ms + stop_timeout_ms(u);
        unit_set_state(u, UNIT_STOPPING);
        send_signal(u, SIGTERM);
}

static void has_started(Unit *u) {
        if (!u->tried && !u->has_run)
                bootlog_note(BOOTLOG_SERVICE_START, u->name, NULL);
        u->has_run = true;
        u->started_ms = clock_ms();
        set_error(u, NULL);
        if (!u->env->quiet)
                log_line("service %s: started (pid %d) at %.2fs", u->name, (int)u->pid,
                         log_uptime());
        unit_set_state(u, UNIT_RUNNING);
        unitprobe_begin(u);
        if (u->ended)
                handle_end(u);
        else if (!u->wanted)
                unit_begin_stop(u);
}

static void on_started(void *data, const EngineReply *r) {
        Unit *u = data;
        u->call = 0;
        if (r->error)
                unit_fail_to_start(u, r->error);
        else
                has_started(u);
}

static void on_made(void *data, const EngineReply *r) {
        Unit *u = data;
        _cleanup_err_ Err err = ERR_INIT;
        u->call = 0;
        if (!u->wanted && !r->started) {
                unit_clean(u, true, UNIT_STOPPED);
                return;
        }
        if (r->exists && !u->collided) {
                u->collided = true;
                unit_clean(u, true, UNIT_WAITING);
                return;
        }
        if (r->error) {
                unit_fail_to_start(u, r->error);
                return;
        }
        u->collided = false;
        u->pid = r->pid;
        if (!r->started && bundle_attach(u->bundle, u->pid, &err) < 0) {
                unit_fail_to_start(u, err.text);
                return;
        }
        u->wait_call = engine_wait(u->env->engine, u->ns, u->name, unit_on_wait, u);
        if (r->started)
                has_started(u);
        else
                u->call = engine_start(u->env->engine, u->ns, u->name, on_started, u);
}

/* The steps that need no engine. */
static int prepare(Unit *u, Buf *spec, Err *e) {
        _cleanup_free_ char *dump = take(u->dump);
        if (unit_read_settings(u, e) < 0)
                return -1;
        u->mounted = true;
        if (bundle_prepare(u->bundle, e) < 0 || unitprep_spec(u->path, dump, spec, e) < 0)
                return -1;
        unitlogs_open(&u->logs, u->env->log, u->tried || u->has_run);
        return 0;
}

void unit_go(Unit *u) {
        _cleanup_err_ Err err = ERR_INIT;
        _cleanup_buf_ Buf spec = { 0 };
        u->ended = u->killed = u->was_running = u->ready = u->unhealthy = false;
        u->probe.health = UNIT_UNASKED;
        u->exit_status = 0;
        u->started_ms = 0;
        u->pid = 0;
        if (!u->tried)
                bootlog_note(BOOTLOG_SERVICE_BEGIN, u->name, NULL);
        unit_set_state(u, UNIT_CREATING);
        if (prepare(u, &spec, &err) < 0) {
                unit_fail_to_start(u, err.text);
                return;
        }
        const EngineMake make = { .ns = u->ns,
                                  .name = u->name,
                                  .path = u->path,
                                  .out = unitlogs_path(&u->logs, 0),
                                  .err = unitlogs_path(&u->logs, 1),
                                  .spec = spec.data,
                                  .spec_len = spec.len,
                                  .start = !bundle_needs_attach(u->bundle) };
        u->call = engine_make(u->env->engine, &make, on_made, u);
}

static void set_dump(Unit *u, const char *dump_spec) {
        free(u->dump);
        u->dump = dump_spec ? xstrdup(dump_spec) : NULL;
}

int unit_start(Unit *u, const char *dump_spec, Err *e) {
        if (u->state == UNIT_CLEANING) {
                set_dump(u, dump_spec);
                u->again = true;
                return 0;
        }
        if (u->state != UNIT_WAITING && u->state != UNIT_BACKOFF && u->state != UNIT_STOPPED &&
            u->state != UNIT_EXITED && u->state != UNIT_FAILED)
                return err_set(e, ERR_USAGE, 0, "service %s is %s", u->name,
                               unit_state_names[u->state]);
        set_dump(u, dump_spec);
        unit_read_settings(u, NULL); /* somebody may have changed what it needs */
        u->wanted = true;
        u->again = false;
        u->failures = 0;
        unit_set_state(u, UNIT_WAITING);
        return 0;
}

int unit_restart(Unit *u, const char *dump_spec, Err *e) {
        unit_stop(u);
        if (u->state == UNIT_STOPPED)
                return unit_start(u, dump_spec, e);
        set_dump(u, dump_spec);
        u->again = true;
        unitstate_clear(u->env->state_dir, u->name); /* a successor is not to leave it stopped */
        return 0;
}

void unit_stop(Unit *u) {
        u->wanted = u->again = false;
        switch (u->state) {
        case UNIT_RUNNING:
                unit_begin_stop(u);
                break;
        case UNIT_CREATING: /* the next answer sees it */
        case UNIT_STOPPING:
        case UNIT_CLEANING:
        case UNIT_LOST:
                break;
        default:
                unit_set_state(u, UNIT_STOPPED);
        }
        if (u->state != UNIT_STOPPED)
                keep_state(u, UNIT_STOPPING); /* a successor has to go on with it */
}

/* Of a stop, no later than the end of the time that a machine going down has for all. */
static uint64_t kill_deadline(const Unit *u) {
        return !u->killed && u->env->kill_by ? MIN(u->deadline, u->env->kill_by) : u->deadline;
}

uint64_t unit_deadline(const Unit *u) {
        /* During CLEANING the deadline of the back-off to come is kept in the same place. */
        uint64_t own = u->state == UNIT_BACKOFF    ? u->deadline
                       : u->state == UNIT_STOPPING ? kill_deadline(u)
                                                   : UINT64_MAX;
        return MIN(own, unitprobe_deadline(u));
}

static void stop_expired(Unit *u, uint64_t now_ms) {
        if (!u->killed) {
                log_line("service %s: still running %llu s after SIGTERM, sending SIGKILL", u->name,
                         (unsigned long long)(now_ms - u->stop_ms + 500) / 1000);
                u->killed = true;
                u->deadline = now_ms + KILL_TIMEOUT_MS;
                engine_cancel(u->env->engine, u->call);
                u->call = 0;
                send_signal(u, SIGKILL);
                return;
        }
        log_line("service %s: does not end, giving up on it", u->name);
        if (u->unhealthy && u->wanted)
                unit_decide(u, "unhealthy and does not end", u->policy != RESTART_NO, 0, true,
                            UNIT_FAILED);
        else
                unit_clean(u, true, UNIT_STOPPED);
}

void unit_tick(Unit *u, uint64_t now_ms) {
        unitprobe_tick(u, now_ms);
        if (u->state == UNIT_BACKOFF && u->deadline <= now_ms) {
                u->restarts++;
                unit_set_state(u, UNIT_WAITING);
        } else if (u->state == UNIT_STOPPING && kill_deadline(u) <= now_ms) {
                stop_expired(u, now_ms);
        }
}
