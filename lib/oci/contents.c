/* contents.c - see contents.h.  Presence and size are checked here; what the bytes are is checked
 * when they are read. */
#include "lib/oci/contents.h"

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/oci/attestation.h"
#include "lib/oci/image.h"

typedef struct Walk {
        Cache *cache;
        const char *name;
        const Platforms *platforms;
        Contents *list;
} Walk;

bool contents_has(const Contents *list, const Digest *d) {
        for (size_t i = 0; i < list->n; i++)
                if (digest_eq(&list->items[i].digest, d))
                        return true;
        return false;
}

void contents_done(Contents *list) {
        free(list->items);
        *list = (Contents){ 0 };
}

static int load(Cache *c, const Descriptor *d, Manifest *ret, Err *e) {
        _cleanup_free_ char *text = NULL;
        if (cache_load_blob(c, d, MANIFEST_LIMIT, &text, e) < 0)
                return -1;
        return manifest_parse(text, d->size, d->digest.text, ret, e);
}

static int add(Walk *w, const Descriptor *d, Err *e) {
        if (contents_has(w->list, &d->digest))
                return 0;
        if (!cache_has_blob(w->cache, &d->digest, d->size))
                return err_set(e, ERR_NOT_FOUND, 0, "%s is not in the cache", d->digest.text);
        *vec_push(w->list->items, w->list->n, w->list->cap) = *d;
        return 0;
}

/* Config, layers, manifest: all of them or, after an error, as before. */
static int add_image(Walk *w, const Descriptor *d, Err *e) {
        _cleanup_manifest_ Manifest m = { 0 };
        size_t before = w->list->n;
        if (load(w->cache, d, &m, e) < 0)
                return -1;
        if (m.is_index)
                return err_set(e, ERR_VERIFY, 0, "%s: an index inside an index is not supported",
                               d->digest.text);
        int r = add(w, &m.config, e);
        for (size_t i = 0; r == 0 && i < m.n_layers; i++)
                r = add(w, &m.layers[i], e);
        if (r == 0)
                r = add(w, d, e);
        if (r < 0)
                w->list->n = before;
        return r;
}

/* Says what to do about a part that is missing. */
static int incomplete(const Walk *w, const ManifestEntry *entry, Err *e) {
        bool named = entry && entry->os && entry->architecture;
        if (e && e->kind == ERR_NOT_FOUND)
                err_hint(e, "`linuxkit cache pull --platform %s%s%s %s` fetches what is missing",
                         named ? entry->os : "all", named ? "/" : "",
                         named ? entry->architecture : "", w->name);
        if (named)
                return err_wrap(e, "image %s for %s/%s", w->name, entry->os, entry->architecture);
        return err_wrap(e, "image %s", w->name);
}

static int add_attestation(Walk *w, const ManifestEntry *entry, Err *e) {
        _cleanup_err_ Err why = ERR_INIT;
        if (add_image(w, &entry->descriptor, &why) == 0)
                return 0;
        if (why.kind == ERR_CANCELLED) {
                err_move(e, &why);
                return -1;
        }
        log_warn("image %s: attestation: %s; it is left out", w->name, why.text);
        return 0;
}

static bool has_platform(const Manifest *m, const Platform *p) {
        for (size_t i = 0; i < m->n_entries; i++)
                if (platform_matches(p, m->entries[i].os, m->entries[i].architecture,
                                     platform_variant(&m->entries[i])))
                        return true;
        return false;
}

static int lacks(const char *name, const Manifest *m, const Platform *p, Err *e) {
        _cleanup_free_ char *there = manifest_platforms(m);
        err_set(e, ERR_NOT_FOUND, 0, "image %s has no platform %s/%s%s%s", name, p->os, p->arch,
                p->variant ? "/" : "", p->variant ? p->variant : "");
        return err_hint(e, "it has %s", *there ? there : "no platforms at all");
}

static int add_index(Walk *w, const Manifest *m, Err *e) {
        for (size_t i = 0; !w->platforms->all && i < w->platforms->n; i++)
                if (!has_platform(m, &w->platforms->items[i]))
                        return lacks(w->name, m, &w->platforms->items[i], e);
        for (size_t i = 0; i < m->n_entries; i++) {
                const ManifestEntry *entry = &m->entries[i];
                if (attestation_is_about(entry, NULL) || !platforms_match(w->platforms, entry))
                        continue;
                if (add_image(w, &entry->descriptor, e) < 0)
                        return incomplete(w, entry, e);
        }
        for (size_t i = 0; i < m->n_entries; i++)
                for (size_t k = 0; k < m->n_entries; k++)
                        if (attestation_is_about(&m->entries[i],
                                                 &m->entries[k].descriptor.digest) &&
                            contents_has(w->list, &m->entries[k].descriptor.digest) &&
                            add_attestation(w, &m->entries[i], e) < 0)
                                return -1;
        return 0;
}

int contents_add(Cache *c, const char *name, const Descriptor *root, const Platforms *platforms,
                 Contents *list, Err *e) {
        Walk w = { c, name, platforms, list };
        _cleanup_manifest_ Manifest m = { 0 };
        if (load(c, root, &m, e) < 0)
                return incomplete(&w, NULL, e);
        if (m.is_index)
                return add_index(&w, &m, e) < 0 || add(&w, root, e) < 0 ? -1 : 0;
        return add_image(&w, root, e) < 0 ? incomplete(&w, NULL, e) : 0;
}

/* --- one platform --------------------------------------------------------------------------- */

/* A config that does not say what it is for passes for anything, as in a build. */
static int check_plain(Cache *c, const char *name, const Manifest *m, const Platform *p, Err *e) {
        _cleanup_arena_ Arena *arena = arena_new();
        _cleanup_free_ char *text = NULL;
        ImageConfig config = { 0 };
        if (cache_load_blob(c, &m->config, MANIFEST_LIMIT, &text, e) < 0 ||
            image_config_parse(arena, text, m->config.size, &config, e) < 0)
                return err_wrap(e, "image %s", name);
        if (str_is_empty(config.architecture))
                return 0;
        const char *os = str_is_empty(config.os) ? "linux" : config.os;
        if (!platform_matches(p, os, config.architecture, p->variant))
                return err_set(e, ERR_NOT_FOUND, 0, "image %s is for %s/%s, not for %s/%s", name,
                               os, config.architecture, p->os, p->arch);
        return 0;
}

int contents_choose(Cache *c, const char *name, const Descriptor *root, const Platform *platform,
                    Descriptor *ret, Err *e) {
        _cleanup_manifest_ Manifest m = { 0 };
        if (load(c, root, &m, e) < 0)
                return err_wrap(e, "image %s", name);
        if (!m.is_index) {
                if (check_plain(c, name, &m, platform, e) < 0)
                        return -1;
                *ret = *root;
                return 0;
        }
        for (size_t i = 0; i < m.n_entries; i++) {
                const ManifestEntry *entry = &m.entries[i];
                if (!platform_matches(platform, entry->os, entry->architecture,
                                      platform_variant(entry)))
                        continue;
                *ret = entry->descriptor;
                return 0;
        }
        return lacks(name, &m, platform, e);
}
