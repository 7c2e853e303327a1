/* ocilayout.c - a volume that holds an image as an OCI image layout instead of its files (yaml.md
 * 14).
 *
 * The index blob stays as it is, so it may name platforms whose blobs were left out. mtime is 0
 * here. */
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/oci/attestation.h"
#include "lib/oci/cache.h"
#include "lib/oci/manifest.h"
#include "lib/rootfs/assembly.h"
#include "lib/rootfs/jsonout.h"

#include <errno.h>

typedef struct Platform {
        const char *text, *os, *architecture, *variant; /* variant NULL: any */
        bool found;
} Platform;

typedef struct Layout {
        Assembly *a;
        const Volume *volume;
        const char *prefix;
        Maker maker;
        Platform *platforms;
        size_t n_platforms; /* 0: all */
        Descriptor root;
} Layout;

static int parse_platform(Layout *l, const Str *item, Platform *ret, Err *e) {
        char *text = arena_strdup(l->a->arena, item->text);
        char *architecture = strchr(text, '/');
        char *variant = architecture ? strchr(architecture + 1, '/') : NULL;
        if (architecture)
                *architecture++ = '\0';
        if (variant)
                *variant++ = '\0';
        if (str_is_empty(text) || str_is_empty(architecture) ||
            (variant && (*variant == '\0' || strchr(variant, '/'))))
                return spec_err(e, item->pos, "failed to parse platform %s", item->text);
        *ret = (Platform){ item->text, text, architecture, variant, false };
        return 0;
}

/* Makes sure that the cache holds the image for one architecture. ret_root may be NULL. */
static int fetch(Layout *l, const char *arch, bool pull, Descriptor *ret_root, Err *e) {
        ImageSource source = l->a->options->images;
        Image *image = NULL;
        source.arch = arch;
        source.pull = pull;
        if (image_get(&source, l->volume->image.ref, &image, e) < 0)
                return -1;
        if (ret_root)
                *ret_root = image->root;
        image_free(image);
        return 0;
}

static int load_manifest(Layout *l, const Descriptor *d, Manifest *ret, Err *e) {
        _cleanup_free_ char *text = NULL;
        const ImageSource *source = &l->a->options->images;
        _cleanup_err_ Err why = ERR_INIT;
        if (cache_load_blob(source->cache, d, MANIFEST_LIMIT, &text, &why) < 0) {
                bool damaged = why.kind == ERR_VERIFY;
                err_move(e, &why);
                if (!damaged || image_replace(source, l->volume->image.ref, d, true, e) < 0 ||
                    cache_load_blob(source->cache, d, MANIFEST_LIMIT, &text, e) < 0)
                        return -1;
        }
        return manifest_parse(text, d->size, d->digest.text, ret, e);
}

/* Unlike the layers of a tree these bytes are nowhere unpacked, hence nowhere verified. */
static int open_verified(Cache *c, const Descriptor *d, Err *e) {
        _cleanup_fd_ int fd = cache_open_blob(c, &d->digest, e);
        Digest got;
        uint64_t size;
        if (fd < 0)
                return -1;
        if (hash_fd(fd, &got, &size, e) < 0)
                return err_set(e, ERR_VERIFY, errno, "read %s", d->digest.text);
        if (!digest_eq(&got, &d->digest) || size != d->size)
                return err_set(e, ERR_VERIFY, 0, "%s in the cache has digest %s", d->digest.text,
                               got.text);
        return fd_take(&fd);
}

static int add_blob(Layout *l, const Descriptor *d, bool is_manifest, Err *e) {
        const ImageSource *source = &l->a->options->images;
        Content content;
        if (image_ensure(source, l->volume->image.ref, d, is_manifest, e) < 0) {
                if (e && e->kind != ERR_NOT_FOUND)
                        return err_wrap(e, "image %s", l->volume->image.ref);
                err_set(e, ERR_NOT_FOUND, 0, "blob %s of image %s is not in the cache",
                        d->digest.text, l->volume->image.ref);
                return err_hint(e, "list the wanted `platforms` in the volume");
        }
        int fd = open_verified(source->cache, d, e);
        if (fd < 0 && e && e->kind == ERR_VERIFY) {
                if (image_replace(source, l->volume->image.ref, d, is_manifest, e) < 0)
                        return err_wrap(e, "image %s", l->volume->image.ref);
                fd = open_verified(source->cache, d, e);
        }
        if (fd < 0 || assembly_blob(l->a, fd, &d->digest, &content, e) < 0)
                return -1;
        make_file(&l->maker,
                  arena_printf(l->a->arena, "%sblobs/sha256/%s", l->prefix, digest_hex(&d->digest)),
                  0644, content);
        return 0;
}

/* Config, layers, manifest. Anything but an image manifest is passed over. */
static int add_manifest(Layout *l, const Descriptor *d, Err *e) {
        _cleanup_manifest_ Manifest m = { 0 };
        if (load_manifest(l, d, &m, e) < 0)
                return -1;
        if (m.is_index)
                return 0;
        if (add_blob(l, &m.config, false, e) < 0)
                return -1;
        for (size_t i = 0; i < m.n_layers; i++)
                if (add_blob(l, &m.layers[i], false, e) < 0)
                        return -1;
        return add_blob(l, d, true, e);
}

