/* links.c - see links.h.
 *
 * Only names that some hard link mentions are looked up, so images without hard links cost nothing
 * here. */
#include "lib/rootfs/links.h"

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/rootfs/names.h"

/* Archives link to the first name of a file; long chains only occur in hostile ones. */
enum { MAX_HOPS = 64 };

/* An entry that may be the target of a link. */
typedef struct Candidate {
        uint32_t name, layer, index;
} Candidate;

typedef struct Finder {
        const EntryList *layers;
        size_t n_layers;
        NameSet *names;
        Arena *arena;
        Candidate *candidates; /* sorted */
        size_t n, cap;
} Finder;

static Entry get_entry(const Finder *f, uint32_t layer, uint32_t index) {
        Entry entry = { 0 };
        f->layers[layer].get(f->layers[layer].ctx, index, &entry);
        return entry;
}

/* The target as a clean relative name, malloc'ed. */
static char *target_name(const Entry *entry) {
        _cleanup_free_ char *clean = path_clean(entry->link ? entry->link : "");
        return xstrdup(name_relative(clean));
}

static int compare_candidates(const void *a, const void *b) {
        const Candidate *x = a, *y = b;
        if (x->name != y->name)
                return x->name < y->name ? -1 : 1;
        if (x->layer != y->layer)
                return x->layer < y->layer ? -1 : 1;
        return x->index < y->index ? -1 : x->index > y->index;
}

static void collect_names(Finder *f) {
        for (uint32_t l = 0; l < f->n_layers; l++)
                for (uint32_t i = 0; i < f->layers[l].n; i++) {
                        Entry entry = get_entry(f, l, i);
                        if (entry.type != ENTRY_HARDLINK)
                                continue;
                        _cleanup_free_ char *target = target_name(&entry);
                        uint32_t known;
                        size_t len = strlen(target);
                        if (!nameset_find(f->names, target, len, &known))
                                nameset_add(f->names, arena_strdup(f->arena, target), len);
                }
}

static void collect_candidates(Finder *f) {
        for (uint32_t l = 0; l < f->n_layers; l++)
                for (uint32_t i = 0; i < f->layers[l].n; i++) {
                        Entry entry = get_entry(f, l, i);
                        const char *name = name_relative(entry.name);
                        uint32_t id;
                        if (entry.type != ENTRY_DIR &&
                            nameset_find(f->names, name, strlen(name), &id))
                                *vec_push(f->candidates, f->n, f->cap) = (Candidate){ id, l, i };
                }
        if (f->n)
                qsort(f->candidates, f->n, sizeof(*f->candidates), compare_candidates);
}

/* Number of candidates below want. */
static size_t lower_bound(const Finder *f, Candidate want) {
        size_t low = 0, high = f->n;
        while (low < high) {
                size_t mid = low + (high - low) / 2;
                if (compare_candidates(&f->candidates[mid], &want) < 0)
                        low = mid + 1;
                else
                        high = mid;
        }
        return low;
}

/* What the link at (layer, index) names: the entry before it in its layer, else the last one of the
 * nearest lower layer, else (out of order, but harmless) one behind it in its layer. */
static const Candidate *find_target(const Finder *f, uint32_t layer, uint32_t index) {
        Entry entry = get_entry(f, layer, index);
        _cleanup_free_ char *target = target_name(&entry);
        uint32_t id;
        if (!nameset_find(f->names, target, strlen(target), &id))
                return NULL;
        size_t at = lower_bound(f, (Candidate){ id, layer, index });
        if (at > 0 && f->candidates[at - 1].name == id)
                return &f->candidates[at - 1];
        size_t end = lower_bound(f, (Candidate){ id, layer + 1, 0 });
        const Candidate *last = end > at ? &f->candidates[end - 1] : NULL;
        return last && last->index != index ? last : NULL;
}

static int compare_item(const Item *item, uint32_t layer, uint32_t at) {
        if (item->layer != layer)
                return item->layer > layer ? -1 : 1;
        return item->at < at ? -1 : item->at > at;
}

/* Position of a non-directory among the items; false when it is not visible. */
static bool find_item(const Item *items, size_t n, uint32_t layer, uint32_t at, uint32_t *ret) {
        size_t low = 0, high = n;
        while (low < high) {
                size_t mid = low + (high - low) / 2;
                int c = compare_item(&items[mid], layer, at);
                if (c == 0) {
                        *ret = (uint32_t)mid;
                        return items[mid].index == at;
                }
                if (c < 0)
                        low = mid + 1;
                else
                        high = mid;
        }
        return false;
}

