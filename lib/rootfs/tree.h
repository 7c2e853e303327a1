/* tree.h - the root file system in memory: an ordered list of entries whose contents are
 * references.
 *
 * Order and repetition matter: the compatible tar writes entries in exactly this order, repeated
 * directories included (yaml.md 9). */
#pragma once

#include <stddef.h>

#include "lib/base/entry.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

typedef struct Tree Tree;

Tree *tree_new(void);
void tree_free(Tree *t); /* t may be NULL; the blobs that contents point to are not closed */
Arena *tree_arena(Tree *t);
/* Copies the entry; name, link, marks, pax and in-memory content are copied into the arena too. */
void tree_add(Tree *t, const Entry *entry);
/* The same, but the caller promises that all pointers outlive the tree (layer indexes do). */
void tree_add_borrowed(Tree *t, const Entry *entry);
size_t tree_count(const Tree *t);
const Entry *tree_entry(const Tree *t, size_t i);
