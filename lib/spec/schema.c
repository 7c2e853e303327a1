/* schema.c - see schema.h.  A value of the wrong type leaves its place in the struct unset, and the
 * walk goes on: the user gets all faults in one run. */
#include "lib/spec/schema.h"

#include <math.h>
#include <strings.h>

void schema_problem(SchemaWalk *w, Pos pos, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        _cleanup_free_ char *text = xvasprintf(fmt, ap);
        va_end(ap);
        if (w->path.len)
                problem_add(w->problems, pos, "%s: %s", w->path.data, text);
        else
                problem_add(w->problems, pos, "%s", text);
}

/* --- path ----------------------------------------------------------------------------------- */

static size_t path_enter_key(SchemaWalk *w, const char *key) {
        size_t mark = w->path.len;
        buf_addf(&w->path, "%s%s", mark ? "." : "", key);
        return mark;
}

static size_t path_enter_index(SchemaWalk *w, size_t i) {
        size_t mark = w->path.len;
        buf_addf(&w->path, "[%zu]", i);
        return mark;
}

static void path_leave(SchemaWalk *w, size_t mark) {
        w->path.len = mark;
        if (w->path.data)
                w->path.data[mark] = 0;
}

/* --- scalars -------------------------------------------------------------------------------- */

static void wrong_type(SchemaWalk *w, const Node *n, const char *wanted) {
        schema_problem(w, n->pos, "expected %s, found %s", wanted, node_describe(n, w->arena));
}

static bool read_string(SchemaWalk *w, const Node *n, Str *ret) {
        if (n->kind == NODE_BOOL || n->kind == NODE_INT || n->kind == NODE_FLOAT) {
                schema_problem(w, n->pos,
                               "expected a string, found %s; write \"%.60s\" with quotes",
                               node_describe(n, w->arena), n->text);
                return false;
        }
        if (n->kind != NODE_STRING) {
                wrong_type(w, n, "a string");
                return false;
        }
        *ret = (Str){ .text = n->text, .pos = n->pos };
        return true;
}

static bool read_string_or_int(SchemaWalk *w, const Node *n, Str *ret) {
        if (n->kind != NODE_STRING && n->kind != NODE_INT) {
                wrong_type(w, n, "a string or an integer");
                return false;
        }
        *ret = (Str){ .text = n->text, .pos = n->pos };
        return true;
}

static bool read_bool(SchemaWalk *w, const Node *n, Bool *ret) {
        if (n->kind != NODE_BOOL) {
                wrong_type(w, n, "a boolean");
                return false;
        }
        *ret = (Bool){ .set = true, .value = n->scalar.boolean, .pos = n->pos };
        return true;
}

/* yaml.md 4.2: a float without fraction counts as an integer.  False: it is none. */
static bool to_integer(const Node *n, bool *negative, uint64_t *magnitude) {
        if (n->kind == NODE_INT) {
                *negative = n->scalar.negative;
                *magnitude = n->scalar.magnitude;
                return true;
        }
        double d = n->scalar.number;
        if (n->kind != NODE_FLOAT || !isfinite(d) || d != trunc(d))
                return false;
        *negative = d < 0;
        *magnitude = fabs(d) < 0x1p64 ? (uint64_t)fabs(d) : UINT64_MAX;
        if (*negative && *magnitude > (uint64_t)INT64_MAX + 1)
                *magnitude = (uint64_t)INT64_MAX + 1;
        return true;
}

static bool in_range(bool negative, uint64_t magnitude, int64_t min, uint64_t max) {
        if (!negative || !magnitude)
                return magnitude <= max && (min <= 0 || magnitude >= (uint64_t)min);
        return min < 0 && magnitude <= (uint64_t)0 - (uint64_t)min;
}

static bool read_int(SchemaWalk *w, const Node *n, int64_t min, uint64_t max, Int *ret) {
        bool negative;
        uint64_t magnitude;
        if (!to_integer(n, &negative, &magnitude)) {
                wrong_type(w, n, "an integer");
                return false;
        }
        bool rounded = n->kind == NODE_FLOAT && fabs(n->scalar.number) >= 0x1p64;
        if (rounded || !in_range(negative, magnitude, min, max)) {
                schema_problem(w, n->pos, "expected an integer from %lld to %llu, found %.60s",
                               (long long)min, (unsigned long long)max, n->text);
                return false;
        }
        *ret = (Int){ .set = true,
                      .u = negative ? (uint64_t)0 - magnitude : magnitude,
                      .pos = n->pos };
        return true;
}

