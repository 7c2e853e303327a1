/* unitinfo.c - what may be asked of a unit at any time. */
#include "init/clock.h"
#include "init/unitinside.h"

const char *unit_name(const Unit *u) {
        return u->name;
}

const char *unit_namespace(const Unit *u) {
        return u->ns;
}

const char *unit_runtime(const Unit *u) {
        return u->runtime;
}

UnitState unit_state(const Unit *u) {
        return u->state;
}

const char *unit_state_name(const Unit *u) {
        return unit_state_names[u->state];
}

pid_t unit_pid(const Unit *u) {
        return u->state == UNIT_RUNNING || u->state == UNIT_STOPPING ? u->pid : 0;
}

unsigned unit_restarts(const Unit *u) {
        return u->restarts;
}

double unit_uptime(const Unit *u) {
        return unit_pid(u) > 0 ? (double)(clock_ms() - u->started_ms) / 1000 : 0;
}

const char *unit_error(const Unit *u) {
        return u->error ? u->error : "";
}

bool unit_is_ready(const Unit *u) {
        return u->ready;
}

bool unit_was_ready(const Unit *u) {
        return u->was_ready;
}

UnitHealth unit_health(const Unit *u) {
        return u->probe.health;
}

char *const *unit_needs(const Unit *u, size_t *n) {
        *n = 0;
        return u->bundle ? bundle_needs(u->bundle, n) : NULL;
}

unsigned unit_restart_limit(const Unit *u) {
        return u->bundle ? bundle_restart_limit(u->bundle) : 0;
}

pid_t unit_probe_pid(const Unit *u) {
        return u->probe.pid;
}

const char *unit_log_path(const Unit *u, bool err) {
        return u->logs.files[err];
}
