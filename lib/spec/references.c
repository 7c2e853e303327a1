/* references.c - see references.h.  Names are looked up in sorted tables: a hostile file may hold a
 * hundred thousand of everything. */
#include "lib/spec/references.h"

#include "lib/base/str.h"
#include "lib/spec/needs.h"

typedef struct Name {
        const Str *str;
        const void *owner; /* the Volume, if it is one */
} Name;

typedef struct Names {
        Name *items;
        size_t n;
} Names;

static int compare_names(const void *a, const void *b) {
        const Name *x = a, *y = b;
        int d = strcmp(x->str->text, y->str->text);
        if (d)
                return d;
        return x->owner < y->owner ? -1 : x->owner > y->owner; /* same array: file order */
}

static int compare_text(const void *text, const void *name) {
        return strcmp(text, ((const Name *)name)->str->text);
}

static const Name *names_find(const Names *names, const char *text) {
        return names->n ? bsearch(text, names->items, names->n, sizeof *names->items, compare_text)
                        : NULL;
}

static Names volume_names(const Spec *s) {
        Names r = { .items = xcalloc(s->n_volumes, sizeof *r.items), .n = s->n_volumes };
        for (size_t i = 0; i < s->n_volumes; i++)
                r.items[i] = (Name){ &s->volumes[i].name, &s->volumes[i] };
        qsort(r.items, r.n, sizeof *r.items, compare_names);
        return r;
}

static Names entry_names(const Spec *s, size_t from, size_t to) {
        Names r = { 0 };
        size_t cap = 0;
        for (size_t section = from; section < to; section++)
                for (size_t i = 0; i < s->sections[section].n; i++) {
                        const ImageEntry *x = &s->sections[section].items[i];
                        Name *slot = vec_push(r.items, r.n, cap);
                        *slot = (Name){ &x->name, x };
                }
        if (r.n)
                qsort(r.items, r.n, sizeof *r.items, compare_names);
        return r;
}

static void report_duplicates(const Names *names, const char *what, Problems *p) {
        for (size_t i = 1; i < names->n; i++) {
                const Str *x = names->items[i].str, *before = names->items[i - 1].str;
                if (str_eq(x->text, before->text))
                        problem_add(p, x->pos,
                                    "duplicate %s name: %.80s (the other one is at %s:%u)", what,
                                    x->text, before->pos.file, before->pos.line);
        }
}

void references_check_unique(const Spec *s, Problems *p) {
        Names services = entry_names(s, SECTION_SERVICES, SECTION_SERVICES + 1);
        report_duplicates(&services, "service", p);
        free(services.items);
        Names volumes = volume_names(s);
        report_duplicates(&volumes, "volume", p);
        free(volumes.items);
}

/* Needs of the build file alone; those of labels are only known when the images are. */
static void check_needs(const Spec *s, Problems *p) {
        size_t n = s->sections[SECTION_SERVICES].n;
        _cleanup_free_ ServiceNeeds *v = xcalloc(n, sizeof *v);
        for (size_t i = 0; i < n; i++) {
                const ImageEntry *x = &s->sections[SECTION_SERVICES].items[i];
                v[i] = (ServiceNeeds){ x->name.text, &x->s.runtime.needs };
        }
        needs_check(v, n, p);
}

/* --- volumes (yaml.md 14) ------------------------------------------------------------------- */

typedef struct Site { /* where a name is used, for messages */
        Problems *problems;
        const char *section;
        size_t index;
        const char *key;
} Site;

static const Volume *find_volume(const Site *at, const Names *volumes, const char *source,
                                 size_t len, size_t item, Pos pos) {
        _cleanup_free_ char *name = xstrndup(source, len);
        const Name *found = names_find(volumes, name);
        if (found)
                return found->owner;
        problem_add(at->problems, pos, "%s[%zu].%s[%zu]: volume %.80s not found", at->section,
                    at->index, at->key, item, *name ? name : "\"\"");
        return NULL;
}

