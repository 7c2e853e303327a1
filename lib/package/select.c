/* select.c - see select.h.  A path that the named package does not have is looked for in its
 * dependencies, the one with the most similar name first: Debian's meta packages
 * (linux-image-cloud-amd64) hold nothing themselves. */
#include "lib/package/select.h"

#include <string.h>

#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/package/glob.h"

typedef struct Pick {
        const Entry *entry;
        const char *to; /* in the arena of the stage */
} Pick;

typedef struct Picks {
        Pick *v;
        size_t n, cap;
} Picks;

static void picks_done(Picks *p) {
        free(p->v);
}

/* Documentation and the like, left out of whole packages. */
static bool is_documentation(const char *name) {
        static const char *const dirs[] = { "doc",     "man", "info",    "locale",
                                            "lintian", "bug", "doc-base" };
        static const char share[] = "usr/share/";

        if (!str_has_prefix(name, share))
                return false;
        name += strlen(share);
        for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
                size_t n = strlen(dirs[i]);

                if (strncmp(name, dirs[i], n) == 0 && (name[n] == '/' || name[n] == '\0'))
                        return true;
        }
        return false;
}

/* True when name or a directory above it matches. */
static bool matches_path(const char *pattern, const char *name) {
        if (glob_match(pattern, name))
                return true;

        _cleanup_free_ char *path = xstrdup(name);

        for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
                *slash = '\0';
                if (glob_match(pattern, path))
                        return true;
        }
        return false;
}

static bool is_excluded(const RecipePackage *rp, const char *name, bool *used) {
        bool hit = false;

        for (size_t i = 0; i < rp->exclude.n; i++) {
                if (matches_path(rp->exclude.items[i].text, name)) {
                        used[i] = true;
                        hit = true;
                }
        }
        return hit;
}

/* --- which packages ------------------------------------------------------------------------- */

static bool names_package(const RecipePackage *rp, const char *name) {
        return glob_is_pattern(rp->name.text) ? glob_match(rp->name.text, name)
                                              : str_eq(rp->name.text, name);
}

static int open_named(const Recipe *r, Debs *d, Err *e) {
        _cleanup_free_ bool *choice = xcalloc(debs_count(d) + 1, sizeof(bool));

        for (size_t i = 0; i < r->packages.n; i++) {
                const RecipePackage *rp = &r->packages.items[i];
                bool any = false;

                for (size_t k = 0; k < debs_count(d); k++) {
                        if (names_package(rp, debs_name(d, k))) {
                                choice[k] = true;
                                any = true;
                        }
                }
                if (!any)
                        return spec_err(e, rp->name.pos, "no resolved package is called \"%s\"",
                                        rp->name.text);
        }
        return debs_open(d, choice, e);
}

/* --- which files ---------------------------------------------------------------------------- */

/* to + "/" + rest without doubled or trailing slashes; "" when that is the root directory. */
static const char *destination(Stage *s, const char *to, const char *rest) {
        size_t n = strlen(to);

        while (n && to[n - 1] == '/')
                n--;
        rest += strspn(rest, "/");
        if (!*rest)
                return arena_strndup(stage_arena(s), to, n);
        return n ? arena_printf(stage_arena(s), "%.*s/%s", (int)n, to, rest)
                 : arena_strdup(stage_arena(s), rest);
}

static void pick(Picks *picks, const Entry *entry, const char *to) {
        if (*to)
                *vec_push(picks->v, picks->n, picks->cap) = (Pick){ .entry = entry, .to = to };
}

static void pick_pattern(const Deb *deb, const RecipeFile *rf, Stage *s, Picks *picks) {
        for (size_t i = 0; i < deb_count(deb); i++) {
                const Entry *entry = deb_entry(deb, i);

                if (!glob_match(rf->from.text, entry->name))
                        continue;
                if (!rf->to.text)
                        pick(picks, entry, entry->name);
                else if (str_has_suffix(rf->to.text, "/"))
                        pick(picks, entry,
                             destination(s, rf->to.text,
                                         entry->name + glob_fixed_part(rf->from.text)));
                else
                        pick(picks, entry, rf->to.text);
        }
}

