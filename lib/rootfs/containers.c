/* containers.c - bundles of onboot, onshutdown and services (yaml.md 10).
 *
 * A reference is unpacked once, below the first container that uses it; later containers mount that
 * root. With --dedup that holds for an image, whatever its references. */
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/rootfs/assembly.h"
#include "lib/rootfs/filter.h"
#include "lib/rootfs/ociconfig.h"
#include "lib/rootfs/runtimeconfig.h"

enum { ROOTFS_MOUNTS = 3 }; /* at most, see rootfs_mounts */

typedef struct Container {
        const ImageEntry *entry;
        const Image *image;
        const char *who;    /* `services[0] "web"` */
        const char *bundle; /* "containers/services/web" */
        const char *root;   /* where the image was unpacked, by this or an earlier container */
        Settings settings;
        bool readonly;
        bool shared; /* an earlier container unpacked the image */
        Maker maker;
} Container;

/* 1 when the image has a label, 0 when not. */
static int read_label(Assembly *a, const ImageEntry *entry, const Image *image, const char *who,
                      Settings *ret, Err *e) {
        const char *text = image->config.label;
        if (str_is_empty(text))
                return 0;
        if (spec_parse_label(a->arena, text, entry->image.ref, ret, e) < 0)
                return err_at(e, entry->image.text.pos, who);
        return 1;
}

static int merge_settings(Assembly *a, Container *c, Err *e) {
        Settings file, label;
        if (volumes_resolve(a->spec, &c->entry->s, c->who, a->arena, &file, e) < 0)
                return -1;
        int has_label = read_label(a, c->entry, c->image, c->who, &label, e);
        if (has_label < 0)
                return -1;
        spec_merge_settings(&file, has_label ? &label : NULL, a->arena, &c->settings);
        c->readonly = c->settings.readonly.set && c->settings.readonly.value;
        return 0;
}

/* What two containers must have in common to share a root. An image of an engine that tells no
 * digest is known by its reference only. */
static const char *root_key(const Assembly *a, const Container *c) {
        const char *digest = c->image->manifest.digest.text;
        return a->options->dedup && *digest ? digest : c->entry->image.ref;
}

static int unpack_root(Assembly *a, Container *c, Err *e) {
        const char *ref = c->entry->image.ref, *key = root_key(a, c);
        uint32_t id;
        if (nameset_find(a->roots, key, strlen(key), &id)) {
                c->shared = true;
                c->root = a->root_paths[id];
                make_leading_dirs(&c->maker, c->bundle);
                return 0;
        }
        c->root = arena_printf(a->arena, "%s/%s", c->bundle, c->readonly ? "rootfs" : "lower");
        make_leading_dirs(&c->maker, c->root);
        Filter filter = {
                .maker = c->maker,
                .prefix = arena_printf(a->arena, "%s/", c->root),
                .container = true,
                .exported = images_exported(a->images, ref),
        };
        if (images_flatten(a->images, ref, filter_skip(&filter), filter_entry, &filter, e) < 0)
                return err_at(e, c->entry->image.text.pos, c->who);
        filter_end(&filter);
        sbom_add_image(a, ref, filter.prefix, c->maker.location);
        nameset_add(a->roots, key, strlen(key));
        *vec_push(a->root_paths, a->n_roots, a->cap_roots) = c->root;
        return 0;
}

static StrList string_list(Arena *a, const char *const *texts, size_t n) {
        Str *items = arena_alloc(a, n * sizeof(*items));
        for (size_t i = 0; i < n; i++)
                items[i].text = texts[i];
        return (StrList){ .set = true, .items = items, .n = n };
}

/* The mounts that make B/rootfs, before the user's own (yaml.md 10.2). Returns their number. */
static size_t rootfs_mounts(Arena *a, const Container *c, Mount m[ROOTFS_MOUNTS]) {
        const char *rootfs = arena_printf(a, "/%s/rootfs", c->bundle);
        if (c->readonly) {
                static const char *const bind[] = { "bind" };
                m[0] = (Mount){ .destination.text = rootfs,
                                .source.text = arena_printf(a, "/%s", c->root),
                                .options = string_list(a, bind, ARRAY_LEN(bind)) };
                return 1;
        }
        static const char *const private[] = { "remount", "private" };
        const char *tmp = arena_printf(a, "/%s/tmp", c->bundle);
        const char *const layers[] = {
                arena_printf(a, "lowerdir=/%s", c->root),
                arena_printf(a, "upperdir=%s/upper", tmp),
                arena_printf(a, "workdir=%s/work", tmp),
        };
        m[0] = (Mount){ .destination.text = tmp, .type.text = "tmpfs", .source.text = "tmpfs" };
        m[1] = (Mount){ .destination.text = tmp,
                        .options = string_list(a, private, ARRAY_LEN(private)) };
        m[2] = (Mount){ .destination.text = rootfs,
                        .type.text = "overlay",
                        .source.text = "overlay",
                        .options = string_list(a, layers, ARRAY_LEN(layers)) };
        return 3;
}

