/* folder.c - see folder.h.  Owner and time of the files do not count, and of the mode only whether
 * the owner may execute it: what git keeps. */
#include "lib/package/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/str.h"
#include "lib/package/glob.h"

enum { MAX_DEPTH = 64 };

void folder_done(Folder *f) {
        free(f->items);
        *f = (Folder){ 0 };
}

static FolderItem *add(Folder *f, EntryType type, const char *to) {
        FolderItem *item = vec_push(f->items, f->n, f->cap);

        *item = (FolderItem){ .type = type, .to = to };
        return item;
}

static int digest_item(FolderItem *item, Err *e) {
        _cleanup_fd_ int fd = open(item->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

        if (fd < 0)
                return err_set(e, ERR_IO, errno, "open %s", item->path);
        return hash_fd(fd, &item->digest, &item->size, e);
}

/* dir + "/" + name; "/" is the root of the image. */
static const char *below(Package *p, const char *dir, const char *name) {
        size_t n = strlen(dir);

        while (n && dir[n - 1] == '/')
                n--;
        return n ? arena_printf(p->arena, "%.*s/%s", (int)n, dir, name)
                 : arena_strdup(p->arena, name);
}

static int add_path(Package *p, Folder *f, const RecipeFile *rf, const char *path, const char *to,
                    unsigned depth, Err *e);

static int skip_dots(const struct dirent *d) {
        return !str_eq(d->d_name, ".") && !str_eq(d->d_name, "..");
}

static int add_dir(Package *p, Folder *f, const RecipeFile *rf, const char *path, const char *to,
                   unsigned depth, Err *e) {
        struct dirent **names = NULL;
        int n, r = 0;

        if (depth > MAX_DEPTH)
                return err_set(e, ERR_IO, ELOOP, "%s", path);
        n = scandir(path, &names, skip_dots, alphasort);
        if (n < 0)
                return err_set(e, ERR_IO, errno, "read directory %s", path);
        if (!str_eq(to, "/") && *to) {
                size_t len = strlen(to);

                while (to[len - 1] == '/')
                        len--;
                add(f, ENTRY_DIR, arena_strndup(p->arena, to, len))->mode = 0755;
        }
        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *sub = path_join(path, names[i]->d_name);

                if (r == 0)
                        r = add_path(p, f, rf, sub, below(p, to, names[i]->d_name), depth + 1, e);
                free(names[i]);
        }
        free(names);
        return r;
}

static int add_link(Package *p, Folder *f, const char *path, const char *to, Err *e) {
        char target[4096];
        ssize_t n = readlink(path, target, sizeof(target));

        if (n < 0 || n == sizeof(target))
                return err_set(e, ERR_IO, n < 0 ? errno : ENAMETOOLONG, "symlink %s", path);

        FolderItem *item = add(f, ENTRY_SYMLINK, to);

        item->link = arena_strndup(p->arena, target, (size_t)n);
        item->mode = 0777;
        return 0;
}

static int add_path(Package *p, Folder *f, const RecipeFile *rf, const char *path, const char *to,
                    unsigned depth, Err *e) {
        struct stat st;

        if (lstat(path, &st) < 0)
                return errno == ENOENT ? spec_err(e, rf->from.pos, "there is no file \"%s\"", path)
                                       : err_set(e, ERR_IO, errno, "%s", path);
        if (S_ISDIR(st.st_mode))
                return add_dir(p, f, rf, path, to, depth, e);
        if (S_ISLNK(st.st_mode))
                return add_link(p, f, path, to, e);
        if (!S_ISREG(st.st_mode))
                return spec_err(e, rf->from.pos, "\"%s\" is neither file, directory nor symlink",
                                path);

        FolderItem *item = add(f, ENTRY_FILE, to);

        item->path = arena_strdup(p->arena, path);
        item->mode = rf->mode.set ? rf->mode.value : st.st_mode & 0100 ? 0755 : 0644;
        return digest_item(item, e);
}

/* --- patterns over the folder --------------------------------------------------------------- */

typedef struct Matches {
        char **v;
        size_t n, cap;
} Matches;

static void matches_done(Matches *m) {
        for (size_t i = 0; i < m->n; i++)
                free(m->v[i]);
        free(m->v);
}

static int match_below(const char *root, const char *rel, const char *pattern, unsigned depth,
                       Matches *out, Err *e) {
        _cleanup_free_ char *dir = *rel ? path_join(root, rel) : xstrdup(root);
        struct dirent **names = NULL;
        int n = scandir(dir, &names, skip_dots, alphasort), r = 0;

        if (n < 0)
                return err_set(e, ERR_IO, errno, "read directory %s", dir);
        if (depth > MAX_DEPTH)
                r = err_set(e, ERR_IO, ELOOP, "%s", dir);
        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *sub =
                        *rel ? path_join(rel, names[i]->d_name) : xstrdup(names[i]->d_name);
                _cleanup_free_ char *full = path_join(root, sub);
                struct stat st;

                free(names[i]);
                if (r < 0 || lstat(full, &st) < 0)
                        continue;
                if (glob_match(pattern, sub))
                        *vec_push(out->v, out->n, out->cap) = xstrdup(sub);
                else if (S_ISDIR(st.st_mode))
                        r = match_below(root, sub, pattern, depth + 1, out, e);
        }
        free(names);
        return r;
}