static void pick_exact(const Deb *deb, const RecipeFile *rf, Stage *s, Picks *picks) {
        _cleanup_free_ char *from = xstrdup(rf->from.text);
        size_t len = strlen(from);
        const Entry *entry;

        if (len && from[len - 1] == '/')
                from[--len] = '\0';
        entry = deb_find(deb, from);
        if (!entry)
                return;

        const char *to = rf->to.text ? rf->to.text : entry->name;

        if (entry->type != ENTRY_DIR) {
                pick(picks, entry,
                     str_has_suffix(to, "/") ? destination(s, to, path_base(entry->name)) : to);
                return;
        }
        for (size_t i = 0; i < deb_count(deb); i++) {
                const Entry *sub = deb_entry(deb, i);

                if (strncmp(sub->name, from, len) == 0 &&
                    (sub->name[len] == '/' || sub->name[len] == '\0'))
                        pick(picks, sub, destination(s, to, sub->name + len));
        }
}

static void pick_from(const Deb *deb, const RecipeFile *rf, Stage *s, Picks *picks) {
        if (glob_is_pattern(rf->from.text))
                pick_pattern(deb, rf, s, picks);
        else
                pick_exact(deb, rf, s, picks);
}

static size_t common_prefix(const char *a, const char *b) {
        size_t n = 0;

        while (a[n] && a[n] == b[n])
                n++;
        return n;
}

/* Opens the dependencies one by one, most similar name first, until one has the path. */
static int pick_nearby(Debs *d, const RecipePackage *rp, const RecipeFile *rf, Stage *s,
                       Picks *picks, Err *e) {
        _cleanup_free_ bool *tried = xcalloc(debs_count(d) + 1, sizeof(bool));
        _cleanup_free_ bool *choice = xcalloc(debs_count(d) + 1, sizeof(bool));

        while (picks->n == 0) {
                size_t best = debs_count(d), best_len = 0;

                for (size_t i = 0; i < debs_count(d); i++) {
                        size_t len = common_prefix(rp->name.text, debs_name(d, i));

                        if (!tried[i] && (best == debs_count(d) || len > best_len)) {
                                best = i;
                                best_len = len;
                        }
                }
                if (best == debs_count(d))
                        return spec_err(
                                e, rf->from.pos,
                                "package \"%s\" has no \"%s\", nor have those it depends on",
                                rp->name.text, rf->from.text);
                tried[best] = true;
                choice[best] = true;
                if (debs_open(d, choice, e) < 0)
                        return -1;
                choice[best] = false;
                pick_from(debs_get(d, best), rf, s, picks);
        }
        return 0;
}

static int commit(const RecipePackage *rp, const RecipeFile *rf, const Picks *picks, Debs *d,
                  bool *used, Stage *s, Err *e) {
        const char *first = NULL;
        bool single =
                rf->to.text && glob_is_pattern(rf->from.text) && !str_has_suffix(rf->to.text, "/");

        for (size_t i = 0; i < picks->n; i++) {
                Entry entry = *picks->v[i].entry;

                if (is_excluded(rp, entry.name, used))
                        continue;
                if (first && single)
                        return spec_err(e, rf->from.pos,
                                        "\"%s\" matches \"%s\" and \"%s\", so \"to\" must be a "
                                        "directory: \"%s/\"",
                                        rf->from.text, first, entry.name, rf->to.text);
                first = entry.name;
                if (rf->mode.set && entry.type == ENTRY_FILE)
                        entry.mode = rf->mode.value;
                if (stage_add(s, picks->v[i].to, &entry, e) < 0)
                        return err_wrap(e, "package \"%s\"", rp->name.text);
                debs_note(d, picks->v[i].entry);
        }
        return 0;
}

static int select_files(const RecipePackage *rp, Debs *d, bool *used, Stage *s, Err *e) {
        for (size_t i = 0; i < rp->files.n; i++) {
                const RecipeFile *rf = &rp->files.items[i];
                _cleanup_(picks_done) Picks picks = { 0 };

                for (size_t k = 0; k < debs_count(d); k++)
                        if (names_package(rp, debs_name(d, k)))
                                pick_from(debs_get(d, k), rf, s, &picks);
                if (picks.n == 0 && pick_nearby(d, rp, rf, s, &picks, e) < 0)
                        return -1;
                if (commit(rp, rf, &picks, d, used, s, e) < 0)
                        return -1;
        }
        return 0;
}

