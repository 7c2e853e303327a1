/* volumes.c - volumes in the tree, and their names in binds and mounts (yaml.md 14).
 *
 * A volume is used through its `merged` directory, which init mounts; `lower` is what the image
 * brings. */
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/rootfs/assembly.h"
#include "lib/rootfs/filter.h"

static int add_content(Assembly *a, const Volume *v, const Maker *m, const char *lower, Err *e) {
        if (str_is_empty(v->image.text.text))
                return 0;
        const char *prefix = arena_printf(a->arena, "%s/", lower);
        if (str_eq(v->format.text, "oci"))
                return ocilayout_add(a, v, m, prefix, e);
        Filter filter = { .maker = *m,
                          .prefix = prefix,
                          .exported = images_exported(a->images, v->image.ref) };
        if (images_flatten(a->images, v->image.ref, filter_skip(&filter), filter_entry, &filter,
                           e) < 0)
                return -1;
        filter_end(&filter);
        sbom_add_image(a, v->image.ref, prefix, m->location);
        return 0;
}

static int add_volume(Assembly *a, const Volume *v, size_t i, Err *e) {
        const char *name = v->name.text;
        bool empty = str_is_empty(v->image.text.text);
        const char *location = arena_printf(a->arena, "volume[%zu]", i);
        Maker m = assembly_maker(a, location, empty ? "empty" : v->image.ref);
        const char *lower = arena_printf(a->arena, "containers/volumes/%s/lower", name);
        if (empty)
                log_info("Process volume image: %s", name);
        else
                assembly_announce(a, arena_printf(a->arena, "volumes[%zu]", i), v->image.ref,
                                  arena_printf(a->arena, "Process volume image: %s", name));
        make_leading_dirs(&m, lower);
        if (add_content(a, v, &m, lower, e) < 0) {
                _cleanup_free_ char *who = xasprintf("volumes[%zu] \"%s\"", i, name);
                return err_at(e, v->image.text.pos, who);
        }
        m.source = "linuxkit.volumes";
        make_dir(&m, arena_printf(a->arena, "containers/volumes/%s/tmp/", name), 0755);
        make_dir(&m, arena_printf(a->arena, "containers/volumes/%s/merged/", name), 0755);
        /* W14: this is how init learns it. LinuxKit's own init takes no notice of the file. */
        if (v->readonly.value)
                make_file(&m, arena_printf(a->arena, "containers/volumes/%s/readonly", name), 0644,
                          (Content){ 0 });
        return 0;
}

int volumes_add(Assembly *a, Err *e) {
        const Spec *spec = a->spec;
        if (spec->n_volumes)
                log_info("Add volumes:");
        for (size_t i = 0; i < spec->n_volumes; i++)
                if (add_volume(a, &spec->volumes[i], i, e) < 0)
                        return -1;
        return 0;
}

/* --- names in binds and mounts -------------------------------------------------------------- */
/* That names exist and read-only volumes are mounted with "ro" is checked by spec_load. */

typedef struct Resolver {
        const Spec *spec;
        const char *who;
        Arena *arena;
} Resolver;

static int find_volume(const Resolver *r, Pos pos, const char *name, const Volume **ret, Err *e) {
        for (size_t i = 0; i < r->spec->n_volumes; i++)
                if (str_eq(r->spec->volumes[i].name.text, name)) {
                        *ret = &r->spec->volumes[i];
                        return 0;
                }
        return spec_err(e, pos, "%s: volume %s not found", r->who, name);
}

static const char *merged_path(const Resolver *r, const Volume *v) {
        return arena_printf(r->arena, "/containers/volumes/%s/merged", v->name.text);
}

static int resolve_bind(const Resolver *r, Str *item, Err *e) {
        if (item->text[0] == '/')
                return 0;
        const char *rest = item->text + strcspn(item->text, ":");
        const char *name = arena_strndup(r->arena, item->text, (size_t)(rest - item->text));
        const Volume *v;
        if (find_volume(r, item->pos, name, &v, e) < 0)
                return -1;
        item->text = arena_printf(r->arena, "%s%s", merged_path(r, v), rest);
        return 0;
}

static int resolve_binds(const Resolver *r, StrList *list, Err *e) {
        Str *items = arena_alloc(r->arena, list->n * sizeof(*items));
        for (size_t i = 0; i < list->n; i++) {
                items[i] = list->items[i];
                if (resolve_bind(r, &items[i], e) < 0)
                        return -1;
        }
        list->items = items;
        return 0;
}

static int resolve_mount(const Resolver *r, Mount *m, Err *e) {
        const char *source = m->source.text ? m->source.text : "";
        if (!str_eq(m->type.text, "bind") || source[0] == '/')
                return 0;
        const Volume *v;
        if (find_volume(r, m->pos, source, &v, e) < 0)
                return -1;
        m->source.text = merged_path(r, v);
        return 0;
}

int volumes_resolve(const Spec *spec, const Settings *s, const char *who, Arena *arena,
                    Settings *ret, Err *e) {
        Resolver r = { spec, who, arena };
        Settings copy = *s;
        if (resolve_binds(&r, &copy.binds, e) < 0 || resolve_binds(&r, &copy.binds_add, e) < 0)
                return -1;
        Mount *mounts = arena_alloc(arena, copy.mounts.n * sizeof(*mounts));
        for (size_t i = 0; i < copy.mounts.n; i++) {
                mounts[i] = copy.mounts.items[i];
                if (resolve_mount(&r, &mounts[i], e) < 0)
                        return -1;
        }
        copy.mounts.items = mounts;
        *ret = copy;
        return 0;
}
