/* recipe.c - see recipe.h.  One RecipeFile serves three lists; which keys each list allows is the
 * business of its table. */
#include "lib/package/recipe.h"

#include <string.h>

#include "lib/base/str.h"
#include "lib/package/glob.h"

static const char default_suite[] = "bookworm";

/* False when path is not usable below a directory: empty, absolute, or with "..". */
static bool path_ok(const char *path) {
        if (!*path || *path == '/')
                return false;
        for (const char *p = path; *p;) {
                size_t n = strcspn(p, "/");

                if (n == 2 && p[0] == '.' && p[1] == '.')
                        return false;
                p += n;
                p += strspn(p, "/");
        }
        return true;
}

/* "/usr//bin/./x/" -> "usr/bin/x/"; the root is "/". Adds a problem for "..". */
static void clean_path(Problems *p, Str *s, bool root_ok) {
        if (!s->text)
                return;

        const char *text = s->text + strspn(s->text, "/");
        bool dir = str_has_suffix(s->text, "/");

        if (*text && !path_ok(text)) {
                problem_add(p, s->pos, "path \"%s\" leaves its directory", s->text);
                return;
        }

        _cleanup_free_ char *clean = path_clean(text);
        bool root = str_eq(clean, ".");

        if (root && !root_ok) {
                problem_add(p, s->pos, "\"%s\" names no file", s->text);
                return;
        }
        s->text = root ? "/" : arena_printf(p->arena, "%s%s", clean, dir ? "/" : "");
}

/* "0755", also unquoted: YAML reads that as a number, so the text as written counts. */
static void read_mode(Problems *p, const Node *n, void *slot) {
        RecipeFile *f = (RecipeFile *)((char *)slot - offsetof(RecipeFile, mode));
        const char *text = n->text;
        uint32_t mode = 0;

        bool is_text = n->kind == NODE_STRING || n->kind == NODE_INT;
        if (is_text && str_has_prefix(text, "0o"))
                text += 2;
        if (!is_text || !*text || text[strspn(text, "01234567")] || strlen(text) > 5) {
                problem_add(p, n->pos, "mode must be an octal number like \"0755\", not %s",
                            node_describe(n, p->arena));
                return;
        }
        for (const char *c = text; *c; c++)
                mode = mode * 8 + (uint32_t)(*c - '0');
        if (mode > 07777) {
                problem_add(p, n->pos, "mode %s is too large", n->text);
                return;
        }
        f->mode.set = true;
        f->mode.value = mode;
}

static void need(Problems *p, const Str *s, Pos pos, const char *key, const char *what) {
        if (str_is_empty(s->text))
                problem_add(p, pos, "%s needs the key \"%s\"", what, key);
}

static const Node *const *list_items(Problems *p, const Node *n, const char *what) {
        if (n->kind == NODE_LIST)
                return n->items;
        problem_add(p, n->pos, "%s must be a list, not %s", what, node_describe(n, p->arena));
        return NULL;
}

/* A list of mappings with these keys; may_be_from: an item may also be just the text of "from". */
static void read_list(Problems *p, const Node *n, const char *what, const ReadKey *keys,
                      size_t n_keys, bool may_be_from, void (*check)(Problems *p, RecipeFile *f),
                      RecipeFiles *ret) {
        const Node *const *items = list_items(p, n, what);

        if (!items)
                return;
        *ret = (RecipeFiles){ .set = true,
                              .items = arena_alloc(p->arena, (n->n + 1) * sizeof(RecipeFile)) };
        for (size_t i = 0; i < n->n; i++) {
                RecipeFile *f = &ret->items[ret->n++];

                f->pos = items[i]->pos;
                if (may_be_from && items[i]->kind == NODE_STRING)
                        key_str(p, items[i], &f->from);
                else
                        keys_read(p, items[i], what, keys, n_keys, f);
                check(p, f);
        }
}

static void check_package_file(Problems *p, RecipeFile *f) {
        need(p, &f->from, f->pos, "from", "an item of files");
        clean_path(p, &f->from, false);
        clean_path(p, &f->to, true);
}

static void read_package_files(Problems *p, const Node *n, void *slot) {
        static const ReadKey keys[] = {
                { "from", key_str, offsetof(RecipeFile, from) },
                { "to", key_str, offsetof(RecipeFile, to) },
                { "mode", read_mode, offsetof(RecipeFile, mode) },
        };

        read_list(p, n, "files", keys, ARRAY_LEN(keys), true, check_package_file, slot);
}

static void check_file(Problems *p, RecipeFile *f) {
        int kinds = (f->from.text != NULL) + (f->symlink.text != NULL) + (f->concat.text != NULL) +
                    (f->directory.set && f->directory.value);

        if (kinds != 1)
                problem_add(
                        p, f->pos,
                        "an item of files needs exactly one of from, symlink, concat, directory");
        if (f->from.text) {
                const char *from = f->from.text;

                clean_path(p, &f->from, true);
                if (*from == '/')
                        problem_add(p, f->from.pos, "\"%s\" is not a path inside the folder", from);
        }
        if (f->symlink.text && !*f->symlink.text)
                problem_add(p, f->symlink.pos, "empty symlink target");
        if (f->symlink.text && f->mode.set)
                problem_add(p, f->pos, "a symlink has no mode");
        clean_path(p, &f->concat, false);
        need(p, &f->to, f->pos, "to", "an item of files");
        clean_path(p, &f->to, f->from.text != NULL);
        if (!f->from.text && f->to.text && str_has_suffix(f->to.text, "/"))
                f->to.text = arena_strndup(p->arena, f->to.text, strlen(f->to.text) - 1);
}

