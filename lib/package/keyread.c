/* keyread.c - see keyread.h. */
#include "lib/package/keyread.h"

#include <string.h>

#include "lib/base/str.h"

static void unknown_key(Problems *p, const Node *key, const char *what, const ReadKey *keys,
                        size_t n) {
        const char *best = NULL;
        unsigned best_distance = 3;

        for (size_t i = 0; i < n; i++) {
                unsigned d = str_distance(key->text, keys[i].name);

                if (d < best_distance) {
                        best = keys[i].name;
                        best_distance = d;
                }
        }
        if (best)
                problem_add(p, key->pos, "unknown key \"%s\" in %s (did you mean \"%s\"?)",
                            key->text, what, best);
        else
                problem_add(p, key->pos, "unknown key \"%s\" in %s", key->text, what);
}

void keys_read(Problems *p, const Node *map, const char *what, const ReadKey *keys, size_t n_keys,
               void *base) {
        if (map->kind != NODE_MAPPING) {
                problem_add(p, map->pos, "%s must be a mapping, not %s", what,
                            node_describe(map, p->arena));
                return;
        }
        for (size_t i = 0; i < map->n; i++) {
                const NodeEntry *entry = &map->entries[i];
                const ReadKey *key = NULL;

                for (size_t k = 0; k < n_keys && !key; k++)
                        if (str_eq(keys[k].name, entry->key->text))
                                key = &keys[k];
                if (!key)
                        unknown_key(p, entry->key, what, keys, n_keys);
                else
                        key->read(p, entry->value, (char *)base + key->offset);
        }
}

void key_str(Problems *p, const Node *n, void *slot) {
        Str *s = slot;

        if (n->kind == NODE_LIST || n->kind == NODE_MAPPING || n->kind == NODE_NULL) {
                problem_add(p, n->pos, "expected a string, not %s", node_describe(n, p->arena));
                return;
        }
        *s = (Str){ .text = n->text, .pos = n->pos };
}

void key_bool(Problems *p, const Node *n, void *slot) {
        static const struct {
                const char *text;
                bool value;
        } words[] = { { "yes", true }, { "on", true },   { "y", true },
                      { "no", false }, { "off", false }, { "n", false } };
        Bool *b = slot;

        *b = (Bool){ .set = true, .pos = n->pos };
        if (n->kind == NODE_BOOL) {
                b->value = n->scalar.boolean;
                return;
        }
        for (size_t i = 0; n->kind == NODE_STRING && i < ARRAY_LEN(words); i++) {
                if (strcasecmp(n->text, words[i].text) == 0) {
                        b->value = words[i].value;
                        return;
                }
        }
        problem_add(p, n->pos, "expected true or false, not %s", node_describe(n, p->arena));
}

void key_str_list(Problems *p, const Node *n, void *slot) {
        StrList *l = slot;

        /* Packages of LinuxKit leave `arches:` without a value: a list with nothing in it. */
        if (n->kind != NODE_LIST && n->kind != NODE_NULL) {
                problem_add(p, n->pos, "expected a list, not %s", node_describe(n, p->arena));
                return;
        }
        *l = (StrList){ .set = true,
                        .pos = n->pos,
                        .items = arena_alloc(p->arena, (n->n + 1) * sizeof(Str)) };
        for (size_t i = 0; i < n->n; i++)
                key_str(p, n->items[i], &l->items[l->n++]);
}