/* Fills everything of *link that does not depend on other links. */
static int resolve_link(const Finder *f, const Item *items, size_t n_items, uint32_t item,
                        Link *link, Err *e) {
        uint32_t layer = items[item].layer, index = items[item].index;
        Entry entry = get_entry(f, layer, index);
        const char *text = entry.link ? entry.link : "";
        if (path_has_dotdot(name_relative(text))) {
                _cleanup_free_ char *clean = target_name(&entry);
                if (path_has_dotdot(clean))
                        return err_set(e, ERR_VERIFY, 0,
                                       "hard link \"%s\": target \"%s\" is outside the image",
                                       entry.name, text);
        }
        const Candidate *target = NULL;
        for (unsigned hops = 0; hops == 0 || entry.type == ENTRY_HARDLINK; hops++) {
                target = hops < MAX_HOPS ? find_target(f, layer, index) : NULL;
                if (!target)
                        return err_set(
                                e, ERR_VERIFY, 0, "hard link \"%s\": no file \"%s\" in the image",
                                get_entry(f, items[item].layer, items[item].index).name, text);
                layer = target->layer, index = target->index;
                entry = get_entry(f, layer, index);
                uint32_t seen_at;
                if (hops == 0)
                        link->keep_text = !path_has_dotdot(text) &&
                                          find_item(items, n_items, layer, index, &seen_at) &&
                                          seen_at < item;
        }
        link->item = item;
        link->data_layer = layer;
        link->data_at = index;
        return 0;
}

static int compare_data(const void *a, const void *b) {
        const Link *x = a, *y = b;
        if (x->data_layer != y->data_layer)
                return x->data_layer < y->data_layer ? -1 : 1;
        if (x->data_at != y->data_at)
                return x->data_at < y->data_at ? -1 : 1;
        return x->item < y->item ? -1 : x->item > y->item;
}

static int compare_position(const void *a, const void *b) {
        const Link *x = a, *y = b;
        return x->item < y->item ? -1 : x->item > y->item;
}

static int compare_leader(const void *a, const void *b) {
        const Link *x = a, *y = b;
        if (x->leader != y->leader)
                return x->leader < y->leader ? -1 : 1;
        return x->item < y->item ? -1 : x->item > y->item;
}

/* All links of one file: its visible name leads, else the first link becomes the file. */
static void settle_group(const Item *items, size_t n_items, Link *group, size_t n) {
        uint32_t leader;
        bool visible = find_item(items, n_items, group->data_layer, group->data_at, &leader);
        if (!visible)
                leader = group->item;
        bool any_moved = visible && group->item < leader;
        for (size_t i = 0; i < n; i++) {
                group[i].leader = leader;
                group[i].promoted = !visible && i == 0;
                group[i].moved = visible && group[i].item < leader;
                /* A chain may name a link that moved away; the leader is always right. */
                if (any_moved || !visible)
                        group[i].keep_text = false;
        }
}

static void settle(const Item *items, size_t n_items, LinkPlan *p) {
        qsort(p->links, p->n, sizeof(*p->links), compare_data);
        for (size_t i = 0, end; i < p->n; i = end) {
                for (end = i + 1; end < p->n; end++)
                        if (p->links[end].data_layer != p->links[i].data_layer ||
                            p->links[end].data_at != p->links[i].data_at)
                                break;
                settle_group(items, n_items, p->links + i, end - i);
        }
        qsort(p->links, p->n, sizeof(*p->links), compare_position);
        size_t cap = 0;
        for (size_t i = 0; i < p->n; i++)
                if (p->links[i].moved)
                        *vec_push(p->moved, p->n_moved, cap) = p->links[i];
        if (p->n_moved)
                qsort(p->moved, p->n_moved, sizeof(*p->moved), compare_leader);
}

static int make_plan(Finder *f, const Item *items, size_t n_items, LinkPlan *p, Err *e) {
        size_t cap = 0;
        for (size_t i = 0; i < n_items; i++) {
                if (get_entry(f, items[i].layer, items[i].index).type != ENTRY_HARDLINK)
                        continue;
                if (p->n == 0) {
                        collect_names(f);
                        collect_candidates(f);
                }
                Link *link = vec_push(p->links, p->n, cap);
                *link = (Link){ 0 };
                if (resolve_link(f, items, n_items, (uint32_t)i, link, e) < 0)
                        return -1;
        }
        if (p->n)
                settle(items, n_items, p);
        return 0;
}

int link_plan(const EntryList *layers, size_t n_layers, const Item *items, size_t n_items,
              LinkPlan *ret, Err *e) {
        _cleanup_arena_ Arena *arena = arena_new();
        _cleanup_nameset_ NameSet *names = nameset_new();
        Finder f = { .layers = layers, .n_layers = n_layers, .names = names, .arena = arena };
        LinkPlan p = { 0 };
        int r = make_plan(&f, items, n_items, &p, e);
        free(f.candidates);
        if (r < 0) {
                link_plan_done(&p);
                return -1;
        }
        *ret = p;
        return 0;
}

void link_plan_done(LinkPlan *p) {
        free(p->links);
        free(p->moved);
        *p = (LinkPlan){ 0 };
}
