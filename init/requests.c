/* requests.c - see requests.h.  Each verb is a row of the table at the end. */
#include "init/requests.h"

#include "init/unitorder.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

static void answer_error(Requests *r, unsigned slot, const char *text) {
        control_reply(r->control, slot, json_pack("{s:b,s:s}", "ok", 0, "error", text));
}

static void answer_ok(Requests *r, unsigned slot) {
        control_reply(r->control, slot, json_pack("{s:b}", "ok", 1));
}

static void wait_for(Requests *r, unsigned slot, RequestKind kind, Unit *u) {
        r->pending[slot].kind = kind;
        r->pending[slot].unit = u;
        requests_unit_changed(r, u);
}

void requests_forget(void *data, unsigned slot) {
        ((Requests *)data)->pending[slot].kind = REQUEST_NONE;
}

/* Why a unit does not go on by itself, or what went wrong last; the caller frees it. */
static char *reason(const Requests *r, const Unit *u) {
        const char *need = unit_state(u) == UNIT_WAITING ? unitorder_blocker(r->units, u) : NULL;
        return need ? xasprintf("waiting for %s", need) : xstrdup(unit_error(u));
}

/* What waits for others may do so for ever; the client need not. */
static void answer_waiting(Requests *r, unsigned slot, const Unit *u) {
        if (!unitorder_blocker(r->units, u))
                return;
        _cleanup_free_ char *why = reason(r, u);
        _cleanup_free_ char *note = xasprintf("service %s: %s", unit_name(u), why);
        r->pending[slot].kind = REQUEST_NONE;
        control_reply(r->control, slot, json_pack("{s:b,s:s}", "ok", 1, "note", note));
}

static void finish_start(Requests *r, unsigned slot, const Unit *u) {
        _cleanup_free_ char *text = NULL;
        switch (unit_state(u)) {
        case UNIT_RUNNING:
                if (!unit_is_ready(u))
                        break;
                r->pending[slot].kind = REQUEST_NONE;
                answer_ok(r, slot);
                break;
        case UNIT_WAITING:
                answer_waiting(r, slot, u);
                break;
        case UNIT_BACKOFF:
        case UNIT_FAILED:
        case UNIT_EXITED:
        case UNIT_STOPPED:
                r->pending[slot].kind = REQUEST_NONE;
                text = xasprintf("service %s: %s", unit_name(u),
                                 *unit_error(u) ? unit_error(u) : unit_state_name(u));
                answer_error(r, slot, text);
                break;
        default:
                break;
        }
}

void requests_unit_changed(Requests *r, Unit *u) {
        for (unsigned slot = 0; slot < CONTROL_CLIENTS; slot++) {
                if (r->pending[slot].kind == REQUEST_NONE || r->pending[slot].unit != u)
                        continue;
                if (r->pending[slot].kind == REQUEST_START) {
                        finish_start(r, slot, u);
                } else if (unit_state(u) == UNIT_STOPPED) {
                        r->pending[slot].kind = REQUEST_NONE;
                        answer_ok(r, slot);
                } else if (unit_state(u) == UNIT_RUNNING) {
                        r->pending[slot].kind = REQUEST_NONE;
                        answer_error(r, slot, "the service was started again meanwhile");
                }
        }
}

static json_t *describe_needs(const Unit *u) {
        size_t n;
        char *const *names = unit_needs(u, &n);
        json_t *list = json_array();
        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, json_string(names[i]));
        return list;
}

/* What its probes say; "" when it has none or does not run. */
static const char *health_word(const Unit *u) {
        static const char *const words[] = { [UNIT_UNASKED] = "",
                                             [UNIT_STARTING] = "starting",
                                             [UNIT_HEALTHY] = "healthy",
                                             [UNIT_UNHEALTHY] = "unhealthy" };
        UnitState s = unit_state(u);
        return s == UNIT_RUNNING || s == UNIT_STOPPING ? words[unit_health(u)] : "";
}

static json_t *describe(const Requests *r, const Unit *u) {
        _cleanup_free_ char *why = reason(r, u);
        return json_pack("{s:s,s:s,s:s,s:i,s:i,s:f,s:b,s:s,s:o,s:i,s:s}", "name", unit_name(u),
                         "namespace", unit_namespace(u), "state", unit_state_name(u), "pid",
                         (int)unit_pid(u), "restarts", (int)unit_restarts(u), "uptime",
                         unit_uptime(u), "ready", unit_is_ready(u), "health", health_word(u),
                         "needs", describe_needs(u), "restartLimit", (int)unit_restart_limit(u),
                         "error", why);
}

static void do_start(Requests *r, unsigned slot, Unit *u, const json_t *request) {
        _cleanup_err_ Err err = ERR_INIT;
        if (unit_start(u, json_string_value(json_object_get(request, "dumpSpec")), &err) < 0)
                answer_error(r, slot, err.text);
        else
                wait_for(r, slot, REQUEST_START, u);
}

static void do_stop(Requests *r, unsigned slot, Unit *u, const json_t *request) {
        (void)request;
        unit_stop(u);
        wait_for(r, slot, REQUEST_STOP, u);
}

static void do_restart(Requests *r, unsigned slot, Unit *u, const json_t *request) {
        _cleanup_err_ Err err = ERR_INIT;
        const char *dump = json_string_value(json_object_get(request, "dumpSpec"));
        if (unit_restart(u, dump, &err) < 0)
                answer_error(r, slot, err.text);
        else
                wait_for(r, slot, REQUEST_START, u);
}

static void do_status(Requests *r, unsigned slot, Unit *u, const json_t *request) {
        (void)request;
        json_t *list = json_array();
        for (size_t i = 0; i < r->units->n; i++)
                if (!u || u == r->units->v[i])
                        json_array_append_new(list, describe(r, r->units->v[i]));
        control_reply(r->control, slot, json_pack("{s:b,s:o}", "ok", 1, "services", list));
}

static const struct {
        const char *command;
        bool needs_name, changes;
        void (*run)(Requests *r, unsigned slot, Unit *u, const json_t *request);
} commands[] = {
        { "start", true, true, do_start },     { "stop", true, true, do_stop },
        { "restart", true, true, do_restart }, { "status", true, false, do_status },
        { "list", false, false, do_status },
};

void requests_handle(void *data, unsigned slot, const json_t *request) {
        Requests *r = data;
        _cleanup_err_ Err err = ERR_INIT;
        const char *command = json_string_value(json_object_get(request, "command"));
        const char *name = json_string_value(json_object_get(request, "name"));
        for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
                if (!str_eq(commands[i].command, command))
                        continue;
                Unit *u = NULL;
                if (commands[i].changes && r->closed)
                        answer_error(r, slot, "the machine is going down");
                else if (commands[i].needs_name &&
                         units_get(r->units, name ? name : "", &u, &err) < 0)
                        answer_error(r, slot, err.text);
                else
                        commands[i].run(r, slot, u, request);
                return;
        }
        answer_error(r, slot, "unknown command");
}
