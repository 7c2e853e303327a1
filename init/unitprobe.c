/* unitprobe.c - asking a running unit whether it is ready, and then whether it is healthy.
 *
 * A question is a child process (probe.h), one at a time per unit.  One whose answer is not wanted
 * any more is killed and forgotten, but the next question waits until it has been collected: a
 * child that the kernel cannot kill must not become many.  Health that cannot be asked for is a
 * failure; readiness has its limit. */
#include <stdio.h>

#include "init/bootlog.h"
#include "init/clock.h"
#include "init/log.h"
#include "init/probe.h"
#include "init/unitinside.h"
#include "lib/base/mem.h"

/* One try of many for readiness: what hangs then may have become better meanwhile. */
#define TRY_MS 10000

static uint64_t ms(unsigned seconds) {
        return (uint64_t)seconds * 1000;
}

static const ProbeSpec *spec_of(const Unit *u) {
        return u->probe.phase == ASK_READY ? bundle_ready(u->bundle) : bundle_health(u->bundle);
}

static void forget_child(Unit *u) {
        UnitProbe *p = &u->probe;
        if (p->pid <= 0)
                return;
        if (!p->discarded)
                probe_kill(p->pid);
        p->discarded = true;
}

static void ask_health(Unit *u) {
        UnitProbe *p = &u->probe;
        const ProbeSpec *spec = bundle_health(u->bundle);
        p->phase = ASK_NOTHING;
        if (spec->kind == PROBE_NONE)
                return;
        p->phase = ASK_HEALTH;
        p->next = clock_ms() + ms(spec->interval);
        p->limit = u->started_ms + ms(spec->start_period);
        p->bad = 0;
        if (p->health != UNIT_HEALTHY)
                p->health = UNIT_STARTING;
}

static void become_ready(Unit *u) {
        bool first = !u->tried;
        if (u->ready)
                return;
        u->tried = u->ready = u->was_ready = true;
        if (bundle_ready(u->bundle)->kind != PROBE_NONE) {
                if (first)
                        bootlog_note(BOOTLOG_SERVICE_READY, u->name, NULL);
                if (!u->env->quiet)
                        log_line("service %s: ready after %.1fs", u->name, unit_uptime(u));
                u->probe.health = UNIT_HEALTHY;
                unit_keep_ready(u); /* without a probe a successor needs no word of it */
        }
        ask_health(u);
        u->env->recheck = true;
        u->env->changed(u->env->data, u);
}

void unitprobe_begin(Unit *u) {
        UnitProbe *p = &u->probe;
        if (!u->bundle) { /* taken over with a runtime.json that nobody can read */
                u->tried = u->ready = u->was_ready = true;
                return;
        }
        const ProbeSpec *ready = bundle_ready(u->bundle);
        if (u->ready) {
                p->health = ready->kind == PROBE_NONE ? UNIT_UNASKED : UNIT_HEALTHY;
                u->was_ready = true;
                ask_health(u);
        } else if (ready->kind == PROBE_NONE) {
                become_ready(u);
        } else {
                p->phase = ASK_READY;
                p->health = UNIT_STARTING;
                p->next = clock_ms();
                p->limit = p->next + ms(ready->timeout);
                snprintf(p->reason, sizeof p->reason, "no answer");
        }
}

void unitprobe_end(Unit *u) {
        u->probe.phase = ASK_NOTHING;
        forget_child(u);
}

uint64_t unitprobe_deadline(const Unit *u) {
        const UnitProbe *p = &u->probe;
        if (p->phase == ASK_NOTHING)
                return UINT64_MAX;
        if (p->phase == ASK_HEALTH)
                return p->pid > 0 && !p->discarded ? p->kill_at : p->next;
        return MIN(p->limit, p->pid == 0 ? p->next : p->discarded ? UINT64_MAX : p->kill_at);
}

static void become_unhealthy(Unit *u) {
        UnitProbe *p = &u->probe;
        p->health = UNIT_UNHEALTHY;
        log_line("service %s: unhealthy: %s (%u time%s in a row)", u->name, p->reason, p->bad,
                 p->bad == 1 ? "" : "s");
        u->unhealthy = true;
        unit_begin_stop(u);
}

static void has_failed(Unit *u) {
        UnitProbe *p = &u->probe;
        const ProbeSpec *spec = spec_of(u);
        uint64_t now = clock_ms();
        p->next = now + ms(spec->interval);
        if (p->phase == ASK_HEALTH && now >= p->limit && ++p->bad >= spec->retries)
                become_unhealthy(u);
}

static void has_succeeded(Unit *u) {
        UnitProbe *p = &u->probe;
        if (p->phase == ASK_READY) {
                become_ready(u);
                return;
        }
        p->bad = 0;
        p->health = UNIT_HEALTHY;
        p->next = clock_ms() + ms(spec_of(u)->interval);
}

void unit_on_probe(Unit *u, int status) {
        UnitProbe *p = &u->probe;
        bool wanted = !p->discarded && p->phase != ASK_NOTHING;
        p->pid = 0;
        p->discarded = false;
        if (!wanted)
                return;
        if (probe_succeeded(spec_of(u), status, p->reason, sizeof p->reason))
                has_succeeded(u);
        else
                has_failed(u);
}

static void ask(Unit *u, uint64_t now_ms) {
        UnitProbe *p = &u->probe;
        const ProbeSpec *spec = spec_of(u);
        ProbeTarget t = { .pid = u->pid, .name = u->name };
        bool known = engine_runtime(u->env->engine, u->ns, u->name, &t.runtime);
        p->pid = known || spec->kind != PROBE_EXEC ? probe_start(spec, &t) : -1;
        p->discarded = false;
        p->kill_at = now_ms + (p->phase == ASK_READY ? TRY_MS : ms(spec->timeout));
        if (p->pid < 0) {
                p->pid = 0;
                snprintf(p->reason, sizeof p->reason, "no process for the question");
                has_failed(u);
        }
}

static void give_up_readiness(Unit *u) {
        _cleanup_free_ char *text = xasprintf("not ready after %u s (%s)",
                                              bundle_ready(u->bundle)->timeout, u->probe.reason);
        unit_fail_to_start(u, text);
}

void unitprobe_tick(Unit *u, uint64_t now_ms) {
        UnitProbe *p = &u->probe;
        if (p->phase == ASK_NOTHING)
                return;
        if (p->phase == ASK_READY && now_ms >= p->limit) {
                give_up_readiness(u);
        } else if (p->pid > 0 && !p->discarded && now_ms >= p->kill_at) {
                unsigned seconds = p->phase == ASK_READY ? TRY_MS / 1000 : spec_of(u)->timeout;
                snprintf(p->reason, sizeof p->reason, "no answer in %u s", seconds);
                forget_child(u);
                has_failed(u);
        } else if (p->discarded && p->phase == ASK_HEALTH && now_ms >= p->next) {
                snprintf(p->reason, sizeof p->reason, "an earlier question cannot be ended");
                has_failed(u);
        } else if (p->pid == 0 && now_ms >= p->next) {
                ask(u, now_ms);
        }
}
