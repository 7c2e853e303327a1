/* flatten.c - see flatten.h.
 *
 * Each name has two sets of flags: what the layer that is being read says about it (here), and what
 * all higher layers said (above). A layer is read twice, so that its own whiteouts never act on it.
 */
#include "lib/rootfs/flatten.h"

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/rootfs/links.h"
#include "lib/rootfs/names.h"

enum {
        TAKEN = 1,  /* above: an entry of this name is hidden */
        CLOSED = 2, /* what is below this name is hidden (here: in this layer, too) */
        OPAQUE = 4, /* here only: becomes CLOSED for lower layers */
        REMOVED = 8 /* here only: becomes TAKEN and CLOSED for lower layers */
};

typedef struct State {
        uint32_t layer;       /* that `here`, `first` and `last` speak of */
        uint32_t first, last; /* archive positions of the name in that layer */
        uint8_t above, here;
} State;

typedef enum Kind { KIND_ENTRY, KIND_WHITEOUT, KIND_OPAQUE, KIND_HIDDEN, KIND_NOTHING } Kind;

typedef struct Flattener {
        const EntryList *layers;
        NameSet *names;
        State *states; /* by number of the name */
        size_t n_states, cap_states;
        Arena *arena; /* names that whiteouts and markers speak of */
        uint32_t layer;
        bool root_opaque; /* in this layer */
        bool root_closed; /* by a higher layer */
        const char *dir;  /* the parent that was checked last, and the answer */
        size_t dir_len;
        bool dir_open;
        Item *items;
        size_t n_items, cap_items;
} Flattener;

/* Carries over what an earlier (higher) layer said, once per name and layer. */
static State *state_of(Flattener *f, uint32_t id) {
        State *s = &f->states[id];
        if (s->layer == f->layer)
                return s;
        if (s->here & (TAKEN | REMOVED))
                s->above |= TAKEN;
        if (s->here & (CLOSED | OPAQUE | REMOVED))
                s->above |= CLOSED;
        s->here = 0;
        s->layer = f->layer;
        return s;
}

static State *state_add(Flattener *f, const char *name, size_t len) {
        uint32_t id = nameset_add(f->names, name, len);
        if (id == f->n_states)
                *vec_push(f->states, f->n_states, f->cap_states) = (State){ .layer = f->layer };
        return state_of(f, id);
}

/* What an entry means. For whiteouts and markers *ret_key is the name they speak of, made in the
 * arena. */
static Kind classify(Flattener *f, const Entry *entry, const char *name, const char **ret_key) {
        const char *base = path_base(name);
        *ret_key = name;
        if (!str_has_prefix(base, ".wh."))
                return KIND_ENTRY;
        if (entry->type == ENTRY_DIR)
                return KIND_HIDDEN;
        size_t dir_len = (size_t)(base - name);
        if (str_eq(base, ".wh..wh..opq")) {
                *ret_key = dir_len ? arena_strndup(f->arena, name, dir_len - 1) : ".";
                return KIND_OPAQUE;
        }
        const char *rest = base + strlen(".wh.");
        if (str_eq(rest, "") || str_eq(rest, ".") || str_eq(rest, ".."))
                return KIND_NOTHING;
        *ret_key = arena_printf(f->arena, "%.*s%s", (int)dir_len, name, rest);
        return KIND_WHITEOUT;
}

static int note_entry(Flattener *f, const Entry *entry, uint32_t i, Err *e) {
        const char *name = name_relative(entry->name);
        if (path_has_dotdot(name))
                return err_set(e, ERR_VERIFY, 0, "entry \"%s\" is outside the image", entry->name);
        if (str_eq(name, ".") && entry->type != ENTRY_DIR)
                return err_set(e, ERR_VERIFY, 0, "the root of the image is not a directory");

        const char *key;
        Kind kind = classify(f, entry, name, &key);
        if (kind == KIND_NOTHING)
                return 0;
        if (kind == KIND_OPAQUE && str_eq(key, ".")) {
                f->root_opaque = true;
                return 0;
        }
        State *s = state_add(f, key, strlen(key));
        if (kind == KIND_OPAQUE)
                s->here |= OPAQUE;
        else if (kind == KIND_WHITEOUT)
                s->here |= REMOVED;
        else {
                if (!(s->here & TAKEN))
                        s->first = i;
                s->last = i;
                bool open = kind == KIND_ENTRY && entry->type == ENTRY_DIR;
                s->here = (uint8_t)((s->here & ~CLOSED) | TAKEN | (open ? 0 : CLOSED));
        }
        return 0;
}

static bool is_closed(void *ctx, uint32_t id) {
        const State *s = state_of(ctx, id);
        return (s->above | s->here) & CLOSED;
}

/* Are all parents of name directories that no higher layer closed? */
static bool parents_open(Flattener *f, const char *name) {
        if (str_eq(name, "."))
                return true;
        if (f->root_closed)
                return false;
        const char *base = path_base(name);
        if (base == name)
                return true;
        size_t dir_len = (size_t)(base - name) - 1;
        if (f->dir && f->dir_len == dir_len && memcmp(f->dir, name, dir_len) == 0)
                return f->dir_open;
        f->dir = name;
        f->dir_len = dir_len;
        f->dir_open = !nameset_any_dir(f->names, name, dir_len, is_closed, f);
        return f->dir_open;
}

/* A directory stands where its name first appeared, so that it precedes its children; anything else
 * where its last entry stands. */
