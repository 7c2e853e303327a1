/* links.h - repairs hard links of a flattened image (yaml.md 7, W4 and W5); private to flatten.c.
 *
 * A hard link means the file that had the target's name when the layer was made, which need not be
 * the file that has the name in the end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/rootfs/entrylist.h"

/* A visible entry, in the order of output: layers from the top, inside a layer ascending `at`. */
typedef struct Item {
        uint32_t layer, index;
        uint32_t
                at; /* archive position where it is emitted; a repeated directory keeps its first */
} Item;

typedef struct Link {
        uint32_t item;                /* position of the link in the items */
        uint32_t data_layer, data_at; /* the file that it means */
        uint32_t leader;              /* item that stands for the file: the file itself or a link */
        bool promoted;                /* this link becomes the file; leader == item */
        bool moved;                   /* emitted directly behind leader */
        bool keep_text;               /* the target's text is right as it stands */
} Link;

typedef struct LinkPlan {
        Link *links; /* ascending item */
        size_t n;
        Link *moved; /* copies of the moved ones, ascending (leader, item) */
        size_t n_moved;
} LinkPlan;

/* Fills *ret, to be freed with link_plan_done. ERR_VERIFY when a link means nothing. */
int link_plan(const EntryList *layers, size_t n_layers, const Item *items, size_t n_items,
              LinkPlan *ret, Err *e);
void link_plan_done(LinkPlan *p);
