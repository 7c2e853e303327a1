/* files.c - the `files` section (yaml.md 15).
 *
 * Parent directories are written with the item's owner and a mode derived from the item's, even
 * when the root file system has them already: the reference does so, hence we only warn unless
 * --keep-dirs is given (W10). */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/rootfs/assembly.h"
#include "lib/spec/fetch.h"

typedef struct FileAdder {
        Assembly *a;
        const FileItem *item;
        const char *who; /* `files[0] "etc/hosts"` */
        const char *path;
        uint32_t mode;
        Maker maker;
        Content content;
        NameSet *written;    /* paths of this and earlier items, parents included */
        const NameSet *kept; /* directories to be left alone as parents; NULL: none */
} FileAdder;

static int parse_mode(FileAdder *f, Err *e) {
        const char *text = f->item->mode.text;
        f->mode = f->item->directory.set && f->item->directory.value ? 0700 : 0600;
        if (str_is_empty(text))
                return 0;
        uint32_t mode = 0;
        for (const char *p = text; *p; p++) {
                if (*p < '0' || *p > '7' || mode >= 1u << 28)
                        return spec_err(e, f->item->mode.pos,
                                        "%s: cannot parse file mode as octal value: \"%s\"", f->who,
                                        text);
                mode = mode * 8 + (uint32_t)(*p - '0');
        }
        f->mode = mode & 07777;
        return 0;
}

/* "~/x" is below $HOME; malloc'ed. With --relative-source other relative paths are below the
 * folder of their build file, which standard input and URLs do not have (W38). */
static char *source_path(const FileAdder *f) {
        const char *source = f->item->source.text, *file = f->item->source.pos.file;
        const char *home = getenv("HOME");
        if (strlen(source) > 2 && str_has_prefix(source, "~/") && home)
                return xasprintf("%s%s", home, source + 1);
        bool local = file && !str_eq(file, "-") && !source_is_url(file);
        if (!f->a->options->relative_source || !local)
                return xstrdup(source);
        _cleanup_free_ char *dir = path_dir(file);
        return path_join(str_eq(dir, ".") ? NULL : dir, source);
}

/* Returns 0 when the item is to be skipped, 1 when content is there. */
static int open_source(FileAdder *f, Err *e) {
        _cleanup_free_ char *path = source_path(f);
        Pos pos = f->item->source.pos;
        struct stat st;
        if (stat(path, &st) < 0) {
                if (f->item->optional.set && f->item->optional.value) {
                        log_debug("skipping %s: %s is not readable and the item is optional",
                                  f->who, path);
                        return 0;
                }
                return spec_err(e, pos, "%s: source %s: %s", f->who, path, strerror(errno));
        }
        if (!S_ISREG(st.st_mode))
                return spec_err(e, pos, "%s: source %s is not a regular file", f->who, path);
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return spec_err(e, pos, "%s: source %s: %s", f->who, path, strerror(errno));
        if (assembly_user_file(f->a, fd, path, &f->content, e) < 0)
                return err_at(e, pos, f->who);
        return 1;
}

static int print_metadata(FileAdder *f, Err *e) {
        const char *type = f->item->metadata.text;
        _cleanup_buf_ Buf text = { 0 };
        int r = str_eq(type, "json") ? spec_print_json(f->a->spec, &text, e)
                                     : spec_print_yaml(f->a->spec, &text, e);
        if (r < 0)
                return err_at(e, f->item->metadata.pos, f->who);
        f->content = make_content(&f->maker, text.data, text.len);
        return 1;
}

/* The specification allows at most one kind of content, apart from a symlink that hides contents
 * and a directory that hides a symlink (yaml.md 5.7); spec_load has checked that. Returns 0 to skip
 * the item, 1 to write it. */
static int find_content(FileAdder *f, Err *e) {
        const FileItem *i = f->item;
        if (!str_is_empty(i->source.text))
                return open_source(f, e);
        if (!str_is_empty(i->metadata.text))
                return print_metadata(f, e);
        if (i->contents.text)
                f->content = content_bytes(i->contents.text, strlen(i->contents.text));
        return 1;
}

/* x for each of user, group and other that may do anything. */
static uint32_t parent_mode(uint32_t mode) {
        for (unsigned shift = 0; shift <= 6; shift += 3)
                if (mode >> shift & 7)
                        mode |= 1u << shift;
        return mode;
}

static void add_parents(FileAdder *f) {
        _cleanup_free_ char *dir = path_dir(f->path);
        if (str_eq(dir, "."))
                return;
        const char *path = arena_strdup(f->a->arena, dir);
        for (size_t len = 1;; len++) {
                if (path[len] != '/' && path[len] != '\0')
                        continue;
                uint32_t known;
                bool kept = f->kept && nameset_find(f->kept, path, len, &known);
                if (!kept && !nameset_find(f->written, path, len, &known)) {
                        nameset_add(f->written, path, len);
                        make_dir(&f->maker, arena_strndup(f->a->arena, path, len),
                                 parent_mode(f->mode));
                }
                if (path[len] == '\0')
                        return;
        }
}

