/* closure.c - a work list of needs.  A need is a list of paths, any of which satisfies it: for a
 * library one path per directory the loader would search, for the interpreter or the target of a
 * symlink exactly one.
 *
 * Which package has a file is only known after opening it, so packages are opened in waves: those
 * that are named like the library, then all libraries, then everything. The waves depend on names
 * only, hence the result does not depend on what the cache happens to hold. */
#include "lib/package/closure.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/package/elf.h"

enum {
        MAX_NEEDS = 1 << 16,
        MAX_DIRS = 64, /* in one search path */
};

typedef struct Need {
        const char **paths; /* NULL-terminated */
        const char *name;   /* soname or path */
        const char *by;     /* who needs it */
} Need;

typedef struct Closure {
        Stage *s;
        Debs *d;
        Arena *arena;
        const char *triplet;
        uint16_t machine;
        Need *needs;
        size_t n, cap;
        size_t seen; /* slots of the stage that were looked at */
        Err *e;
} Closure;

static void closure_done(Closure *c) {
        free(c->needs);
        arena_free(c->arena);
}

static const char *triplet_of(const char *arch) {
        static const struct {
                const char *arch, *triplet;
        } rows[] = {
                { "amd64", "x86_64-linux-gnu" },
                { "arm64", "aarch64-linux-gnu" },
                { "riscv64", "riscv64-linux-gnu" },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if (str_eq(rows[i].arch, arch))
                        return rows[i].triplet;
        return NULL;
}

/* --- needs ---------------------------------------------------------------------------------- */

/* "usr/bin/../lib//x" -> "usr/lib/x" */
static const char *clean(Closure *c, const char *path) {
        _cleanup_free_ char *rooted = xasprintf("/%s", path);
        _cleanup_free_ char *text = path_clean(rooted);

        return arena_strdup(c->arena, text + 1);
}

static int add_need(Closure *c, const char **paths, const char *name, const char *by) {
        if (c->n == MAX_NEEDS)
                return err_set(c->e, ERR_SPEC, 0, "more than %d libraries are needed", MAX_NEEDS);
        *vec_push(c->needs, c->n, c->cap) = (Need){ .paths = paths, .name = name, .by = by };
        return 0;
}

static int add_path_need(Closure *c, const char *path, const char *by) {
        const char **paths = arena_alloc(c->arena, 2 * sizeof(*paths));

        paths[0] = clean(c, path);
        return add_need(c, paths, paths[0], by);
}

/* Appends the directories of a colon list; $ORIGIN is the directory of the file (ld.so(8)). */
static size_t add_dirs(Closure *c, const char *list, const char *origin, const char **dirs,
                       size_t n) {
        while (list && *list && n < MAX_DIRS) {
                size_t len = strcspn(list, ":");
                const char *dir = arena_strndup(c->arena, list, len);
                const char *rest = NULL;

                if (str_has_prefix(dir, "$ORIGIN"))
                        rest = dir + strlen("$ORIGIN");
                else if (str_has_prefix(dir, "${ORIGIN}"))
                        rest = dir + strlen("${ORIGIN}");
                if (rest)
                        dirs[n++] = arena_printf(c->arena, "%s%s", origin, rest);
                else if (*dir == '/')
                        dirs[n++] = dir;
                list += len + (list[len] == ':');
        }
        return n;
}

static int add_library(Closure *c, const Elf *elf, const char *soname, const char *by) {
        const char *dirs[MAX_DIRS + 6];
        _cleanup_free_ char *origin = path_dir(by);
        size_t n = 0;

        if (strchr(soname, '/'))
                return add_path_need(c, soname, by);
        if (!elf->runpath)
                n = add_dirs(c, elf->rpath, origin, dirs, n);
        n = add_dirs(c, elf->runpath, origin, dirs, n);
        dirs[n++] = arena_printf(c->arena, "lib/%s", c->triplet);
        dirs[n++] = arena_printf(c->arena, "usr/lib/%s", c->triplet);
        dirs[n++] = "lib";
        dirs[n++] = "usr/lib";
        dirs[n++] = "lib64";
        dirs[n++] = "usr/lib64";

        const char **paths = arena_alloc(c->arena, (n + 1) * sizeof(*paths));

        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *path = path_join(dirs[i], soname);

                paths[i] = clean(c, path);
        }
        return add_need(c, paths, soname, by);
}

static int look_at(Closure *c, const Entry *entry) {
        /* entries move when the stage grows */
        const Content content = entry->content;
        const char *name = entry->name;
        Elf elf;
        int r = elf_read(&content, c->arena, &elf, c->e);

        if (r < 0)
                return err_wrap(c->e, "\"%s\"", name);
        if (r == 0 || elf.machine != c->machine)
                return 0;
        if (elf.interp && add_path_need(c, elf.interp, name) < 0)
                return -1;
        for (size_t i = 0; i < elf.n_needed; i++)
                if (add_library(c, &elf, elf.needed[i], name) < 0)
                        return -1;
        return 0;
}

