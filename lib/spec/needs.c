/* needs.c - see needs.h.  A walk in depth without recursion: a hostile file may chain a hundred
 * thousand services. */
#include "lib/spec/needs.h"

#include "lib/base/str.h"

typedef struct Vertex {
        const ServiceNeeds *service;
        size_t *to;  /* vertices of its needs; SIZE_MAX where there is none */
        size_t next; /* the need that the walk looks at */
        enum { NEW, OPEN, DONE } state;
} Vertex;

static int compare(const void *a, const void *b) {
        const Vertex *x = a, *y = b;
        return strcmp(x->service->name, y->service->name);
}

static int compare_name(const void *name, const void *vertex) {
        return strcmp(name, ((const Vertex *)vertex)->service->name);
}

static void report(const Vertex *x, size_t need, Problems *p, const char *text) {
        const Str *s = &x->service->needs->items[need];
        problem_add(p, s->pos, "service \"%.80s\" needs \"%.80s\"%s", x->service->name, s->text,
                    text);
}

static void resolve(Vertex *v, size_t n, Vertex *x, Problems *p) {
        const StrList *needs = x->service->needs;
        x->to = xcalloc(needs->n + 1, sizeof *x->to);
        for (size_t i = 0; i < needs->n; i++) {
                const Vertex *found = bsearch(needs->items[i].text, v, n, sizeof *v, compare_name);
                x->to[i] = found ? (size_t)(found - v) : SIZE_MAX;
                if (!found)
                        report(x, i, p, ", which is no service");
        }
}

/* The services on the way from path[from] to the end of the path and back. */
static void report_circle(const Vertex *v, const size_t *path, size_t from, size_t depth,
                          Problems *p) {
        enum { SHOWN = 8 };
        _cleanup_buf_ Buf b = { 0 };
        const Vertex *last = &v[path[depth - 1]];
        for (size_t i = from; i < depth && i < from + SHOWN; i++)
                buf_addf(&b, "%s%.80s", i > from ? ", which needs " : "", v[path[i]].service->name);
        _cleanup_free_ char *text =
                xasprintf(", a circle: %s%s", b.data, depth - from > SHOWN ? " ..." : "");
        report(last, last->next - 1, p, depth - from == 1 ? ", that is itself" : text);
}

static void walk(Vertex *v, size_t start, size_t *path, Problems *p) {
        size_t depth = 0;
        path[depth++] = start;
        v[start].state = OPEN;
        while (depth) {
                Vertex *x = &v[path[depth - 1]];
                if (x->next == x->service->needs->n) {
                        x->state = DONE;
                        depth--;
                        continue;
                }
                size_t to = x->to[x->next++];
                if (to == SIZE_MAX || v[to].state == DONE)
                        continue;
                if (v[to].state == NEW) {
                        v[to].state = OPEN;
                        path[depth++] = to;
                        continue;
                }
                size_t from = depth - 1;
                while (path[from] != to)
                        from--;
                report_circle(v, path, from, depth, p);
        }
}

void needs_check(const ServiceNeeds *services, size_t n, Problems *p) {
        _cleanup_free_ Vertex *v = xcalloc(n + 1, sizeof *v);
        _cleanup_free_ size_t *path = xcalloc(n + 1, sizeof *path);
        for (size_t i = 0; i < n; i++)
                v[i].service = &services[i];
        qsort(v, n, sizeof *v, compare);
        for (size_t i = 0; i < n; i++)
                resolve(v, n, &v[i], p);
        for (size_t i = 0; i < n; i++)
                if (v[i].state == NEW)
                        walk(v, i, path, p);
        for (size_t i = 0; i < n; i++)
                free(v[i].to);
}

int spec_check_needs(const ServiceNeeds *services, size_t n, Err *e) {
        _cleanup_arena_ Arena *arena = arena_new();
        _cleanup_problems_ Problems p = { .arena = arena };
        needs_check(services, n, &p);
        return problems_report(&p, e);
}
