/* apt.c - drives apt-get and apt-cache: resolving by simulated installation, downloading by name
 * and version. */
#include "lib/package/apt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/package/apt_root.h"
#include "lib/package/glob.h"

const char *apt_arch(const char *go_arch) {
        static const char *const same[] = { "amd64", "arm64", "riscv64" };

        for (size_t i = 0; i < ARRAY_LEN(same); i++)
                if (str_eq(same[i], go_arch))
                        return same[i];
        return NULL;
}

int apt_open(const AptOptions *o, Apt **ret, Err *e) {
        if (strchr(o->suite, '/') || o->suite[0] == '.')
                return err_set(e, ERR_SPEC, 0, "impossible suite \"%s\"", o->suite);

        Apt *a = xcalloc(1, sizeof(*a));

        a->dir = xasprintf("%s/%s-%s", o->root, o->suite, o->arch);
        a->suite = xstrdup(o->suite);
        a->arch = xstrdup(o->arch);
        a->mirror = o->mirror ? xstrdup(o->mirror) : NULL;
        a->env[0] = xasprintf("APT_CONFIG=%s/apt.conf", a->dir);
        a->env[1] = xstrdup("LC_ALL=C.UTF-8");
        a->lock = -1;
        *ret = a;
        return 0;
}

void apt_free(Apt *a) {
        if (!a)
                return;
        if (a->lock >= 0)
                close(a->lock);
        free(a->dir);
        free(a->suite);
        free(a->arch);
        free(a->mirror);
        free(a->env[0]);
        free(a->env[1]);
        free(a);
}

/* --- resolving ------------------------------------------------------------------------------ */

/* Argument vectors that grow; the words are borrowed. */
typedef struct Args {
        const char **v;
        size_t n, cap;
} Args;

static void args_add(Args *args, const char *word) {
        *vec_push(args->v, args->n, args->cap) = word;
}

static void args_done(Args *args) {
        free(args->v);
}
#define _cleanup_args_ _cleanup_(args_done)

typedef struct Words { /* owned words, each once */
        char **v;
        size_t n, cap;
} Words;

static void words_done(Words *w) {
        for (size_t i = 0; i < w->n; i++)
                free(w->v[i]);
        free(w->v);
}

static void words_add(Words *w, char *word) {
        for (size_t i = 0; i < w->n; i++) {
                if (str_eq(w->v[i], word)) {
                        free(word);
                        return;
                }
        }
        *vec_push(w->v, w->n, w->cap) = word;
}

/* "Inst NAME (VERSION ..." -> "NAME=VERSION" */
static void parse_simulation(char *text, Words *out) {
        for (char *line = text, *next; line && *line; line = next) {
                next = strchr(line, '\n');
                if (next)
                        *next++ = '\0';
                if (!str_has_prefix(line, "Inst "))
                        continue;
                line += strlen("Inst ");

                size_t name = strcspn(line, " :");
                const char *version = strchr(line, '(');

                if (version)
                        words_add(out, xasprintf("%.*s=%.*s", (int)name, line,
                                                 (int)strcspn(version + 1, " )"), version + 1));
        }
}

static int simulate(Apt *a, const char *const *names, size_t n, Words *out, Err *e) {
        _cleanup_args_ Args args = { 0 };
        _cleanup_free_ char *text = NULL;

        args_add(&args, "apt-get");
        args_add(&args, "-qq");
        args_add(&args, "--simulate");
        args_add(&args, "install");
        args_add(&args, "--");
        for (size_t i = 0; i < n; i++)
                args_add(&args, names[i]);
        args_add(&args, NULL);
        if (apt_run(a, args.v, &text, e) < 0)
                return -1;
        parse_simulation(text, out);
        return 0;
}

/* All at once gives one consistent set; packages that exclude each other are taken one by one,
 * which is fine for us: nothing is installed. */
