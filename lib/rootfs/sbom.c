/* sbom.c - the SPDX document of the whole root file system (yaml.md 17): which attestations enter
 * it, and where their files are now.
 *
 * The reference fails when something is wrong with an attestation; here the build goes on without
 * it, and says so. */
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/rootfs/assembly.h"
#include "lib/rootfs/spdx.h"

#include <time.h>

/* "services[0]" -> "services-0": what an SPDX identifier may hold. */
static char *make_label(const char *location) {
        Buf b = { 0 };
        for (const char *p = location; *p; p++)
                if (*p != ']')
                        buf_addc(&b, *p == '[' ? '-' : *p);
        return buf_steal(&b);
}

static int add_statement(Assembly *a, const Descriptor *d, const char *prefix, const char *label,
                         Err *e) {
        Cache *c = a->options->images.cache;
        _cleanup_free_ char *text = NULL;
        if (!cache_has_blob(c, &d->digest, d->size)) {
                err_set(e, ERR_NOT_FOUND, 0, "it is not in the cache; --pull fetches it");
                return err_wrap(e, "statement %s", d->digest.text);
        }
        if (cache_load_blob(c, d, IMAGE_STATEMENT_LIMIT, &text, e) < 0)
                return -1;
        if (spdx_merge(a->sbom, text, d->size, prefix, label, e) < 0)
                return err_wrap(e, "statement %s", d->digest.text);
        return 0;
}

static void warn(const char *ref, Err *e) {
        log_warn("image %s: left out of the SBOM: %s", ref, e->text);
        err_clear(e);
}

void sbom_add_image(Assembly *a, const char *ref, const char *prefix, const char *location) {
        const Image *image = images_find(a->images, ref);
        _cleanup_free_ Descriptor *list = NULL;
        _cleanup_free_ char *label = make_label(location);
        Err e = ERR_INIT;
        size_t n = 0;
        if (!a->options->sbom_output || !image)
                return;
        if (!a->sbom)
                a->sbom = spdx_new();
        if (image_attestations(a->options->images.cache, image, PREDICATE_SPDX, &list, &n, &e) < 0)
                warn(ref, &e);
        for (size_t i = 0; i < n; i++)
                if (add_statement(a, &list[i], prefix, label, &e) < 0)
                        warn(ref, &e);
}

void sbom_add(Assembly *a) {
        const AssembleOptions *o = a->options;
        _cleanup_buf_ Buf text = { 0 };
        if (!o->sbom_output)
                return;
        if (!a->sbom)
                a->sbom = spdx_new();
        spdx_print(a->sbom, o->sbom_current_time ? (int64_t)time(NULL) : o->mtime, &text);
        Maker m = assembly_maker(a, "sbom", "linuxkit.sbom");
        make_file(&m, o->sbom_output, 0644, make_content(&m, text.data, text.len));
        spdx_free(take(a->sbom));
}
