/* tree.c - the ordered list of entries that every writer consumes.
 *
 * Entries stand in blocks that never move, so a pointer from tree_entry stays valid while the tree
 * grows; a million entries cost their structs and nothing else when names are borrowed. */
#include "lib/rootfs/tree.h"

enum { BLOCK_ENTRIES = 1024 };

struct Tree {
        Arena *arena;
        Entry **blocks;
        size_t n_blocks, cap_blocks;
        size_t n;
};

Tree *tree_new(void) {
        Tree *t = xcalloc(1, sizeof(*t));
        t->arena = arena_new();
        return t;
}

void tree_free(Tree *t) {
        if (!t)
                return;
        for (size_t i = 0; i < t->n_blocks; i++)
                free(t->blocks[i]);
        free(t->blocks);
        arena_free(t->arena);
        free(t);
}

Arena *tree_arena(Tree *t) {
        return t->arena;
}

static const char *copy_string(Arena *a, const char *s) {
        return s ? arena_strdup(a, s) : NULL;
}

static void *copy_bytes(Arena *a, const void *p, size_t n) {
        void *copy = arena_alloc(a, n + 1);
        if (n)
                memcpy(copy, p, n);
        return copy;
}

static const PaxRecord *copy_pax(Arena *a, const PaxRecord *pax, size_t n) {
        if (n == 0)
                return NULL;
        PaxRecord *copy = arena_alloc(a, n * sizeof(*copy));
        for (size_t i = 0; i < n; i++)
                copy[i] = (PaxRecord){
                        .key = arena_strdup(a, pax[i].key),
                        .value = copy_bytes(a, pax[i].value, pax[i].value_len),
                        .value_len = pax[i].value_len,
                };
        return copy;
}

void tree_add(Tree *t, const Entry *entry) {
        Entry e = *entry;
        e.name = arena_strdup(t->arena, entry->name);
        e.link = copy_string(t->arena, entry->link);
        e.uname = copy_string(t->arena, entry->uname);
        e.gname = copy_string(t->arena, entry->gname);
        e.location = copy_string(t->arena, entry->location);
        e.source = copy_string(t->arena, entry->source);
        e.pax = copy_pax(t->arena, entry->pax, entry->n_pax);
        if (e.content.bytes)
                e.content.bytes = copy_bytes(t->arena, e.content.bytes, e.content.size);
        tree_add_borrowed(t, &e);
}

void tree_add_borrowed(Tree *t, const Entry *entry) {
        if (t->n == t->n_blocks * BLOCK_ENTRIES)
                *vec_push(t->blocks, t->n_blocks, t->cap_blocks) =
                        xmalloc(BLOCK_ENTRIES * sizeof(Entry));
        t->blocks[t->n / BLOCK_ENTRIES][t->n % BLOCK_ENTRIES] = *entry;
        t->n++;
}

size_t tree_count(const Tree *t) {
        return t->n;
}

const Entry *tree_entry(const Tree *t, size_t i) {
        return &t->blocks[i / BLOCK_ENTRIES][i % BLOCK_ENTRIES];
}
