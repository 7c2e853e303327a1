/* import.c - see import.h.  An index may name platforms that the archive leaves out: that is how
 * one platform of a larger image travels.  At least one of its images must be whole.
 *
 * Descriptors come from a stranger, so every blob is hashed on its way into the cache. */
#include "lib/oci/import.h"

#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/ref.h"
#include "lib/base/str.h"
#include "lib/oci/attestation.h"
#include "lib/oci/import_parts.h"
#include "lib/oci/manifest.h"

#define FULL_NAME "io.containerd.image.name"
#define REF_NAME  "org.opencontainers.image.ref.name"

enum {
        INDEX_LIMIT = 16 << 20,
        LOCK_LIMIT = 16 << 20,
        MAX_IMAGES = 10000,
        MAX_DEPTH = 3,
        CHECK_ALWAYS = 1 << 18
};

/* --- blobs ---------------------------------------------------------------------------------- */

static bool cached_is_good(Cache *c, const Descriptor *d) {
        Digest got;
        _cleanup_fd_ int fd = cache_open_blob(c, &d->digest, NULL);
        return fd >= 0 && hash_fd(fd, &got, NULL, NULL) == 0 && digest_eq(&got, &d->digest);
}

int import_blob(Import *i, const Descriptor *d, const Content *content, Err *e) {
        /* configs are small and nothing unpacks them: always */
        bool check = i->options->check || d->size <= CHECK_ALWAYS;
        if (cache_has_blob(i->cache, &d->digest, d->size) &&
            (!check || cached_is_good(i->cache, d)))
                return 0;
        if (!content)
                return err_set(e, ERR_NOT_FOUND, 0, "%s is neither in the archive nor in the cache",
                               d->digest.text);
        _cleanup_sink_ Sink *sink = NULL;
        if (content->size != d->size)
                return err_set(e, ERR_VERIFY, 0, "%s: %llu bytes instead of the promised %llu",
                               d->digest.text, (unsigned long long)content->size,
                               (unsigned long long)d->size);
        if (cache_blob_sink(i->cache, d, NULL, &sink, e) < 0 || sink_content(sink, content, e) < 0)
                return -1;
        return sink_finish(sink, e);
}

static const Content *find_blob(const Import *i, const Descriptor *d, Content *ret) {
        _cleanup_free_ char *name = xasprintf("blobs/sha256/%s", digest_hex(&d->digest));
        return tarball_find(i->tar, name, ret) ? ret : NULL;
}

static int take_blob(Import *i, const Descriptor *d, Err *e) {
        Content content;
        return import_blob(i, d, find_blob(i, d, &content), e);
}

/* --- manifests ------------------------------------------------------------------------------ */

static int take_object(Import *i, const Descriptor *d, unsigned depth, Err *e);

static int take_image(Import *i, const Manifest *m, Err *e) {
        if (take_blob(i, &m->config, e) < 0)
                return -1;
        for (size_t k = 0; k < m->n_layers; k++)
                if (take_blob(i, &m->layers[k], e) < 0)
                        return -1;
        return 0;
}

/* What is missing may be missing; what is wrong is an error. */
static int take_children(Import *i, const Manifest *m, unsigned depth, Err *e) {
        _cleanup_err_ Err first = ERR_INIT;
        bool complete = m->n_entries == 0;
        for (size_t k = 0; k < m->n_entries; k++) {
                _cleanup_err_ Err why = ERR_INIT;
                const ManifestEntry *entry = &m->entries[k];
                if (take_object(i, &entry->descriptor, depth - 1, &why) == 0) {
                        complete |= !attestation_is_about(entry, NULL);
                        continue;
                }
                if (why.kind != ERR_NOT_FOUND) {
                        err_move(e, &why);
                        return -1;
                }
                log_debug("%s: %s", i->path, why.text);
                if (!first.text)
                        err_move(&first, &why);
        }
        if (complete)
                return 0;
        err_move(e, &first);
        return -1;
}