static void read_only(const Site *at, const Volume *v, size_t item, Pos pos) {
        problem_add(at->problems, pos,
                    "%s[%zu].%s[%zu]: volume %s is read-only, it needs the option \"ro\"",
                    at->section, at->index, at->key, item, v->name.text);
}

static bool has_option(const char *options, const char *name) {
        size_t n = strlen(name);
        for (const char *p = options; *p;) {
                size_t len = strcspn(p, ",");
                if (len == n && memcmp(p, name, n) == 0)
                        return true;
                p += len + (p[len] == ',');
        }
        return false;
}

static void check_binds_of(const Site *at, const StrList *binds, const Names *volumes) {
        for (size_t i = 0; i < binds->n; i++) {
                const Str *bind = &binds->items[i];
                if (bind->text[0] == '/')
                        continue;
                size_t len = strcspn(bind->text, ":");
                const Volume *v = find_volume(at, volumes, bind->text, len, i, bind->pos);
                if (!v || !v->readonly.value)
                        continue;
                const char *options = strchr(bind->text + len + 1, ':');
                options = options ? options + 1 : "";
                if (!has_option(options, "ro") || has_option(options, "rw")) /* W41 */
                        read_only(at, v, i, bind->pos);
        }
}

static void check_mounts_of(const Site *at, const Mounts *mounts, const Names *volumes) {
        for (size_t i = 0; i < mounts->n; i++) {
                const Mount *m = &mounts->items[i];
                const char *source = m->source.text ? m->source.text : "";
                if (!str_eq(m->type.text, "bind") || *source == '/')
                        continue;
                Pos pos = m->source.text ? m->source.pos : m->pos;
                const Volume *v = find_volume(at, volumes, source, strlen(source), i, pos);
                if (!v || !v->readonly.value)
                        continue;
                size_t k = 0; /* what comes first counts */
                while (k < m->options.n && !str_eq(m->options.items[k].text, "ro") &&
                       !str_eq(m->options.items[k].text, "rw"))
                        k++;
                if (k == m->options.n || str_eq(m->options.items[k].text, "rw"))
                        read_only(at, v, i, pos);
        }
}

/* --- uids and gids (yaml.md 16) ------------------------------------------------------------- */

static void check_id(Problems *p, const Id *id, const Names *entries, const char *section,
                     size_t index, const char *key) {
        if (id->set && !str_is_empty(id->name) && !str_eq(id->name, "root") &&
            !names_find(entries, id->name))
                problem_add(p, id->pos, "%s[%zu].%s: cannot find id: %.80s", section, index, key,
                            id->name);
}

static void check_entry(const ImageEntry *x, Site *at, const Names *volumes, const Names *entries) {
        at->key = "binds";
        check_binds_of(at, &x->s.binds, volumes);
        at->key = "binds.add";
        check_binds_of(at, &x->s.binds_add, volumes);
        at->key = "mounts";
        check_mounts_of(at, &x->s.mounts, volumes);
        check_id(at->problems, &x->s.uid, entries, at->section, at->index, "uid");
        check_id(at->problems, &x->s.gid, entries, at->section, at->index, "gid");
        for (size_t i = 0; i < x->s.additional_gids.n; i++)
                check_id(at->problems, &x->s.additional_gids.items[i], entries, at->section,
                         at->index, "additionalGids");
}

void references_check_names(const Spec *s, Problems *p) {
        Names volumes = volume_names(s);
        Names entries = entry_names(s, 0, SECTION_COUNT);
        for (size_t section = 0; section < SECTION_COUNT; section++)
                for (size_t i = 0; i < s->sections[section].n; i++) {
                        Site at = { .problems = p,
                                    .section = spec_section_names[section],
                                    .index = i };
                        check_entry(&s->sections[section].items[i], &at, &volumes, &entries);
                }
        for (size_t i = 0; i < s->n_files; i++) {
                check_id(p, &s->files[i].uid, &entries, "files", i, "uid");
                check_id(p, &s->files[i].gid, &entries, "files", i, "gid");
        }
        free(volumes.items);
        free(entries.items);
        check_needs(s, p);
}