static int solve(Apt *a, const AptRequest *req, size_t n, Words *out, Err *e) {
        _cleanup_args_ Args names = { 0 };

        for (size_t i = 0; i < n; i++) {
                if (req[i].depends)
                        args_add(&names, req[i].name);
                else
                        words_add(out, xstrdup(req[i].name));
        }
        if (names.n == 0)
                return 0;

        _cleanup_err_ Err joint = ERR_INIT;

        if (simulate(a, names.v, names.n, out, &joint) == 0)
                return 0;
        for (size_t i = 0; i < names.n; i++)
                if (simulate(a, &names.v[i], 1, out, e) < 0)
                        return err_wrap(e, "package \"%s\"", names.v[i]);
        return 0;
}

/* The value of "Key: value" when line has this key. */
static const char *field(const char *line, const char *key) {
        size_t n = strlen(key);

        return strncmp(line, key, n) == 0 && line[n] == ':' && line[n + 1] == ' ' ? line + n + 2
                                                                                  : NULL;
}

typedef struct Record {
        char *name, *version, *sha256;
} Record;

/* A package that two components of the suite offer comes twice.  What could not stand in a lock
 * file (the SHA-256 becomes a file name) is as good as not there. */
static void record_end(Record *r, LockSection *out) {
        if (r->name && r->version && r->sha256 && lock_words_ok(r->name, r->version, r->sha256) &&
            !lock_section_find(out, r->name))
                lock_section_add(out, r->name, r->version, r->sha256);
        free(r->name);
        free(r->version);
        free(r->sha256);
        *r = (Record){ 0 };
}

static void keep_field(char **slot, const char *value) {
        if (value && !*slot)
                *slot = xstrdup(value);
}

/* Looks up words ("NAME" or "NAME=VERSION") in the lists; unknown ones are simply not in out. */
static int describe(Apt *a, const char *const *words, size_t n, LockSection *out, Err *e) {
        _cleanup_args_ Args args = { 0 };
        _cleanup_free_ char *text = NULL;
        Record r = { 0 };
        int status;

        args_add(&args, "apt-cache");
        args_add(&args, "show");
        args_add(&args, "--no-all-versions");
        args_add(&args, "--");
        for (size_t i = 0; i < n; i++)
                args_add(&args, words[i]);
        args_add(&args, NULL);

        const ProcOptions o = { .env = (const char *const *)a->env, .output_limit = 64 << 20 };

        if (proc_run(args.v, &o, &text, NULL, &status, e) < 0)
                return -1;
        for (char *line = text, *next; line && *line; line = next) {
                next = strchr(line, '\n');
                if (next)
                        *next++ = '\0';
                keep_field(&r.name, field(line, "Package"));
                keep_field(&r.version, field(line, "Version"));
                keep_field(&r.sha256, field(line, "SHA256"));
                if (!*line)
                        record_end(&r, out);
        }
        record_end(&r, out);
        return 0;
}

static int no_package(const Apt *a, const char *name, Err *e) {
        return err_set(e, ERR_NOT_FOUND, 0, "suite %s has no package \"%s\" for %s", a->suite, name,
                       a->arch);
}

/* Adds every package of the suite whose name matches the pattern to names. */
static int expand_pattern(Apt *a, const char *pattern, Words *names, Err *e) {
        _cleanup_free_ char *prefix = xstrndup(pattern, strcspn(pattern, "*?[")), *text = NULL;
        const char *const argv[] = { "apt-cache", "pkgnames", "--", prefix, NULL };
        size_t before = names->n;

        if (apt_run(a, argv, &text, e) < 0)
                return -1;
        for (char *line = text, *next; line && *line; line = next) {
                next = strchr(line, '\n');
                if (next)
                        *next++ = '\0';
                if (glob_match(pattern, line))
                        words_add(names, xstrdup(line));
        }
        if (names->n == before)
                return no_package(a, pattern, e);
        return 0;
}

static bool any_matches(const LockSection *s, const char *pattern) {
        for (size_t i = 0; i < s->n; i++)
                if (glob_match(pattern, s->entries[i].name))
                        return true;
        return false;
}

