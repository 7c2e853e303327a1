/* registry.c - pulling: which objects an image needs, and in which order they may enter the cache.
 *
 * The name is set last, so an interrupted pull leaves blobs that the next one finds, never a name
 * with holes.  Attestations are the exception: they come along when they can, and are warned about
 * when not.  How a single object is asked for is fetch.c. */
#include "lib/oci/registry.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/pool.h"
#include "lib/base/ref.h"
#include "lib/base/str.h"
#include "lib/oci/attestation.h"
#include "lib/oci/fetch.h"
#include "lib/oci/http.h"
#include "lib/oci/manifest.h"
#include "lib/oci/partial.h"
#include "lib/oci/session.h"

#include <stdatomic.h>

enum { PARALLEL = 4 };

/* What a blob is to the image that was asked for. */
typedef enum Role { ROLE_OTHERS, ROLE_CONFIG, ROLE_LAYER } Role;

typedef struct Wanted {
        Descriptor descriptor;
        Role role;
} Wanted;

/* A part of an attestation: wanted, not needed. */
typedef struct Extra {
        Descriptor descriptor;
        bool ours; /* about the image that is pulled: worth a warning */
} Extra;

typedef struct Pull {
        Cache *cache;
        const RegistryOptions *options;
        Session *session;
        const char *arch; /* NULL: all */
        Wanted *blobs;    /* configs and layers that are not there */
        size_t n_blobs, cap_blobs;
        Digest *seen; /* those, and what is there */
        size_t n_seen, cap_seen;
        size_t n_layers;     /* of the wanted images */
        uint64_t size, news; /* bytes of them; of what is not there */
        Extra *extras;
        size_t n_extras, cap_extras;
        const char *name; /* for messages */
        const Manifest *index;
        Progress *progress;
} Pull;

void registry_cancel(void) {
        http_cancel();
}

/* True when d is not wanted already. */
static bool want(Pull *p, const Descriptor *d, Role role) {
        for (size_t i = 0; i < p->n_seen; i++)
                if (digest_eq(&p->seen[i], &d->digest))
                        return false;
        *vec_push(p->seen, p->n_seen, p->cap_seen) = d->digest;
        if (role != ROLE_OTHERS && __builtin_add_overflow(p->size, d->size, &p->size))
                p->size = UINT64_MAX;
        if (!cache_has_blob(p->cache, &d->digest, d->size))
                *vec_push(p->blobs, p->n_blobs, p->cap_blobs) = (Wanted){ *d, role };
        return true;
}

/* A damaged config would pass for a good one by its size; it is small, so it is read. */
static int want_config(Pull *p, const Descriptor *d, bool wanted, Err *e) {
        if (d->size > MANIFEST_LIMIT)
                return err_set(e, ERR_VERIFY, 0, "config %s: larger than %d bytes", d->digest.text,
                               MANIFEST_LIMIT);
        _cleanup_free_ char *text = NULL;
        if (cache_load_blob(p->cache, d, MANIFEST_LIMIT, &text, NULL) < 0)
                cache_drop_blob(p->cache, &d->digest);
        want(p, d, wanted ? ROLE_CONFIG : ROLE_OTHERS);
        return 0;
}

/* The config alone when the image is for somebody else. */
static int want_image(Pull *p, const Manifest *m, bool wanted, Err *e) {
        if (want_config(p, &m->config, wanted, e) < 0)
                return -1;
        for (size_t i = 0; wanted && i < m->n_layers; i++)
                p->n_layers += want(p, &m->layers[i], ROLE_LAYER);
        return 0;
}

/* --- attestations --------------------------------------------------------------------------- */

static void complain(const Pull *p, bool ours, const char *why) {
        if (ours)
                log_warn("image %s: attestation: %s", p->name, why);
        else
                log_debug("image %s: attestation for another architecture: %s", p->name, why);
}

static void want_extra(Pull *p, const Descriptor *d, bool ours, uint64_t limit) {
        if (d->size > limit) {
                _cleanup_free_ char *why = xasprintf("%s has more than %llu bytes", d->digest.text,
                                                     (unsigned long long)limit);
                complain(p, ours, why);
        } else if (!cache_has_blob(p->cache, &d->digest, d->size)) {
                *vec_push(p->extras, p->n_extras, p->cap_extras) = (Extra){ *d, ours };
        }
}

/* The reference looks for the config of every attestation; the statements of other architectures
 * nobody asks for. */
static void want_attestation(Pull *p, const Manifest *m, bool ours) {
        size_t n = 0;
        want_extra(p, &m->config, ours, MANIFEST_LIMIT);
        for (size_t i = 0; ours && i < m->n_layers && n < IMAGE_MAX_STATEMENTS; i++) {
                if (!str_eq(m->layers[i].media_type, MEDIA_IN_TOTO))
                        continue;
                want_extra(p, &m->layers[i], ours, IMAGE_STATEMENT_LIMIT);
                n++;
        }
}