static void choose_entry(Flattener *f, const Entry *entry, uint32_t i,
                         bool (*skip)(const char *name)) {
        const char *name = name_relative(entry->name);
        if (str_has_prefix(path_base(name), ".wh."))
                return;
        const State *s = state_add(f, name, strlen(name));
        uint32_t at = s->here & CLOSED ? s->last : s->first;
        if (i != at || s->above & TAKEN || !parents_open(f, name) || (skip && skip(name)))
                return;
        *vec_push(f->items, f->n_items, f->cap_items) = (Item){ f->layer, s->last, at };
}

static int flatten_layer(Flattener *f, uint32_t layer, bool (*skip)(const char *name), Err *e) {
        const EntryList *list = &f->layers[layer];
        if (list->n >= UINT32_MAX)
                return err_set(e, ERR_VERIFY, 0, "too many entries in a layer");
        f->layer = layer;
        f->dir = NULL;
        f->root_closed |= f->root_opaque;
        f->root_opaque = false;
        for (uint32_t i = 0; i < list->n; i++) {
                Entry entry = { 0 };
                list->get(list->ctx, i, &entry);
                if (note_entry(f, &entry, i, e) < 0)
                        return -1;
        }
        for (uint32_t i = 0; i < list->n; i++) {
                Entry entry = { 0 };
                list->get(list->ctx, i, &entry);
                choose_entry(f, &entry, i, skip);
        }
        return 0;
}

static Entry item_entry(const Flattener *f, const Item *item) {
        Entry entry = { 0 };
        const EntryList *list = &f->layers[item->layer];
        list->get(list->ctx, item->index, &entry);
        entry.name = name_relative(entry.name);
        return entry;
}

/* A link that moves behind its target may come behind a file or symlink of a lower layer that bears
 * the name of one of its directories; whoever unpacks that would follow the symlink. Only a layer
 * that does not name its directories can do this. */
static int check_moved(const Flattener *f, const LinkPlan *plan, Err *e) {
        _cleanup_nameset_ NameSet *parents = nameset_new();
        for (size_t i = 0; i < plan->n_moved; i++) {
                const char *name = item_entry(f, &f->items[plan->moved[i].item]).name;
                for (size_t len = 1; name[len]; len++)
                        if (name[len] == '/')
                                nameset_add(parents, name, len);
        }
        for (size_t i = 0; nameset_count(parents) && i < f->n_items; i++) {
                Entry entry = item_entry(f, &f->items[i]);
                uint32_t id;
                if (entry.type != ENTRY_DIR &&
                    nameset_find(parents, entry.name, strlen(entry.name), &id))
                        return err_set(e, ERR_VERIFY, 0,
                                       "hard link below \"%s\", which is not a directory",
                                       entry.name);
        }
        return 0;
}

static int emit_link(const Flattener *f, const Link *link, EntryFn fn, void *ctx, Err *e) {
        Entry entry = item_entry(f, &f->items[link->item]);
        if (link->promoted) {
                Item data = { .layer = link->data_layer, .index = link->data_at };
                Entry file = item_entry(f, &data);
                file.name = entry.name;
                return fn(ctx, &file, e);
        }
        entry.link = link->keep_text ? name_relative(entry.link)
                                     : item_entry(f, &f->items[link->leader]).name;
        return fn(ctx, &entry, e);
}

static int emit(const Flattener *f, const LinkPlan *plan, EntryFn fn, void *ctx, Err *e) {
        size_t next = 0, next_moved = 0;
        for (uint32_t i = 0; i < f->n_items; i++) {
                if (next < plan->n && plan->links[next].item == i) {
                        const Link *link = &plan->links[next++];
                        if (!link->moved && emit_link(f, link, fn, ctx, e) < 0)
                                return -1;
                        continue;
                }
                Entry entry = item_entry(f, &f->items[i]);
                if (fn(ctx, &entry, e) < 0)
                        return -1;
                for (; next_moved < plan->n_moved && plan->moved[next_moved].leader == i;
                     next_moved++)
                        if (emit_link(f, &plan->moved[next_moved], fn, ctx, e) < 0)
                                return -1;
        }
        return 0;
}

static int run(Flattener *f, size_t n_layers, bool (*skip)(const char *name), EntryFn fn, void *ctx,
               Err *e) {
        for (size_t l = n_layers; l-- > 0;)
                if (flatten_layer(f, (uint32_t)l, skip, e) < 0)
                        return err_wrap(e, "layer %zu", l);
        LinkPlan plan = { 0 };
        if (f->n_items >= UINT32_MAX)
                return err_set(e, ERR_VERIFY, 0, "too many entries");
        if (link_plan(f->layers, n_layers, f->items, f->n_items, &plan, e) < 0)
                return -1;
        int r = check_moved(f, &plan, e);
        if (r == 0)
                r = emit(f, &plan, fn, ctx, e);
        link_plan_done(&plan);
        return r;
}

int flatten(const EntryList *layers, size_t n_layers, bool (*skip)(const char *name), EntryFn fn,
            void *ctx, Err *e) {
        _cleanup_nameset_ NameSet *names = nameset_new();
        _cleanup_arena_ Arena *arena = arena_new();
        Flattener f = { .layers = layers, .names = names, .arena = arena };
        int r = run(&f, n_layers, skip, fn, ctx, e);
        free(f.states);
        free(f.items);
        return r;
}
