/* unitstate.h - what a supervisor that is restarted must know about its services and cannot ask
 * containerd: that somebody stops one or has stopped it, that one has ended for good, or is ready.
 *
 * One small file per service in a directory below /run, absent for one that waits or is on its way
 * up; a reboot forgets everything. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Remembers a word for the service.  dir may be NULL: nothing is kept.  Failures are ignored: the
 * worst that follows is one start too many. */
void unitstate_save(const char *dir, const char *name, const char *word);
void unitstate_clear(const char *dir, const char *name);
/* False when nothing is remembered. */
bool unitstate_load(const char *dir, const char *name, char *ret, size_t size);