static int take_object(Import *i, const Descriptor *d, unsigned depth, Err *e) {
        Content content;
        _cleanup_free_ char *text = NULL;
        _cleanup_manifest_ Manifest m = { 0 };
        Descriptor stored;
        if (d->size > MANIFEST_LIMIT)
                return err_set(e, ERR_VERIFY, 0, "%s: larger than %d bytes", d->digest.text,
                               MANIFEST_LIMIT);
        if (!find_blob(i, d, &content)) {
                if (cache_load_blob(i->cache, d, MANIFEST_LIMIT, &text, NULL) < 0)
                        return err_set(e, ERR_NOT_FOUND, 0,
                                       "%s is neither in the archive nor in the cache",
                                       d->digest.text);
        } else {
                Digest got;
                if (content_load(&content, MANIFEST_LIMIT, &text, e) < 0)
                        return err_wrap(e, "%s", d->digest.text);
                hash_bytes(text, content.size, &got);
                if (content.size != d->size || !digest_eq(&got, &d->digest))
                        return err_set(e, ERR_VERIFY, 0, "%s: the content has digest %s",
                                       d->digest.text, got.text);
        }
        if (manifest_parse(text, d->size, d->digest.text, &m, e) < 0)
                return -1;
        if (m.is_index && depth == 0)
                return err_set(e, ERR_VERIFY, 0, "%s: indexes inside indexes", d->digest.text);
        if ((m.is_index ? take_children(i, &m, depth, e) : take_image(i, &m, e)) < 0)
                return -1;
        return cache_put_bytes(i->cache, d->media_type, text, d->size, &stored, e);
}

/* --- names ---------------------------------------------------------------------------------- */

int import_name(Import *i, const char *name, const Descriptor *root, Err *e) {
        _cleanup_ref_ Ref ref = { 0 };
        if (ref_parse(name, &ref, e) < 0)
                return -1;
        Imported *r = i->result;
        if (r->n == MAX_IMAGES)
                return err_set(e, ERR_VERIFY, 0, "more than %d images", MAX_IMAGES);
        *vec_push(r->images, r->n, r->cap) =
                (ImportedImage){ .name = xstrdup(ref.text), .root = *root };
        return 0;
}

/* containerd's annotation is the whole name, also where the other one is only the tag. */
static const char *name_of(const Import *i, const json_t *entry) {
        const json_t *notes = json_object_get(entry, "annotations");
        const char *full = json_str(notes, FULL_NAME), *ref = json_str(notes, REF_NAME);
        if (i->options->name)
                return i->options->name;
        return str_is_empty(full) ? str_is_empty(ref) ? NULL : ref : full;
}

/* A name without media type gets the right one: it would be handed on in every later export. */
static void complete_type(const Import *i, Descriptor *d) {
        _cleanup_free_ char *text = NULL;
        _cleanup_manifest_ Manifest m = { 0 };
        if (d->media_type[0] || cache_load_blob(i->cache, d, MANIFEST_LIMIT, &text, NULL) < 0 ||
            manifest_parse(text, d->size, "manifest", &m, NULL) < 0)
                return;
        const char *said = json_str(m.json, "mediaType");
        const char *type = said ? said : m.is_index ? MEDIA_OCI_INDEX : MEDIA_OCI_MANIFEST;
        if (strlen(type) < sizeof d->media_type)
                strcpy(d->media_type, type);
}

static int take_entry(Import *i, const json_t *entry, Err *e) {
        Descriptor d;
        const char *name = name_of(i, entry);
        if (descriptor_parse(entry, "index.json", &d, e) < 0)
                return -1;
        if (!name) {
                log_warn("%s: %s has no name and is passed over", i->path, d.digest.text);
                return 0;
        }
        if (take_object(i, &d, MAX_DEPTH, e) < 0)
                return err_wrap(e, "image %s", name);
        complete_type(i, &d);
        return import_name(i, name, &d, e);
}

static int import_layout(Import *i, const json_t *list, Err *e) {
        for (size_t k = 0; k < json_array_size(list); k++)
                if (take_entry(i, json_array_get(list, k), e) < 0)
                        return -1;
        return 0;
}

