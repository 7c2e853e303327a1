/* units.c - see units.h. */
#include "init/units.h"

#include "init/bootlog.h"
#include "init/log.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

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
        return *ret ? 0 : add(units, name, ret, e);
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

void units_start_waiting(Units *units) {
        for (size_t i = 0; i < units->n; i++)
                if (unit_state(units->v[i]) == UNIT_WAITING)
                        unit_go(units->v[i]);
}

void units_stop_all(Units *units) {
        for (size_t i = units->n; i > 0; i--)
                unit_stop(units->v[i - 1]);
}

bool units_all_stopped(const Units *units) {
        for (size_t i = 0; i < units->n; i++)
                if (unit_state(units->v[i]) != UNIT_STOPPED)
                        return false;
        return true;
}

uint64_t units_deadline(const Units *units) {
        uint64_t first = UINT64_MAX;
        for (size_t i = 0; i < units->n; i++)
                first = MIN(first, unit_deadline(units->v[i]));
        return first;
}

void units_tick(Units *units, uint64_t now_ms) {
        for (size_t i = 0; i < units->n; i++)
                unit_tick(units->v[i], now_ms);
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

void units_sum_up(Units *units) {
        _cleanup_buf_ Buf missing = { 0 };
        size_t run = 0;
        if (units->summed_up)
                return;
        for (size_t i = 0; i < units->n; i++) {
                if (!unit_was_tried(units->v[i]))
                        return;
                if (unit_has_run(units->v[i]))
                        run++;
                else
                        buf_addf(&missing, " %s", unit_name(units->v[i]));
        }
        units->summed_up = true;
        bootlog_note(BOOTLOG_DONE, NULL, NULL);
        if (units->n == 0)
                log_init("no services to start");
        else if (run == units->n)
                log_init("all %zu services started at %.2fs", run, log_uptime());
        else
                log_init("%zu of %zu services started at %.2fs; not started:%s", run, units->n,
                         log_uptime(), missing.data);
}
