/* sbom.c - the SPDX document of the whole root file system (yaml.md 17): which attestations enter
 * it, and where their files are now.
 *
 * The reference fails when something is wrong with an attestation; here the build goes on without
 * it, and says so.  Merging is the slow part, so its result is kept in the cache, by what went in.
 */
#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/rootfs/assembly.h"
#include "lib/rootfs/spdx.h"

#include <time.h>

/* To be changed whenever the same statements give another document. */
static const char merge_format[] = "linuxkit sbom 1";

enum { HEX_LEN = 64 };                 /* of a digest */
#define KEPT_LIMIT ((uint64_t)1 << 30) /* bytes of a document that is read from the cache */

static void warn(const char *ref, Err *e) {
        log_warn("image %s: left out of the SBOM: %s", ref, e->text);
        err_clear(e);
}

void sbom_add_image(Assembly *a, const char *ref, const char *prefix, const char *location) {
        const Image *image = images_find(a->images, ref);
        _cleanup_free_ Descriptor *list = NULL;
        Err e = ERR_INIT;
        size_t n = 0;
        if (!a->options->sbom_output || !image)
                return;
        const ImageSource *source = &a->options->images;
        int r = image_attestations(source->cache, image, PREDICATE_SPDX, &list, &n, &e);
        if (r < 0 && e.kind == ERR_VERIFY && image->n_attestations == 1 &&
            image_replace(source, ref, image->attestations, true, &e) == 0)
                r = image_attestations(source->cache, image, PREDICATE_SPDX, &list, &n, &e);
        if (r < 0)
                warn(ref, &e);
        for (size_t i = 0; i < n; i++)
                *vec_push(a->statements, a->n_statements, a->cap_statements) = (Statement){
                        .ref = ref,
                        .prefix = prefix,
                        .location = location,
                        .descriptor = list[i],
                };
}

/* --- merging -------------------------------------------------------------------------------- */

/* "services[0]" -> "services-0": what an SPDX identifier may hold. */
static char *make_label(const char *location) {
        Buf b = { 0 };
        for (const char *p = location; *p; p++)
                if (*p != ']')
                        buf_addc(&b, *p == '[' ? '-' : *p);
        return buf_steal(&b);
}

/* Damaged ones are fetched again. */
static int load_statement(const ImageSource *source, const Statement *s, char **ret, Err *e) {
        const Descriptor *d = &s->descriptor;
        if (image_ensure(source, s->ref, d, false, e) < 0) {
                if (e->kind == ERR_NOT_FOUND)
                        err_set(e, ERR_NOT_FOUND, 0, "it is not in the cache; --pull fetches it");
                return err_wrap(e, "statement %s", d->digest.text);
        }
        if (cache_load_blob(source->cache, d, IMAGE_STATEMENT_LIMIT, ret, e) == 0)
                return 0;
        if (e->kind != ERR_VERIFY || d->size > IMAGE_STATEMENT_LIMIT ||
            image_replace(source, s->ref, d, false, e) < 0)
                return -1;
        return cache_load_blob(source->cache, d, IMAGE_STATEMENT_LIMIT, ret, e);
}

static int add_statement(const ImageSource *source, const Statement *s, Spdx *spdx, Err *e) {
        const Descriptor *d = &s->descriptor;
        _cleanup_free_ char *text = NULL;
        _cleanup_free_ char *label = make_label(s->location);
        if (load_statement(source, s, &text, e) < 0)
                return -1;
        if (spdx_merge(spdx, text, d->size, s->prefix, label, e) < 0)
                return err_wrap(e, "statement %s", d->digest.text);
        return 0;
}

/* False when some statement is left out: that is to be said again by the next build. */
static bool merge(const Assembly *a, int64_t created, Buf *ret) {
        Spdx *spdx = spdx_new();
        bool whole = true;
        for (size_t i = 0; i < a->n_statements; i++) {
                const Statement *s = &a->statements[i];
                Err e = ERR_INIT;
                if (add_statement(&a->options->images, s, spdx, &e) < 0) {
                        warn(s->ref, &e);
                        whole = false;
                }
        }
        spdx_print(spdx, created, ret);
        spdx_free(spdx);
        return whole;
}

/* --- the kept result ------------------------------------------------------------------------ */

static char *kept_path(const Assembly *a, int64_t created) {
        _cleanup_buf_ Buf key = { 0 };
        char *path = NULL;
        Digest digest;
        buf_addf(&key, "%s %lld\n", merge_format, (long long)created);
        for (size_t i = 0; i < a->n_statements; i++) {
                const Statement *s = &a->statements[i];
                buf_addf(&key, "%s %s %s\n", s->descriptor.digest.text, s->location, s->prefix);
        }
        hash_bytes(key.data, key.len, &digest);
        cache_derived_path(a->options->images.cache, "sbom", digest_hex(&digest), &path, NULL);
        return path;
}

/* The file starts with the digest of the rest: nobody notices when derived data is damaged. */
static bool load_kept(const char *path, Buf *ret) {
        _cleanup_free_ char *text = NULL;
        size_t n;
        Digest digest;
        if (!path || file_read(path, KEPT_LIMIT, &text, &n, NULL) < 0 || n < HEX_LEN)
                return false;
        hash_bytes(text + HEX_LEN, n - HEX_LEN, &digest);
        if (memcmp(text, digest_hex(&digest), HEX_LEN) != 0)
                return false;
        buf_add(ret, text + HEX_LEN, n - HEX_LEN);
        return true;
}

static void keep(const char *path, const Buf *text) {
        _cleanup_buf_ Buf b = { 0 };
        Err e = ERR_INIT;
        Digest digest;
        hash_bytes(text->data, text->len, &digest);
        buf_add(&b, digest_hex(&digest), HEX_LEN);
        buf_add(&b, text->data, text->len);
        if (file_write(path, b.data, b.len, 0644, &e) < 0)
                log_debug("the SBOM is not kept: %s", e.text);
        err_clear(&e);
}

void sbom_add(Assembly *a) {
        const AssembleOptions *o = a->options;
        _cleanup_buf_ Buf text = { 0 };
        _cleanup_free_ char *path = NULL;
        if (!o->sbom_output)
                return;
        int64_t created = o->sbom_current_time ? (int64_t)time(NULL) : o->mtime;
        if (!o->sbom_current_time && a->n_statements)
                path = kept_path(a, created);
        if (!load_kept(path, &text) && merge(a, created, &text) && path)
                keep(path, &text);
        Maker m = assembly_maker(a, "sbom", "linuxkit.sbom");
        make_file(&m, o->sbom_output, 0644, make_content(&m, text.data, text.len));
}
