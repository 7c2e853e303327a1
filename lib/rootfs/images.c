/* images.c - see images.h.
 *
 * A layer that comes from a registry is unpacked on the thread that has fetched it, while the
 * others are on their way; that only prepares the cache.  Layers are opened, and all faults
 * reported, when every image is there, as if they had been in the cache from the beginning. */
#include "lib/rootfs/images.h"

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/pool.h"
#include "lib/base/str.h"
#include "lib/oci/engine.h"
#include "lib/rootfs/names.h"

#include <pthread.h>
#include <unistd.h>

/* Fetching waits for the network, not for a processor. */
enum { MIN_FETCH_THREADS = 4 };

typedef struct OpenImage {
        const char *ref;
        Pos pos; /* of the first use */
        const char *who;
        Image *image;
        EngineExport *export; /* where a docker engine had the image; it has no layers then */
        EntryList *lists;     /* by layer, bottom first */
        size_t n_lists;
} OpenImage;

typedef struct OpenLayer {
        const Descriptor *descriptor;
        const OpenImage *user;
        Layer *layer;
} OpenLayer;

/* The layers that are unpacked on arrival. */
typedef struct Unpacker {
        Cache *cache;
        pthread_mutex_t lock;
        pthread_cond_t slot_free;
        size_t slots;   /* one for each processor */
        Arena *arena;   /* of the names in begun: a descriptor is its pull's */
        NameSet *begun; /* images may share layers */
} Unpacker;

struct ImageSet {
        Arena *arena;
        ImageSource source;
        RegistryOptions registry; /* of source */
        Unpacker unpacker;
        int hold;      /* of the cache: what a build reads later stays, too; -1: none */
        NameSet *refs; /* numbers index images */
        OpenImage *images;
        size_t n_images, cap_images;
        NameSet *digests; /* numbers index layers */
        OpenLayer *layers;
        size_t n_layers, cap_layers;
};

int err_at(Err *e, Pos pos, const char *who) {
        if (pos.line == 0 || !pos.file)
                return err_wrap(e, "%s", who);
        return err_wrap(e, "%s:%u:%u: %s", pos.file, pos.line, pos.column, who);
}

static void add_image(ImageSet *s, const ImageRef *image, const char *who) {
        uint32_t id;
        if (!image->ref || nameset_find(s->refs, image->ref, strlen(image->ref), &id))
                return;
        nameset_add(s->refs, image->ref, strlen(image->ref));
        *vec_push(s->images, s->n_images, s->cap_images) =
                (OpenImage){ .ref = image->ref, .pos = image->text.pos, .who = who };
}

static void collect_images(ImageSet *s, const Spec *spec) {
        Arena *a = s->arena;
        if (!str_is_empty(spec->kernel.image.text.text))
                add_image(s, &spec->kernel.image, "kernel");
        for (size_t i = 0; i < spec->n_init; i++)
                add_image(s, &spec->init[i], arena_printf(a, "init[%zu]", i));
        for (size_t i = 0; i < spec->n_volumes; i++) {
                const Volume *v = &spec->volumes[i];
                if (!str_is_empty(v->image.text.text) && !str_eq(v->format.text, "oci"))
                        add_image(s, &v->image,
                                  arena_printf(a, "volumes[%zu] \"%s\"", i, v->name.text));
        }
        for (size_t k = 0; k < SECTION_COUNT; k++)
                for (size_t i = 0; i < spec->sections[k].n; i++) {
                        const ImageEntry *entry = &spec->sections[k].items[i];
                        add_image(s, &entry->image,
                                  arena_printf(a, "%s[%zu] \"%s\"", spec_section_names[k], i,
                                               entry->name.text));
                }
}

