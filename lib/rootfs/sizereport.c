/* sizereport.c - see sizereport.h.  One pass collects, then either printer runs over the result. */
#include "lib/rootfs/sizereport.h"

#include <inttypes.h>

#include "lib/rootfs/jsonout.h"
#include "lib/rootfs/names.h"

enum { MAX_LARGEST = 20 };

typedef struct Component {
        const char *location, *source; /* "" for entries without marks */
        uint64_t bytes, files;
        size_t number; /* order of the first entry */
} Component;

typedef struct Report {
        Component *components;
        size_t n, cap;
        const Entry *largest[MAX_LARGEST];
        size_t n_largest;
        uint64_t bytes, files;
} Report;

/* --- collecting ----------------------------------------------------------------------------- */

static const char *text_or_empty(const char *s) {
        return s ? s : "";
}

static Component *component_of(Report *r, NameSet *names, Arena *arena, const Entry *entry) {
        const char *location = text_or_empty(entry->location),
                   *source = text_or_empty(entry->source);
        /* Entries of one component stand together. */
        if (r->n) {
                Component *last = &r->components[r->n - 1];
                if (str_eq(last->location, location) && str_eq(last->source, source))
                        return last;
        }
        const char *key = arena_printf(arena, "%s %s", location, source);
        uint32_t id = nameset_add(names, key, strlen(key));
        if (id == r->n)
                *vec_push(r->components, r->n, r->cap) =
                        (Component){ .location = location, .source = source, .number = id };
        return &r->components[id];
}

/* Keeps the list sorted; of equals the earlier one stays in front. */
static void note_large(Report *r, const Entry *entry) {
        size_t at = r->n_largest;
        while (at > 0 && r->largest[at - 1]->content.size < entry->content.size)
                at--;
        if (at == MAX_LARGEST)
                return;
        if (r->n_largest < MAX_LARGEST)
                r->n_largest++;
        memmove(&r->largest[at + 1], &r->largest[at],
                (r->n_largest - 1 - at) * sizeof(*r->largest));
        r->largest[at] = entry;
}

static int compare_components(const void *a, const void *b) {
        const Component *x = a, *y = b;
        if (x->bytes != y->bytes)
                return x->bytes > y->bytes ? -1 : 1;
        return x->number < y->number ? -1 : x->number > y->number;
}

static void collect(const Tree *t, Report *r) {
        _cleanup_nameset_ NameSet *names = nameset_new();
        _cleanup_arena_ Arena *arena = arena_new();
        for (size_t i = 0; i < tree_count(t); i++) {
                const Entry *entry = tree_entry(t, i);
                Component *c = component_of(r, names, arena, entry);
                if (entry->type != ENTRY_FILE)
                        continue;
                c->files++;
                c->bytes += entry->content.size;
                r->files++;
                r->bytes += entry->content.size;
                note_large(r, entry);
        }
        if (r->n)
                qsort(r->components, r->n, sizeof(*r->components), compare_components);
}

/* --- printing ------------------------------------------------------------------------------- */

void sizereport_json(const Tree *t, Buf *out) {
        Report r = { 0 };
        collect(t, &r);
        JsonOut j = { .buf = out };
        jsonout_open(&j, NULL, '{');
        jsonout_uint(&j, "bytes", r.bytes);
        jsonout_uint(&j, "files", r.files);
        jsonout_open(&j, "components", '[');
        for (size_t i = 0; i < r.n; i++) {
                const Component *c = &r.components[i];
                jsonout_open(&j, NULL, '{');
                jsonout_string(&j, "location", c->location);
                jsonout_string(&j, "source", c->source);
                jsonout_uint(&j, "bytes", c->bytes);
                jsonout_uint(&j, "files", c->files);
                jsonout_close(&j, '{');
        }
        jsonout_close(&j, '[');
        jsonout_open(&j, "largest", '[');
        for (size_t i = 0; i < r.n_largest; i++) {
                const Entry *entry = r.largest[i];
                jsonout_open(&j, NULL, '{');
                jsonout_string(&j, "path", entry->name);
                jsonout_string(&j, "location", text_or_empty(entry->location));
                jsonout_string(&j, "source", text_or_empty(entry->source));
                jsonout_uint(&j, "bytes", entry->content.size);
                jsonout_close(&j, '{');
        }
        jsonout_close(&j, '[');
        jsonout_close(&j, '{');
        buf_addc(out, '\n');
        free(r.components);
}

/* Names come from images; a terminal must not obey them. */
static void add_name(Buf *out, const char *s) {
        for (; *s; s++)
                buf_addc(out, (unsigned char)*s < ' ' || *s == 0x7f ? '?' : *s);
}

void sizereport_text(const Tree *t, Buf *out) {
        Report r = { 0 };
        collect(t, &r);
        buf_addf(out, "%15s %9s  %s\n", "bytes", "files", "component");
        for (size_t i = 0; i < r.n; i++) {
                const Component *c = &r.components[i];
                buf_addf(out, "%15" PRIu64 " %9" PRIu64 "  %-14s ", c->bytes, c->files,
                         *c->location ? c->location : "-");
                add_name(out, *c->source ? c->source : "-");
                buf_addc(out, '\n');
        }
        buf_addf(out, "%15" PRIu64 " %9" PRIu64 "  all\n\n%15s  largest files\n", r.bytes, r.files,
                 "bytes");
        for (size_t i = 0; i < r.n_largest; i++) {
                buf_addf(out, "%15" PRIu64 "  ", r.largest[i]->content.size);
                add_name(out, r.largest[i]->name);
                buf_addc(out, '\n');
        }
        free(r.components);
}
