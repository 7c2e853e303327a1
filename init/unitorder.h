/* unitorder.h - who needs whom: which services may start, and which may stop.
 *
 * A service is started when all that it needs are ready; while the machine goes down it is stopped
 * before them.  The build has refused unknown names and circles, but the files of an image are what
 * they are: such services are not started, and they hold nobody up. */
#pragma once

#include <stdbool.h>

#include "init/units.h"

/* The first need that is not ready, NULL when it may start. */
const char *unitorder_blocker(const Units *units, const Unit *u);

/* Starts every waiting unit whose needs are ready. */
void unitorder_start(Units *units);

/* Asks every unit to stop that no other one needs any more; all: the others as well. */
void unitorder_stop(Units *units, bool all);

/* The first attempt of every unit has been decided, as far as it ever will be by itself. */
bool unitorder_decided(Units *units);

/* Says which needs can never be ready. */
void unitorder_report(Units *units);

/* The set of units has changed. */
void unitorder_forget(Units *units);
