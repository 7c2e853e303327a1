/* image_store.c - entering an image that was built here: config, manifest, and an index that keeps
 * the other architectures of the same name (pkg.md 5.5). */
#include "lib/base/json.h"
#include "lib/base/ref.h"
#include "lib/base/str.h"
#include "lib/oci/attestation.h"
#include "lib/oci/image.h"
#include "lib/oci/manifest.h"

enum { MAX_MERGES = 1000 };

static int put_json(Cache *c, const char *media_type, const json_t *j, Descriptor *ret, Err *e) {
        _cleanup_free_ char *text = json_dumps(j, JSON_COMPACT);
        if (!text)
                return err_set(e, ERR_INTERNAL, 0, "%s cannot be written as JSON", media_type);
        return cache_put_bytes(c, media_type, text, strlen(text), ret, e);
}

static int put_manifest(Cache *c, const char *config_json, const Descriptor *layers,
                        size_t n_layers, const char *const *annotations, Descriptor *ret, Err *e) {
        Descriptor config;
        if (cache_put_bytes(c, MEDIA_OCI_CONFIG, config_json, strlen(config_json), &config, e) < 0)
                return -1;
        _cleanup_json_ json_t *j =
                json_pack("{s:i, s:s, s:o, s:[]}", "schemaVersion", 2, "mediaType",
                          MEDIA_OCI_MANIFEST, "config", descriptor_json(&config), "layers");
        for (size_t i = 0; i < n_layers; i++)
                json_array_append_new(json_object_get(j, "layers"), descriptor_json(&layers[i]));
        if (annotations && *annotations) {
                json_t *o = json_object();
                for (; annotations[0] && annotations[1]; annotations += 2)
                        json_object_set_new(o, annotations[0], json_string(annotations[1]));
                json_object_set_new(j, "annotations", o);
        }
        return put_json(c, MEDIA_OCI_MANIFEST, j, ret, e);
}

static json_t *make_entry(const Descriptor *d, const char *arch) {
        json_t *j = descriptor_json(d);
        json_object_set_new(j, "platform",
                            json_pack("{s:s, s:s}", "architecture", arch, "os", "linux"));
        return j;
}

static bool list_has(const json_t *list, const char *digest) {
        for (size_t i = 0; i < json_array_size(list); i++)
                if (str_eq(json_str(json_array_get(list, i), "digest"), digest))
                        return true;
        return false;
}

/* True for an attestation whose place ours takes: about the image that goes, or about ours. */
static bool is_superseded(const ManifestEntry *entry, const ManifestEntry *replaced,
                          const Digest *subject) {
        return attestation_is_about(entry, subject) ||
               (replaced && attestation_is_about(entry, &replaced->descriptor.digest));
}

/* The entries of old with ours in place of its architecture's; attestations of images that are gone
 * go with them.  attestation (ours, may be NULL) stands where that of the older image stood. */
static json_t *merge(const Manifest *old, const Descriptor *manifest, const char *arch,
                     json_t *attestation) {
        json_t *list = json_array(), *ours = make_entry(manifest, arch);
        const ManifestEntry *replaced = manifest_choose(old, arch);
        bool attested = false;
        for (size_t i = 0; i < old->n_entries; i++) {
                const ManifestEntry *entry = &old->entries[i];
                if (attestation && is_superseded(entry, replaced, &manifest->digest)) {
                        if (!attested)
                                json_array_append(list, attestation);
                        attested = true;
                } else if (entry == replaced)
                        json_array_append(list, ours);
                else if (!(str_eq(entry->os, "linux") && str_eq(entry->architecture, arch)) &&
                         !digest_eq(&entry->descriptor.digest, &manifest->digest))
                        json_array_append_new(list, json_deep_copy(entry->json));
        }
        if (!replaced)
                json_array_append(list, ours);
        if (attestation && !attested)
                json_array_append(list, attestation);
        json_decref(ours);
        for (size_t i = json_array_size(list); i-- > 0;) {
                const json_t *notes = json_object_get(json_array_get(list, i), "annotations");
                const char *subject = json_str(notes, ATTESTATION_SUBJECT);
                if (subject && !list_has(list, subject))
                        json_array_remove(list, i);
        }
        return list;
}

/* The index that the name has now; *ret stays empty when there is none or it is unreadable. */
static bool read_index(Cache *c, const char *ref, Descriptor *ret_root, Manifest *ret) {
        _cleanup_free_ char *text = NULL;
        if (cache_lookup(c, ref, ret_root, NULL) < 0)
                return false;
        if (cache_load_blob(c, ret_root, MANIFEST_LIMIT, &text, NULL) == 0 &&
            manifest_parse(text, ret_root->size, ref, ret, NULL) == 0 && !ret->is_index)
                manifest_done(ret); /* a plain image is replaced: it cannot be merged with */
        return true;
}

int image_store(Cache *c, const char *ref, const char *arch, const char *config_json,
                const Descriptor *layers, size_t n_layers, const char *const *annotations, Err *e) {
        return image_store_sbom(c, ref, arch, config_json, layers, n_layers, annotations, NULL, e);
}

int image_store_sbom(Cache *c, const char *ref, const char *arch, const char *config_json,
                     const Descriptor *layers, size_t n_layers, const char *const *annotations,
                     const char *spdx, Err *e) {
        _cleanup_ref_ Ref r = { 0 };
        _cleanup_json_ json_t *attestation = NULL;
        Descriptor manifest;
        if (ref_parse(ref, &r, e) < 0)
                return -1;
        _cleanup_fd_ int hold = cache_hold(c, e);
        if (hold < 0 ||
            put_manifest(c, config_json, layers, n_layers, annotations, &manifest, e) < 0 ||
            (spdx &&
             attestation_store(c, r.text, arch, &manifest.digest, spdx, &attestation, e) < 0))
                return err_wrap(e, "store %s", r.text);
        /* Another process may store another architecture meanwhile: then merge with its index. */
        for (unsigned i = 0; i < MAX_MERGES; i++) {
                Descriptor root, fresh;
                _cleanup_manifest_ Manifest old = { 0 };
                bool exists = read_index(c, r.text, &root, &old);
                _cleanup_json_ json_t *index = json_pack("{s:i, s:s, s:o}", "schemaVersion", 2,
                                                         "mediaType", MEDIA_OCI_INDEX, "manifests",
                                                         merge(&old, &manifest, arch, attestation));
                if (put_json(c, MEDIA_OCI_INDEX, index, &fresh, e) < 0)
                        return err_wrap(e, "store %s", r.text);
                int swapped = cache_swap_name(c, r.text, exists ? &root : NULL, &fresh, e);
                if (swapped <= 0)
                        return swapped < 0 ? err_wrap(e, "store %s", r.text) : 0;
        }
        return err_set(e, ERR_IO, 0, "store %s: other processes keep changing it", r.text);
}
