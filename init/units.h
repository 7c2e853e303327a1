/* units.h - all services of the machine: the directories of /containers/services, in name order. */
#pragma once

#include "init/inventory.h"
#include "init/unit.h"

typedef struct Units {
        UnitEnv env;
        const char *dir;
        Unit **v;
        size_t n, cap;
        bool summed_up; /* the line that ends the boot has been printed */
} Units;

/* Adds every service of units->dir; what is no valid service is reported and left out.  A missing
 * directory is an empty one. */
void units_load(Units *units);
void units_free(Units *units);

Unit *units_find(const Units *units, const char *name); /* NULL if unknown */
Unit *units_find_in(const Units *units, const char *ns, const char *name);
/* The service of that name, looked up in the directory when it is not known yet. */
int units_get(Units *units, const char *name, Unit **ret, Err *e);

/* The namespaces in use, each once; the array is the caller's, the strings are borrowed. */
const char **units_namespaces(const Units *units, size_t *n);

void units_start_waiting(Units *units);
void units_stop_all(Units *units); /* asks for it, last one first */
bool units_all_stopped(const Units *units);
uint64_t units_deadline(const Units *units);
void units_tick(Units *units, uint64_t now_ms);
void units_disconnected(Units *units);
void units_adopt(Units *units);
void units_resync(Units *units, const Inventory *inv);
void units_on_event(Units *units, const Event *ev);
/* Prints how many services run, once, when the first attempt of each has been decided. */
void units_sum_up(Units *units);
