/* image_fuzz.c - any bytes as a manifest or index, and as an image config. */
#include <stdint.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/oci/image.h"
#include "lib/oci/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Only what a file name can be made of. */
static void check_digest(const Descriptor *d) {
        if (strspn(digest_hex(&d->digest), "0123456789abcdef") != 64)
                abort();
}

static void check_manifest(const Manifest *m) {
        _cleanup_free_ char *platforms = manifest_platforms(m);
        if (!platforms)
                abort();
        const ManifestEntry *chosen = manifest_choose(m, "amd64");
        if (chosen && !(str_eq(chosen->os, "linux") && str_eq(chosen->architecture, "amd64")))
                abort();
        for (size_t i = 0; i < m->n_entries; i++)
                check_digest(&m->entries[i].descriptor);
        if (!m->is_index)
                check_digest(&m->config);
        for (size_t i = 0; i < m->n_layers; i++)
                check_digest(&m->layers[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = xstrndup((const char *)data, size);
        _cleanup_arena_ Arena *arena = arena_new();
        _cleanup_err_ Err e = ERR_INIT;
        Manifest m = { 0 };
        ImageConfig config = { 0 };
        if (manifest_parse(text, size, "x", &m, &e) == 0) {
                check_manifest(&m);
                manifest_done(&m);
        }
        err_clear(&e);
        if (image_config_parse(arena, text, size, &config, &e) == 0)
                for (char **p = config.env; p && *p; p++)
                        if (strlen(*p) > size)
                                abort();
        return 0;
}
