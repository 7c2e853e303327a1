/* err.h - errors: made once where the fault is seen, wrapped on the way up, printed once by main.
 *
 * Every function that can fail returns int (0 or positive: success, negative: failure) and takes
 * `Err *e` last; e is filled on failure only.  Library code never prints and never exits. */
#pragma once

#include <stdarg.h>

typedef enum ErrKind {
        ERR_NONE = 0,
        ERR_USAGE,     /* wrong flags or arguments */
        ERR_SPEC,      /* the build file, a build.yml, a label */
        ERR_NETWORK,   /* registry, mirror, HTTP */
        ERR_IO,        /* files, disk full, processes */
        ERR_VERIFY,    /* digest or size is not what was promised */
        ERR_NOT_FOUND, /* a named thing does not exist; callers may fall back */
        ERR_CANCELLED, /* interrupted by a signal */
        ERR_DAMAGED, /* a file of the cache did not hold what was stored in it and has been removed:
                        the same operation, done again, makes or fetches it anew */
        ERR_INTERNAL, /* our own mistake */
} ErrKind;

typedef struct Err {
        ErrKind kind;
        int errnum; /* errno of the cause, 0 if none */
        char *text; /* owned; NULL while there is no error */
        char *hint; /* owned; at most one line that tells what to do next; may be NULL */
} Err;

#define ERR_INIT ((Err){ 0 })

/* Replaces whatever e holds.  errnum may be negative or positive; when it is not 0, ": strerror" is
 * appended.  e may be NULL.  Always returns -1, so that `return err_set(...)` reads well. */
int err_set(Err *e, ErrKind kind, int errnum, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));

/* Puts "TEXT: " in front of the error that e holds.  Returns -1. */
int err_wrap(Err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Sets the hint unless one is set already (the deepest level knows best).  Returns -1. */
int err_hint(Err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Frees what e holds and makes it empty; e may be NULL. */
void err_clear(Err *e);

/* Moves the error from src to dst (dst is cleared first); src becomes empty. */
void err_move(Err *dst, Err *src);

#define _cleanup_err_ __attribute__((cleanup(err_clear)))