/* Tells which name does not exist, once apt has refused. */
static int check_names(Apt *a, const AptRequest *req, size_t n, Err *e) {
        _cleanup_(lock_section_done) LockSection found = { 0 };
        _cleanup_args_ Args names = { 0 };

        for (size_t i = 0; i < n; i++)
                args_add(&names, req[i].name);
        if (describe(a, names.v, names.n, &found, e) < 0)
                return -1;
        for (size_t i = 0; i < n; i++)
                if (!lock_section_find(&found, req[i].name))
                        return no_package(a, req[i].name, e);
        return 0;
}

static int resolve_exact(Apt *a, const AptRequest *req, size_t n, LockSection *out, Err *e) {
        _cleanup_(words_done) Words words = { 0 };
        _cleanup_err_ Err why = ERR_INIT;

        if (solve(a, req, n, &words, &why) < 0) {
                if (check_names(a, req, n, e) == 0)
                        err_move(e, &why);
                return -1;
        }
        if (words.n && describe(a, (const char *const *)words.v, words.n, out, e) < 0)
                return -1;
        lock_section_sort(out);
        for (size_t i = 0; i < n; i++)
                if (!lock_section_find(out, req[i].name))
                        return no_package(a, req[i].name, e);
        return 0;
}

static void section_clear(LockSection *s) {
        for (size_t i = 0; i < s->n; i++) {
                free(s->entries[i].name);
                free(s->entries[i].version);
        }
        s->n = 0;
}

/* Exact names first; a pattern that none of what they bring matches stands for packages of its own.
 */
static int resolve_once(Apt *a, const AptRequest *req, size_t n, LockSection *out, Err *e) {
        _cleanup_(words_done) Words names = { 0 };
        _cleanup_free_ AptRequest *exact = NULL;
        size_t n_exact = 0, cap = 0;

        for (size_t i = 0; i < n; i++)
                if (!glob_is_pattern(req[i].name))
                        *vec_push(exact, n_exact, cap) = req[i];
        if (resolve_exact(a, exact, n_exact, out, e) < 0)
                return -1;
        for (size_t i = 0; i < n; i++) {
                size_t first = names.n;

                if (!glob_is_pattern(req[i].name) || any_matches(out, req[i].name))
                        continue;
                if (expand_pattern(a, req[i].name, &names, e) < 0)
                        return -1;
                for (; first < names.n; first++)
                        *vec_push(exact, n_exact, cap) =
                                (AptRequest){ .name = names.v[first], .depends = req[i].depends };
        }
        if (names.n == 0)
                return 0;
        section_clear(out);
        return resolve_exact(a, exact, n_exact, out, e);
}

int apt_resolve(Apt *a, const AptRequest *req, size_t n, LockSection *out, Err *e) {
        if (n == 0)
                return 0;
        if (apt_root_enter(a, e) < 0)
                return -1;

        _cleanup_root_ Apt *held = a;
        if (apt_root_refresh_lists(a, e) < 0)
                return -1;
        if (resolve_once(a, req, n, out, e) == 0)
                return 0;
        if (a->fresh)
                return -1;
        /* perhaps the lists are only too old */
        err_clear(e);
        if (apt_root_fetch_lists(a, e) < 0)
                return -1;
        section_clear(out);
        (void)held;
        return resolve_once(a, req, n, out, e);
}

/* --- downloading ---------------------------------------------------------------------------- */

/* True when the lists offer exactly this package; *ret_other: the version is there, but other
 * bytes. */
static const LockEntry *offered(const LockSection *found, const LockEntry *want, bool *ret_other) {
        const LockEntry *le = lock_section_find(found, want->name);

        if (!le || !str_eq(le->version, want->version))
                return NULL;
        *ret_other = !str_eq(le->sha256, want->sha256);
        return le;
}

