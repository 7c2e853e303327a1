/* import_docker.c - archives of `docker save`: manifest.json lists configs and layers by the names
 * of their members (Docker image spec v1.2).
 *
 * Such an archive has no manifest, so one is made; the digests of the layers are those of the bytes
 * as they are in the archive, and what they unpack to must be what the config promises. */
#include <errno.h>
#include <fcntl.h>

#include "lib/base/json.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/oci/import_parts.h"
#include "lib/oci/manifest.h"
#include "lib/oci/unpack.h"

enum { LIST_LIMIT = 16 << 20, MAX_IMAGES = 1000, MAX_LAYERS = 1000, CHUNK = 1 << 18 };

#define MEDIA_LAYER "application/vnd.oci.image.layer.v1.tar"

/* A member that was read: images share layers. */
typedef struct Layer {
        uint64_t offset; /* in the archive: tells members apart */
        Descriptor blob;
        Digest plain;
} Layer;

typedef struct Docker {
        Import *import;
        Layer *layers;
        size_t n, cap;
} Docker;

static int hash_content(const Content *c, Digest *ret, Err *e) {
        _cleanup_free_ char *chunk = xmalloc(CHUNK);
        _cleanup_hash_ Hash *hash = hash_new();
        for (uint64_t at = 0; at < c->size;) {
                size_t n = (size_t)MIN(c->size - at, (uint64_t)CHUNK);
                if (content_read(c, at, chunk, n, e) < 0)
                        return -1;
                hash_update(hash, chunk, n);
                at += n;
        }
        hash_final(hash, ret);
        return 0;
}

/* What the blob unpacks to; its own digest is checked once more on the way. */
static int hash_plain(Docker *d, const Descriptor *blob, Digest *ret, Err *e) {
        uint64_t size;
        _cleanup_fd_ int fd = cache_open_blob(d->import->cache, &blob->digest, e);
        _cleanup_fd_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return -1;
        if (null < 0)
                return err_set(e, ERR_IO, errno, "/dev/null");
        return unpack_run(fd, blob, null, "/dev/null", ret, &size, NULL, e);
}

static int read_layer(Docker *d, const Content *content, Layer *ret, Err *e) {
        unsigned char magic[4] = { 0 };
        const char *suffix = "";
        *ret = (Layer){ .offset = content->offset, .blob.size = content->size };
        if (content_read(content, 0, magic, (size_t)MIN(content->size, sizeof magic), e) < 0 ||
            hash_content(content, &ret->blob.digest, e) < 0)
                return -1;
        ret->plain = ret->blob.digest;
        if (import_blob(d->import, &ret->blob, content, e) < 0)
                return -1;
        if (memcmp(magic, "\x1f\x8b", 2) == 0) /* RFC 1952 2.3.1 */
                suffix = "+gzip";
        else if (memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0) /* RFC 8878 3.1.1 */
                suffix = "+zstd";
        snprintf(ret->blob.media_type, sizeof ret->blob.media_type, "%s%s", MEDIA_LAYER, suffix);
        return *suffix ? hash_plain(d, &ret->blob, &ret->plain, e) : 0;
}

static int find_layer(Docker *d, const char *member, Layer *ret, Err *e) {
        Content content;
        if (!tarball_find(d->import->tar, member, &content))
                return err_set(e, ERR_NOT_FOUND, 0, "the archive has no member %.200s", member);
        for (size_t i = 0; i < d->n; i++)
                if (d->layers[i].offset == content.offset) {
                        *ret = d->layers[i];
                        return 0;
                }
        if (read_layer(d, &content, ret, e) < 0)
                return err_wrap(e, "%.200s", member);
        *vec_push(d->layers, d->n, d->cap) = *ret;
        return 0;
}

/* --- one image ------------------------------------------------------------------------------ */

