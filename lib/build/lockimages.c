/* lockimages.c - see lockimages.h.  Registries are asked in parallel; the lock is put together
 * afterwards, in order, so that it never depends on who answered first. */
#include "lib/build/lockimages.h"

#include "lib/base/log.h"
#include "lib/base/pool.h"
#include "lib/base/str.h"
#include "lib/build/packages.h"
#include "lib/build/specimages.h"
#include "lib/oci/attestation.h"
#include "lib/oci/contents.h"
#include "lib/rootfs/images.h"

enum { PARALLEL = 8 };

typedef struct Found {
        char *platform;
        Digest digest;
} Found;

typedef struct Question {
        const SpecImage *image; /* the first that names ref */
        bool layout;            /* some volume holds all its platforms */
        Digest root;            /* text "": nobody knows */
        Found *found;
        size_t n, cap;
} Question;

typedef struct Asking {
        const LockImagesOptions *options;
        Cache *cache;
        Question *questions;
        size_t n;
} Asking;

static void add_found(Question *q, const char *os, const char *arch, const char *variant,
                      const Digest *digest) {
        if (!os || !arch)
                return;
        *vec_push(q->found, q->n, q->cap) = (Found){
                .platform = xasprintf("%s/%s%s%s", os, arch, variant ? "/" : "",
                                      variant ? variant : ""),
                .digest = *digest,
        };
}

/* --- answers -------------------------------------------------------------------------------- */

static int ask_registry(const Asking *a, Question *q, Err *e) {
        _cleanup_registry_object_ RegistryObject object = { 0 };
        if (registry_resolve(&a->options->registry, q->image->ref, &object, e) < 0)
                return -1;
        q->root = object.root.digest;
        for (size_t i = 0; i < object.n_platforms; i++) {
                const RegistryPlatform *p = &object.platforms[i];
                add_found(q, p->os, p->architecture, p->variant, &p->manifest.digest);
        }
        return 0;
}

static int read_plain(const Asking *a, Question *q, const Manifest *m, const Descriptor *root,
                      Err *e) {
        _cleanup_arena_ Arena *arena = arena_new();
        _cleanup_free_ char *text = NULL;
        ImageConfig config = { 0 };
        if (cache_load_blob(a->cache, &m->config, MANIFEST_LIMIT, &text, e) < 0 ||
            image_config_parse(arena, text, m->config.size, &config, e) < 0)
                return -1;
        add_found(q, str_is_empty(config.os) ? "linux" : config.os,
                  str_is_empty(config.architecture) ? NULL : config.architecture, NULL,
                  &root->digest);
        return 0;
}

static int ask_cache(const Asking *a, Question *q, Err *e) {
        Descriptor root;
        _cleanup_free_ char *text = NULL;
        _cleanup_manifest_ Manifest m = { 0 };
        if (cache_lookup(a->cache, q->image->ref, &root, e) < 0 ||
            cache_load_blob(a->cache, &root, MANIFEST_LIMIT, &text, e) < 0 ||
            manifest_parse(text, root.size, root.digest.text, &m, e) < 0)
                return -1;
        q->root = root.digest;
        if (!m.is_index)
                return read_plain(a, q, &m, &root, e);
        for (size_t i = 0; i < m.n_entries; i++)
                if (!attestation_is_about(&m.entries[i], NULL))
                        add_found(q, m.entries[i].os, m.entries[i].architecture,
                                  platform_variant(&m.entries[i]), &m.entries[i].descriptor.digest);
        return 0;
}

/* Which images of a package there are depends on where it was built so far, so its index says
 * nothing; the tag is made from its content. */
static int ask(void *ctx, size_t i, Err *e) {
        const Asking *a = ctx;
        Question *q = &a->questions[i];
        _cleanup_err_ Err why = ERR_INIT;
        if (q->image->package) {
                if (ask_cache(a, q, &why) < 0)
                        log_debug("%s: %s", q->image->ref, why.text);
                q->root = (Digest){ 0 };
                return 0;
        }
        if (ask_registry(a, q, &why) == 0)
                return 0;
        if (why.kind != ERR_CANCELLED && ask_cache(a, q, NULL) == 0) {
                log_warn("%s; the lock has what is in the cache", why.text);
                return 0;
        }
        err_move(e, &why);
        return err_at(e, q->image->pos, q->image->who);
}

