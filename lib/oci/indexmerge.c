/* indexmerge.c - see indexmerge.h. */
#include "lib/oci/indexmerge.h"
#include "lib/base/json.h"
#include "lib/oci/attestation.h"

static bool has_digest(const Manifest *m, const Digest *d) {
        for (size_t i = 0; i < m->n_entries; i++)
                if (digest_eq(&m->entries[i].descriptor.digest, d))
                        return true;
        return false;
}

static bool has_all(const Manifest *m, const Manifest *of) {
        for (size_t i = 0; i < of->n_entries; i++)
                if (!has_digest(m, &of->entries[i].descriptor.digest))
                        return false;
        return true;
}

static bool same_platform(const ManifestEntry *a, const ManifestEntry *b) {
        const char *x = json_str(json_object_get(a->json, "platform"), "variant");
        const char *y = json_str(json_object_get(b->json, "platform"), "variant");
        return str_eq(a->os, b->os) && str_eq(a->architecture, b->architecture) &&
               str_eq(x ? x : "", y ? y : "");
}

/* What has no platform replaces nothing. */
static bool has_platform(const Manifest *m, const ManifestEntry *of) {
        if (!of->os && !of->architecture)
                return false;
        for (size_t i = 0; i < m->n_entries; i++)
                if (!attestation_is_about(&m->entries[i], NULL) &&
                    same_platform(&m->entries[i], of))
                        return true;
        return false;
}

static bool list_has(const json_t *list, const char *digest) {
        for (size_t i = 0; i < json_array_size(list); i++)
                if (str_eq(json_str(json_array_get(list, i), "digest"), digest))
                        return true;
        return false;
}

/* Attestations come last, so their subjects are all there when they are looked at. */
static void add_remote(json_t *list, const Manifest *local, const Manifest *remote,
                       bool attestations) {
        for (size_t i = 0; i < remote->n_entries; i++) {
                const ManifestEntry *entry = &remote->entries[i];
                const char *digest = entry->descriptor.digest.text;
                const char *subject =
                        json_str(json_object_get(entry->json, "annotations"), ATTESTATION_SUBJECT);
                bool about = attestation_is_about(entry, NULL);
                if (about != attestations || list_has(list, digest))
                        continue;
                if (about ? list_has(list, subject) : !has_platform(local, entry))
                        json_array_append_new(list, json_deep_copy(entry->json));
        }
}

static json_t *make_list(const Manifest *local, const Manifest *remote) {
        json_t *list = json_array();
        for (size_t i = 0; i < local->n_entries; i++)
                json_array_append_new(list, json_deep_copy(local->entries[i].json));
        add_remote(list, local, remote, false);
        for (size_t i = local->n_entries; i-- > 0;) {
                const json_t *notes = json_object_get(local->entries[i].json, "annotations");
                const char *subject = json_str(notes, ATTESTATION_SUBJECT);
                if (attestation_is_about(&local->entries[i], NULL) && !list_has(list, subject))
                        json_array_remove(list, i);
        }
        add_remote(list, local, remote, true);
        return list;
}

IndexMerge index_merge(const Manifest *local, const Manifest *remote, json_t **ret) {
        *ret = NULL;
        if (has_all(remote, local))
                return MERGE_REMOTE;
        json_t *list = make_list(local, remote);
        if (json_equal(list, json_object_get(local->json, "manifests"))) {
                json_decref(list);
                return MERGE_LOCAL;
        }
        *ret = json_deep_copy(local->json);
        json_object_set_new(*ret, "manifests", list);
        return MERGE_NEW;
}
