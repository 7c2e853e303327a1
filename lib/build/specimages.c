/* specimages.c - see specimages.h.  The same image may stand there many times. */
#include "lib/build/specimages.h"

#include "lib/base/str.h"

typedef struct List {
        Arena *arena;
        SpecImage *items;
        size_t n;
} List;

static void add(List *l, const ImageRef *image, const char *who, const Volume *layout) {
        static const char template[] = "@pkg:";
        if (str_is_empty(image->text.text) || !image->ref)
                return;
        l->items[l->n++] = (SpecImage){
                .ref = image->ref,
                .who = who,
                .pos = image->text.pos,
                .package = image->package_dir ? image->text.text + strlen(template) : NULL,
                .layout = layout,
        };
}

SpecImage *specimages_list(const Spec *spec, Arena *arena, size_t *ret_n) {
        List l = { .arena = arena };
        size_t room = 1 + spec->n_init + spec->n_volumes;
        for (size_t k = 0; k < SECTION_COUNT; k++)
                room += spec->sections[k].n;
        l.items = arena_alloc(arena, room * sizeof *l.items);

        add(&l, &spec->kernel.image, "kernel", NULL);
        for (size_t i = 0; i < spec->n_init; i++)
                add(&l, &spec->init[i], arena_printf(arena, "init[%zu]", i), NULL);
        for (size_t k = 0; k < SECTION_COUNT; k++)
                for (size_t i = 0; i < spec->sections[k].n; i++) {
                        const ImageEntry *entry = &spec->sections[k].items[i];
                        add(&l, &entry->image,
                            arena_printf(arena, "%s[%zu] \"%s\"", spec_section_names[k], i,
                                         entry->name.text),
                            NULL);
                }
        for (size_t i = 0; i < spec->n_volumes; i++) {
                const Volume *v = &spec->volumes[i];
                add(&l, &v->image, arena_printf(arena, "volumes[%zu] \"%s\"", i, v->name.text),
                    str_eq(v->format.text, "oci") ? v : NULL);
        }
        *ret_n = l.n;
        return l.items;
}