/* --- putting it together -------------------------------------------------------------------- */

/* Is "linux/arm64/v8" one of the wanted platforms? */
static bool is_wanted(const Platforms *wanted, const char *text) {
        _cleanup_arena_ Arena *arena = arena_new();
        Platform p;
        if (wanted->all || platform_parse(arena, text, &p, NULL) < 0)
                return wanted->all;
        for (size_t i = 0; i < wanted->n; i++)
                if (platform_matches(&wanted->items[i], p.os, p.arch, p.variant))
                        return true;
        return false;
}

static bool has_platform(const Question *q, const Platform *wanted) {
        const Platforms one = { .items = (Platform *)wanted, .n = 1 };
        for (size_t i = 0; i < q->n; i++)
                if (is_wanted(&one, q->found[i].platform))
                        return true;
        return false;
}

static int add_to_lock(const Asking *a, const Question *q, SpecLock *lock, Err *e) {
        const Platforms *wanted = &a->options->platforms;
        LockedImage *image = speclock_add(lock, q->image->ref);
        if (q->image->package)
                image->package = arena_strdup(lock->arena, q->image->package);
        image->root = q->root;
        for (size_t i = 0; i < q->n; i++)
                if (q->layout || is_wanted(wanted, q->found[i].platform))
                        speclock_set_platform(lock, image, q->found[i].platform,
                                              &q->found[i].digest);
        if (q->image->package || wanted->all || q->n == 0)
                return 0;
        for (size_t i = 0; i < wanted->n; i++)
                if (!has_platform(q, &wanted->items[i]))
                        return spec_err(e, q->image->pos, "%s: %s has no platform %s/%s",
                                        q->image->who, q->image->ref, wanted->items[i].os,
                                        wanted->items[i].arch);
        return 0;
}

static void list_questions(Asking *a, const SpecImage *images, size_t n) {
        a->questions = xcalloc(n, sizeof *a->questions);
        for (size_t i = 0; i < n; i++) {
                size_t k = 0;
                while (k < a->n && !str_eq(a->questions[k].image->ref, images[i].ref))
                        k++;
                if (k == a->n)
                        a->questions[a->n++].image = &images[i];
                a->questions[k].layout |= images[i].layout != NULL;
        }
}

static int ask_all(Asking *a, const Spec *spec, SpecLock *ret, Err *e) {
        _cleanup_arena_ Arena *arena = arena_new();
        size_t n;
        const SpecImage *images = specimages_list(spec, arena, &n);
        SpecLock lock;
        speclock_init(&lock);
        list_questions(a, images, n);
        int r = pool_run(a->n, PARALLEL, ask, a, e);
        for (size_t i = 0; r == 0 && i < a->n; i++)
                r = add_to_lock(a, &a->questions[i], &lock, e);
        for (size_t i = 0; i < a->n; i++) {
                for (size_t k = 0; k < a->questions[i].n; k++)
                        free(a->questions[i].found[k].platform);
                free(a->questions[i].found);
        }
        free(a->questions);
        if (r < 0)
                speclock_done(&lock);
        else
                *ret = lock;
        return r;
}

int lockimages_resolve(const LockImagesOptions *o, SpecLock *ret, Err *e) {
        Asking a = { .options = o };
        Spec *spec = NULL;
        if (spec_load(o->files, o->n_files, &spec, e) < 0)
                return -1;
        Packages *packages = packages_new(&o->registry, false);
        int r = spec_resolve(spec, packages_reference, packages, e);
        if (r == 0)
                r = cache_open(o->cache, &a.cache, e);
        if (r == 0)
                r = ask_all(&a, spec, ret, e);
        cache_free(a.cache);
        packages_free(packages);
        spec_free(spec);
        return r;
}