/* Whatever goes wrong, the image may still be in the cache or a registry (cli.md 5.5). */
static bool ask_engine(const ImageSource *source, OpenImage *o) {
        _cleanup_err_ Err why = ERR_INIT;
        if (!source->engine)
                return false;
        if (engine_image(source->engine, o->ref, source->arch, &o->image, &why) == 0) {
                if (engine_export(source->engine, source->cache, o->image, &o->export, &why) == 0)
                        return true;
                image_free(o->image);
                o->image = NULL;
        }
        log_debug("image %s: %s", o->ref, why.text);
        return false;
}

static int fetch_image(void *ctx, size_t i, Err *e) {
        ImageSet *s = ctx;
        OpenImage *o = &s->images[i];
        if (ask_engine(&s->source, o))
                return 0;
        if (image_get(&s->source, o->ref, &o->image, e) < 0)
                return err_at(e, o->pos, o->who);
        return 0;
}

/* False: another thread does it, or has done it. */
static bool begin_unpacking(Unpacker *u, const char *layer) {
        uint32_t id;
        pthread_mutex_lock(&u->lock);
        bool first = !nameset_find(u->begun, layer, strlen(layer), &id);
        if (first) {
                nameset_add(u->begun, arena_strdup(u->arena, layer), strlen(layer));
                while (!u->slots)
                        pthread_cond_wait(&u->slot_free, &u->lock);
                u->slots--;
        }
        pthread_mutex_unlock(&u->lock);
        return first;
}

static void end_unpacking(Unpacker *u) {
        pthread_mutex_lock(&u->lock);
        u->slots++;
        pthread_cond_signal(&u->slot_free);
        pthread_mutex_unlock(&u->lock);
}

/* What goes wrong here goes wrong again in open_layer, which says so. */
static void unpack_arrived(void *ctx, const Descriptor *descriptor) {
        Unpacker *u = ctx;
        Layer *layer = NULL;
        _cleanup_err_ Err why = ERR_INIT;
        if (!begin_unpacking(u, descriptor->digest.text))
                return;
        if (layer_open(u->cache, descriptor, &layer, &why) == 0)
                layer_free(layer);
        else
                log_debug("%s", why.text);
        end_unpacking(u);
}

static void unpacker_init(Unpacker *u, Cache *cache) {
        *u = (Unpacker){
                .cache = cache,
                .slots = pool_threads(),
                .arena = arena_new(),
                .begun = nameset_new(),
        };
        pthread_mutex_init(&u->lock, NULL);
        pthread_cond_init(&u->slot_free, NULL);
}

static void unpacker_done(Unpacker *u) {
        pthread_cond_destroy(&u->slot_free);
        pthread_mutex_destroy(&u->lock);
        nameset_free(u->begun);
        arena_free(u->arena);
}

static void collect_layers(ImageSet *s) {
        for (size_t i = 0; i < s->n_images; i++) {
                const OpenImage *o = &s->images[i];
                for (size_t k = 0; k < o->image->n_layers; k++) {
                        const Descriptor *d = &o->image->layers[k];
                        uint32_t id =
                                nameset_add(s->digests, d->digest.text, strlen(d->digest.text));
                        if (id == s->n_layers)
                                *vec_push(s->layers, s->n_layers, s->cap_layers) =
                                        (OpenLayer){ .descriptor = d, .user = o };
                }
        }
}

/* A damaged blob has been removed by then, so it is fetched again, once. */
static int open_sound_layer(const ImageSource *source, OpenLayer *l, Err *e) {
        if (layer_open(source->cache, l->descriptor, &l->layer, e) == 0)
                return 0;
        if (!e || e->kind != ERR_DAMAGED)
                return -1;
        log_debug("%s", e->text);
        if (image_replace(source, l->user->ref, l->descriptor, false, e) < 0)
                return -1;
        return layer_open(source->cache, l->descriptor, &l->layer, e);
}

static int open_layer(void *ctx, size_t i, Err *e) {
        ImageSet *s = ctx;
        OpenLayer *l = &s->layers[i];
        if (open_sound_layer(&s->source, l, e) < 0) {
                err_wrap(e, "image %s", l->user->ref);
                return err_at(e, l->user->pos, l->user->who);
        }
        return 0;
}

