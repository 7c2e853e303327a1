/* inodes_test.h - random trees, each with what a reader of its image must find in it: sorted lines
 * of text, made without any of the code under test. Shared by the tests of the image writers. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/extents.h"
#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/rootfs/tree.h"

typedef struct Lines {
        char **items;
        size_t n, cap;
} Lines;

static inline void lines_done(Lines *l) {
        for (size_t i = 0; i < l->n; i++)
                free(l->items[i]);
        free(l->items);
}
#define _cleanup_lines_ __attribute__((cleanup(lines_done)))

static inline int lines_compare(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* path, then what there is to know of the inode; group: the smallest of the inode's names, when it
 * has several. */
static inline void lines_add(Lines *l, const char *path, const Entry *entry, const char *group) {
        _cleanup_buf_ Buf b = { 0 };
        buf_addf(&b, "%s %c %o %u %u %lld", path, entry->type, entry->mode, entry->uid, entry->gid,
                 (long long)entry->mtime);
        if (entry->type == ENTRY_SYMLINK)
                buf_addf(&b, " -> %s", entry->link);
        if (entry->type == ENTRY_CHAR || entry->type == ENTRY_BLOCK)
                buf_addf(&b, " %u:%u", entry->dev_major, entry->dev_minor);
        if (entry->type == ENTRY_FILE) {
                _cleanup_free_ char *bytes = NULL;
                Digest d;
                assert_int_equal(content_load(&entry->content, 1 << 26, &bytes, NULL), 0);
                hash_bytes(bytes, entry->content.size, &d);
                buf_addf(&b, " %llu %.12s", (unsigned long long)entry->content.size,
                         digest_hex(&d));
        }
        for (size_t i = 0; i < entry->n_pax; i++) {
                buf_addf(&b, " %s=", entry->pax[i].key);
                for (size_t k = 0; k < entry->pax[i].value_len; k++)
                        buf_addf(&b, "%02x", (unsigned char)entry->pax[i].value[k]);
        }
        if (group)
                buf_addf(&b, " also %s", group);
        *vec_push(l->items, l->n, l->cap) = buf_steal(&b);
}

static inline void lines_assert_equal(Lines *found, Lines *expected) {
        qsort(found->items, found->n, sizeof(char *), lines_compare);
        qsort(expected->items, expected->n, sizeof(char *), lines_compare);
        for (size_t i = 0; i < MIN(found->n, expected->n); i++)
                assert_string_equal(found->items[i], expected->items[i]);
        assert_int_equal(found->n, expected->n);
}

/* --- random trees --------------------------------------------------------------------------- */

typedef struct RandomTree {
        uint64_t seed;
        Tree *tree;
        Arena *arena;
        Lines expected;
        const char *dirs[64];
        size_t n_dirs;
        Entry files[64];
        size_t n_files;
} RandomTree;

static inline uint32_t random_below(RandomTree *r, uint32_t n) {
        r->seed = r->seed * 6364136223846793005u + 1442695040888963407u;
        return (uint32_t)(r->seed >> 33) % n;
}

/* Unique by its number; any bytes but '/' and NUL, up to the 255 that are allowed. */
static inline char *random_name(RandomTree *r, size_t number) {
        static const char bytes[] = "aZ0-!. ~\x01\x7f\xc3\xbc#+_,";
        const char *dir = r->dirs[random_below(r, (uint32_t)r->n_dirs)];
        size_t n = random_below(r, 20) ? random_below(r, 24) : 248;
        _cleanup_buf_ Buf b = { 0 };
        buf_addf(&b, "%s%s", dir, *dir ? "/" : "");
        for (size_t i = 0; i < n; i++)
                buf_addc(&b, bytes[random_below(r, sizeof bytes - 1)]);
        buf_addf(&b, "%zu", number);
        return arena_strdup(r->arena, b.data);
}

static inline Content random_content(RandomTree *r) {
        static const uint32_t sizes[] = { 0,    1,    2,     100,   3000,   4032,   4064,
                                          4095, 4096, 4097,  8191,  8192,   20000,  65535,
                                          5,    700,  65536, 65537, 131072, 131073, 300001 };
        uint32_t size = sizes[random_below(r, ARRAY_LEN(sizes))], kind = random_below(r, 4);
        if (r->n_files && random_below(r, 6) == 0) { /* the same bytes elsewhere */
                Content c = r->files[random_below(r, (uint32_t)r->n_files)].content;
                char *copy = arena_alloc(r->arena, c.size + 1);
                if (c.size)
                        memcpy(copy, c.bytes, c.size);
                return content_bytes(copy, c.size);
        }
        char *p = arena_alloc(r->arena, size + 1); /* kind 0: zeros */
        for (uint32_t i = 0; kind && i < size; i++)
                p[i] = kind == 1                    ? (char)random_below(r, 256)
                       : kind == 2                  ? "squash "[random_below(r, 7)]
                       : i / 70000 % 2 && kind == 3 ? 0
                                                    : 'x';
        return content_bytes(p, size);
}

