/* registry.c - pulling: which objects an image needs, and in which order they may enter the cache.
 *
 * The name is set last, so an interrupted pull leaves blobs that the next one finds, never a name
 * with holes.  Attestations are the exception: they come along when they can, and are warned about
 * when not.  How a single object is asked for is session.c. */
#include "lib/oci/registry.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/pool.h"
#include "lib/base/ref.h"
#include "lib/base/str.h"
#include "lib/oci/attestation.h"
#include "lib/oci/manifest.h"
#include "lib/oci/session.h"

enum { PARALLEL = 4 };

/* A part of an attestation: wanted, not needed. */
typedef struct Extra {
        Descriptor descriptor;
        bool ours; /* about the image that is pulled: worth a warning */
} Extra;

typedef struct Pull {
        Cache *cache;
        Session *session;
        const char *arch;
        Descriptor *blobs; /* configs and layers that are wanted */
        size_t n_blobs, cap_blobs;
        Extra *extras;
        size_t n_extras, cap_extras;
        const char *name; /* for messages */
        const Manifest *index;
        Progress *progress;
} Pull;

void registry_cancel(void) {
        http_cancel();
}

static void want(Pull *p, const Descriptor *d) {
        for (size_t i = 0; i < p->n_blobs; i++)
                if (digest_eq(&p->blobs[i].digest, &d->digest))
                        return;
        if (!cache_has_blob(p->cache, &d->digest, d->size))
                *vec_push(p->blobs, p->n_blobs, p->cap_blobs) = *d;
}

/* A damaged config would pass for a good one by its size; it is small, so it is read. */
static int want_config(Pull *p, const Descriptor *d, Err *e) {
        if (d->size > MANIFEST_LIMIT)
                return err_set(e, ERR_VERIFY, 0, "config %s: larger than %d bytes", d->digest.text,
                               MANIFEST_LIMIT);
        _cleanup_free_ char *text = NULL;
        if (cache_load_blob(p->cache, d, MANIFEST_LIMIT, &text, NULL) < 0)
                cache_drop_blob(p->cache, &d->digest);
        want(p, d);
        return 0;
}

static int want_image(Pull *p, const Manifest *m, bool layers, Err *e) {
        if (want_config(p, &m->config, e) < 0)
                return -1;
        for (size_t i = 0; layers && i < m->n_layers; i++)
                want(p, &m->layers[i]);
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
        if (session_blob(p->session, p->cache, &x->descriptor, NULL, &why) == 0)
                return 0;
        return pass_over(p, x->ours, &why, e);
}

/* --- the images of an index ----------------------------------------------------------------- */

/* Only the wanted platform must be complete: registries keep indexes whose other children are gone.
 */
static int fetch_child(void *ctx, size_t i, Err *e) {
        Pull *p = ctx;
        const ManifestEntry *entry = &p->index->entries[i];
        const Descriptor *d = &entry->descriptor;
        _cleanup_free_ char *text = NULL;
        const ManifestEntry *chosen = manifest_choose(p->index, p->arch);
        Err ignored = ERR_INIT;
        if (cache_load_blob(p->cache, d, MANIFEST_LIMIT, &text, NULL) == 0)
                return 0;
        Descriptor got;
        if (session_manifest(p->session, p->cache, d->digest.text, d, &got, &text, &ignored) == 0)
                return 0;
        if (entry != chosen && attestation_is_about(entry, NULL))
                return pass_over(p, attestation_is_about(entry, &chosen->descriptor.digest),
                                 &ignored, e);
        if (ignored.kind == ERR_NOT_FOUND && entry != chosen) {
                log_debug("%s is not in the registry", d->digest.text);
                err_clear(&ignored);
                return 0;
        }
        err_move(e, &ignored);
        return -1;
}

