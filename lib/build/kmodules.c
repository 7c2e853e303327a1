/* kmodules.c - see kmodules.h. */
#include "lib/build/kmodules.h"

#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <string.h>

#include "lib/base/content.h"

enum {
        MAX_TEXT = 32 << 20, /* of each of the lists; Debian's largest has 1.5 MB */
        MAX_MODULES = 1 << 16,
        MAX_CLOSURE = 400, /* pkg/bootloader takes 512 */
        MAX_DEPTH = 32,
        MAX_MODULE_SIZE = 64 << 20,
};

typedef struct File {
        const char *path; /* below lib/modules/VERSION */
        const Entry *entry;
        size_t order; /* in the tree: the last one of a path wins */
} File;

struct KModules {
        Arena *arena;
        const char *version;
        char *dep, *builtin, *alias; /* NULL: not there */
        File *files;                 /* sorted by path */
        size_t n_files, cap_files;
        KModule *modules; /* sorted by name */
        size_t n_modules, cap_modules;
        const char **built; /* names, sorted */
        size_t n_built, cap_built;
};

void kmodules_free(KModules *k) {
        if (!k)
                return;
        arena_free(k->arena);
        free(k->dep);
        free(k->builtin);
        free(k->alias);
        free(k->files);
        free(k->modules);
        free(k->built);
        free(k);
}

void kmodules_list_done(KModuleList *l) {
        free(l->items);
        *l = (KModuleList){ 0 };
}

/* --- files of the tree ---------------------------------------------------------------------- */

/* "lib/modules/VERSION/PATH" or the same below usr: *version_len bytes and the path, else NULL. */
static const char *split_name(const char *name, const char **version, size_t *version_len) {
        if (str_has_prefix(name, "usr/"))
                name += strlen("usr/");
        if (!str_has_prefix(name, "lib/modules/"))
                return NULL;
        *version = name + strlen("lib/modules/");
        *version_len = strcspn(*version, "/");
        return (*version)[*version_len] ? *version + *version_len + 1 : NULL;
}

static int file_cmp(const void *a, const void *b) {
        const File *x = a, *y = b;
        int r = strcmp(x->path, y->path);
        return r ? r : (x->order > y->order) - (x->order < y->order);
}

/* The kernel whose modules count: the one folder with a modules.dep. */
static int find_version(KModules *k, const Tree *t, Err *e) {
        for (size_t i = 0; i < tree_count(t); i++) {
                const char *version;
                size_t len;
                const char *path = split_name(tree_entry(t, i)->name, &version, &len);
                if (!path || !str_eq(path, "modules.dep"))
                        continue;
                if (!k->version)
                        k->version = arena_strndup(k->arena, version, len);
                else if (strlen(k->version) != len || memcmp(k->version, version, len) != 0)
                        return err_set(e, ERR_SPEC, 0,
                                       "there are modules of two kernels: %s and %.*s", k->version,
                                       (int)len, version);
        }
        return 0;
}

static void index_files(KModules *k, const Tree *t) {
        for (size_t i = 0; i < tree_count(t); i++) {
                const Entry *entry = tree_entry(t, i);
                const char *version;
                size_t len;
                const char *path = split_name(entry->name, &version, &len);
                if (!path || entry->type != ENTRY_FILE || strlen(k->version) != len ||
                    memcmp(k->version, version, len) != 0)
                        continue;
                *vec_push(k->files, k->n_files, k->cap_files) =
                        (File){ .path = path, .entry = entry, .order = i };
        }
        if (k->n_files)
                qsort(k->files, k->n_files, sizeof(*k->files), file_cmp);
}

/* The last entry of that path. */
static const Entry *find_file(const KModules *k, const char *path, size_t len) {
        size_t low = 0, high = k->n_files;
        while (low < high) {
                size_t mid = low + (high - low) / 2;
                int r = strncmp(k->files[mid].path, path, len);
                if (r > 0 || (r == 0 && k->files[mid].path[len]))
                        high = mid;
                else
                        low = mid + 1;
        }
        if (!low)
                return NULL;
        const File *f = &k->files[low - 1];
        return strlen(f->path) == len && memcmp(f->path, path, len) == 0 ? f->entry : NULL;
}

/* *ret stays NULL when the tree does not have it. */
static int load_text(const KModules *k, const char *name, char **ret, Err *e) {
        const Entry *entry = find_file(k, name, strlen(name));
        if (!entry)
                return 0;
        if (content_load(&entry->content, MAX_TEXT, ret, e) < 0)
                return err_wrap(e, "lib/modules/%s/%s", k->version, name);
        if (strlen(*ret) != entry->content.size)
                return err_set(e, ERR_VERIFY, 0, "lib/modules/%s/%s holds a NUL byte", k->version,
                               name);
        return 0;
}

/* --- names ---------------------------------------------------------------------------------- */

