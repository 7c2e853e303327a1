/* units.c - see units.h. */
#include "init/units.h"

#include <sys/wait.h>

#include "init/bootlog.h"
#include "init/clock.h"
#include "init/log.h"
#include "init/sys.h"
#include "init/unitorder.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

/* Before the limit of a stop of all: what still runs is killed, and before that what still waits
 * for its turn gets its SIGTERM. */
#define KILL_MS  3000
#define HURRY_MS 8000

static int add(Units *units, const char *name, Unit **ret, Err *e) {
        _cleanup_free_ char *path = path_join(units->dir, name);
        if (!containerd_id_is_valid(name))
                return err_set(e, ERR_USAGE, 0, "\"%s\" is no valid name for a service", name);
        if (!sys_is_dir(path))
                return err_set(e, ERR_NOT_FOUND, 0, "no service %s in %s", name, units->dir);
        Unit *u;
        if (unit_new(&units->env, path, &u, e) < 0)
                return -1;
        *vec_push(units->v, units->n, units->cap) = u;
        unitorder_forget(units);
        *ret = u;
        return 0;
}

void units_load(Units *units) {
        _cleanup_err_ Err err = ERR_INIT;
        char **names;
        size_t n;
        if (sys_list(units->dir, &names, &n, &err) < 0) {
                if (err.kind != ERR_NOT_FOUND)
                        log_init("%s", err.text);
                return;
        }
        for (size_t i = 0; i < n; i++) {
                Unit *u;
                if (add(units, names[i], &u, &err) < 0)
                        log_init("%s", err.text);
        }
        sys_free_names(names, n);
        unitorder_report(units);
}

void units_free(Units *units) {
        for (size_t i = 0; i < units->n; i++)
                unit_free(units->v[i]);
        free(units->v);
        units->v = NULL;
        units->n = units->cap = 0;
}

Unit *units_find(const Units *units, const char *name) {
        for (size_t i = 0; i < units->n; i++)
                if (str_eq(unit_name(units->v[i]), name))
                        return units->v[i];
        return NULL;
}

Unit *units_find_in(const Units *units, const char *ns, const char *name) {
        Unit *u = units_find(units, name);
        return u && str_eq(unit_namespace(u), ns) ? u : NULL;
}

int units_get(Units *units, const char *name, Unit **ret, Err *e) {
        *ret = units_find(units, name);
        if (*ret)
                return 0;
        if (add(units, name, ret, e) < 0)
                return -1;
        unit_stop(*ret); /* it is not of the boot; whoever wants it starts it */
        return 0;
}

const char **units_namespaces(const Units *units, size_t *n) {
        const char **v = xcalloc(units->n + 1, sizeof *v);
        size_t count = 0;
        v[count++] = units->env.ns;
        for (size_t i = 0; i < units->n; i++) {
                const char *ns = unit_namespace(units->v[i]);
                size_t j = 0;
                while (j < count && !str_eq(v[j], ns))
                        j++;
                if (j == count)
                        v[count++] = ns;
        }
        *n = count;
        return v;
}

void units_stop_all(Units *units, uint64_t limit_ms) {
        units->stopping = true;
        units->env.kill_by = limit_ms - KILL_MS;
        units->hurry_at = units->env.kill_by - HURRY_MS;
        unitorder_stop(units, clock_ms() >= units->hurry_at);
}

bool units_all_stopped(const Units *units) {
        for (size_t i = 0; i < units->n; i++)
                if (unit_state(units->v[i]) != UNIT_STOPPED)
                        return false;
        return true;
}

/* How many services run, said once, when the first attempt of each has been decided. */
static void sum_up(Units *units) {
        _cleanup_buf_ Buf missing = { 0 }, waiting = { 0 };
        size_t run = 0;
        if (units->summed_up || !unitorder_decided(units))
                return;
        for (size_t i = 0; i < units->n; i++) {
                const Unit *u = units->v[i];
                const char *need =
                        unit_state(u) == UNIT_WAITING ? unitorder_blocker(units, u) : NULL;
                if (unit_was_ready(u))
                        run++;
                else if (need)
                        buf_addf(&waiting, "%s%s (for %s)",
                                 waiting.len ? ", " : "; waiting: ", unit_name(u), need);
                else
                        buf_addf(&missing, "%s%s",
                                 missing.len ? " " : "; not started: ", unit_name(u));
        }
        units->summed_up = true;
        bootlog_note(BOOTLOG_DONE, NULL, NULL);
        if (units->n == 0)
                log_init("no services to start");
        else if (run == units->n)
                log_init("all %zu services started at %.2fs", run, log_uptime());
        else
                log_init("%zu of %zu services started at %.2fs%s%s", run, units->n, log_uptime(),
                         missing.len ? missing.data : "", waiting.len ? waiting.data : "");
}

uint64_t units_deadline(const Units *units) {
        uint64_t first = units->env.recheck ? 0 : UINT64_MAX;
        for (size_t i = 0; i < units->n; i++)
                first = MIN(first, unit_deadline(units->v[i]));
        return units->stopping ? MIN(first, units->hurry_at) : first;
}

void units_tick(Units *units, uint64_t now_ms) {
        for (size_t i = 0; i < units->n; i++)
                unit_tick(units->v[i], now_ms);
        bool hurry = units->stopping && now_ms >= units->hurry_at;
        if (hurry)
                units->hurry_at = UINT64_MAX;
        if (!units->env.recheck && !hurry)
                return;
        units->env.recheck = false;
        if (units->stopping) {
                unitorder_stop(units, hurry);
        } else if (units->env.ready) {
                unitorder_start(units);
                sum_up(units);
        }
}

void units_on_child(Units *units, pid_t pid, int status) {
        for (size_t i = 0; i < units->n; i++)
                if (unit_probe_pid(units->v[i]) == pid)
                        unit_on_probe(units->v[i], status);
}

void units_reap(Units *units) {
        int status;
        for (size_t i = 0; i < units->n; i++) {
                pid_t pid = unit_probe_pid(units->v[i]);
                if (pid > 0 && waitpid(pid, &status, WNOHANG) == pid)
                        unit_on_probe(units->v[i], status);
        }
}

void units_disconnected(Units *units) {
        for (size_t i = 0; i < units->n; i++)
                unit_disconnected(units->v[i]);
}

void units_adopt(Units *units) {
        for (size_t i = 0; i < units->n; i++)
                unit_adopt(units->v[i]);
        units->summed_up = true; /* the former supervisor did, and this is no boot */
}

void units_resync(Units *units, const Inventory *inv) {
        for (size_t i = 0; i < units->n; i++) {
                Unit *u = units->v[i];
                const char *ns = unit_namespace(u), *name = unit_name(u);
                unit_resync(u, inventory_has_container(inv, ns, name),
                            inventory_task(inv, ns, name));
        }
}

void units_on_event(Units *units, const Event *ev) {
        Unit *u = units_find_in(units, ev->ns, ev->container);
        if (!u)
                return;
        if (ev->kind == EVENT_OOM)
                unit_on_oom(u);
        else if (ev->kind == EVENT_EXIT && ev->is_init)
                unit_on_exit(u, ev->pid, ev->exit_status);
}
