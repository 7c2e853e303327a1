/* err.c - see err.h.  Running out of memory while reporting loses text, never the failure itself.
 */
#include "lib/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Control characters in a message (they come from names in layers and replies of servers) would let
 * outside data move the user's cursor, so they are shown as '?'. */
static void make_printable(char *s) {
        for (; s && *s; s++)
                if ((unsigned char)*s < 0x20 || *s == 0x7f)
                        *s = '?';
}

static char *format(const char *fmt, va_list ap) {
        char *s = NULL;
        if (vasprintf(&s, fmt, ap) < 0)
                return NULL;
        make_printable(s);
        return s;
}

int err_set(Err *e, ErrKind kind, int errnum, const char *fmt, ...) {
        if (!e)
                return -1;
        va_list ap;
        va_start(ap, fmt);
        char *text = format(fmt, ap);
        va_end(ap);
        if (errnum < 0)
                errnum = -errnum;
        if (errnum && text) {
                char *with = NULL;
                if (asprintf(&with, "%s: %s", text, strerror(errnum)) >= 0) {
                        free(text);
                        text = with;
                }
        }
        err_clear(e);
        e->kind = kind;
        e->errnum = errnum;
        e->text = text;
        return -1;
}

int err_wrap(Err *e, const char *fmt, ...) {
        if (!e)
                return -1;
        va_list ap;
        va_start(ap, fmt);
        char *front = format(fmt, ap);
        va_end(ap);
        char *with = NULL;
        if (front && asprintf(&with, "%s: %s", front, e->text ? e->text : "out of memory") >= 0) {
                free(e->text);
                e->text = with;
        }
        free(front);
        if (e->kind == ERR_NONE)
                e->kind = ERR_INTERNAL;
        return -1;
}

int err_hint(Err *e, const char *fmt, ...) {
        if (!e || e->hint)
                return -1;
        va_list ap;
        va_start(ap, fmt);
        e->hint = format(fmt, ap);
        va_end(ap);
        return -1;
}

void err_clear(Err *e) {
        if (!e)
                return;
        free(e->text);
        free(e->hint);
        *e = ERR_INIT;
}

void err_move(Err *dst, Err *src) {
        if (dst == src)
                return;
        err_clear(dst);
        if (dst)
                *dst = *src;
        else
                err_clear(src);
        *src = ERR_INIT;
}
