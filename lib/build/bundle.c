/* bundle.c - see bundle.h.  First all packages are built for all platforms, since each build gives
 * the package's index another image; then everything is looked up, and only then is written. */
#include "lib/build/bundle.h"

#include "lib/base/log.h"
#include "lib/base/pool.h"
#include "lib/base/str.h"
#include "lib/build/ocitar.h"
#include "lib/build/packages.h"
#include "lib/build/specimages.h"
#include "lib/oci/attestation.h"
#include "lib/oci/contents.h"
#include "lib/rootfs/images.h"

enum { MIN_THREADS = 4 };

typedef struct Bundle {
        const BundleOptions *options;
        Cache *cache;
        const Pins *pins;
        const SpecImage *images;
        size_t n;
        Descriptor *roots;    /* by number of the image */
        Platforms *platforms; /* the same: what of it is needed */
        Arena *arena;
} Bundle;

/* --- fetching ------------------------------------------------------------------------------- */

static int fetch(Bundle *b, size_t i, const char *arch, bool pull, Err *e) {
        Image *image = NULL;
        ImageSource source = {
                .cache = b->cache, .arch = arch, .pull = pull, .registry = &b->options->registry
        };
        pins_apply(b->pins, &source);
        if (image_get(&source, b->images[i].ref, &image, e) < 0)
                return -1;
        b->roots[i] = image->root;
        image_free(image);
        return 0;
}

/* A volume without a list of platforms holds them all. */
static int fetch_layout(Bundle *b, size_t i, Err *e) {
        const Volume *v = b->images[i].layout;
        Platforms *list = &b->platforms[i];
        _cleanup_free_ char *text = NULL;
        _cleanup_manifest_ Manifest m = { 0 };
        list->items = arena_alloc(b->arena, (v->platforms.n + 1) * sizeof *list->items);
        for (size_t k = 0; k < v->platforms.n; k++) {
                const Str *item = &v->platforms.items[k];
                _cleanup_err_ Err why = ERR_INIT;
                if (platform_parse(b->arena, item->text, &list->items[list->n++], &why) < 0)
                        return spec_err(e, item->pos, "%s", why.text);
                if (fetch(b, i, list->items[k].arch, b->options->pull && k == 0, e) < 0)
                        return -1;
        }
        if (v->platforms.n)
                return 0;
        list->all = true;
        if (fetch(b, i, b->options->platforms.items[0].arch, b->options->pull, e) < 0 ||
            cache_load_blob(b->cache, &b->roots[i], MANIFEST_LIMIT, &text, e) < 0 ||
            manifest_parse(text, b->roots[i].size, b->images[i].ref, &m, e) < 0)
                return -1;
        for (size_t k = 0; k < m.n_entries; k++)
                if (!attestation_is_about(&m.entries[k], NULL) &&
                    str_eq(m.entries[k].os, "linux") && m.entries[k].architecture &&
                    fetch(b, i, m.entries[k].architecture, false, e) < 0)
                        return -1;
        return 0;
}

static bool named_before(const Bundle *b, size_t i) {
        for (size_t k = 0; k < i; k++)
                if (str_eq(b->images[k].ref, b->images[i].ref) && !b->images[k].layout)
                        return true;
        return false;
}

static int fetch_image(void *ctx, size_t i, Err *e) {
        Bundle *b = ctx;
        const Platforms *wanted = &b->options->platforms;
        const SpecImage *image = &b->images[i];
        if (image->layout || named_before(b, i))
                return 0;
        b->platforms[i] = *wanted;
        for (size_t k = 0; k < wanted->n; k++)
                if (fetch(b, i, wanted->items[k].arch, b->options->pull, e) < 0)
                        return err_at(e, image->pos, image->who);
        return 0;
}

/* --- writing -------------------------------------------------------------------------------- */

static int lock_platforms(Bundle *b, size_t i, SpecLock *lock, LockedImage *locked, Err *e) {
        const Platforms *list = &b->platforms[i];
        _cleanup_free_ char *text = NULL;
        _cleanup_manifest_ Manifest m = { 0 };
        for (size_t k = 0; k < list->n; k++) {
                const Platforms one = { .items = &list->items[k], .n = 1 };
                _cleanup_free_ char *name = platforms_text(&one);
                Descriptor d;
                if (contents_choose(b->cache, locked->ref, &b->roots[i], &list->items[k], &d, e) <
                    0)
                        return -1;
                speclock_set_platform(lock, locked, name, &d.digest);
        }
        if (!list->all)
                return 0;
        if (cache_load_blob(b->cache, &b->roots[i], MANIFEST_LIMIT, &text, e) < 0 ||
            manifest_parse(text, b->roots[i].size, locked->ref, &m, e) < 0)
                return -1;
        for (size_t k = 0; k < m.n_entries; k++) {
                const ManifestEntry *entry = &m.entries[k];
                if (attestation_is_about(entry, NULL) || !entry->os || !entry->architecture)
                        continue;
                const char *variant = platform_variant(entry);
                _cleanup_free_ char *name = xasprintf("%s/%s%s%s", entry->os, entry->architecture,
                                                      variant ? "/" : "", variant ? variant : "");
                speclock_set_platform(lock, locked, name, &entry->descriptor.digest);
        }
        return 0;
}

