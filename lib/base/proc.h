/* proc.h - running other programs: never through a shell, always waited for, and
 * never left behind: a program that we started dies with us, however we die. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "lib/base/err.h"

typedef struct ProcOptions {
        const char *cwd; /* NULL: unchanged */
        const char *const
                *env;      /* "K=V" additions to the environment, NULL-terminated; NULL: none */
        const char *input; /* written to its stdin; NULL: /dev/null */
        size_t input_len;
        size_t output_limit; /* bytes of stdout kept; 0: 16 MiB; more is an error */
        /* called twice a second while the program runs and says nothing; a failure ends the program
         * and is the result; NULL: never */
        int (*tick)(void *ctx, Err *e);
        void *tick_ctx;
} ProcOptions;

/* Runs argv (argv[0] looked up in PATH). *ret_out (may be NULL: stdout is discarded) is malloc'ed
 * and NUL-terminated. A non-zero exit is an error whose text holds the program, the status and the
 * line of its stderr that tells why; *ret_status (may be NULL) then holds the exit status (128+n
 * for signals), and if ret_status is given a non-zero exit is not an error. A missing program is
 * ERR_NOT_FOUND. */
int proc_run(const char *const *argv, const ProcOptions *o, char **ret_out, size_t *ret_len,
             int *ret_status, Err *e);

/* Absolute path of a program in PATH, malloc'ed, or NULL. */
char *proc_find(const char *name);
