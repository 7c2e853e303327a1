/* tag.c - see tag.h.  Few git commands, because they are most of what a build with a full cache
 * does: one for the objects, one for the state of the work tree. */
#include "lib/package/tag.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"

enum { MAX_DEPTH = 64 };

void tag_done(Tag *t) {
        free(t->hash);
        free(t->commit);
        free(t->toplevel);
        *t = (Tag){ 0 };
}

/* --- content -------------------------------------------------------------------------------- */

typedef struct Paths {
        char **v;
        size_t n, cap;
} Paths;

static void paths_done(Paths *p) {
        for (size_t i = 0; i < p->n; i++)
                free(p->v[i]);
        free(p->v);
}
#define _cleanup_paths_ _cleanup_(paths_done)

static int path_cmp(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static int walk(const char *root, const char *rel, unsigned depth, Paths *out, Err *e) {
        _cleanup_free_ char *dir = *rel ? path_join(root, rel) : xstrdup(root);
        struct dirent **names = NULL;
        int n = scandir(dir, &names, NULL, alphasort), r = 0;

        if (n < 0)
                return err_set(e, ERR_IO, errno, "read directory %s", dir);
        if (depth > MAX_DEPTH)
                r = err_set(e, ERR_IO, ELOOP, "%s", dir);
        for (int i = 0; i < n; i++) {
                const char *name = names[i]->d_name;

                if (r == 0 && !str_eq(name, ".") && !str_eq(name, "..") && !str_eq(name, ".git")) {
                        _cleanup_free_ char *sub = *rel ? path_join(rel, name) : xstrdup(name);
                        _cleanup_free_ char *full = path_join(root, sub);
                        struct stat st;

                        if (lstat(full, &st) < 0)
                                r = err_set(e, ERR_IO, errno, "%s", full);
                        else if (S_ISDIR(st.st_mode))
                                r = walk(root, sub, depth + 1, out, e);
                        else
                                *vec_push(out->v, out->n, out->cap) = take(sub);
                }
                free(names[i]);
        }
        free(names);
        return r;
}

/* Files that vanished or cannot be read count as absent, as in the reference. */
static int add_file(Hash *hash, const char *root, const char *prefix, const char *rel, Err *e) {
        _cleanup_free_ char *path = path_join(root, rel), *head = NULL;
        _cleanup_fd_ int fd = -1;
        Digest digest;
        struct stat st;
        char target[4096];

        if (lstat(path, &st) < 0)
                return 0;
        if (S_ISLNK(st.st_mode)) {
                ssize_t n = readlink(path, target, sizeof(target));

                hash_bytes(target, n > 0 ? (size_t)n : 0, &digest);
        } else if (S_ISREG(st.st_mode)) {
                fd = open(path, O_RDONLY | O_CLOEXEC);
                if (fd < 0)
                        return 0;
                if (hash_fd(fd, &digest, NULL, e) < 0)
                        return err_wrap(e, "%s", path);
        } else {
                return 0;
        }
        head = xasprintf("%s %s %s/%s",
                         S_ISLNK(st.st_mode) ? "120000"
                         : st.st_mode & 0100 ? "100755"
                                             : "100644",
                         digest_hex(&digest), prefix, rel);
        hash_update(hash, head, strlen(head) + 1);
        return 0;
}

static int add_paths(Hash *hash, const char *root, const char *prefix, Paths *paths, Err *e) {
        if (paths->n)
                qsort(paths->v, paths->n, sizeof(*paths->v), path_cmp);
        for (size_t i = 0; i < paths->n; i++) {
                if (!*prefix && str_eq(paths->v[i], TAG_LOCK_FILE))
                        continue;
                if (add_file(hash, root, prefix, paths->v[i], e) < 0)
                        return -1;
        }
        return 0;
}

/* SHA-256 over mode, path and content of everything below dir but .git and native.lock, 64 hex
 * digits, malloc'ed. */
static int tag_content(const char *dir, const TagSource *sources, size_t n, char **ret, Err *e) {
        _cleanup_hash_ Hash *hash = hash_new();
        Digest digest;

        for (size_t i = 0; i <= n; i++) {
                _cleanup_paths_ Paths paths = { 0 };
                const char *root = i ? sources[i - 1].path : dir;

                if (walk(root, "", 0, &paths, e) < 0 ||
                    add_paths(hash, root, i ? sources[i - 1].name : "", &paths, e) < 0)
                        return -1;
        }
        hash_final(hash, &digest);
        *ret = xstrdup(digest_hex(&digest));
        return 0;
}

/* --- git ------------------------------------------------------------------------------------ */

static int git(const char *const *argv, char **ret, size_t *ret_len, Err *e) {
        static const char *const env[] = { "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", NULL };
        const ProcOptions o = { .env = env };

        return proc_run(argv, &o, ret, ret_len, NULL, e);
}

/* Splits text into lines; returns how many of the at most max there were. */
static size_t lines(char *text, char **ret, size_t max) {
        size_t n = 0;

        for (char *line = text; *line && n < max; n++) {
                char *end = strchr(line, '\n');

                ret[n] = line;
                if (!end)
                        return n + 1;
                *end = '\0';
                line = end + 1;
        }
        return n;
}

static bool object_ok(const char *id) {
        size_t n = strlen(id);

        return (n == 40 || n == 64) && strspn(id, "0123456789abcdef") == n;
}

/* Object id of the directory's tree in the commit; path is for the message. */
static int tree_of(const char *dir, const char *commit, char **ret, Err *e) {
        _cleanup_free_ char *spec = xasprintf("%s:./", commit), *out = NULL;
        const char *const argv[] = { "git",      "-C",      dir,  "rev-parse",
                                     "--verify", "--quiet", spec, NULL };
        char *line = NULL;

        if (git(argv, &out, NULL, e) < 0 || lines(out, &line, 1) != 1 || !object_ok(line)) {
                err_clear(e);
                return err_set(e, ERR_NOT_FOUND, 0, "package %s is not in git", dir);
        }
        *ret = xstrdup(line);
        return 0;
}

/* Files of dir that git tracks or would track. */
static int git_files(const char *dir, Paths *out, Err *e) {
        const char *const argv[] = { "git",
                                     "-C",
                                     dir,
                                     "ls-files",
                                     "-z",
                                     "--cached",
                                     "--others",
                                     "--deduplicate",
                                     "--exclude-standard",
                                     NULL };
        _cleanup_free_ char *text = NULL;
        size_t len = 0;

        if (git(argv, &text, &len, e) < 0)
                return -1;
        for (size_t at = 0; at < len; at += strlen(text + at) + 1)
                *vec_push(out->v, out->n, out->cap) = xstrdup(text + at);
        return 0;
}

/* True when git sees a change below dir; an untracked lock file of the package does not count. */
static int is_dirty(const char *dir, const char *lock, Err *e) {
        const char *const argv[] = { "git",
                                     "-C",
                                     dir,
                                     "status",
                                     "--porcelain=v1",
                                     "-z",
                                     "--untracked-files=all",
                                     "--ignore-submodules=none",
                                     "--no-renames",
                                     "--",
                                     ".",
                                     NULL };
        _cleanup_free_ char *text = NULL;
        size_t len = 0;

        if (git(argv, &text, &len, e) < 0)
                return -1;
        for (size_t at = 0; at < len; at += strlen(text + at) + 1) {
                const char *line = text + at; /* "XY PATH", from the top of the checkout */

                if (strlen(line) < 4 || !str_has_prefix(line, "?? ") || !str_eq(line + 3, lock))
                        return 1;
        }
        return 0;
}

static int dirty_suffix(const TagOptions *o, const char *root, char **ret, Err *e) {
        _cleanup_hash_ Hash *hash = hash_new();
        Digest digest;

        for (size_t i = 0; i <= o->n_sources; i++) {
                _cleanup_paths_ Paths paths = { 0 };
                const char *dir = i ? o->sources[i - 1].path : root;

                if (git_files(dir, &paths, e) < 0 ||
                    add_paths(hash, dir, i ? o->sources[i - 1].name : "", &paths, e) < 0)
                        return -1;
        }
        hash_final(hash, &digest);
        *ret = xstrndup(digest_hex(&digest), 7);
        return 0;
}

/* pkg.md 2.2 step 4: with extra sources the SHA-1 of all tree ids. */
static char *combine(const Buf *trees, size_t n_sources) {
        unsigned char md[EVP_MAX_MD_SIZE];
        unsigned len = 0;
        _cleanup_buf_ Buf hex = { 0 };

        if (n_sources == 0)
                return xstrdup(trees->data);
        if (EVP_Digest(trees->data, trees->len, md, &len, EVP_sha1(), NULL) != 1)
                abort(); /* out of memory: as xmalloc */
        for (unsigned i = 0; i < len; i++)
                buf_addf(&hex, "%02x", md[i]);
        return buf_steal(&hex);
}

/* "pkg/x/native.lock" as git status prints it. */
static char *lock_name(const char *toplevel, const char *dir) {
        const char *rel = dir + strlen(toplevel);

        rel += *rel == '/';
        return *rel ? xasprintf("%s/%s", rel, TAG_LOCK_FILE) : xstrdup(TAG_LOCK_FILE);
}

static int add_dirt(const TagOptions *o, const char *root, Tag *t, Err *e) {
        _cleanup_free_ char *lock = lock_name(t->toplevel, o->dir), *suffix = NULL;
        int dirty = is_dirty(root, lock, e);

        for (size_t i = 0; i < o->n_sources && dirty == 0; i++)
                dirty = is_dirty(o->sources[i].path, "", e);
        if (dirty < 0)
                return -1;
        if (!dirty && !o->force_dirty)
                return 0;
        if (dirty_suffix(o, root, &suffix, e) < 0)
                return -1;

        char *hash = xasprintf("%s-dirty-%s", t->hash, suffix);

        free(t->hash);
        t->hash = hash;
        t->dirty = true;
        return 0;
}

static bool in_checkout(const char *dir) {
        _cleanup_free_ char *at = xstrdup(dir);

        for (;;) {
                _cleanup_free_ char *dot_git = path_join(at, ".git");
                char *slash = strrchr(at, '/');

                if (access(dot_git, F_OK) == 0)
                        return true;
                if (!slash || slash == at)
                        return false;
                *slash = '\0';
        }
}

/* Once: other tags than the owner of the checkout gets are a surprise, thirteen lines about it a
 * nuisance. */
static void warn_without_git(const char *dir, const Err *why) {
        static atomic_flag warned = ATOMIC_FLAG_INIT;

        if (!why->text || strstr(why->text, "not a git repository") || !in_checkout(dir) ||
            atomic_flag_test_and_set(&warned))
                return;
        if (why->kind == ERR_NOT_FOUND)
                log_warn("git is not installed: tags are made from contents, not from the commit");
        else if (strstr(why->text, "safe.directory"))
                log_warn(
                        "git refuses this checkout, because another user owns it: tags are made "
                        "from contents, not from the commit (see safe.directory in git-config(1))");
        else
                log_warn("git does not answer (%s): tags are made from contents, not from the "
                         "commit",
                         why->text);
}

/* A repository, the commit and its trees. Returns 0 when the content decides instead. */
static int open_repository(const TagOptions *o, Tag *t, Err *e) {
        const char *const top[] = { "git", "-C", o->dir, "rev-parse", "--show-toplevel", NULL };
        const char *const head[] = { "git",  "-C", o->dir, "rev-parse", "--show-toplevel",
                                     "HEAD", NULL };
        _cleanup_err_ Err why = ERR_INIT;
        _cleanup_free_ char *out = NULL;
        char *line[2] = { NULL, NULL };

        if (git(head, &out, NULL, &why) == 0 && lines(out, line, 2) == 2 && *line[0]) {
                t->toplevel = xstrdup(line[0]);
                t->commit = xstrdup(line[1]);
                return 1;
        }
        if (o->commit)
                return err_set(e, ERR_NOT_FOUND, 0,
                               "commit \"%s\": %s is in no git repository with a commit", o->commit,
                               o->dir);
        free(take(out));
        err_clear(&why);
        if (git(top, &out, NULL, &why) == 0) {
                if (lines(out, line, 1) == 1 && *line[0])
                        t->toplevel = xstrdup(line[0]); /* nothing committed yet */
        } else {
                warn_without_git(o->dir, &why);
        }
        return 0;
}

static int content_tag(const TagOptions *o, Tag *t, Err *e) {
        _cleanup_free_ char *hash = NULL;

        if (tag_content(o->dir, o->sources, o->n_sources, &hash, e) < 0)
                return -1;
        t->hash = xstrndup(hash, 40);
        return 0;
}

static bool is_below(const char *path, const char *dir) {
        size_t n = strlen(dir);

        while (n > 1 && dir[n - 1] == '/')
                n--;
        return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0' || n == 1);
}

static int git_tag(const TagOptions *o, const char *root, Tag *t, Err *e) {
        const char *commit = o->commit ? o->commit : "HEAD";
        _cleanup_buf_ Buf trees = { 0 };

        for (size_t i = 0; i <= o->n_sources; i++) {
                _cleanup_free_ char *tree = NULL;

                if (tree_of(i ? o->sources[i - 1].path : root, commit, &tree, e) < 0)
                        return -1;
                buf_adds(&trees, tree);
        }
        t->hash = combine(&trees, o->n_sources);
        return str_eq(commit, "HEAD") ? add_dirt(o, root, t, e) : 0;
}

int tag_compute(const TagOptions *o, Tag *ret, Err *e) {
        _cleanup_(tag_done) Tag t = { 0 };
        _cleanup_err_ Err why = ERR_INIT;
        const char *root = o->path ? o->path : o->dir;
        int r;

        if (!is_below(o->dir, root))
                return err_set(e, ERR_USAGE, 0, "hash path %s is not above the package %s", root,
                               o->dir);
        r = open_repository(o, &t, e);
        if (r < 0)
                return -1;
        if (r > 0 && git_tag(o, root, &t, &why) < 0) {
                if (why.kind != ERR_NOT_FOUND || o->commit || o->path) {
                        err_move(e, &why);
                        return -1;
                }
                log_debug("%s, the content of the folder makes the tag", why.text);
                free(take(t.hash));
                t.dirty = true; /* there is no commit that holds it */
                r = 0;
        }
        if (r == 0 && content_tag(o, &t, e) < 0)
                return -1;
        *ret = t;
        t = (Tag){ 0 };
        return 0;
}

/* --- template ------------------------------------------------------------------------------- */

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* One action that starts after "{{". Returns the position after "}}", or NULL. */
static const char *action(const char *p, const char *hash, Buf *out) {
        if (p[0] == '-' && is_blank(p[1])) {
                p++;
                while (out->len && is_blank(out->data[out->len - 1]))
                        out->data[--out->len] = '\0';
        }
        while (is_blank(*p))
                p++;
        if (!str_has_prefix(p, ".Hash"))
                return NULL;
        p += strlen(".Hash");

        bool blank = is_blank(*p), trim = false;

        while (is_blank(*p))
                p++;
        if (blank && *p == '-') {
                trim = true;
                p++;
        }
        if (!str_has_prefix(p, "}}"))
                return NULL;
        p += 2;
        while (trim && is_blank(*p))
                p++;
        buf_adds(out, hash);
        return p;
}

int tag_expand(const char *template, const char *hash, char **ret, Err *e) {
        _cleanup_buf_ Buf out = { 0 };

        buf_adds(&out, "");
        for (const char *p = template; *p;) {
                if (!str_has_prefix(p, "{{")) {
                        buf_addc(&out, *p++);
                        continue;
                }
                p = action(p + 2, hash, &out);
                if (!p) {
                        err_set(e, ERR_SPEC, 0, "invalid tag template: \"%s\"", template);
                        return err_hint(e, "only text and {{.Hash}} are understood");
                }
        }
        *ret = buf_steal(&out);
        return 0;
}