static int collect(Bundle *b, SpecLock *lock, Contents *list, Err *e) {
        for (size_t i = 0; i < b->n; i++) {
                const SpecImage *image = &b->images[i];
                if (!b->roots[i].digest.text[0])
                        continue;
                LockedImage *locked = speclock_add(lock, image->ref);
                if (locked->root.text[0] && !digest_eq(&locked->root, &b->roots[i].digest))
                        return err_set(e, ERR_IO, 0, "%s changed while it was fetched", image->ref);
                locked->root = b->roots[i].digest;
                if (image->package)
                        locked->package = arena_strdup(lock->arena, image->package);
                if (lock_platforms(b, i, lock, locked, e) < 0 ||
                    contents_add(b->cache, image->ref, &b->roots[i], &b->platforms[i], list, e) < 0)
                        return err_at(e, image->pos, image->who);
        }
        return 0;
}

static const Descriptor *root_of(const Bundle *b, const char *ref) {
        for (size_t i = 0; i < b->n; i++)
                if (str_eq(b->images[i].ref, ref) && b->roots[i].digest.text[0])
                        return &b->roots[i];
        return NULL;
}

static int write_bundle(Bundle *b, Sink *out, Err *e) {
        _cleanup_contents_ Contents list = { 0 };
        _cleanup_buf_ Buf text = { 0 };
        _cleanup_speclock_ SpecLock lock;
        speclock_init(&lock);
        if (collect(b, &lock, &list, e) < 0)
                return -1;
        OciTarImage *images = arena_alloc(b->arena, (lock.n + 1) * sizeof *images);
        for (size_t i = 0; i < lock.n; i++)
                images[i] = (OciTarImage){ lock.images[i].ref, *root_of(b, lock.images[i].ref) };
        speclock_print(&lock, &text);
        return ocitar_write(b->cache, &list, images, lock.n, text.data, text.len, out, e);
}

/* --- the whole ------------------------------------------------------------------------------ */

static int run(Bundle *b, Packages *packages, const Spec *spec, Sink *out, Err *e) {
        const Platforms *wanted = &b->options->platforms;
        for (size_t k = 0; k < wanted->n; k++)
                if (pins_check(b->pins, spec, wanted->items[k].arch, e) < 0 ||
                    packages_build(packages, b->cache, b->pins, wanted->items[k].arch, e) < 0)
                        return -1;
        b->images = specimages_list(spec, b->arena, &b->n);
        b->roots = arena_alloc(b->arena, (b->n + 1) * sizeof *b->roots);
        b->platforms = arena_alloc(b->arena, (b->n + 1) * sizeof *b->platforms);
        _cleanup_fd_ int hold = cache_hold(b->cache, e);
        size_t threads = MAX(pool_threads(), (size_t)MIN_THREADS);
        if (hold < 0)
                return -1;
        if (pool_run(b->n, threads, fetch_image, b, e) < 0)
                return -1;
        for (size_t i = 0; i < b->n; i++)
                if (b->images[i].layout && fetch_layout(b, i, e) < 0)
                        return err_at(e, b->images[i].pos, b->images[i].who);
        return write_bundle(b, out, e);
}

static int check_platforms(const Platforms *p, Err *e) {
        for (size_t i = 0; !p->all && i < p->n; i++)
                if (!str_eq(p->items[i].os, "linux") || p->items[i].variant)
                        return err_set(e, ERR_USAGE, 0,
                                       "a bundle is made for linux/ARCH, not for %s/%s",
                                       p->items[i].os, p->items[i].arch);
        return p->all ? err_set(e, ERR_USAGE, 0, "a bundle is made for platforms that are named")
                      : 0;
}

int bundle_write(const BundleOptions *o, Sink *out, Err *e) {
        _cleanup_arena_ Arena *arena = arena_new();
        const PinOptions options = { .files = o->files,
                                     .n_files = o->n_files,
                                     .lock_file = o->lock_file,
                                     .locked = o->locked,
                                     .pull = o->pull };
        Bundle b = { .options = o, .arena = arena };
        Spec *spec = NULL;
        Pins *pins = NULL;
        if (check_platforms(&o->platforms, e) < 0 || spec_load(o->files, o->n_files, &spec, e) < 0)
                return -1;
        Packages *packages = packages_new(&o->registry, o->locked);
        int r = spec_resolve(spec, packages_reference, packages, e);
        if (r == 0)
                r = cache_open(o->cache, &b.cache, e);
        if (r == 0)
                r = pins_open(&options, b.cache, &pins, e);
        b.pins = pins;
        if (r == 0)
                r = run(&b, packages, spec, out, e);
        pins_free(pins);
        cache_free(b.cache);
        packages_free(packages);
        spec_free(spec);
        return r;
}