static int select_whole(const RecipePackage *rp, Debs *d, size_t k, bool *used, Stage *s, Err *e) {
        const Deb *deb = debs_get(d, k);

        for (size_t i = 0; i < deb_count(deb); i++) {
                const Entry *entry = deb_entry(deb, i);

                if (is_excluded(rp, entry->name, used) || is_documentation(entry->name))
                        continue;
                if (stage_add(s, entry->name, entry, e) < 0)
                        return err_wrap(e, "package \"%s\"", rp->name.text);
                debs_note(d, entry);
        }
        return 0;
}

static int select_package(const RecipePackage *rp, Debs *d, Stage *s, Err *e) {
        _cleanup_free_ bool *used = xcalloc(rp->exclude.n + 1, sizeof(bool));

        if (rp->files.set) {
                if (select_files(rp, d, used, s, e) < 0)
                        return -1;
        } else {
                for (size_t k = 0; k < debs_count(d); k++)
                        if (names_package(rp, debs_name(d, k)) &&
                            select_whole(rp, d, k, used, s, e) < 0)
                                return -1;
        }
        for (size_t i = 0; i < rp->exclude.n; i++)
                if (!used[i]) /* no error: packages differ between architectures */
                        log_debug("nothing in package \"%s\" matches \"%s\"", rp->name.text,
                                  rp->exclude.items[i].text);
        return 0;
}

int select_packages(const Recipe *r, Debs *d, Stage *s, Err *e) {
        if (open_named(r, d, e) < 0)
                return -1;
        for (size_t i = 0; i < r->packages.n; i++)
                if (select_package(&r->packages.items[i], d, s, e) < 0)
                        return -1;
        return 0;
}

/* --- concat --------------------------------------------------------------------------------- */

static int pick_cmp(const void *a, const void *b) {
        return strcmp(((const Pick *)a)->entry->name, ((const Pick *)b)->entry->name);
}

static int append(Spool *spool, const Content *c, Err *e) {
        char buf[65536];
        size_t n = 0;

        for (uint64_t at = 0; at < c->size; at += n) {
                n = MIN(c->size - at, (uint64_t)sizeof(buf));
                if (content_read(c, at, buf, n, e) < 0 || spool_add(spool, buf, n, e) < 0)
                        return -1;
        }
        return n && buf[n - 1] != '\n' ? spool_add(spool, "\n", 1, e) : 0;
}

static int concat(const Recipe *r, const RecipeFile *rf, Debs *d, Stage *s, Spool *spool,
                  int64_t mtime, Err *e) {
        _cleanup_(picks_done) Picks picks = { 0 };
        Entry out = { .type = ENTRY_FILE,
                      .mode = rf->mode.set ? rf->mode.value : 0644,
                      .mtime = mtime };
        uint64_t start = spool->blob.size;

        for (size_t k = 0; k < debs_count(d); k++) {
                bool named = false;

                for (size_t i = 0; i < r->packages.n; i++)
                        named |= names_package(&r->packages.items[i], debs_name(d, k));
                for (size_t i = 0; named && i < deb_count(debs_get(d, k)); i++) {
                        const Entry *entry = deb_entry(debs_get(d, k), i);

                        if (entry->type == ENTRY_FILE && glob_match(rf->concat.text, entry->name))
                                pick(&picks, entry, entry->name);
                }
        }
        if (picks.n == 0)
                return spec_err(e, rf->concat.pos, "no file of the packages matches \"%s\"",
                                rf->concat.text);
        qsort(picks.v, picks.n, sizeof(*picks.v), pick_cmp);
        for (size_t i = 0; i < picks.n; i++) {
                if (append(spool, &picks.v[i].entry->content, e) < 0)
                        return -1;
                debs_note(d, picks.v[i].entry);
        }
        out.content = spool_since(spool, start);
        if (stage_add(s, rf->to.text, &out, e) < 0)
                return spec_err(e, rf->to.pos, "\"%s\" is a directory of the image", rf->to.text);
        return 0;
}

int select_concats(const Recipe *r, Debs *d, Stage *s, Spool *spool, int64_t mtime, Err *e) {
        for (size_t i = 0; i < r->files.n; i++) {
                const RecipeFile *rf = &r->files.items[i];

                if (rf->concat.text && concat(r, rf, d, s, spool, mtime, e) < 0)
                        return -1;
        }
        return 0;
}