static void get_entry(const void *ctx, size_t i, Entry *ret) {
        layer_entry(ctx, i, ret);
}

static void get_exported(const void *ctx, size_t i, Entry *ret) {
        engine_export_entry(ctx, i, ret);
}

static void list_layers(ImageSet *s) {
        for (size_t i = 0; i < s->n_images; i++) {
                OpenImage *o = &s->images[i];
                o->n_lists = o->export ? 1 : o->image->n_layers;
                o->lists = arena_alloc(s->arena, o->n_lists * sizeof(*o->lists));
                if (o->export)
                        o->lists[0] = (EntryList){ engine_export_count(o->export), get_exported,
                                                   o->export };
                for (size_t k = 0; k < o->image->n_layers; k++) {
                        const char *digest = o->image->layers[k].digest.text;
                        const Layer *l =
                                s->layers[nameset_add(s->digests, digest, strlen(digest))].layer;
                        o->lists[k] = (EntryList){ layer_count(l), get_entry, l };
                }
        }
}

static int open_all(ImageSet *s, const Spec *spec, Err *e) {
        collect_images(s, spec);
        size_t threads = MAX(pool_threads(), (size_t)MIN_FETCH_THREADS);
        if (pool_run(s->n_images, threads, fetch_image, s, e) < 0)
                return -1;
        collect_layers(s);
        if (pool_run(s->n_layers, 0, open_layer, s, e) < 0)
                return -1;
        list_layers(s);
        return 0;
}

int images_open(const Spec *spec, const ImageSource *source, ImageSet **ret, Err *e) {
        ImageSet *s = xcalloc(1, sizeof(*s));
        s->arena = arena_new();
        s->source = *source;
        if (source->registry)
                s->registry = *source->registry;
        s->source.registry = &s->registry;
        s->registry.layer_arrived = unpack_arrived;
        s->registry.layer_arrived_ctx = &s->unpacker;
        unpacker_init(&s->unpacker, source->cache);
        s->hold = cache_hold(source->cache, NULL);
        if (s->hold < 0)
                log_debug("%s is read without its lock", cache_dir(source->cache));
        s->refs = nameset_new();
        s->digests = nameset_new();
        if (open_all(s, spec, e) < 0) {
                images_free(s);
                return -1;
        }
        *ret = s;
        return 0;
}

void images_free(ImageSet *s) {
        if (!s)
                return;
        for (size_t i = 0; i < s->n_layers; i++)
                if (s->layers[i].layer)
                        layer_free(s->layers[i].layer);
        for (size_t i = 0; i < s->n_images; i++) {
                engine_export_free(s->images[i].export);
                if (s->images[i].image)
                        image_free(s->images[i].image);
        }
        free(s->layers);
        free(s->images);
        nameset_free(s->refs);
        nameset_free(s->digests);
        unpacker_done(&s->unpacker);
        if (s->hold >= 0)
                close(s->hold);
        arena_free(s->arena);
        free(s);
}

static const OpenImage *find(const ImageSet *s, const char *ref) {
        uint32_t id;
        return ref && nameset_find(s->refs, ref, strlen(ref), &id) ? &s->images[id] : NULL;
}

const Image *images_find(const ImageSet *s, const char *ref) {
        const OpenImage *o = find(s, ref);
        return o ? o->image : NULL;
}

bool images_exported(const ImageSet *s, const char *ref) {
        const OpenImage *o = find(s, ref);
        return o && o->export;
}

int images_flatten(const ImageSet *s, const char *ref, bool (*skip)(const char *name), EntryFn fn,
                   void *ctx, Err *e) {
        const OpenImage *o = find(s, ref);
        if (!o)
                return err_set(e, ERR_INTERNAL, 0, "image %s was not opened", ref ? ref : "?");
        if (flatten(o->lists, o->n_lists, skip, fn, ctx, e) < 0)
                return err_wrap(e, "image %s", ref);
        return 0;
}
