/* ocitar.c - see ocitar.h.  Both annotations carry the full name: containerd, docker and the
 * original LinuxKit read one of them, skopeo and podman the other. */
#include "lib/build/ocitar.h"

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/fs/tar.h"
#include "lib/oci/manifest.h"

enum { CHUNK = 1 << 18 };

#define LAYOUT "{\n   \"imageLayoutVersion\": \"1.0.0\"\n}"

static int add_dir(const char *name, Sink *out, Err *e) {
        const Entry entry = { .name = name, .type = ENTRY_DIR, .mode = 0755 };
        return tar_write_entry(out, &entry, e);
}

int ocitar_bytes(const char *name, const void *p, size_t n, Sink *out, Err *e) {
        const Entry entry = {
                .name = name, .type = ENTRY_FILE, .mode = 0644, .content = content_bytes(p, n)
        };
        return tar_write_entry(out, &entry, e);
}

/* Unlike the layers of a build these bytes are nowhere unpacked, hence nowhere else verified. */
static int copy_verified(const Descriptor *d, int fd, Sink *out, Err *e) {
        _cleanup_free_ char *chunk = xmalloc(CHUNK);
        _cleanup_hash_ Hash *hash = hash_new();
        Digest got;
        for (uint64_t at = 0; at < d->size;) {
                const Blob blob = { .id = d->digest, .fd = fd, .size = d->size };
                const Content content = { .blob = &blob, .size = d->size };
                size_t n = (size_t)MIN(d->size - at, (uint64_t)CHUNK);
                if (content_read(&content, at, chunk, n, e) < 0)
                        return -1;
                hash_update(hash, chunk, n);
                if (sink_write(out, chunk, n, e) < 0)
                        return -1;
                at += n;
        }
        hash_final(hash, &got);
        if (!digest_eq(&got, &d->digest))
                return err_set(e, ERR_VERIFY, 0, "%s in the cache has digest %s", d->digest.text,
                               got.text);
        return 0;
}

int ocitar_blob(Cache *c, const char *name, const Descriptor *d, Sink *out, Err *e) {
        const Entry entry = { .name = name, .type = ENTRY_FILE, .mode = 0644 };
        _cleanup_err_ Err why = ERR_INIT;
        _cleanup_fd_ int fd = cache_open_blob(c, &d->digest, e);
        if (fd < 0 || tar_write_stream(out, &entry, d->size, e) < 0)
                return -1;
        if (copy_verified(d, fd, out, &why) == 0)
                return sink_zero(out, -d->size % 512, e);
        if (why.kind == ERR_VERIFY) {
                cache_drop_blob(c, &d->digest);
                err_hint(&why, "the blob was damaged and is removed; pull the image again");
        }
        err_move(e, &why);
        return -1;
}

static int add_index(const OciTarImage *images, size_t n, Sink *out, Err *e) {
        _cleanup_free_ char *text = NULL;
        json_t *list = json_array();
        for (size_t i = 0; i < n; i++) {
                json_t *entry = descriptor_json(&images[i].root);
                json_object_set_new(entry, "annotations",
                                    json_pack("{s:s, s:s}", "io.containerd.image.name",
                                              images[i].name, "org.opencontainers.image.ref.name",
                                              images[i].name));
                json_array_append_new(list, entry);
        }
        json_t *index = json_pack("{s:i, s:s, s:o}", "schemaVersion", 2, "mediaType",
                                  MEDIA_OCI_INDEX, "manifests", list);
        text = json_dumps(index, JSON_INDENT(3));
        json_decref(index);
        if (!text)
                return err_set(e, ERR_INTERNAL, 0, "index.json cannot be written as JSON");
        return ocitar_bytes("index.json", text, strlen(text), out, e);
}

int ocitar_write(Cache *c, const Contents *list, const OciTarImage *images, size_t n,
                 const char *lock, size_t lock_len, Sink *out, Err *e) {
        if (ocitar_bytes("oci-layout", LAYOUT, strlen(LAYOUT), out, e) < 0 ||
            add_dir("blobs/", out, e) < 0 || add_dir("blobs/sha256/", out, e) < 0)
                return -1;
        for (size_t i = 0; i < list->n; i++) {
                const Descriptor *d = &list->items[i];
                _cleanup_free_ char *name = xasprintf("blobs/sha256/%s", digest_hex(&d->digest));
                if (ocitar_blob(c, name, d, out, e) < 0)
                        return -1;
        }
        if (add_index(images, n, out, e) < 0 ||
            (lock && ocitar_bytes("linuxkit.lock", lock, lock_len, out, e) < 0))
                return -1;
        return tar_write_end(out, e);
}
