/* inventory.h - what containerd holds in a set of namespaces: containers and tasks.
 *
 * Taken after every new connection; tasks are asked for before containers, so that a container
 * whose task is seen is always seen as well. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "init/containerd.h"

typedef struct Inventory Inventory;

/* error is NULL when everything is known, else why not. */
typedef void (*InventoryFn)(void *data, const char *error);

/* Starts asking; done is called once, from grpc_handle(), unless the inventory is freed before. */
Inventory *inventory_start(Grpc *g, const char *const *namespaces, size_t n, InventoryFn done,
                           void *data);
/* Give g as NULL when the connection is gone.  inv may be NULL. */
void inventory_free(Inventory *inv, Grpc *g);

bool inventory_has_container(const Inventory *inv, const char *ns, const char *id);
/* NULL when there is none. */
const Task *inventory_task(const Inventory *inv, const char *ns, const char *id);
/* Every name that occurs in a namespace, as container or as task, each once. */
void inventory_each(const Inventory *inv, const char *ns, void (*fn)(void *data, const char *id),
                    void *data);
