/* unitorder.c - see unitorder.h.  Names are looked up once and kept as pointers: units are never
 * removed from the set, and one that reads its settings again is not `linked` any more. */
#include "init/unitorder.h"

#include "init/log.h"
#include "init/unitinside.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

static void link_needs(const Units *units, Unit *u) {
        if (u->linked)
                return;
        char *const *names = unit_needs(u, &u->n_needs);
        free(u->needs);
        u->needs = xcalloc(u->n_needs + 1, sizeof *u->needs);
        for (size_t i = 0; i < u->n_needs; i++)
                u->needs[i] = units_find(units, names[i]);
        u->linked = true;
}

static void link_all(const Units *units) {
        for (size_t i = 0; i < units->n; i++)
                link_needs(units, units->v[i]);
}

void unitorder_forget(Units *units) {
        for (size_t i = 0; i < units->n; i++)
                units->v[i]->linked = false;
}

const char *unitorder_blocker(const Units *units, const Unit *u) {
        size_t n;
        char *const *names = unit_needs(u, &n);
        link_needs(units, (Unit *)u);
        for (size_t i = 0; i < u->n_needs; i++)
                if (!u->needs[i] || !u->needs[i]->ready)
                        return names[i];
        return NULL;
}

void unitorder_start(Units *units) {
        for (size_t i = 0; i < units->n; i++)
                if (units->v[i]->state == UNIT_WAITING && !unitorder_blocker(units, units->v[i]))
                        unit_go(units->v[i]);
}

/* --- stop ----------------------------------------------------------------------------------- */

/* Marks every unit that one which has not stopped needs. */
static void mark_needed(Units *units) {
        link_all(units);
        for (size_t i = 0; i < units->n; i++)
                units->v[i]->mark = false;
        for (size_t i = 0; i < units->n; i++) {
                const Unit *u = units->v[i];
                for (size_t k = 0; u->state != UNIT_STOPPED && k < u->n_needs; k++)
                        if (u->needs[k] && u->needs[k] != u)
                                u->needs[k]->mark = true;
        }
}

static void stop_unmarked(Units *units, bool all) {
        for (size_t i = units->n; i > 0; i--) {
                Unit *u = units->v[i - 1];
                if ((all || !u->mark) && (u->wanted || u->state != UNIT_STOPPED))
                        unit_stop(u);
        }
}

/* Something that has been asked to stop is on its way, or will be as soon as there is an engine. */
static bool is_any_on_its_way(const Units *units) {
        for (size_t i = 0; i < units->n; i++)
                if (!units->v[i]->wanted && units->v[i]->state != UNIT_STOPPED)
                        return true;
        return false;
}

void unitorder_stop(Units *units, bool all) {
        /* What does not run stops at once, which may free the next: hence the repetition. */
        for (size_t i = 0; i < units->n && !units_all_stopped(units); i++) {
                mark_needed(units);
                stop_unmarked(units, all);
                if (is_any_on_its_way(units))
                        return;
        }
        if (!units_all_stopped(units)) /* a circle */
                stop_unmarked(units, true);
}

/* --- the end of the boot -------------------------------------------------------------------- */

/* A waiting unit is decided when something that it needs is, and has not become ready. */
static bool is_hopeless(const Unit *u) {
        for (size_t i = 0; i < u->n_needs; i++)
                if (!u->needs[i] || (u->needs[i]->mark && !u->needs[i]->ready))
                        return true;
        return false;
}

bool unitorder_decided(Units *units) {
        bool grows = true;
        link_all(units);
        for (size_t i = 0; i < units->n; i++)
                units->v[i]->mark = units->v[i]->tried || !units->v[i]->wanted;
        while (grows) {
                grows = false;
                for (size_t i = 0; i < units->n; i++) {
                        Unit *u = units->v[i];
                        if (!u->mark && u->state == UNIT_WAITING && is_hopeless(u))
                                u->mark = grows = true;
                }
        }
        for (size_t i = 0; i < units->n; i++) {
                const Unit *u = units->v[i];
                /* What waits for nobody, or does not wait, will be decided. */
                if (!u->mark && (u->state != UNIT_WAITING || !unitorder_blocker(units, u)))
                        return false;
        }
        return true; /* all, or the rest goes in a circle */
}

/* --- report --------------------------------------------------------------------------------- */

static bool needs_are_marked(const Unit *u) {
        for (size_t i = 0; i < u->n_needs; i++)
                if (u->needs[i] && !u->needs[i]->mark)
                        return false;
        return true;
}

void unitorder_report(Units *units) {
        _cleanup_buf_ Buf circle = { 0 };
        link_all(units);
        for (size_t i = 0; i < units->n; i++) {
                Unit *u = units->v[i];
                size_t n;
                char *const *names = unit_needs(u, &n);
                u->mark = false;
                for (size_t k = 0; k < n; k++)
                        if (!u->needs[k])
                                log_line("service %s: needs \"%.76s\", which is no service",
                                         u->name, names[k]);
        }
        for (bool grows = true; grows;) {
                grows = false;
                for (size_t i = 0; i < units->n; i++)
                        if (!units->v[i]->mark && needs_are_marked(units->v[i]))
                                units->v[i]->mark = grows = true;
        }
        for (size_t i = 0; i < units->n; i++)
                if (!units->v[i]->mark)
                        buf_addf(&circle, " %s", units->v[i]->name);
        if (circle.len)
                log_init("services that need each other in a circle, or such services, are not "
                         "started:%s",
                         circle.data);
}
