/* maker.c - see maker.h. */
#include "lib/rootfs/maker.h"

static Entry new_entry(const Maker *m, const char *name, size_t len, EntryType type,
                       uint32_t mode) {
        return (Entry){
                .name = arena_strndup(tree_arena(m->tree), name, len),
                .type = type,
                .mode = mode,
                .uid = m->uid,
                .gid = m->gid,
                .mtime = m->mtime,
                .location = m->location,
                .source = m->source,
        };
}

void make_dir(const Maker *m, const char *name, uint32_t mode) {
        Entry e = new_entry(m, name, strlen(name), ENTRY_DIR, mode);
        tree_add_borrowed(m->tree, &e);
}

void make_file(const Maker *m, const char *name, uint32_t mode, Content content) {
        Entry e = new_entry(m, name, strlen(name), ENTRY_FILE, mode);
        e.content = content;
        tree_add_borrowed(m->tree, &e);
}

void make_symlink(const Maker *m, const char *name, uint32_t mode, const char *target) {
        Entry e = new_entry(m, name, strlen(name), ENTRY_SYMLINK, mode);
        e.link = arena_strdup(tree_arena(m->tree), target);
        tree_add_borrowed(m->tree, &e);
}

void make_leading_dirs(const Maker *m, const char *path) {
        for (size_t i = 1;; i++) {
                if (path[i] != '/' && path[i] != '\0')
                        continue;
                Entry e = new_entry(m, path, i, ENTRY_DIR, 0755);
                tree_add_borrowed(m->tree, &e);
                if (path[i] == '\0')
                        return;
        }
}

Content make_content(const Maker *m, const void *p, size_t n) {
        void *copy = arena_alloc(tree_arena(m->tree), n);
        if (n)
                memcpy(copy, p, n);
        return content_bytes(copy, n);
}