static int check_offer(Apt *a, const LockEntry *const *entries, size_t n, Err *e) {
        _cleanup_(lock_section_done) LockSection found = { 0 };
        _cleanup_(words_done) Words words = { 0 };

        for (size_t i = 0; i < n; i++)
                words_add(&words, xasprintf("%s=%s", entries[i]->name, entries[i]->version));
        if (describe(a, (const char *const *)words.v, words.n, &found, e) < 0)
                return -1;
        for (size_t i = 0; i < n; i++) {
                bool other = false;

                if (!offered(&found, entries[i], &other))
                        return err_set(e, ERR_NOT_FOUND, 0, "package %s %s is no longer offered",
                                       entries[i]->name, entries[i]->version);
                if (other)
                        return err_set(e, ERR_VERIFY, 0,
                                       "package %s %s is offered with SHA-256 %s, expected %s",
                                       entries[i]->name, entries[i]->version,
                                       lock_section_find(&found, entries[i]->name)->sha256,
                                       entries[i]->sha256);
        }
        return 0;
}

/* Moves what apt left in the download directory to DIR/SHA256.deb. */
static int collect(const char *from, const char *dir, Err *e) {
        struct dirent **names = NULL;
        int n = scandir(from, &names, NULL, alphasort), r = 0;

        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *path = path_join(from, names[i]->d_name);
                _cleanup_fd_ int fd = -1;
                Digest digest;

                if (r == 0 && str_has_suffix(path, ".deb")) {
                        fd = open(path, O_RDONLY | O_CLOEXEC);
                        r = fd < 0 ? err_set(e, ERR_IO, errno, "open %s", path)
                                   : hash_fd(fd, &digest, NULL, e);
                        _cleanup_free_ char *to =
                                r == 0 ? xasprintf("%s/%s.deb", dir, digest_hex(&digest)) : NULL;

                        if (r == 0 && rename(path, to) < 0)
                                r = err_set(e, ERR_IO, errno, "rename %s", path);
                }
                if (names[i]->d_name[0] != '.')
                        unlink(path); /* left over from an interrupted run */
                free(names[i]);
        }
        free(names);
        return r;
}

static int fetch(Apt *a, const LockEntry *const *entries, size_t n, const char *dir, Err *e) {
        _cleanup_free_ char *from = path_join(a->dir, "download");
        _cleanup_(words_done) Words words = { 0 };
        _cleanup_args_ Args args = { 0 };

        args_add(&args, "apt-get");
        args_add(&args, "-qq");
        args_add(&args, "download");
        args_add(&args, "--");
        for (size_t i = 0; i < n; i++)
                words_add(&words, xasprintf("%s=%s", entries[i]->name, entries[i]->version));
        for (size_t i = 0; i < words.n; i++)
                args_add(&args, words.v[i]);
        args_add(&args, NULL);

        if (apt_fetch(a, args.v, "Debian packages", from, from, e) < 0) {
                if (e && e->kind == ERR_IO)
                        e->kind = ERR_NETWORK;
                return err_wrap(e, "download");
        }
        return collect(from, dir, e);
}

int apt_download(Apt *a, const LockEntry *const *entries, size_t n, const char *dir, Err *e) {
        if (n == 0)
                return 0;
        if (apt_root_enter(a, e) < 0)
                return -1;

        _cleanup_root_ Apt *held = a;

        (void)held;
        if (apt_root_refresh_lists(a, e) < 0)
                return -1;
        if (check_offer(a, entries, n, e) < 0) {
                if (a->fresh || (e && e->kind != ERR_NOT_FOUND))
                        return -1;
                err_clear(e);
                if (apt_root_fetch_lists(a, e) < 0 || check_offer(a, entries, n, e) < 0)
                        return -1;
        }
        log_info("downloading %zu Debian package%s (%s)", n, n == 1 ? "" : "s", a->arch);
        if (fetch(a, entries, n, dir, e) < 0)
                return -1;
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *path = xasprintf("%s/%s.deb", dir, entries[i]->sha256);

                if (!file_exists(path))
                        return err_set(e, ERR_VERIFY, 0, "package %s %s: not the promised bytes",
                                       entries[i]->name, entries[i]->version);
        }
        return 0;
}