/* yaml.md 16, W39 */
static bool read_id(SchemaWalk *w, const Node *n, Id *ret) {
        if (n->kind == NODE_STRING) {
                *ret = (Id){ .set = true, .name = n->text, .pos = n->pos };
                return true;
        }
        if (n->kind != NODE_INT) {
                wrong_type(w, n, "an integer or a name");
                return false;
        }
        Int i;
        if (!read_int(w, n, 0, UINT32_MAX, &i))
                return false;
        *ret = (Id){ .set = true, .number = i.value, .pos = n->pos };
        return true;
}

/* --- lists and maps of scalars -------------------------------------------------------------- */

static bool want_list(SchemaWalk *w, const Node *n, const char *what) {
        if (n->kind == NODE_LIST)
                return true;
        _cleanup_free_ char *wanted = xasprintf("a list of %s", what);
        wrong_type(w, n, wanted);
        return false;
}

static bool read_strings(SchemaWalk *w, const Node *n, StrList *ret) {
        if (!want_list(w, n, "strings"))
                return false;
        StrList list = { .set = true, .n = n->n, .pos = n->pos };
        list.items = arena_alloc(w->arena, n->n * sizeof *list.items);
        bool ok = true;
        for (size_t i = 0; i < n->n; i++) {
                size_t mark = path_enter_index(w, i);
                ok = read_string(w, n->items[i], &list.items[i]) && ok;
                path_leave(w, mark);
        }
        if (ok)
                *ret = list;
        return ok;
}

static bool read_ids(SchemaWalk *w, const Node *n, IdList *ret) {
        if (!want_list(w, n, "integers or names"))
                return false;
        IdList list = { .set = true, .n = n->n };
        list.items = arena_alloc(w->arena, n->n * sizeof *list.items);
        bool ok = true;
        for (size_t i = 0; i < n->n; i++) {
                size_t mark = path_enter_index(w, i);
                ok = read_id(w, n->items[i], &list.items[i]) && ok;
                path_leave(w, mark);
        }
        if (ok)
                *ret = list;
        return ok;
}

static bool read_string_map(SchemaWalk *w, const Node *n, Map *ret) {
        if (n->kind != NODE_MAPPING) {
                wrong_type(w, n, "a mapping of strings");
                return false;
        }
        Map map = { .set = true, .n = n->n };
        map.items = arena_alloc(w->arena, n->n * sizeof *map.items);
        bool ok = true;
        for (size_t i = 0; i < n->n; i++) {
                const Node *key = n->entries[i].key;
                map.items[i].key = (Str){ .text = key->text, .pos = key->pos };
                size_t mark = w->path.len; /* such keys often hold dots */
                buf_addf(&w->path, "[\"%s\"]", key->text);
                ok = read_string(w, n->entries[i].value, &map.items[i].value) && ok;
                path_leave(w, mark);
        }
        if (ok)
                *ret = map;
        return ok;
}

/* --- mappings ------------------------------------------------------------------------------- */

static bool read_list(SchemaWalk *w, const Key *k, const Node *n, void *base) {
        if (!want_list(w, n, "mappings"))
                return false;
        size_t before = w->problems->n + w->problems->dropped;
        char *items = arena_alloc(w->arena, n->n * k->sub->size);
        for (size_t i = 0; i < n->n; i++) {
                size_t mark = path_enter_index(w, i);
                schema_read(w, k->sub, n->items[i], items + i * k->sub->size);
                path_leave(w, mark);
        }
        if (w->problems->n + w->problems->dropped != before)
                return false;
        if (k->place) {
                k->place(w->arena, base, items, n->n);
                return true;
        }
        memcpy((char *)base + k->offset, &items, sizeof items);
        memcpy((char *)base + k->count, &n->n, sizeof n->n);
        return true;
}

static bool check_choices(SchemaWalk *w, const Key *k, const Node *n) {
        _cleanup_buf_ Buf list = { 0 };
        for (const char *const *c = k->choices; *c; c++) {
                if (str_eq(*c, n->text))
                        return true;
                buf_addf(&list, "%s\"%s\"", !list.len ? "" : c[1] ? ", " : " or ", *c);
        }
        wrong_type(w, n, list.data);
        return false;
}