static inline void random_xattrs(RandomTree *r, Entry *entry) {
        static const char *const keys[] = { "SCHILY.xattr.security.capability",
                                            "SCHILY.xattr.trusted.overlay.opaque",
                                            "SCHILY.xattr.user.a" };
        PaxRecord *pax = arena_alloc(r->arena, ARRAY_LEN(keys) * sizeof *pax);
        entry->pax = pax;
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
                if (random_below(r, 2))
                        continue;
                size_t n = random_below(r, 30) ? random_below(r, 25) : 5000;
                char *value = arena_alloc(r->arena, n + 1);
                memset(value, (int)random_below(r, 4), n);
                pax[entry->n_pax++] = (PaxRecord){ keys[i], value, n };
        }
}

static inline Entry random_attributes(RandomTree *r, EntryType type) {
        Entry entry = { .type = type,
                        .mode = random_below(r, 010000),
                        .uid = random_below(r, 3) ? 0 : random_below(r, 200000),
                        .gid = random_below(r, 3) ? 0 : random_below(r, 70000),
                        .mtime = random_below(r, 2) ? 1492533000 : random_below(r, INT32_MAX) };
        if (type == ENTRY_SYMLINK)
                entry.mode = 0777;
        if (type == ENTRY_CHAR || type == ENTRY_BLOCK) {
                entry.dev_major = random_below(r, 0x1000);
                entry.dev_minor = random_below(r, 0x100000);
        }
        if (type == ENTRY_SYMLINK) {
                size_t n = random_below(r, 8) ? 1 + random_below(r, 80) : 4095;
                char *target = arena_alloc(r->arena, n + 1);
                memset(target, 'x', n);
                entry.link = target;
        }
        if (random_below(r, 5) == 0)
                random_xattrs(r, &entry);
        return entry;
}

static inline void random_add(RandomTree *r, size_t number) {
        static const EntryType types[] = { ENTRY_FILE, ENTRY_FILE,    ENTRY_FILE, ENTRY_FILE,
                                           ENTRY_DIR,  ENTRY_SYMLINK, ENTRY_CHAR, ENTRY_BLOCK,
                                           ENTRY_FIFO, ENTRY_FILE };
        EntryType type = types[random_below(r, ARRAY_LEN(types))];
        char *name = random_name(r, number);
        Entry entry = random_attributes(r, type);
        entry.name = name;
        if (type == ENTRY_FILE)
                entry.content = random_content(r);
        if (type == ENTRY_FILE && random_below(r, 8) == 0) { /* what is replaced leaves no trace */
                Entry older = random_attributes(r, ENTRY_SYMLINK);
                older.name = name;
                tree_add(r->tree, &older);
        }
        bool linked = type == ENTRY_FILE && random_below(r, 8) == 0;
        _cleanup_free_ char *second = xasprintf("%s~link", name);
        if (strlen(path_base(second)) > 255)
                linked = false;
        tree_add(r->tree, &entry);
        lines_add(&r->expected, name, &entry, linked ? name : NULL);
        if (linked) {
                Entry link = { .type = ENTRY_HARDLINK, .name = second, .link = name };
                tree_add(r->tree, &link);
                lines_add(&r->expected, second, &entry, name);
        }
        if (type == ENTRY_FILE && r->n_files < ARRAY_LEN(r->files))
                r->files[r->n_files++] = entry;
        if (type == ENTRY_DIR && r->n_dirs < ARRAY_LEN(r->dirs) && strlen(name) < 2000)
                r->dirs[r->n_dirs++] = name;
}

static inline RandomTree *random_tree_new(uint64_t seed, size_t n) {
        RandomTree *r = xcalloc(1, sizeof *r);
        r->seed = seed;
        r->tree = tree_new();
        r->arena = arena_new();
        r->dirs[r->n_dirs++] = "";
        for (size_t i = 0; i < n; i++)
                random_add(r, i);
        return r;
}

static inline void random_tree_free(RandomTree *r) {
        tree_free(r->tree);
        arena_free(r->arena);
        lines_done(&r->expected);
        free(r);
}

/* --- files and programs --------------------------------------------------------------------- */

static inline void write_extents(const char *path, const Extents *x) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_sink_ Sink *s = NULL;
        if (sink_file(path, 0644, &s, &e) < 0 || extents_write(x, s, NULL, &e) < 0 ||
            sink_finish(s, &e) < 0)
                fail_msg("%s", e.text);
}

/* What sh -c prints; the test fails when it fails.  Skips the test where program is missing. */
static inline char *shell(const char *program, const char *fmt, ...) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *found = proc_find(program);
        char *out = NULL;
        va_list ap;
        if (!found)
                skip();
        va_start(ap, fmt);
        _cleanup_free_ char *command = xvasprintf(fmt, ap);
        va_end(ap);
        const char *argv[] = { "sh", "-ec", command, NULL };
        ProcOptions o = { .output_limit = 1 << 28 };
        if (proc_run(argv, &o, &out, NULL, NULL, &e) < 0)
                fail_msg("%s: %s", command, e.text);
        return out;
}