/* Only an interruption stops the pull. */
static int pass_over(const Pull *p, bool ours, Err *why, Err *e) {
        if (why->kind == ERR_CANCELLED) {
                err_move(e, why);
                return -1;
        }
        complain(p, ours, why->text);
        err_clear(why);
        return 0;
}

static int fetch_extra(void *ctx, size_t i, Err *e) {
        Pull *p = ctx;
        Err why = ERR_INIT;
        const Extra *x = &p->extras[i];
        if (fetch_blob(p->session, p->cache, &x->descriptor, NULL, &why) == 0)
                return 0;
        return pass_over(p, x->ours, &why, e);
}

/* --- the images of an index ----------------------------------------------------------------- */

static bool is_image(const ManifestEntry *entry) {
        return !str_is_empty(entry->os) && !str_eq(entry->os, "unknown") &&
               !attestation_is_about(entry, NULL);
}

/* chosen NULL: all images are. */
static bool is_wanted(const ManifestEntry *entry, const ManifestEntry *chosen) {
        return chosen ? entry == chosen : is_image(entry);
}

/* Of an image that is wanted. */
static bool is_our_attestation(const Pull *p, const ManifestEntry *entry) {
        const ManifestEntry *chosen = p->arch ? manifest_choose(p->index, p->arch) : NULL;
        return attestation_is_about(entry, chosen ? &chosen->descriptor.digest : NULL);
}

/* Only the wanted platform must be complete: registries keep indexes whose other children are gone.
 */
static int fetch_child(void *ctx, size_t i, Err *e) {
        Pull *p = ctx;
        const ManifestEntry *entry = &p->index->entries[i];
        const Descriptor *d = &entry->descriptor;
        _cleanup_free_ char *text = NULL;
        bool wanted = is_wanted(entry, p->arch ? manifest_choose(p->index, p->arch) : NULL);
        Err why = ERR_INIT;
        Descriptor got;
        if (cache_load_blob(p->cache, d, MANIFEST_LIMIT, &text, NULL) == 0)
                return 0;
        if (fetch_manifest(p->session, d->digest.text, d, &got, &text, &why) == 0)
                return cache_put_bytes(p->cache, got.media_type, text, got.size, &got, e);
        if (!wanted && attestation_is_about(entry, NULL))
                return pass_over(p, is_our_attestation(p, entry), &why, e);
        if (why.kind == ERR_NOT_FOUND && !wanted) {
                log_debug("%s is not in the registry", d->digest.text);
                err_clear(&why);
                return 0;
        }
        err_move(e, &why);
        return -1;
}

static int want_child(Pull *p, const ManifestEntry *entry, bool wanted, Err *e) {
        const Descriptor *d = &entry->descriptor;
        _cleanup_free_ char *text = NULL;
        _cleanup_manifest_ Manifest m = { 0 };
        if (cache_load_blob(p->cache, d, MANIFEST_LIMIT, &text, wanted ? e : NULL) < 0 ||
            manifest_parse(text, d->size, d->digest.text, &m, wanted ? e : NULL) < 0)
                return wanted ? -1 : 0;
        if (m.is_index)
                return wanted ? err_set(e, ERR_VERIFY, 0,
                                        "%s: an index inside an index is not supported",
                                        d->digest.text)
                              : 0;
        if (!wanted && attestation_is_about(entry, NULL)) {
                want_attestation(p, &m, is_our_attestation(p, entry));
                return 0;
        }
        return want_image(p, &m, wanted, e);
}

static int want_index(Pull *p, const char *name, Err *e) {
        const Manifest *index = p->index;
        const ManifestEntry *chosen = p->arch ? manifest_choose(index, p->arch) : NULL;
        if (p->arch && !chosen) {
                _cleanup_free_ char *there = manifest_platforms(index);
                err_set(e, ERR_NOT_FOUND, 0, "index %s does not contain target platforms linux/%s",
                        name, p->arch);
                return err_hint(e, "it has %s", *there ? there : "no platforms at all");
        }
        if (pool_run(index->n_entries, PARALLEL, fetch_child, p, e) < 0)
                return -1;
        for (size_t i = 0; i < index->n_entries; i++)
                if (want_child(p, &index->entries[i], is_wanted(&index->entries[i], chosen), e) < 0)
                        return -1;
        return 0;
}

/* --- blobs ---------------------------------------------------------------------------------- */

static int fetch_one(void *ctx, size_t i, Err *e) {
        Pull *p = ctx;
        const Descriptor *d = &p->blobs[i].descriptor;
        Progress *progress = progress_item(p->progress, d->digest.text, d->size);
        int r = fetch_blob(p->session, p->cache, d, progress, e);
        progress_end(progress);
        if (r < 0 || p->blobs[i].role != ROLE_LAYER || !p->options->layer_arrived)
                return r;
        p->options->layer_arrived(p->options->layer_arrived_ctx, d);
        /* whoever unpacks it removes what the disk has spoilt meanwhile */
        return cache_has_blob(p->cache, &d->digest, d->size)
                       ? 0
                       : fetch_blob(p->session, p->cache, d, NULL, e);
}

