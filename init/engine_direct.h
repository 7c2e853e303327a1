/* engine_direct.h - containers run by an OCI runtime (runc, crun) without a daemon in between.
 *
 * The supervisor is a child subreaper: the first process of a container becomes its child, and the
 * exit status is its own to collect.  Containers outlive the supervisor; the next one takes them
 * over, but process 1 has inherited them then, so the status of their end is unknown. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "init/engine.h"
#include "init/units.h"
#include "lib/base/err.h"

typedef struct DirectEngine DirectEngine;

/* runtime is the program.  Everything that must survive the supervisor, but not the machine, is
 * kept below dir.  Out-of-memory kills are reported to the units.  Makes this process a child
 * subreaper; the strings must outlive the engine. */
int engine_direct_new(const char *runtime, const char *dir, Units *units, DirectEngine **ret,
                      Err *e);
/* Forgets everything without an answer; containers run on.  d may be NULL. */
void engine_direct_free(DirectEngine *d);

const Engine *engine_direct(DirectEngine *d);

/* Gives the engine to the units (env.engine) and, after a supervisor that died, tells them what
 * still runs. */
void engine_direct_begin(DirectEngine *d);
/* The next engine_direct_begin() is that of a new life, not of one that goes on. */
void engine_direct_end(DirectEngine *d);

/* A descriptor that is readable when engine_direct_handle() has something to do. */
int engine_direct_fd(const DirectEngine *d);
void engine_direct_handle(DirectEngine *d);
/* To be called after SIGCHLD: collects every child that has ended. */
void engine_direct_reap(DirectEngine *d);

/* CLOCK_MONOTONIC ms of the next engine_direct_tick(), UINT64_MAX for none. */
uint64_t engine_direct_deadline(const DirectEngine *d);
void engine_direct_tick(DirectEngine *d, uint64_t now_ms);