/* --- the archive ---------------------------------------------------------------------------- */

static int read_index(const Import *i, const Content *content, json_t **ret, Err *e) {
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ json_t *j = NULL;
        if (content_load(content, INDEX_LIMIT, &text, e) < 0 ||
            json_parse(text, content->size, "index.json", &j, e) < 0)
                return -1;
        const json_t *list = json_object_get(j, "manifests");
        if (list && !json_is_array(list) && !json_is_null(list))
                return err_set(e, ERR_VERIFY, 0, "index.json: manifests is not a list");
        if (json_array_size(list) > MAX_IMAGES)
                return err_set(e, ERR_VERIFY, 0, "index.json: more than %d images", MAX_IMAGES);
        if (i->options->name && json_array_size(list) > 1)
                return err_set(e, ERR_USAGE, 0,
                               "--name names one image, and the archive has %zu of them",
                               json_array_size(list));
        *ret = take(j);
        return 0;
}

static int read_archive(Import *i, Err *e) {
        Content index, manifest, lock;
        _cleanup_json_ json_t *j = NULL;
        bool has_index = tarball_find(i->tar, "index.json", &index);
        bool has_manifest = tarball_find(i->tar, "manifest.json", &manifest);
        if (!has_index && !has_manifest) {
                err_set(e, ERR_VERIFY, 0, "neither an OCI image layout nor an archive of docker");
                return err_hint(e, "it has no member index.json and no manifest.json");
        }
        if (has_index && read_index(i, &index, &j, e) < 0)
                return -1;
        const json_t *list = json_object_get(j, "manifests");
        if (json_array_size(list) > 0 && import_layout(i, list, e) < 0)
                return -1;
        if (i->result->n == 0 && has_manifest && import_docker(i, &manifest, e) < 0)
                return -1;
        if (i->result->n == 0) {
                err_set(e, ERR_NOT_FOUND, 0, "the archive names no image");
                return err_hint(e, "--name REF gives one image without a name a name");
        }
        if (tarball_find(i->tar, "linuxkit.lock", &lock)) {
                if (content_load(&lock, LOCK_LIMIT, &i->result->lock, e) < 0)
                        return err_wrap(e, "linuxkit.lock");
                i->result->lock_len = lock.size;
        }
        return 0;
}

static int set_names(Import *i, Err *e) {
        for (size_t k = 0; k < i->result->n; k++) {
                ImportedImage *image = &i->result->images[k];
                Descriptor old;
                bool other = i->options->keep_names &&
                             cache_lookup(i->cache, image->name, &old, NULL) == 0 &&
                             !digest_eq(&old.digest, &image->root.digest);
                if (other && !strchr(image->name, '@')) {
                        char *pinned = xasprintf("%s@%s", image->name, image->root.digest.text);
                        free(image->name);
                        image->name = pinned;
                }
                if (cache_set_name(i->cache, image->name, &image->root, e) < 0)
                        return -1;
        }
        return 0;
}

int import_archive(Cache *c, const char *path, const ImportOptions *o, Imported *ret, Err *e) {
        const char *what = str_eq(path, "-") ? "standard input" : path;
        _cleanup_tarball_ Tarball *tar = NULL;
        _cleanup_imported_ Imported result = { 0 };
        _cleanup_fd_ int hold = cache_hold(c, e);
        if (hold < 0 || tarball_open(c, path, &tar, e) < 0)
                return err_wrap(e, "import");
        Import i = { .cache = c, .tar = tar, .path = what, .options = o, .result = &result };
        if (read_archive(&i, e) < 0 || set_names(&i, e) < 0)
                return err_wrap(e, "import %s", what);
        *ret = result;
        result = (Imported){ 0 };
        return 0;
}

void imported_done(Imported *i) {
        for (size_t k = 0; k < i->n; k++)
                free(i->images[k].name);
        free(i->images);
        free(i->lock);
        *i = (Imported){ 0 };
}
