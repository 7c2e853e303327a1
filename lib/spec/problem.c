/* problem.c - see problem.h.  The text of the Err is built here and not by err_set, because err_set
 * shows line ends as '?': every line is made printable singly instead. */
#include "lib/spec/problem.h"
#include "lib/base/str.h"

enum {
        MAX_SHOWN = 20,
        MAX_KEPT = 1000, /* a hostile file has a fault in every line; memory stays bounded */
};

const char *problems_file(Problems *p, const char *name) {
        const char **slot = vec_push(p->files, p->n_files, p->cap_files);
        return *slot = arena_strdup(p->arena, name);
}

bool problems_full(const Problems *p) {
        return p->n == MAX_KEPT;
}

void problem_add(Problems *p, Pos pos, const char *fmt, ...) {
        if (problems_full(p)) {
                p->dropped++;
                return;
        }
        va_list ap;
        va_start(ap, fmt);
        _cleanup_free_ char *text = xvasprintf(fmt, ap);
        va_end(ap);
        Problem *x = vec_push(p->items, p->n, p->cap);
        *x = (Problem){ .pos = pos, .text = arena_strdup(p->arena, text) };
}

static size_t rank(const Problems *p, const char *file) {
        size_t i = 0;
        while (i < p->n_files && p->files[i] != file)
                i++;
        return i;
}

static int compare(const void *a, const void *b, void *ctx) {
        const Problem *x = a, *y = b;
        size_t i = rank(ctx, x->pos.file), j = rank(ctx, y->pos.file);
        if (i != j)
                return i < j ? -1 : 1;
        if (x->pos.line != y->pos.line)
                return x->pos.line < y->pos.line ? -1 : 1;
        if (x->pos.column != y->pos.column)
                return x->pos.column < y->pos.column ? -1 : 1;
        return strcmp(x->text, y->text);
}

static void add_line(Buf *b, const char *text) {
        for (; *text; text++)
                buf_addc(b, (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

static void add_problem(Buf *b, const Problem *x) {
        if (x->pos.file) {
                add_line(b, x->pos.file);
                if (x->pos.line)
                        buf_addf(b, ":%u:%u", x->pos.line, x->pos.column);
                buf_adds(b, ": ");
        }
        add_line(b, x->text);
}

int problems_report(Problems *p, Err *e) {
        if (!p->n)
                return 0;
        qsort_r(p->items, p->n, sizeof *p->items, compare, p);
        Buf b = { 0 };
        size_t shown = 0;
        for (size_t i = 0; i < p->n && shown < MAX_SHOWN; i++, shown++) {
                if (i)
                        buf_addc(&b, '\n');
                add_problem(&b, &p->items[i]);
        }
        if (p->n + p->dropped > shown)
                buf_addf(&b, "\nand %zu more", p->n + p->dropped - shown);
        _cleanup_free_ char *text = buf_steal(&b);
        err_clear(e);
        if (e) {
                e->kind = ERR_SPEC;
                e->text = take(text);
        }
        return -1;
}

void problems_done(Problems *p) {
        free(p->items);
        free(p->files);
        *p = (Problems){ 0 };
}

int spec_err(Err *e, Pos pos, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        _cleanup_free_ char *text = xvasprintf(fmt, ap);
        va_end(ap);
        if (!pos.file)
                return err_set(e, ERR_SPEC, 0, "%s", text);
        if (!pos.line)
                return err_set(e, ERR_SPEC, 0, "%s: %s", pos.file, text);
        return err_set(e, ERR_SPEC, 0, "%s:%u:%u: %s", pos.file, pos.line, pos.column, text);
}
