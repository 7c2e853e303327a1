/* stage.c - a growing array of entries; the number of a name in the set is its slot.  Removed
 * entries keep their slot (type 0), so indices stay valid while somebody walks over the slots and
 * adds more. */
#include "lib/package/stage.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/str.h"
#include "lib/rootfs/names.h"

struct Stage {
        Arena *arena;
        Entry *slots;
        size_t n, cap;
        NameSet *names;
};

Stage *stage_new(void) {
        Stage *s = xcalloc(1, sizeof(*s));

        s->arena = arena_new();
        s->names = nameset_new();
        return s;
}

void stage_free(Stage *s) {
        if (!s)
                return;
        arena_free(s->arena);
        free(s->slots);
        nameset_free(s->names);
        free(s);
}

Arena *stage_arena(Stage *s) {
        return s->arena;
}

size_t stage_slots(const Stage *s) {
        return s->n;
}

const Entry *stage_slot(const Stage *s, size_t i) {
        return s->slots[i].type ? &s->slots[i] : NULL;
}

const Entry *stage_find(const Stage *s, const char *name) {
        uint32_t slot;

        return nameset_find(s->names, name, strlen(name), &slot) ? stage_slot(s, slot) : NULL;
}

void stage_remove(Stage *s, const char *name) {
        uint32_t slot;

        if (nameset_find(s->names, name, strlen(name), &slot))
                s->slots[slot].type = 0;
}

int stage_add(Stage *s, const char *name, const Entry *entry, Err *e) {
        uint32_t known;
        Entry *slot;

        if (nameset_find(s->names, name, strlen(name), &known)) {
                slot = &s->slots[known];
                if (slot->type == ENTRY_DIR && entry->type == ENTRY_DIR)
                        return 0;
                if (slot->type && (slot->type == ENTRY_DIR) != (entry->type == ENTRY_DIR))
                        return err_set(e, ERR_SPEC, 0, "\"%s\" is both a directory and a file",
                                       name);
                name = slot->name;
        } else {
                name = arena_strdup(s->arena, name);
                nameset_add(s->names, name, strlen(name));
                slot = vec_push(s->slots, s->n, s->cap);
        }
        *slot = *entry;
        slot->name = name;
        return 0;
}

static int add_parents(Stage *s, int64_t mtime, Err *e) {
        const Entry dir = { .type = ENTRY_DIR, .mode = 0755, .mtime = mtime };

        for (size_t i = 0; i < s->n; i++) {
                if (!s->slots[i].type)
                        continue;

                _cleanup_free_ char *path = xstrdup(s->slots[i].name);

                for (char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
                        *p = '\0';

                        const Entry *parent = stage_find(s, path);

                        if (parent && parent->type != ENTRY_DIR)
                                return err_set(e, ERR_SPEC, 0,
                                               "\"%s\" lies below \"%s\", which is no directory",
                                               s->slots[i].name, path);
                        if (!parent && stage_add(s, path, &dir, e) < 0)
                                return -1;
                        *p = '/';
                }
        }
        return 0;
}

static int entry_cmp(const void *a, const void *b) {
        return strcmp(((const Entry *)a)->name, ((const Entry *)b)->name);
}

/* Orders by content, then by name: the first of a group is the one that keeps the bytes.  The order
 * of two blobs is that of their addresses, but a group never spans blobs, so it stays unseen. */
static int content_cmp(const void *a, const void *b) {
        const Entry *x = *(const Entry *const *)a, *y = *(const Entry *const *)b;

        if (x->content.blob != y->content.blob)
                return x->content.blob < y->content.blob ? -1 : 1;
        if (x->content.offset != y->content.offset)
                return x->content.offset < y->content.offset ? -1 : 1;
        return strcmp(x->name, y->name);
}

static bool same_file(const Entry *x, const Entry *y) {
        return x->content.blob == y->content.blob && x->content.offset == y->content.offset &&
               x->content.size == y->content.size && x->mode == y->mode && x->uid == y->uid &&
               x->gid == y->gid && x->mtime == y->mtime;
}

static void link_equal(Entry *entries, size_t n) {
        _cleanup_free_ Entry **files = xmalloc((n + 1) * sizeof(*files));
        size_t n_files = 0;

        for (size_t i = 0; i < n; i++)
                if (entries[i].type == ENTRY_FILE && entries[i].content.blob)
                        files[n_files++] = &entries[i];
        qsort(files, n_files, sizeof(*files), content_cmp);
        for (size_t i = 1, first = 0; i < n_files; i++) {
                if (!same_file(files[first], files[i])) {
                        first = i;
                        continue;
                }
                files[i]->type = ENTRY_HARDLINK;
                files[i]->link = files[first]->name;
                files[i]->content = (Content){ 0 };
        }
}

int stage_finish(Stage *s, int64_t mtime, bool links, Entry **ret, size_t *ret_n, Err *e) {
        if (add_parents(s, mtime, e) < 0)
                return -1;

        Entry *entries = xmalloc((s->n + 1) * sizeof(*entries));
        size_t n = 0;

        for (size_t i = 0; i < s->n; i++)
                if (s->slots[i].type)
                        entries[n++] = s->slots[i];
        qsort(entries, n, sizeof(*entries), entry_cmp);
        if (links)
                link_equal(entries, n);
        *ret = entries;
        *ret_n = n;
        return 0;
}