static void add_file(const Container *c, Arena *a, const char *name, const Buf *text) {
        make_file(&c->maker, arena_printf(a, "%s/%s", c->bundle, name), 0644,
                  make_content(&c->maker, text->data, text->len));
}

static int add_bundle(Assembly *a, Container *c, Err *e) {
        _cleanup_buf_ Buf config = { 0 }, runtime = { 0 };
        OciConfigInput in = { a->spec, &c->settings, &c->image->config, c->who,
                              a->options->strict };
        if (ociconfig_write(&in, &config, e) < 0)
                return -1;
        add_file(c, a->arena, "config.json", &config);
        if (!c->readonly)
                make_dir(&c->maker, arena_printf(a->arena, "%s/tmp", c->bundle), 0755);
        if (!c->readonly || c->shared)
                make_dir(&c->maker, arena_printf(a->arena, "%s/rootfs", c->bundle), 0755);
        Mount mounts[ROOTFS_MOUNTS];
        size_t n = rootfs_mounts(a->arena, c, mounts);
        runtimeconfig_write(&c->settings.runtime, mounts, n, &runtime);
        add_file(c, a->arena, "runtime.json", &runtime);
        return 0;
}

static int add_container(Assembly *a, size_t section, size_t i, Err *e) {
        const ImageEntry *entry = &a->spec->sections[section].items[i];
        const char *section_name = spec_section_names[section], *name = entry->name.text;
        const char *location = arena_printf(a->arena, "%s[%zu]", section_name, i);
        Container c = {
                .entry = entry,
                .image = images_find(a->images, entry->image.ref),
                .who = arena_printf(a->arena, "%s \"%s\"", location, name),
                .bundle = section == SECTION_SERVICES
                                  ? arena_printf(a->arena, "containers/services/%s", name)
                                  : arena_printf(a->arena, "containers/%s/%03zu-%s", section_name,
                                                 i, name),
                .maker = assembly_maker(a, location, entry->image.ref),
        };
        assembly_announce(a, location, entry->image.ref,
                          arena_printf(a->arena, "  Create OCI config for %s", entry->image.ref));
        if (merge_settings(a, &c, e) < 0 || unpack_root(a, &c, e) < 0)
                return -1;
        return add_bundle(a, &c, e);
}

/* The build file's own needs have been checked with it; here those of labels come in. */
static int check_needs(Assembly *a, Err *e) {
        size_t n = a->spec->sections[SECTION_SERVICES].n;
        _cleanup_free_ ServiceNeeds *needs = xcalloc(n, sizeof(*needs));
        bool any = false;
        for (size_t i = 0; i < n; i++) {
                const ImageEntry *entry = &a->spec->sections[SECTION_SERVICES].items[i];
                const Image *image = images_find(a->images, entry->image.ref);
                const char *who =
                        arena_printf(a->arena, "services[%zu] \"%s\"", i, entry->name.text);
                StrList *list = arena_alloc(a->arena, sizeof(*list));
                Settings label;
                int r = read_label(a, entry, image, who, &label, e);
                if (r < 0)
                        return -1;
                *list = entry->s.runtime.needs;
                if (!list->set && r > 0 && label.runtime.needs.n) {
                        *list = label.runtime.needs;
                        any = true;
                }
                needs[i] = (ServiceNeeds){ entry->name.text, list };
        }
        return any ? spec_check_needs(needs, n, e) : 0;
}

int containers_add(Assembly *a, Err *e) {
        static const char *const headings[SECTION_COUNT] = {
                [SECTION_ONBOOT] = "Add onboot containers:",
                [SECTION_ONSHUTDOWN] = "Add onshutdown containers:",
                [SECTION_SERVICES] = "Add service containers:",
        };
        if (check_needs(a, e) < 0)
                return -1;
        for (size_t k = 0; k < SECTION_COUNT; k++) {
                size_t n = a->spec->sections[k].n;
                if (n)
                        log_info("%s", headings[k]);
                for (size_t i = 0; i < n; i++)
                        if (add_container(a, k, i, e) < 0)
                                return -1;
        }
        return 0;
}
