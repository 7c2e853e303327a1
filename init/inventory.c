/* inventory.c - see inventory.h. */
#include "init/inventory.h"

#include "lib/base/mem.h"
#include "lib/base/str.h"

/* More containers than this in one namespace are not ours to care for. */
#define ITEMS_MAX 65536

typedef struct Item {
        char id[CONTAINERD_ID_SIZE];
        bool has_container, has_task;
        Task task;
} Item;

typedef struct Space {
        Inventory *inv;
        char *ns;
        uint64_t call;
        Item *items;
        size_t n, cap;
} Space;

struct Inventory {
        Grpc *g;
        Space *spaces;
        size_t n, open;
        char *error;
        InventoryFn done;
        void *data;
};

static Item *space_item(Space *s, const char *id, bool add) {
        for (size_t i = 0; i < s->n; i++)
                if (str_eq(s->items[i].id, id))
                        return &s->items[i];
        if (!add || s->n == ITEMS_MAX)
                return NULL;
        Item *item = vec_push(s->items, s->n, s->cap);
        *item = (Item){ 0 };
        snprintf(item->id, sizeof item->id, "%s", id);
        return item;
}

static void add_task(void *data, const Task *t) {
        Item *item = space_item(data, t->id, true);
        if (item) {
                item->has_task = true;
                item->task = *t;
        }
}

static void add_container(void *data, const char *id) {
        Item *item = space_item(data, id, true);
        if (item)
                item->has_container = true;
}

static void space_done(Space *s, const char *error) {
        Inventory *inv = s->inv;
        s->call = 0;
        if (error && !inv->error)
                inv->error = xstrdup(error);
        if (--inv->open == 0)
                inv->done(inv->data, inv->error);
}

static const char *reply_error(const GrpcReply *r) {
        /* A namespace that does not exist yet is an empty one. */
        if (r->status == GRPC_OK || r->status == GRPC_NOT_FOUND)
                return NULL;
        return *r->text ? r->text : "no reason given";
}

static void on_containers(void *data, const GrpcReply *r) {
        const char *error = reply_error(r);
        if (!error && containerd_read_containers(r, add_container, data) < 0)
                error = "malformed list of containers";
        space_done(data, error);
}

static void on_tasks(void *data, const GrpcReply *r) {
        Space *s = data;
        const char *error = reply_error(r);
        if (!error && containerd_read_tasks(r, add_task, s) < 0)
                error = "malformed list of tasks";
        if (error)
                space_done(s, error);
        else
                s->call = containerd_list_containers(s->inv->g, s->ns, on_containers, s);
}

Inventory *inventory_start(Grpc *g, const char *const *namespaces, size_t n, InventoryFn done,
                           void *data) {
        Inventory *inv = xcalloc(1, sizeof *inv);
        *inv = (Inventory){ .g = g, .n = n, .open = n, .done = done, .data = data };
        inv->spaces = xcalloc(n, sizeof *inv->spaces);
        for (size_t i = 0; i < n; i++) {
                Space *s = &inv->spaces[i];
                s->inv = inv;
                s->ns = xstrdup(namespaces[i]);
                s->call = containerd_list_tasks(g, s->ns, on_tasks, s);
        }
        return inv;
}

void inventory_free(Inventory *inv, Grpc *g) {
        if (!inv)
                return;
        for (size_t i = 0; i < inv->n; i++) {
                if (g)
                        grpc_cancel(g, inv->spaces[i].call);
                free(inv->spaces[i].ns);
                free(inv->spaces[i].items);
        }
        free(inv->spaces);
        free(inv->error);
        free(inv);
}

static Space *find_space(const Inventory *inv, const char *ns) {
        for (size_t i = 0; i < inv->n; i++)
                if (str_eq(inv->spaces[i].ns, ns))
                        return &inv->spaces[i];
        return NULL;
}

static const Item *find_item(const Inventory *inv, const char *ns, const char *id) {
        Space *s = find_space(inv, ns);
        return s ? space_item(s, id, false) : NULL;
}

bool inventory_has_container(const Inventory *inv, const char *ns, const char *id) {
        const Item *item = find_item(inv, ns, id);
        return item && item->has_container;
}

const Task *inventory_task(const Inventory *inv, const char *ns, const char *id) {
        const Item *item = find_item(inv, ns, id);
        return item && item->has_task ? &item->task : NULL;
}

void inventory_each(const Inventory *inv, const char *ns, void (*fn)(void *data, const char *id),
                    void *data) {
        const Space *s = find_space(inv, ns);
        for (size_t i = 0; s && i < s->n; i++)
                fn(data, s->items[i].id);
}