/* The largest first: begun last it would be alone at the end. */
static int compare_sizes(const void *a, const void *b) {
        const Descriptor *x = &((const Wanted *)a)->descriptor;
        const Descriptor *y = &((const Wanted *)b)->descriptor;
        if (x->size != y->size)
                return x->size < y->size ? 1 : -1;
        return strcmp(x->digest.text, y->digest.text);
}

static int fetch_blobs(Pull *p, const char *name, Err *e) {
        for (size_t i = 0; i < p->n_blobs; i++)
                if (__builtin_add_overflow(p->news, p->blobs[i].descriptor.size, &p->news))
                        return err_set(e, ERR_VERIFY, 0, "impossible sizes");
        if (p->n_blobs)
                qsort(p->blobs, p->n_blobs, sizeof *p->blobs, compare_sizes);
        _cleanup_free_ char *what = xasprintf("pull %s", name);
        p->progress = progress_start(what, p->news);
        /* a thread that unpacks downloads nothing: those that do are counted by session_enter */
        size_t threads = PARALLEL + (p->options->layer_arrived ? pool_threads() : 0);
        int r = pool_run(p->n_blobs, threads, fetch_one, p, e);
        progress_end(p->progress);
        p->progress = NULL;
        return r < 0 ? -1 : pool_run(p->n_extras, PARALLEL, fetch_extra, p, e);
}

/* --- pull ----------------------------------------------------------------------------------- */

static const char *object_of(const Ref *ref) {
        return ref->digest ? ref->digest : ref->tag ? ref->tag : "latest";
}

/* The root object; the caller frees text. */
static int fetch_root(Session *s, const Ref *ref, Descriptor *ret, char **text, Err *e) {
        Descriptor expect = { 0 };
        if (ref->digest)
                digest_parse(ref->digest, &expect.digest);
        return fetch_manifest(s, object_of(ref), ref->digest ? &expect : NULL, ret, text, e);
}

static void say_pulled(const Pull *p) {
        _cleanup_free_ char *fetched = NULL;
        if (p->news == 0)
                fetched = xstrdup(", all of it was there");
        else if (p->news < p->size)
                fetched = xasprintf(", %.1f MB of it new", (double)p->news / 1e6);
        log_info("pulled %s: %zu layer%s, %.1f MB%s", p->name, p->n_layers,
                 p->n_layers == 1 ? "" : "s", (double)p->size / 1e6, fetched ? fetched : "");
}

static int pull(Pull *p, const Ref *ref, Err *e) {
        Descriptor root;
        _cleanup_free_ char *text = NULL;
        _cleanup_manifest_ Manifest m = { 0 };
        if (fetch_root(p->session, ref, &root, &text, e) < 0 ||
            cache_put_bytes(p->cache, root.media_type, text, root.size, &root, e) < 0 ||
            manifest_parse(text, root.size, "manifest", &m, e) < 0)
                return -1;
        p->index = m.is_index ? &m : NULL;
        int r = m.is_index ? want_index(p, ref->text, e) : want_image(p, &m, true, e);
        if (r == 0)
                r = fetch_blobs(p, ref->text, e);
        p->index = NULL;
        if (r < 0 || cache_set_name(p->cache, ref->text, &root, e) < 0)
                return -1;
        say_pulled(p);
        return 0;
}

int registry_pull(Cache *c, const RegistryOptions *o, const char *ref, const char *arch, Err *e) {
        static atomic_flag swept = ATOMIC_FLAG_INIT;
        static const RegistryOptions none;
        _cleanup_ref_ Ref r = { 0 };
        if (ref_parse(ref, &r, e) < 0)
                return -1;
        if (!atomic_flag_test_and_set(&swept))
                partial_sweep(c);
        _cleanup_fd_ int hold = cache_hold(c, e);
        Pull p = { .cache = c, .options = o ? o : &none, .arch = arch, .name = r.text };
        int result = hold < 0 ? -1 : session_for_reading(r.host, r.repo, o, &p.session, e);
        if (result == 0)
                result = pull(&p, &r, e);
        if (result < 0)
                err_wrap(e, "pull %s", r.text);
        free(p.blobs);
        free(p.seen);
        free(p.extras);
        return result;
}

int registry_fetch(Cache *c, const RegistryOptions *o, const char *ref, const Descriptor *d,
                   bool is_manifest, Err *e) {
        _cleanup_ref_ Ref r = { 0 };
        _cleanup_free_ char *text = NULL;
        Session *s;
        Descriptor got;
        if (ref_parse(ref, &r, e) < 0 || session_for_reading(r.host, r.repo, o, &s, e) < 0)
                return -1;
        int result = is_manifest ? fetch_manifest(s, d->digest.text, d, &got, &text, e)
                                 : fetch_blob(s, c, d, NULL, e);
        if (result == 0 && is_manifest)
                result = cache_put_bytes(c, got.media_type, text, got.size, &got, e);
        return result < 0 ? err_wrap(e, "fetch %s", r.text) : 0;
}