/* "kernel/drivers/virtio-rng.ko.xz" -> "virtio_rng"; NULL when it is no module. */
static char *name_of_path(Arena *a, const char *path, size_t len) {
        const char *base = memrchr(path, '/', len);
        size_t n = base ? len - (size_t)(base + 1 - path) : len;
        char *name = arena_strndup(a, base ? base + 1 : path, n);
        char *dot = strstr(name, ".ko");
        if (!dot || dot == name)
                return NULL;
        *dot = 0;
        for (char *p = name; *p; p++)
                if (*p == '-')
                        *p = '_';
        return name;
}

static char *fold(Arena *a, const char *name, size_t len) {
        char *folded = arena_strndup(a, name, len);
        for (char *p = folded; *p; p++)
                if (*p == '-')
                        *p = '_';
        return folded;
}

static int module_cmp(const void *a, const void *b) {
        return strcmp(((const KModule *)a)->name, ((const KModule *)b)->name);
}

static int name_cmp(const void *a, const void *b) {
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The next line of *p without its end; false at the end of the text. */
static bool next_line(const char **p, const char **line, size_t *len) {
        if (!**p)
                return false;
        *line = *p;
        *len = strcspn(*p, "\n");
        *p += *len + ((*p)[*len] == '\n');
        return true;
}

static int index_modules(KModules *k, Err *e) {
        const char *p = k->dep ? k->dep : "", *line;
        size_t len;
        while (next_line(&p, &line, &len)) {
                const char *colon = memchr(line, ':', len);
                const Entry *file = colon ? find_file(k, line, (size_t)(colon - line)) : NULL;
                char *name = file ? name_of_path(k->arena, line, (size_t)(colon - line)) : NULL;
                if (!name)
                        continue;
                if (k->n_modules == MAX_MODULES)
                        return err_set(e, ERR_VERIFY, 0,
                                       "lib/modules/%s/modules.dep: too many modules", k->version);
                *vec_push(k->modules, k->n_modules, k->cap_modules) =
                        (KModule){ .name = name,
                                   .file = file,
                                   .deps = colon + 1,
                                   .deps_len = (size_t)(line + len - colon - 1) };
        }
        if (k->n_modules)
                qsort(k->modules, k->n_modules, sizeof(*k->modules), module_cmp);
        return 0;
}

static int index_builtin(KModules *k, Err *e) {
        const char *p = k->builtin ? k->builtin : "", *line;
        size_t len;
        while (next_line(&p, &line, &len)) {
                char *name = name_of_path(k->arena, line, len);
                if (!name)
                        continue;
                if (k->n_built == MAX_MODULES)
                        return err_set(e, ERR_VERIFY, 0,
                                       "lib/modules/%s/modules.builtin: too many modules",
                                       k->version);
                *vec_push(k->built, k->n_built, k->cap_built) = name;
        }
        if (k->n_built)
                qsort(k->built, k->n_built, sizeof(*k->built), name_cmp);
        return 0;
}

int kmodules_open(const Tree *t, KModules **ret, Err *e) {
        _cleanup_kmodules_ KModules *k = xcalloc(1, sizeof(*k));
        k->arena = arena_new();
        if (find_version(k, t, e) < 0)
                return -1;
        if (k->version) {
                index_files(k, t);
                if (load_text(k, "modules.dep", &k->dep, e) < 0 ||
                    load_text(k, "modules.builtin", &k->builtin, e) < 0 ||
                    load_text(k, "modules.alias", &k->alias, e) < 0 || index_modules(k, e) < 0 ||
                    index_builtin(k, e) < 0)
                        return -1;
        }
        *ret = take(k);
        return 0;
}

/* --- questions ------------------------------------------------------------------------------ */

const char *kmodules_version(const KModules *k) {
        return k->version;
}

bool kmodules_knows_builtin(const KModules *k) {
        return k->builtin != NULL;
}

bool kmodules_is_builtin(const KModules *k, const char *name) {
        _cleanup_arena_ Arena *a = arena_new();
        const char *want = fold(a, name, strlen(name));
        return k->n_built && bsearch(&want, k->built, k->n_built, sizeof(*k->built), name_cmp);
}

static const KModule *find_folded(const KModules *k, const char *name) {
        KModule want = { .name = name };
        return k->n_modules ? bsearch(&want, k->modules, k->n_modules, sizeof(want), module_cmp)
                            : NULL;
}

const KModule *kmodules_find(const KModules *k, const char *name) {
        _cleanup_arena_ Arena *a = arena_new();
        return find_folded(k, fold(a, name, strlen(name)));
}

void kmodules_each_dep(const KModules *k, const KModule *m,
                       void (*fn)(void *ctx, const KModule *dep), void *ctx) {
        _cleanup_arena_ Arena *a = arena_new();
        const char *p = m->deps, *end = p + m->deps_len;
        while (p < end) {
                size_t n = 0;
                while (p < end && isspace((unsigned char)*p))
                        p++;
                while (p + n < end && !isspace((unsigned char)p[n]))
                        n++;
                const char *name = n ? name_of_path(a, p, n) : NULL;
                const KModule *dep = name ? find_folded(k, name) : NULL;
                if (dep)
                        fn(ctx, dep);
                p += n;
        }
}

typedef struct Closure {
        const KModules *k;
        KModuleList *list;
        unsigned depth;
        bool too_much;
} Closure;

static bool is_listed(const KModuleList *l, const KModule *m) {
        for (size_t i = 0; i < l->n; i++)
                if (l->items[i] == m)
                        return true;
        return false;
}

/* The kernel asks for these by name while the module starts, and there is no modprobe then: what
 * modules.softdep says. */
static const char *asks_for(const char *name) {
        static const char *const rows[][2] = {
                { "libcrc32c", "crc32c_generic" },
                { "ext4", "crc32c_generic" },
                { "btrfs", "crc32c_generic" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if (str_eq(rows[i][0], name))
                        return rows[i][1];
        return NULL;
}

static void add_closure(void *ctx, const KModule *m) {
        Closure *c = ctx;
        if (c->too_much || is_listed(c->list, m))
                return;
        if (c->depth == MAX_DEPTH || c->list->n >= MAX_CLOSURE) {
                c->too_much = true; /* a cycle, too */
                return;
        }
        c->depth++;
        const char *soft = asks_for(m->name);
        const KModule *first = soft ? find_folded(c->k, soft) : NULL;
        if (first)
                add_closure(c, first);
        kmodules_each_dep(c->k, m, add_closure, c);
        c->depth--;
        if (!is_listed(c->list, m))
                *vec_push(c->list->items, c->list->n, c->list->cap) = m;
}

int kmodules_add(const KModules *k, const char *name, KModuleList *l, Err *e) {
        Closure c = { .k = k, .list = l };
        const KModule *m = kmodules_find(k, name);
        if (m)
                add_closure(&c, m);
        if (c.too_much)
                return err_set(
                        e, ERR_VERIFY, 0,
                        "lib/modules/%s/modules.dep: module %s needs itself, or too many others",
                        k->version, name);
        return 0;
}

/* Aliases that are no devices: what the kernel asks modprobe for. */
static bool is_device_alias(const char *pattern, size_t len) {
        return memchr(pattern, ':', len) && !memchr(pattern, ' ', len) &&
               !str_has_prefix(pattern, "devname:") && !str_has_prefix(pattern, "symbol:");
}

void kmodules_each_alias(const KModules *k, const KModuleList *l,
                         void (*fn)(void *ctx, const char *pattern, size_t len, const KModule *m),
                         void *ctx) {
        const char *p = k->alias ? k->alias : "", *line;
        size_t len;
        while (next_line(&p, &line, &len)) {
                const char *blank = memrchr(line, ' ', len);
                if (len < 8 || memcmp(line, "alias ", 6) != 0 || blank < line + 6)
                        continue;
                size_t pattern_len = (size_t)(blank - line) - 6;
                size_t name_len = (size_t)(line + len - blank - 1);
                if (!is_device_alias(line + 6, pattern_len) || name_len > 128)
                        continue;
                char name[129];
                for (size_t i = 0; i < name_len; i++)
                        name[i] = blank[1 + i] == '-' ? '_' : blank[1 + i];
                name[name_len] = 0;
                const KModule *m = find_folded(k, name);
                if (m && is_listed(l, m))
                        fn(ctx, line + 6, pattern_len, m);
        }
}

/* --- contents ------------------------------------------------------------------------------- */

static int inflate(const char *packed, size_t n, Buf *out, Err *e) {
        struct archive *a = archive_read_new();
        struct archive_entry *entry;
        archive_read_support_filter_all(a);
        archive_read_support_format_raw(a);
        int r = archive_read_open_memory(a, packed, n);
        if (r == ARCHIVE_OK)
                r = archive_read_next_header(a, &entry);
        while (r == ARCHIVE_OK) {
                const void *p;
                size_t len;
                la_int64_t at;
                r = archive_read_data_block(a, &p, &len, &at);
                if (r != ARCHIVE_OK)
                        break;
                if (out->len + len > MAX_MODULE_SIZE) {
                        archive_read_free(a);
                        return err_set(e, ERR_VERIFY, 0, "larger than %d MiB",
                                       MAX_MODULE_SIZE >> 20);
                }
                buf_add(out, p, len);
        }
        bool packed_at_all = r == ARCHIVE_EOF && archive_filter_code(a, 0) != ARCHIVE_FILTER_NONE;
        if (!packed_at_all)
                err_set(e, ERR_VERIFY, 0, "%s",
                        r == ARCHIVE_EOF ? "not compressed as its name says"
                                         : archive_error_string(a));
        archive_read_free(a);
        return packed_at_all ? 0 : -1;
}

int kmodules_load(const KModule *m, Arena *a, Content *ret, Err *e) {
        if (str_has_suffix(m->file->name, ".ko")) {
                *ret = m->file->content;
                return 0;
        }
        _cleanup_free_ char *packed = NULL;
        _cleanup_buf_ Buf out = { 0 };
        if (content_load(&m->file->content, MAX_MODULE_SIZE, &packed, e) < 0 ||
            inflate(packed, m->file->content.size, &out, e) < 0)
                return err_wrap(e, "%s", m->file->name);
        char *copy = arena_alloc(a, out.len ? out.len : 1);
        memcpy(copy, out.data, out.len);
        *ret = content_bytes(copy, out.len);
        return 0;
}