static void read_files(Problems *p, const Node *n, void *slot) {
        static const ReadKey keys[] = {
                { "from", key_str, offsetof(RecipeFile, from) },
                { "to", key_str, offsetof(RecipeFile, to) },
                { "symlink", key_str, offsetof(RecipeFile, symlink) },
                { "concat", key_str, offsetof(RecipeFile, concat) },
                { "directory", key_bool, offsetof(RecipeFile, directory) },
                { "mode", read_mode, offsetof(RecipeFile, mode) },
        };

        read_list(p, n, "files", keys, ARRAY_LEN(keys), false, check_file, slot);
}

static void check_program(Problems *p, RecipeFile *f) {
        need(p, &f->name, f->pos, "name", "an item of programs");
        need(p, &f->to, f->pos, "to", "an item of programs");
        if (f->name.text && (strchr(f->name.text, '/') || !path_ok(f->name.text)))
                problem_add(p, f->name.pos, "\"%s\" is not the name of a program", f->name.text);
        clean_path(p, &f->to, true);
}

static void read_programs(Problems *p, const Node *n, void *slot) {
        static const ReadKey keys[] = {
                { "name", key_str, offsetof(RecipeFile, name) },
                { "to", key_str, offsetof(RecipeFile, to) },
                { "mode", read_mode, offsetof(RecipeFile, mode) },
        };

        read_list(p, n, "programs", keys, ARRAY_LEN(keys), false, check_program, slot);
}

/* Debian policy 5.6.1, or a pattern over such names. */
static bool package_name_ok(const char *name) {
        return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789+-.*?[]") == strlen(name) &&
               *name != '-' && *name != '+' && *name != '.' && *name;
}

static void read_packages(Problems *p, const Node *n, void *slot) {
        static const ReadKey keys[] = {
                { "name", key_str, offsetof(RecipePackage, name) },
                { "depends", key_bool, offsetof(RecipePackage, depends) },
                { "files", read_package_files, offsetof(RecipePackage, files) },
                { "exclude", key_str_list, offsetof(RecipePackage, exclude) },
        };
        const Node *const *items = list_items(p, n, "packages");
        RecipePackages *ret = slot;

        if (!items)
                return;
        ret->items = arena_alloc(p->arena, (n->n + 1) * sizeof(*ret->items));
        for (size_t i = 0; i < n->n; i++) {
                RecipePackage *pkg = &ret->items[ret->n++];

                pkg->pos = items[i]->pos;
                if (items[i]->kind == NODE_STRING)
                        key_str(p, items[i], &pkg->name);
                else
                        keys_read(p, items[i], "packages", keys, ARRAY_LEN(keys), pkg);
                need(p, &pkg->name, pkg->pos, "name", "an item of packages");
                if (!str_is_empty(pkg->name.text) && !package_name_ok(pkg->name.text))
                        problem_add(p, pkg->name.pos, "\"%s\" is not a package name",
                                    pkg->name.text);
                for (size_t k = 0; k < pkg->exclude.n; k++)
                        clean_path(p, &pkg->exclude.items[k], false);
                if (!pkg->depends.set)
                        pkg->depends = (Bool){ .set = true, .value = true, .pos = pkg->pos };
        }
}

static void read_tars(Problems *p, const Node *n, void *slot) {
        RecipeTars *ret = slot;

        if (n->kind != NODE_MAPPING) {
                problem_add(p, n->pos, "tar must be a mapping, not %s", node_describe(n, p->arena));
                return;
        }
        ret->items = arena_alloc(p->arena, (n->n + 1) * sizeof(*ret->items));
        for (size_t i = 0; i < n->n; i++) {
                RecipeTar *t = &ret->items[ret->n++];

                t->name = (Str){ .text = n->entries[i].key->text, .pos = n->entries[i].key->pos };
                clean_path(p, &t->name, false);
                key_str_list(p, n->entries[i].value, &t->patterns);
                for (size_t k = 0; k < t->patterns.n; k++)
                        clean_path(p, &t->patterns.items[k], false);
        }
}

static void check_recipe(Problems *p, Recipe *r) {
        bool partial = false;

        for (size_t i = 0; i < r->packages.n; i++)
                partial |= r->packages.items[i].files.set;
        if (!r->elf_closure.set)
                r->elf_closure = (Bool){ .set = true, .value = partial };
        if (!r->suite.text)
                r->suite.text = default_suite;
        else if (!package_name_ok(r->suite.text) || glob_is_pattern(r->suite.text))
                problem_add(p, r->suite.pos, "\"%s\" is not the name of a suite", r->suite.text);
}

void recipe_read(Problems *p, const Node *native, Recipe *ret) {
        static const ReadKey keys[] = {
                { "suite", key_str, offsetof(Recipe, suite) },
                { "packages", read_packages, offsetof(Recipe, packages) },
                { "elf-closure", key_bool, offsetof(Recipe, elf_closure) },
                { "programs", read_programs, offsetof(Recipe, programs) },
                { "files", read_files, offsetof(Recipe, files) },
                { "tar", read_tars, offsetof(Recipe, tars) },
                { "depmod", key_bool, offsetof(Recipe, depmod) },
                { "entrypoint", key_str_list, offsetof(Recipe, entrypoint) },
                { "cmd", key_str_list, offsetof(Recipe, cmd) },
                { "env", key_str_list, offsetof(Recipe, env) },
                { "workdir", key_str, offsetof(Recipe, workdir) },
        };

        *ret = (Recipe){ 0 };
        keys_read(p, native, "native", keys, ARRAY_LEN(keys), ret);
        check_recipe(p, ret);
}
