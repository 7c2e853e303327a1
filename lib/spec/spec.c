/* spec.c - reads build files, checks them and merges them into one Spec (yaml.md 4).
 *
 * Indexes in messages about one FILE ("services[2]") count in that FILE; those of checks over all
 * FILEs count in the merged lists.  The position in front is right in both cases. */
#include "lib/spec/spec.h"

#include "lib/base/str.h"
#include "lib/spec/fetch.h"
#include "lib/spec/keys.h"
#include "lib/spec/references.h"
#include "lib/spec/schema.h"
#include "lib/spec/yaml.h"

/* arena copy of a (na items) followed by b (nb items) */
static void *concatenate(Arena *arena, const void *a, size_t na, const void *b, size_t nb,
                         size_t size) {
        char *all = arena_alloc(arena, (na + nb) * size);
        if (na)
                memcpy(all, a, na * size);
        if (nb)
                memcpy(all + na * size, b, nb * size);
        return all;
}

static void replace_unless_empty(Str *to, const Str *from) {
        if (!str_is_empty(from->text) || !to->text)
                *to = *from;
}

static void replace_if_present(Str *to, const Str *from) {
        if (from->text)
                *to = *from;
}

/* yaml.md 4.5 */
static void merge_kernel(Kernel *to, const Kernel *from) {
        if (!from->set)
                return;
        if (!to->set)
                to->pos = from->pos;
        to->set = true;
        replace_unless_empty(&to->image.text, &from->image.text);
        replace_unless_empty(&to->cmdline, &from->cmdline);
        replace_unless_empty(&to->binary, &from->binary);
        replace_if_present(&to->tar, &from->tar);
        replace_if_present(&to->ucode, &from->ucode);
}

static void merge_file(Spec *s, const BuildFile *f) {
        merge_kernel(&s->kernel, &f->kernel);

        ImageRef *init = arena_alloc(s->arena, f->init.n * sizeof *init);
        for (size_t i = 0; i < f->init.n; i++)
                init[i].text = f->init.items[i];
        s->init = concatenate(s->arena, s->init, s->n_init, init, f->init.n, sizeof *init);
        s->n_init += f->init.n;
        s->init_set |= f->init.set;

        for (size_t i = 0; i < SECTION_COUNT; i++) {
                const ImageEntries *from = &f->sections[i];
                s->sections[i].items = concatenate(s->arena, s->sections[i].items, s->sections[i].n,
                                                   from->items, from->n, sizeof *from->items);
                s->sections[i].n += from->n;
                s->sections[i].set |= from->set;
        }
        s->volumes = concatenate(s->arena, s->volumes, s->n_volumes, f->volumes.items, f->volumes.n,
                                 sizeof *s->volumes);
        s->n_volumes += f->volumes.n;
        s->volumes_set |= f->volumes.set;
        s->files = concatenate(s->arena, s->files, s->n_files, f->files.items, f->files.n,
                               sizeof *s->files);
        s->n_files += f->files.n;
        s->files_set |= f->files.set;
}

/* An empty image of a volume means none (5.6). */
static void drop_empty_images(BuildFile *f) {
        for (size_t i = 0; i < f->volumes.n; i++) {
                Str *image = &f->volumes.items[i].image.text;
                if (str_is_empty(image->text))
                        image->text = NULL;
        }
}

static void add_text(Spec *s, Problems *p, const char *text, size_t len, const char *name) {
        const char *file = problems_file(p, name);
        const Node *root = yaml_parse(text, len, file, p);
        if (!root || root->kind == NODE_NULL)
                return;
        BuildFile f = { 0 };
        SchemaWalk w = { .arena = s->arena, .problems = p };
        schema_read(&w, &schema_build_file, root, &f);
        buf_done(&w.path);
        drop_empty_images(&f);
        merge_file(s, &f);
}

static Spec *spec_new(void) {
        Arena *arena = arena_new();
        Spec *s = arena_alloc(arena, sizeof *s);
        s->arena = arena;
        return s;
}

void spec_free(Spec *s) {
        if (s)
                arena_free(s->arena);
}

static void cleanup_spec_fn(Spec **s) {
        spec_free(*s);
}

static int finish(Spec *s, Problems *p, Err *e) {
        references_check_unique(s, p);
        if (!p->n) /* a broken entry would only make more of them */
                references_check_names(s, p);
        return problems_report(p, e);
}

int spec_load(const char *const *files, size_t n, Spec **ret, Err *e) {
        _cleanup_(cleanup_spec_fn) Spec *s = spec_new();
        _cleanup_problems_ Problems p = { .arena = s->arena };
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *text = NULL;
                size_t len;
                if (source_read(files[i], YAML_MAX_TEXT, &text, &len, e) < 0)
                        return -1;
                add_text(s, &p, text, len, files[i]);
        }
        if (finish(s, &p, e) < 0)
                return -1;
        *ret = take(s);
        return 0;
}

int spec_parse(const char *text, size_t len, const char *file, Spec **ret, Err *e) {
        _cleanup_(cleanup_spec_fn) Spec *s = spec_new();
        _cleanup_problems_ Problems p = { .arena = s->arena };
        add_text(s, &p, text, len, file);
        if (finish(s, &p, e) < 0)
                return -1;
        *ret = take(s);
        return 0;
}