static int add_pattern(Package *p, Folder *f, const RecipeFile *rf, Err *e) {
        _cleanup_(matches_done) Matches m = { 0 };
        bool dir = str_has_suffix(rf->to.text, "/");

        if (match_below(p->dir, "", rf->from.text, 0, &m, e) < 0)
                return -1;
        if (m.n == 0)
                return spec_err(e, rf->from.pos, "nothing in the folder matches \"%s\"",
                                rf->from.text);
        if (m.n > 1 && !dir)
                return spec_err(
                        e, rf->from.pos,
                        "\"%s\" matches \"%s\" and \"%s\", so \"to\" must be a directory: \"%s/\"",
                        rf->from.text, m.v[0], m.v[1], rf->to.text);
        for (size_t i = 0; i < m.n; i++) {
                _cleanup_free_ char *path = path_join(p->dir, m.v[i]);
                const char *to =
                        dir ? below(p, rf->to.text, m.v[i] + glob_fixed_part(rf->from.text))
                            : rf->to.text;

                if (add_path(p, f, rf, path, to, 0, e) < 0)
                        return -1;
        }
        return 0;
}

static int add_from(Package *p, Folder *f, const RecipeFile *rf, Err *e) {
        const char *from = str_eq(rf->from.text, "/") ? "" : rf->from.text, *to = rf->to.text;
        struct stat st;

        if (glob_is_pattern(from))
                return add_pattern(p, f, rf, e);

        _cleanup_free_ char *path = path_join(p->dir, from);

        while (str_has_suffix(path, "/"))
                path[strlen(path) - 1] = '\0';
        if (str_has_suffix(to, "/") && lstat(path, &st) == 0 && !S_ISDIR(st.st_mode))
                to = below(p, to, path_base(path));
        return add_path(p, f, rf, path, to, 0, e);
}

/* --- programs ------------------------------------------------------------------------------- */

/* The checkout is the nearest folder above the package that has compiled programs, so that a build
 * works where git does not answer (an archive of the sources, another user's checkout) as well. */
static const char *checkout_programs(Package *p) {
        _cleanup_free_ char *at = xstrdup(p->real);
        for (;;) {
                const char *dir = arena_printf(p->arena, "%s/build/target", at);
                char *slash = strrchr(at, '/');
                if (file_exists(dir))
                        return dir;
                if (!slash)
                        break;
                *slash = 0;
        }
        return arena_printf(p->arena, "%s/build/target",
                            p->git.toplevel ? p->git.toplevel : p->real);
}

static const char *programs_dir(Package *p, const PackageOptions *o) {
        const char *env = getenv("LINUXKIT_PROGRAMS");

        if (o->programs)
                return o->programs;
        return str_is_empty(env) ? checkout_programs(p) : env;
}

static int add_program(Package *p, Folder *f, const char *dir, const char *arch,
                       const RecipeFile *rf, Err *e) {
        const char *path = arena_printf(p->arena, "%s/%s/%s", dir, arch, rf->name.text),
                   *to = rf->to.text;

        if (!file_exists(path)) {
                spec_err(e, rf->name.pos, "program \"%s\" for %s is not compiled: there is no %s",
                         rf->name.text, arch, path);
                return err_hint(e,
                                "run `make ARCHES=%s` in the checkout of the package first; "
                                "kernels: `make -C kernel ARCH=%s`",
                                arch, arch);
        }

        FolderItem *item =
                add(f, ENTRY_FILE, str_has_suffix(to, "/") ? below(p, to, rf->name.text) : to);

        item->path = path;
        item->mode = rf->mode.set ? rf->mode.value : 0755;
        item->program = item->mode & 0111; /* a kernel is compiled as well, and no program */
        return digest_item(item, e);
}

int folder_list(Package *p, const PackageOptions *o, const char *arch, Folder *ret, Err *e) {
        _cleanup_folder_ Folder f = { 0 };
        const char *programs = programs_dir(p, o);

        for (size_t i = 0; i < p->recipe.files.n; i++) {
                const RecipeFile *rf = &p->recipe.files.items[i];
                FolderItem *item;

                if (rf->symlink.text) {
                        item = add(&f, ENTRY_SYMLINK, rf->to.text);
                        item->link = rf->symlink.text;
                        item->mode = 0777;
                } else if (rf->directory.value) {
                        item = add(&f, ENTRY_DIR, rf->to.text);
                        item->mode = rf->mode.set ? rf->mode.value : 0755;
                } else if (rf->from.text && add_from(p, &f, rf, e) < 0) {
                        return -1;
                }
        }
        for (size_t i = 0; i < p->recipe.programs.n; i++)
                if (add_program(p, &f, programs, arch, &p->recipe.programs.items[i], e) < 0)
                        return -1;
        *ret = f;
        f = (Folder){ 0 };
        return 0;
}