static int read_config(Docker *d, const char *member, Descriptor *ret, json_t **ret_diffs, Err *e) {
        Content content;
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ json_t *j = NULL;
        if (str_is_empty(member) || !tarball_find(d->import->tar, member, &content))
                return err_set(e, ERR_NOT_FOUND, 0, "the archive has no config %.200s",
                               member ? member : "");
        if (content_load(&content, MANIFEST_LIMIT, &text, e) < 0 ||
            json_parse(text, content.size, "config", &j, e) < 0 ||
            cache_put_bytes(d->import->cache, MEDIA_OCI_CONFIG, text, content.size, ret, e) < 0)
                return err_wrap(e, "%.200s", member);
        json_t *diffs = json_object_get(json_object_get(j, "rootfs"), "diff_ids");
        *ret_diffs = json_is_array(diffs) ? json_incref(diffs) : json_array();
        return 0;
}

static int add_layers(Docker *d, const json_t *members, const json_t *diffs, json_t *list, Err *e) {
        size_t n = json_array_size(members);
        if (n != json_array_size(diffs) || n > MAX_LAYERS)
                return err_set(e, ERR_VERIFY, 0, "%zu layers, but the config names %zu", n,
                               json_array_size(diffs));
        for (size_t i = 0; i < n; i++) {
                const char *member = json_string_value(json_array_get(members, i));
                const char *diff = json_string_value(json_array_get(diffs, i));
                Layer layer;
                if (find_layer(d, member ? member : "", &layer, e) < 0)
                        return -1;
                if (!str_eq(layer.plain.text, diff))
                        return err_set(e, ERR_VERIFY, 0,
                                       "%.200s: the content has digest %s, the config says %.80s",
                                       member, layer.plain.text, diff ? diff : "nothing");
                json_array_append_new(list, descriptor_json(&layer.blob));
        }
        return 0;
}

static int make_manifest(Docker *d, const json_t *image, Descriptor *ret, Err *e) {
        Descriptor config;
        _cleanup_json_ json_t *diffs = NULL;
        if (read_config(d, json_str(image, "Config"), &config, &diffs, e) < 0)
                return -1;
        _cleanup_json_ json_t *j =
                json_pack("{s:i, s:s, s:o, s:[]}", "schemaVersion", 2, "mediaType",
                          MEDIA_OCI_MANIFEST, "config", descriptor_json(&config), "layers");
        if (add_layers(d, json_object_get(image, "Layers"), diffs, json_object_get(j, "layers"),
                       e) < 0)
                return -1;
        _cleanup_free_ char *text = json_dumps(j, JSON_COMPACT);
        if (!text)
                return err_set(e, ERR_INTERNAL, 0, "the manifest cannot be written as JSON");
        return cache_put_bytes(d->import->cache, MEDIA_OCI_MANIFEST, text, strlen(text), ret, e);
}

static int add_image(Docker *d, const json_t *image, Err *e) {
        const json_t *tags = json_object_get(image, "RepoTags");
        const char *forced = d->import->options->name;
        Descriptor root;
        if (!forced && json_array_size(tags) == 0)
                return 0;
        if (make_manifest(d, image, &root, e) < 0)
                return -1;
        if (forced)
                return import_name(d->import, forced, &root, e);
        for (size_t i = 0; i < json_array_size(tags); i++) {
                const char *tag = json_string_value(json_array_get(tags, i));
                if (import_name(d->import, tag ? tag : "", &root, e) < 0)
                        return -1;
        }
        return 0;
}

int import_docker(Import *import, const Content *manifest_json, Err *e) {
        Docker d = { .import = import };
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ json_t *list = NULL;
        if (content_load(manifest_json, LIST_LIMIT, &text, e) < 0 ||
            json_parse(text, manifest_json->size, "manifest.json", &list, e) < 0)
                return -1;
        size_t n = json_array_size(list);
        if (!json_is_array(list) || n > MAX_IMAGES)
                return err_set(e, ERR_VERIFY, 0, "manifest.json: not a list of images");
        if (import->options->name && n > 1)
                return err_set(e, ERR_USAGE, 0,
                               "--name names one image, and the archive has %zu of them", n);
        int r = 0;
        for (size_t i = 0; r == 0 && i < n; i++)
                r = add_image(&d, json_array_get(list, i), e);
        free(d.layers);
        return r;
}
