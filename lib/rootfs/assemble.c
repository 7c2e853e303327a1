/* assemble.c - see assemble.h: the steps of yaml.md 9, in order.
 *
 * All waiting (network, decompression) happens in images_open; what follows only makes entries. */
#include "lib/rootfs/assemble.h"

#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/rootfs/assembly.h"
#include "lib/rootfs/filter.h"

struct Rootfs {
        Assembly assembly;
};

static const char package_db_name[] = "lib/apk/db/installed";
#define PACKAGE_DB_LIMIT ((uint64_t)64 << 20) /* real ones have a few hundred kilobytes */

/* --- init images ---------------------------------------------------------------------------- */

typedef struct InitImage {
        Assembly *a;
        Filter filter;
} InitImage;

static int add_init_entry(void *ctx, const Entry *entry, Err *e) {
        InitImage *init = ctx;
        Assembly *a = init->a;
        if (entry->type == ENTRY_FILE && str_eq(entry->name, package_db_name))
                *vec_push(a->package_dbs, a->n_package_dbs, a->cap_package_dbs) = entry->content;
        return filter_entry(&init->filter, entry, e);
}

static int add_init_images(Assembly *a, Err *e) {
        const Spec *spec = a->spec;
        if (spec->n_init)
                log_info("Add init containers:");
        for (size_t i = 0; i < spec->n_init; i++) {
                const ImageRef *image = &spec->init[i];
                const char *location = arena_printf(a->arena, "init[%zu]", i);
                InitImage init = {
                        .a = a,
                        .filter = { .maker = assembly_maker(a, location, image->ref),
                                    .prefix = "",
                                    .exported = images_exported(a->images, image->ref) },
                };
                assembly_announce(a, location, image->ref,
                                  arena_printf(a->arena, "Process init image: %s", image->ref));
                if (images_flatten(a->images, image->ref, filter_skip(&init.filter), add_init_entry,
                                   &init, e) < 0)
                        return err_at(e, image->text.pos, location);
                filter_end(&init.filter);
                sbom_add_image(a, image->ref, "", location);
        }
        return 0;
}

/* Each init image brought the database of its own packages only; the last word goes to all of them
 * together. */
static int merge_package_dbs(Assembly *a, Err *e) {
        if (a->n_package_dbs < 2)
                return 0;
        _cleanup_buf_ Buf all = { 0 };
        for (size_t i = 0; i < a->n_package_dbs; i++) {
                _cleanup_free_ char *text = NULL;
                if (content_load(&a->package_dbs[i], PACKAGE_DB_LIMIT, &text, e) < 0)
                        return err_wrap(e, "%s of an init image", package_db_name);
                buf_add(&all, text, a->package_dbs[i].size);
                buf_adds(&all, "\n\n");
        }
        Maker m = assembly_maker(a, "init", "LINUXKIT.apkinit");
        m.mtime = 0;
        make_file(&m, package_db_name, 0644, make_content(&m, all.data, all.len));
        return 0;
}

/* --- the whole ------------------------------------------------------------------------------ */

static void add_dockerfile(Assembly *a) {
        static const char text[] = "\nFROM scratch\n\nCOPY . ./\n\nENTRYPOINT [\"/bin/rc.init\"]\n";
        _Static_assert(sizeof(text) - 1 == 54, "yaml.md 9: the Dockerfile has 54 bytes");
        if (!a->options->docker)
                return;
        log_info("  Adding Dockerfile");
        Maker m = assembly_maker(a, NULL, NULL);
        make_file(&m, "Dockerfile", 0644, content_bytes(text, sizeof(text) - 1));
}

static int add_all(Assembly *a, Err *e) {
        if (images_open(a->spec, &a->options->images, &a->images, e) < 0)
                return -1;
        if (kernel_add(a, e) < 0 || add_init_images(a, e) < 0 || merge_package_dbs(a, e) < 0 ||
            volumes_add(a, e) < 0 || containers_add(a, e) < 0 || files_add(a, e) < 0)
                return -1;
        add_dockerfile(a);
        sbom_add(a);
        return 0;
}

int assemble(const Spec *spec, const AssembleOptions *o, Rootfs **ret, Err *e) {
        Rootfs *r = xcalloc(1, sizeof(*r));
        Assembly *a = &r->assembly;
        a->spec = spec;
        a->options = o;
        a->tree = tree_new();
        a->arena = tree_arena(a->tree);
        a->roots = nameset_new();
        if (add_all(a, e) < 0) {
                rootfs_free(r);
                return -1;
        }
        *ret = r;
        return 0;
}

void rootfs_free(Rootfs *r) {
        if (!r)
                return;
        Assembly *a = &r->assembly;
        for (size_t i = 0; i < a->n_blobs; i++) {
                close(a->blobs[i]->fd);
                free(a->blobs[i]);
        }
        free(a->blobs);
        free(a->package_dbs);
        free(a->statements);
        free(a->root_paths);
        nameset_free(a->roots);
        tree_free(a->tree);
        images_free(a->images);
        free(r);
}

const Tree *rootfs_tree(const Rootfs *r) {
        return r->assembly.tree;
}
