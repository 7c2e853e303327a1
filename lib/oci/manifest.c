/* manifest.c - see manifest.h.  Everything read here was written by strangers: each type and size
 * is checked, and a text that could be read as both a manifest and an index is refused. */
#include "lib/oci/manifest.h"
#include "lib/base/json.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { MAX_PARTS = 4096 };

int descriptor_parse(const json_t *j, const char *what, Descriptor *ret, Err *e) {
        const char *media = json_str(j, "mediaType");
        const char *digest = json_str(j, "digest");
        const json_t *size = json_object_get(j, "size");
        *ret = (Descriptor){ 0 };
        if (!digest || !digest_parse(digest, &ret->digest))
                return err_set(e, ERR_VERIFY, 0, "%s: \"%s\" is not a sha256 digest", what,
                               digest ? digest : "");
        if (!json_is_integer(size) || json_integer_value(size) < 0)
                return err_set(e, ERR_VERIFY, 0, "%s: %s has no valid size", what, digest);
        ret->size = (uint64_t)json_integer_value(size);
        if (media && strlen(media) >= sizeof ret->media_type)
                return err_set(e, ERR_VERIFY, 0, "%s: media type of %s is too long", what, digest);
        if (media)
                strcpy(ret->media_type, media);
        return 0;
}

json_t *descriptor_json(const Descriptor *d) {
        return json_pack("{s:s, s:I, s:s}", "mediaType", d->media_type, "size", (json_int_t)d->size,
                         "digest", d->digest.text);
}

static int parse_index(const json_t *list, const char *what, Manifest *m, Err *e) {
        size_t n = json_array_size(list);
        m->is_index = true;
        m->entries = xcalloc(n, sizeof *m->entries);
        for (size_t i = 0; i < n; i++) {
                const json_t *j = json_array_get(list, i);
                const json_t *platform = json_object_get(j, "platform");
                ManifestEntry *entry = &m->entries[i];
                if (descriptor_parse(j, what, &entry->descriptor, e) < 0)
                        return -1;
                entry->json = j;
                entry->os = json_str(platform, "os");
                entry->architecture = json_str(platform, "architecture");
                m->n_entries++;
        }
        return 0;
}

static int parse_image(const json_t *config, const json_t *list, const char *what, Manifest *m,
                       Err *e) {
        size_t n = json_array_size(list);
        if (descriptor_parse(config, what, &m->config, e) < 0)
                return -1;
        m->layers = xcalloc(n, sizeof *m->layers);
        for (size_t i = 0; i < n; i++, m->n_layers++)
                if (descriptor_parse(json_array_get(list, i), what, &m->layers[i], e) < 0)
                        return -1;
        return 0;
}

int manifest_parse(const char *text, size_t n, const char *what, Manifest *ret, Err *e) {
        _cleanup_manifest_ Manifest m = { 0 };
        if (n > MANIFEST_LIMIT)
                return err_set(e, ERR_VERIFY, 0, "%s: larger than %d bytes", what, MANIFEST_LIMIT);
        if (json_parse(text, n, what, &m.json, e) < 0)
                return -1;
        const json_t *manifests = json_object_get(m.json, "manifests");
        const json_t *layers = json_object_get(m.json, "layers");
        const json_t *config = json_object_get(m.json, "config");
        if (!manifests == !layers || (manifests && config))
                return err_set(
                        e, ERR_VERIFY, 0, "%s: neither an image manifest nor an index%s", what,
                        json_object_get(m.json, "fsLayers") ? " (Docker schema 1 is not supported)"
                                                            : "");
        const json_t *list = manifests ? manifests : layers;
        if (!json_is_array(list) && !json_is_null(list))
                return err_set(e, ERR_VERIFY, 0, "%s: %s is not a list", what,
                               manifests ? "manifests" : "layers");
        if (json_array_size(list) > MAX_PARTS)
                return err_set(e, ERR_VERIFY, 0, "%s: more than %d parts", what, MAX_PARTS);
        int r = manifests ? parse_index(list, what, &m, e) : parse_image(config, list, what, &m, e);
        if (r < 0)
                return -1;
        *ret = m;
        m = (Manifest){ 0 };
        return 0;
}

void manifest_done(Manifest *m) {
        json_decref(m->json);
        free(m->layers);
        free(m->entries);
        *m = (Manifest){ 0 };
}

const ManifestEntry *manifest_choose(const Manifest *m, const char *arch) {
        for (size_t i = 0; i < m->n_entries; i++)
                if (str_eq(m->entries[i].os, "linux") && str_eq(m->entries[i].architecture, arch))
                        return &m->entries[i];
        return NULL;
}

char *manifest_platforms(const Manifest *m) {
        Buf b = { 0 };
        for (size_t i = 0; i < m->n_entries && b.len < 500; i++) {
                const ManifestEntry *entry = &m->entries[i];
                if (!entry->os || !entry->architecture || str_eq(entry->os, "unknown"))
                        continue;
                buf_addf(&b, "%s%s/%s", b.len ? ", " : "", entry->os, entry->architecture);
        }
        return buf_steal(&b);
}