static int resolve_ids(FileAdder *f, Err *e) {
        const Spec *spec = f->a->spec;
        if (f->item->uid.set && spec_resolve_id(spec, &f->item->uid, &f->maker.uid, e) < 0)
                return -1;
        if (f->item->gid.set && spec_resolve_id(spec, &f->item->gid, &f->maker.gid, e) < 0)
                return -1;
        return 0;
}

static int add_file(FileAdder *f, Err *e) {
        if (*f->path == '\0' || path_has_dotdot(f->path))
                return spec_err(e, f->item->path.pos, "%s: path is outside the root file system",
                                f->who);
        if (parse_mode(f, e) < 0 || resolve_ids(f, e) < 0)
                return -1;
        int r = find_content(f, e);
        if (r <= 0)
                return r;
        add_parents(f);
        nameset_add(f->written, f->path, strlen(f->path));
        if (f->item->directory.set && f->item->directory.value)
                make_dir(&f->maker, f->path, f->mode);
        else if (!str_is_empty(f->item->symlink.text))
                make_symlink(&f->maker, f->path, f->mode, f->item->symlink.text);
        else
                make_file(&f->maker, f->path, f->mode, f->content);
        return 0;
}

/* Says which directories of the root file system got another mode or owner from the entries at
 * first and later. */
static void warn_changed_dirs(const Tree *t, size_t first) {
        _cleanup_nameset_ NameSet *names = nameset_new();
        const Entry **before = xcalloc(tree_count(t) - first, sizeof(*before));
        for (size_t i = first; i < tree_count(t); i++) {
                const Entry *d = tree_entry(t, i);
                if (d->type == ENTRY_DIR)
                        nameset_add(names, d->name, strlen(d->name));
        }
        for (size_t i = 0; nameset_count(names) && i < first; i++) {
                const Entry *d = tree_entry(t, i);
                uint32_t id;
                if (d->type == ENTRY_DIR && nameset_find(names, d->name, strlen(d->name), &id))
                        before[id] = d;
        }
        for (size_t i = first; i < tree_count(t); i++) {
                const Entry *d = tree_entry(t, i), *old;
                uint32_t id;
                if (d->type != ENTRY_DIR || !nameset_find(names, d->name, strlen(d->name), &id))
                        continue;
                old = before[id];
                if (old && (old->mode != d->mode || old->uid != d->uid || old->gid != d->gid))
                        log_warn("%s: changes directory /%s from mode %04o, owner %u:%u to mode "
                                 "%04o, owner %u:%u",
                                 d->location, d->name, old->mode, old->uid, old->gid, d->mode,
                                 d->uid, d->gid);
        }
        free(before);
}

/* The directories of the tree as it stands, by the last entry of each name. */
static NameSet *existing_dirs(const Tree *t) {
        _cleanup_nameset_ NameSet *seen = nameset_new();
        NameSet *dirs = nameset_new();
        for (size_t i = tree_count(t); i-- > 0;) {
                const Entry *entry = tree_entry(t, i);
                size_t len = strlen(entry->name);
                while (len && entry->name[len - 1] == '/')
                        len--;
                uint32_t id;
                if (nameset_find(seen, entry->name, len, &id))
                        continue;
                nameset_add(seen, entry->name, len);
                if (entry->type == ENTRY_DIR)
                        nameset_add(dirs, entry->name, len);
        }
        return dirs;
}

int files_add(Assembly *a, Err *e) {
        const Spec *spec = a->spec;
        _cleanup_nameset_ NameSet *written = nameset_new();
        _cleanup_nameset_ NameSet *kept = a->options->keep_dirs ? existing_dirs(a->tree) : NULL;
        size_t first = tree_count(a->tree);
        if (spec->n_files)
                log_info("Add files:");
        for (size_t i = 0; i < spec->n_files; i++) {
                const char *path = spec->files[i].path.text ? spec->files[i].path.text : "";
                const char *location = arena_printf(a->arena, "files[%zu]", i);
                FileAdder f = {
                        .a = a,
                        .item = &spec->files[i],
                        .who = arena_printf(a->arena, "%s \"%s\"", location, path),
                        .path = path + strspn(path, "/"),
                        .maker = assembly_maker(a, location, "linuxkit.files"),
                        .written = written,
                        .kept = kept,
                };
                log_info("  %s", path);
                if (add_file(&f, e) < 0)
                        return -1;
        }
        warn_changed_dirs(a->tree, first);
        return 0;
}