static bool read_u32(SchemaWalk *w, const Node *n, uint32_t *ret) {
        Int i;
        if (!read_int(w, n, 0, UINT32_MAX, &i))
                return false;
        *ret = (uint32_t)i.u;
        return true;
}

static bool read_value(SchemaWalk *w, const Key *k, const Node *n, void *base) {
        void *at = (char *)base + k->offset;
        switch (k->type) {
        case KEY_STRING:
                return read_string(w, n, at) && (!k->choices || check_choices(w, k, n));
        case KEY_STRING_OR_INT:
                return read_string_or_int(w, n, at);
        case KEY_BOOL:
                return read_bool(w, n, at);
        case KEY_INT:
                return read_int(w, n, k->min, k->max, at);
        case KEY_U32:
                return read_u32(w, n, at);
        case KEY_ID:
                return read_id(w, n, at);
        case KEY_STRINGS:
                return read_strings(w, n, at);
        case KEY_IDS:
                return read_ids(w, n, at);
        case KEY_STRING_MAP:
                return read_string_map(w, n, at);
        case KEY_MAPPING:
                schema_read(w, k->sub, n, at);
                return n->kind == NODE_MAPPING;
        case KEY_LIST:
                return read_list(w, k, n, base);
        }
        return false;
}

static void read_key(SchemaWalk *w, const Key *k, const Node *n, void *base) {
        size_t mark = path_enter_key(w, k->name);
        if (read_value(w, k, n, base)) {
                if (k->flag)
                        *(bool *)((char *)base + k->flag - 1) = true;
                if (k->check)
                        k->check(w, (char *)base + k->offset, n->pos);
        }
        path_leave(w, mark);
}

/* The i-th key of s, those of its base last. */
static const Key *key_at(const Schema *s, size_t i, size_t *base_offset) {
        if (i < s->n) {
                *base_offset = 0;
                return &s->keys[i];
        }
        i -= s->n;
        *base_offset = s->base_offset;
        return s->base && i < s->base->n ? &s->base->keys[i] : NULL;
}

static const char *nearest_key(const Schema *s, const char *name) {
        size_t unused, len = strlen(name);
        if (len > 64)
                return NULL;
        const char *best = NULL;
        unsigned least = len < 4 ? 2 : len < 8 ? 3 : 4; /* must be beaten */
        for (size_t i = 0; key_at(s, i, &unused); i++) {
                const char *key = key_at(s, i, &unused)->name;
                unsigned d = strcasecmp(key, name) == 0 ? 0 : str_distance(key, name);
                if (d < least) {
                        least = d;
                        best = key;
                }
        }
        return best;
}

static void unknown_key(SchemaWalk *w, const Schema *s, const Node *key) {
        const char *near = problems_full(w->problems) ? NULL : nearest_key(s, key->text);
        if (near)
                schema_problem(w, key->pos, "unknown key \"%.80s\", did you mean \"%s\"?",
                               key->text, near);
        else
                schema_problem(w, key->pos, "unknown key \"%.80s\"", key->text);
}

static void read_entry(SchemaWalk *w, const Schema *s, const NodeEntry *entry, void *item,
                       uint64_t *seen) {
        size_t base_offset;
        const Key *k;
        for (size_t i = 0; (k = key_at(s, i, &base_offset)); i++) {
                if (!str_eq(k->name, entry->key->text))
                        continue;
                *seen |= (uint64_t)1 << i;
                read_key(w, k, entry->value, (char *)item + base_offset);
                return;
        }
        unknown_key(w, s, entry->key);
}

void schema_read(SchemaWalk *w, const Schema *s, const Node *n, void *item) {
        if (n->kind != NODE_MAPPING) {
                wrong_type(w, n, "a mapping");
                return;
        }
        size_t before = w->problems->n + w->problems->dropped;
        if (s->pos)
                memcpy((char *)item + s->pos - 1, &n->pos, sizeof n->pos);
        uint64_t seen = 0; /* no mapping has more than 64 keys */
        for (size_t i = 0; i < n->n; i++)
                read_entry(w, s, &n->entries[i], item, &seen);
        size_t unused;
        const Key *k;
        for (size_t i = 0; (k = key_at(s, i, &unused)); i++)
                if (k->required && !(seen & (uint64_t)1 << i))
                        schema_problem(w, n->pos, "%s is required", k->name);
        if (s->check && w->problems->n + w->problems->dropped == before)
                s->check(w, item, n->pos);
}
