/* cache_reach.c - which blobs the names of a cache need; see cache_internal.h. */
#include "lib/base/mem.h"
#include "lib/oci/cache_internal.h"
#include "lib/oci/manifest.h"

enum { MAX_DEPTH = 3 }; /* index, index inside an index, manifest */

bool reach_has(const Reach *r, const Digest *d) {
        for (size_t i = 0; i < r->n; i++)
                if (digest_eq(&r->digests[i], d))
                        return true;
        return false;
}

static void add(Cache *c, const Descriptor *d, unsigned depth, Reach *r) {
        _cleanup_free_ char *text = NULL;
        _cleanup_manifest_ Manifest m = { 0 };
        _cleanup_err_ Err why = ERR_INIT;
        if (reach_has(r, &d->digest))
                return;
        *vec_push(r->digests, r->n, r->cap) = d->digest;
        if (depth == 0)
                return;
        if (cache_load_blob(c, d, MANIFEST_LIMIT, &text, &why) < 0) {
                if (why.kind != ERR_NOT_FOUND && d->size <= MANIFEST_LIMIT) {
                        r->blind = true;
                        r->blind_at = d->digest;
                }
                return;
        }
        /* with the right digest, what is no manifest leads nowhere */
        if (manifest_parse(text, d->size, d->digest.text, &m, NULL) < 0)
                return;
        for (size_t i = 0; i < m.n_entries; i++)
                add(c, &m.entries[i].descriptor, depth - 1, r);
        if (!m.is_index)
                add(c, &m.config, 0, r);
        for (size_t i = 0; i < m.n_layers; i++)
                add(c, &m.layers[i], 0, r);
}

void reach_add_entry(Cache *c, const json_t *entry, Reach *r) {
        Descriptor d;
        if (descriptor_parse(entry, "index.json", &d, NULL) == 0)
                add(c, &d, MAX_DEPTH, r);
}

void reach_done(Reach *r) {
        free(r->digests);
        *r = (Reach){ 0 };
}