static int want_index(Pull *p, const char *name, Err *e) {
        const Manifest *index = p->index;
        const ManifestEntry *chosen = manifest_choose(index, p->arch);
        if (!chosen) {
                _cleanup_free_ char *there = manifest_platforms(index);
                err_set(e, ERR_NOT_FOUND, 0, "index %s does not contain target platforms linux/%s",
                        name, p->arch);
                return err_hint(e, "it has %s", *there ? there : "no platforms at all");
        }
        if (pool_run(index->n_entries, PARALLEL, fetch_child, p, e) < 0)
                return -1;
        for (size_t i = 0; i < index->n_entries; i++) {
                const Descriptor *d = &index->entries[i].descriptor;
                _cleanup_free_ char *text = NULL;
                _cleanup_manifest_ Manifest m = { 0 };
                bool wanted = &index->entries[i] == chosen;
                if (cache_load_blob(p->cache, d, MANIFEST_LIMIT, &text, wanted ? e : NULL) < 0 ||
                    manifest_parse(text, d->size, d->digest.text, &m, wanted ? e : NULL) < 0) {
                        if (wanted)
                                return -1;
                        continue;
                }
                if (!wanted && !m.is_index && attestation_is_about(&index->entries[i], NULL)) {
                        want_attestation(p, &m,
                                         attestation_is_about(&index->entries[i],
                                                              &chosen->descriptor.digest));
                        continue;
                }
                if (m.is_index) {
                        if (wanted)
                                return err_set(e, ERR_VERIFY, 0,
                                               "%s: an index inside an index is not supported",
                                               d->digest.text);
                        continue;
                }
                if (want_image(p, &m, wanted, e) < 0)
                        return -1;
        }
        return 0;
}

/* --- blobs ---------------------------------------------------------------------------------- */

static int fetch_blob(void *ctx, size_t i, Err *e) {
        Pull *p = ctx;
        return session_blob(p->session, p->cache, &p->blobs[i], p->progress, e);
}

static int fetch_blobs(Pull *p, const char *name, Err *e) {
        uint64_t total = 0;
        for (size_t i = 0; i < p->n_blobs; i++)
                if (__builtin_add_overflow(total, p->blobs[i].size, &total))
                        return err_set(e, ERR_VERIFY, 0, "impossible sizes");
        _cleanup_free_ char *what = xasprintf("pull %s", name);
        p->progress = progress_start(what, total);
        int r = pool_run(p->n_blobs, PARALLEL, fetch_blob, p, e);
        progress_end(p->progress);
        p->progress = NULL;
        return r < 0 ? -1 : pool_run(p->n_extras, PARALLEL, fetch_extra, p, e);
}

static int pull(Pull *p, const Ref *ref, Err *e) {
        const char *object = ref->digest ? ref->digest : ref->tag ? ref->tag : "latest";
        Descriptor expect = { 0 }, root;
        _cleanup_free_ char *text = NULL;
        _cleanup_manifest_ Manifest m = { 0 };
        if (ref->digest)
                digest_parse(ref->digest, &expect.digest);
        if (session_manifest(p->session, p->cache, object, ref->digest ? &expect : NULL, &root,
                             &text, e) < 0 ||
            manifest_parse(text, root.size, "manifest", &m, e) < 0)
                return -1;
        p->index = m.is_index ? &m : NULL;
        int r = m.is_index ? want_index(p, ref->text, e) : want_image(p, &m, true, e);
        if (r == 0)
                r = fetch_blobs(p, ref->text, e);
        p->index = NULL;
        return r < 0 ? -1 : cache_set_name(p->cache, ref->text, &root, e);
}

int registry_pull(Cache *c, const RegistryOptions *o, const char *ref, const char *arch, Err *e) {
        _cleanup_ref_ Ref r = { 0 };
        if (ref_parse(ref, &r, e) < 0)
                return -1;
        _cleanup_fd_ int hold = cache_hold(c, e);
        Pull p = { .cache = c, .arch = arch, .name = r.text };
        int result = hold < 0 ? -1 : session_new(r.host, r.repo, o, &p.session, e);
        if (result == 0)
                result = pull(&p, &r, e);
        if (result < 0)
                err_wrap(e, "pull %s", r.text);
        session_free(p.session);
        free(p.blobs);
        free(p.extras);
        return result;
}