static bool is_wanted(Layout *l, const ManifestEntry *entry) {
        const char *variant = json_string_value(
                json_object_get(json_object_get(entry->json, "platform"), "variant"));
        bool wanted = l->n_platforms == 0;
        for (size_t i = 0; i < l->n_platforms; i++) {
                Platform *p = &l->platforms[i];
                if (!str_eq(p->os, entry->os) || !str_eq(p->architecture, entry->architecture) ||
                    (p->variant && !str_eq(p->variant, variant)))
                        continue;
                p->found = true;
                wanted = true;
        }
        return wanted;
}

/* A pull brings the attestations of the wanted architecture, and these only if the registry has
 * them; what is not there is left out, with a warning. */
static int is_lost_attestation(Layout *l, const ManifestEntry *entry, Err *e) {
        _cleanup_manifest_ Manifest m = { 0 };
        const ImageSource *source = &l->a->options->images;
        const char *ref = l->volume->image.ref;
        _cleanup_err_ Err why = ERR_INIT;
        if (!attestation_is_about(entry, NULL))
                return 0;
        int r = load_manifest(l, &entry->descriptor, &m, &why);
        if (r == 0 && !m.is_index)
                r = image_ensure(source, ref, &m.config, false, &why);
        for (size_t i = 0; r == 0 && i < m.n_layers; i++)
                r = image_ensure(source, ref, &m.layers[i], false, &why);
        if (r == 0)
                return 0;
        if (why.kind != ERR_NOT_FOUND) { /* damaged, and it cannot be fetched */
                err_move(e, &why);
                return err_wrap(e, "image %s", ref);
        }
        log_warn("image %s: attestation %s is not in the cache and left out", ref,
                 entry->descriptor.digest.text);
        return 1;
}

static int add_index(Layout *l, const Manifest *m, Err *e) {
        for (size_t i = 0; i < m->n_entries; i++) {
                const ManifestEntry *entry = &m->entries[i];
                int lost = is_wanted(l, entry) ? is_lost_attestation(l, entry, e) : 1;
                if (lost < 0)
                        return -1;
                if (lost)
                        continue;
                if (str_eq(entry->os, "linux") && entry->architecture &&
                    fetch(l, entry->architecture, false, NULL, e) < 0)
                        return -1;
                if (add_manifest(l, &entry->descriptor, e) < 0)
                        return -1;
        }
        for (size_t i = 0; i < l->n_platforms; i++)
                if (!l->platforms[i].found)
                        return err_set(e, ERR_SPEC, 0, "image %s has no platform %s",
                                       l->volume->image.ref, l->platforms[i].text);
        return add_blob(l, &l->root, true, e);
}

static void add_index_json(Layout *l) {
        _cleanup_buf_ Buf text = { 0 };
        JsonOut j = { .buf = &text, .indent = 3 };
        jsonout_open(&j, NULL, '{');
        jsonout_int(&j, "schemaVersion", 2);
        jsonout_string(&j, "mediaType", MEDIA_OCI_INDEX);
        jsonout_open(&j, "manifests", '[');
        jsonout_open(&j, NULL, '{');
        jsonout_string(&j, "mediaType", l->root.media_type);
        jsonout_uint(&j, "size", l->root.size);
        jsonout_string(&j, "digest", l->root.digest.text);
        jsonout_open(&j, "annotations", '{');
        jsonout_string(&j, "org.opencontainers.image.ref.name", l->volume->image.ref);
        jsonout_close(&j, '{');
        jsonout_close(&j, '{');
        jsonout_close(&j, '[');
        jsonout_close(&j, '{');
        make_file(&l->maker, arena_printf(l->a->arena, "%sindex.json", l->prefix), 0644,
                  make_content(&l->maker, text.data, text.len));
}

static int add_layout(Layout *l, Err *e) {
        static const char version[] = "{\n\t\t\"imageLayoutVersion\": \"1.0.0\"\n\t}";
        _Static_assert(sizeof(version) - 1 == 36, "yaml.md 14: oci-layout has 36 bytes");
        Arena *arena = l->a->arena;
        const ImageSource *source = &l->a->options->images;
        const char *arch = l->n_platforms ? l->platforms[0].architecture : source->arch;
        if (fetch(l, arch, source->pull, &l->root, e) < 0)
                return l->n_platforms ? err_wrap(e, "platform %s", l->platforms[0].text) : -1;
        _cleanup_manifest_ Manifest root = { 0 };
        if (load_manifest(l, &l->root, &root, e) < 0)
                return -1;
        make_file(&l->maker, arena_printf(arena, "%soci-layout", l->prefix), 0644,
                  content_bytes(version, sizeof(version) - 1));
        make_dir(&l->maker, arena_printf(arena, "%sblobs/", l->prefix), 0755);
        make_dir(&l->maker, arena_printf(arena, "%sblobs/sha256/", l->prefix), 0755);
        int r = root.is_index ? add_index(l, &root, e) : add_manifest(l, &l->root, e);
        if (r >= 0)
                add_index_json(l);
        return r;
}

int ocilayout_add(Assembly *a, const Volume *v, const Maker *m, const char *prefix, Err *e) {
        Layout l = { .a = a, .volume = v, .prefix = prefix, .maker = *m };
        l.maker.mtime = 0;
        l.n_platforms = v->platforms.n;
        l.platforms = arena_alloc(a->arena, l.n_platforms * sizeof(*l.platforms));
        for (size_t i = 0; i < l.n_platforms; i++)
                if (parse_platform(&l, &v->platforms.items[i], &l.platforms[i], e) < 0)
                        return -1;
        return add_layout(&l, e);
}