static int look_at_new(Closure *c) {
        for (; c->seen < stage_slots(c->s); c->seen++) {
                const Entry *entry = stage_slot(c->s, c->seen);

                if (entry && entry->type == ENTRY_FILE && look_at(c, entry) < 0)
                        return -1;
        }
        return 0;
}

/* --- satisfying ----------------------------------------------------------------------------- */

/* The target of a symlink that is part of a satisfied need is needed, too. */
static int follow(Closure *c, const Entry *entry, const char *by) {
        if (entry->type != ENTRY_SYMLINK)
                return 0;

        _cleanup_free_ char *dir = path_dir(entry->name);
        _cleanup_free_ char *target =
                entry->link[0] == '/' ? xstrdup(entry->link) : path_join(dir, entry->link);

        return add_path_need(c, target, by);
}

/* 1: satisfied, 0: not yet. */
static int satisfy(Closure *c, const Need *need) {
        for (const char **path = need->paths; *path; path++) {
                const Entry *entry = stage_find(c->s, *path);

                if (entry && entry->type != ENTRY_DIR)
                        return follow(c, entry, need->by) < 0 ? -1 : 1;
        }
        for (const char **path = need->paths; *path; path++) {
                for (size_t i = 0; i < debs_count(c->d); i++) {
                        const Deb *deb = debs_get(c->d, i);
                        const Entry *entry = deb ? deb_find(deb, *path) : NULL;

                        if (!entry || entry->type == ENTRY_DIR)
                                continue;
                        if (stage_add(c->s, *path, entry, c->e) < 0 ||
                            follow(c, entry, need->by) < 0)
                                return -1;
                        debs_note(c->d, entry);
                        return 1;
                }
        }
        return 0;
}

/* Works off what can be satisfied now; what cannot stays in the list. */
static int satisfy_all(Closure *c) {
        size_t kept = 0;

        if (look_at_new(c) < 0)
                return -1;
        for (size_t i = 0; i < c->n; i++) { /* c->n grows meanwhile */
                Need need = c->needs[i];
                int r = satisfy(c, &need);

                if (r < 0)
                        return -1;
                if (r == 0)
                        c->needs[kept++] = need;
                if (look_at_new(c) < 0)
                        return -1;
        }
        c->n = kept;
        return 0;
}

/* --- waves ---------------------------------------------------------------------------------- */

/* Debian's usual name of the package that holds a library: libseccomp.so.2 -> libseccomp2,
 * libz.so.1 -> no match (zlib1g), libfoo1.so.2 -> libfoo1-2. */
static bool named_like(const char *package, const char *soname) {
        const char *so = strstr(soname, ".so");
        size_t n = so ? (size_t)(so - soname) : 0;

        if (str_has_prefix(soname, "ld-linux") || str_has_prefix(soname, "ld64"))
                return str_eq(package, "libc6");
        if (n == 0 || strncasecmp(package, soname, n) != 0)
                return false;
        package += n;
        package += *package == '-';
        so += strlen(".so");
        so += *so == '.';
        return str_has_prefix(package, so) &&
               (package[strlen(so)] == '\0' || str_eq(package + strlen(so), "t64"));
}

static bool in_wave(const Closure *c, const char *package, int wave) {
        if (wave == 2)
                return true;
        if (wave == 1)
                return str_has_prefix(package, "lib") || str_has_prefix(package, "zlib");
        for (size_t i = 0; i < c->n; i++)
                if (named_like(package, path_base(c->needs[i].name)))
                        return true;
        return false;
}

/* Opens the next packages worth a look: 1 when there were any, 0 when all are open. */
static int open_wave(Closure *c) {
        _cleanup_free_ bool *choice = xcalloc(debs_count(c->d) + 1, sizeof(bool));

        for (int wave = 0; wave <= 2; wave++) {
                bool any = false;

                for (size_t i = 0; i < debs_count(c->d); i++) {
                        choice[i] = !debs_get(c->d, i) && in_wave(c, debs_name(c->d, i), wave);
                        any |= choice[i];
                }
                if (any)
                        return debs_open(c->d, choice, c->e) < 0 ? -1 : 1;
        }
        return 0;
}

int closure_add(Stage *s, Debs *d, const char *arch, Err *e) {
        _cleanup_(closure_done) Closure c = {
                .s = s,
                .d = d,
                .triplet = triplet_of(arch),
                .machine = elf_machine(arch),
                .e = e,
        };

        if (!c.triplet)
                return err_set(e, ERR_SPEC, 0, "libraries for %s are not supported", arch);
        c.arena = arena_new();
        for (;;) {
                if (satisfy_all(&c) < 0)
                        return -1;
                if (c.n == 0)
                        return 0;

                int r = open_wave(&c);

                if (r < 0)
                        return -1;
                if (r == 0)
                        return err_set(e, ERR_SPEC, 0,
                                       "\"%s\" needs %s, which no resolved package has",
                                       c.needs[0].by, c.needs[0].name);
        }
}
