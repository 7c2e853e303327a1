/* image_repair.c - damaged parts of images, fetched again one by one.
 *
 * By digest and not by name: a tag that has moved since would silently turn the repair of one file
 * into an update of the image. */
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/oci/image.h"
#include "lib/oci/manifest.h"

#include <sys/stat.h>

typedef struct Repair {
        const ImageSource *src;
        const char *ref;
} Repair;

static int fetch(const Repair *r, const Descriptor *d, bool is_manifest, Err *e) {
        if (r->src->offline)
                return err_set(e, ERR_NETWORK, 0, "no registry is asked");
        log_info("image %s: fetching %s again", r->ref, d->digest.text);
        cache_drop_blob(r->src->cache, &d->digest);
        return registry_fetch(r->src->cache, r->src->registry, r->ref, d, is_manifest, e);
}

int image_refetch(const ImageSource *src, const char *ref, const Descriptor *d, bool is_manifest,
                  Err *e) {
        const Repair r = { src, ref };
        _cleanup_fd_ int hold = cache_hold(src->cache, e);
        return hold < 0 ? -1 : fetch(&r, d, is_manifest, e);
}

int image_replace(const ImageSource *src, const char *ref, const Descriptor *d, bool is_manifest,
                  Err *e) {
        Err why = ERR_INIT;
        if (image_refetch(src, ref, d, is_manifest, &why) == 0) {
                err_clear(e);
                return 0;
        }
        if (e) {
                ErrKind kind = why.kind == ERR_CANCELLED ? ERR_CANCELLED : ERR_VERIFY;
                _cleanup_free_ char *what = e->text;
                e->text = NULL;
                err_clear(e);
                err_set(e, kind, 0, "%s; fetching it again: %s", what ? what : d->digest.text,
                        why.text ? why.text : "out of memory");
                if (why.hint)
                        err_hint(e, "%s", why.hint);
        }
        err_clear(&why);
        return -1;
}

int image_ensure(const ImageSource *src, const char *ref, const Descriptor *d, bool is_manifest,
                 Err *e) {
        struct stat st;
        _cleanup_free_ char *path = cache_blob_path(src->cache, &d->digest);
        if (cache_has_blob(src->cache, &d->digest, d->size))
                return 0;
        if (lstat(path, &st) < 0)
                return err_set(e, ERR_NOT_FOUND, 0, "%s is not in the cache", d->digest.text);
        err_set(e, ERR_VERIFY, 0, "%s in the cache is not %llu bytes long", d->digest.text,
                (unsigned long long)d->size);
        return image_replace(src, ref, d, is_manifest, e);
}

/* --- all parts ------------------------------------------------------------------------------ */

/* *ret is the manifest or index, from the cache or fetched again. */
static int load_manifest(const Repair *r, const Descriptor *d, Manifest *ret, Err *e) {
        _cleanup_free_ char *text = NULL;
        Cache *c = r->src->cache;
        if (cache_load_blob(c, d, MANIFEST_LIMIT, &text, NULL) < 0 &&
            (fetch(r, d, true, e) < 0 || cache_load_blob(c, d, MANIFEST_LIMIT, &text, e) < 0))
                return -1;
        return manifest_parse(text, d->size, d->digest.text, ret, e);
}

static int repair_image(const Repair *r, const Manifest *m, Err *e) {
        _cleanup_free_ char *text = NULL;
        Cache *c = r->src->cache;
        if (cache_load_blob(c, &m->config, MANIFEST_LIMIT, &text, NULL) < 0 &&
            fetch(r, &m->config, false, e) < 0)
                return -1;
        for (size_t i = 0; i < m->n_layers; i++)
                if (!cache_has_blob(c, &m->layers[i].digest, m->layers[i].size) &&
                    fetch(r, &m->layers[i], false, e) < 0)
                        return -1;
        return 0;
}

int image_repair(const ImageSource *src, const char *ref, Err *e) {
        const Repair r = { src, ref };
        _cleanup_manifest_ Manifest root = { 0 }, m = { 0 };
        Descriptor d;
        _cleanup_fd_ int hold = cache_hold(src->cache, e);
        if (hold < 0 || cache_lookup(src->cache, ref, &d, e) < 0 ||
            load_manifest(&r, &d, &root, e) < 0)
                return -1;
        if (!root.is_index)
                return repair_image(&r, &root, e);
        const ManifestEntry *entry = manifest_choose(&root, src->arch);
        if (!entry)
                return err_set(e, ERR_NOT_FOUND, 0, "the index has no linux/%s", src->arch);
        if (load_manifest(&r, &entry->descriptor, &m, e) < 0)
                return -1;
        return m.is_index ? 0 : repair_image(&r, &m, e);
}
