/* problem.h - the list of faults of build files: collected, sorted by position, shown together.
 *
 * A user who made three typing errors wants to see three lines, not one line three times. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/spec/spec.h"

typedef struct Problem {
        Pos pos;
        const char *text; /* in the arena */
} Problem;

typedef struct Problems {
        Arena *arena;
        Problem *items;
        size_t n, cap;
        size_t dropped;     /* counted, but not kept */
        const char **files; /* in the order given: the first sort key */
        size_t n_files, cap_files;
} Problems;

/* Registers a source and returns its name, in the arena, for use in every Pos of it. */
const char *problems_file(Problems *p, const char *name);
/* True when further faults are only counted: saves the work of wording them. */
bool problems_full(const Problems *p);
/* Adds one fault; text without position. */
void problem_add(Problems *p, Pos pos, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* 0 when nothing was added; else fills e (ERR_SPEC, one line per fault, at most 20) and returns -1.
 */
int problems_report(Problems *p, Err *e);
void problems_done(Problems *p); /* leaves the arena alone */
#define _cleanup_problems_ __attribute__((cleanup(problems_done)))
