/* export.c - see export.h.  The layout of each format is the reference's, except for its faults:
 * the descriptor of a manifest says that it is one, and a whole index can be exported. */
#include "lib/build/export.h"

#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/pool.h"
#include "lib/base/ref.h"
#include "lib/base/str.h"
#include "lib/build/ocitar.h"
#include "lib/fs/tar.h"
#include "lib/oci/contents.h"
#include "lib/oci/layer.h"
#include "lib/rootfs/flatten.h"

typedef struct Export {
        Cache *cache;
        const ExportOptions *options;
        const char *name;
        Descriptor root; /* what the archive names */
        Sink *out;
} Export;

static int load(Export *x, const Descriptor *d, Manifest *ret, Err *e) {
        _cleanup_free_ char *text = NULL;
        if (cache_load_blob(x->cache, d, MANIFEST_LIMIT, &text, e) < 0)
                return -1;
        return manifest_parse(text, d->size, d->digest.text, ret, e);
}

/* --- oci ------------------------------------------------------------------------------------ */

/* A cache of another program's may hold names without a media type. */
static int complete_type(Export *x, Err *e) {
        _cleanup_manifest_ Manifest m = { 0 };
        if (x->root.media_type[0])
                return 0;
        if (load(x, &x->root, &m, e) < 0)
                return -1;
        strcpy(x->root.media_type, m.is_index ? MEDIA_OCI_INDEX : MEDIA_OCI_MANIFEST);
        return 0;
}

static int write_oci(Export *x, Err *e) {
        _cleanup_contents_ Contents list = { 0 };
        if (complete_type(x, e) < 0 ||
            contents_add(x->cache, x->options->ref, &x->root, &x->options->platforms, &list, e) < 0)
                return -1;
        const OciTarImage image = { x->name, x->root };
        return ocitar_write(x->cache, &list, &image, 1, NULL, 0, x->out, e);
}

/* --- docker --------------------------------------------------------------------------------- */

/* A docker name has a tag and no digest. */
static char *docker_tag(const char *name, Err *e) {
        _cleanup_ref_ Ref ref = { 0 };
        if (ref_parse(name, &ref, e) < 0)
                return NULL;
        return xasprintf("%s/%s:%s", ref.host, ref.repo, ref.tag ? ref.tag : "latest");
}

static bool seen_before(const Manifest *m, size_t i) {
        for (size_t k = 0; k < i; k++)
                if (digest_eq(&m->layers[k].digest, &m->layers[i].digest))
                        return true;
        return false;
}

static int write_docker(Export *x, Err *e) {
        _cleanup_manifest_ Manifest m = { 0 };
        _cleanup_contents_ Contents list = { 0 };
        _cleanup_free_ char *tag = docker_tag(x->name, e), *text = NULL;
        if (!tag ||
            contents_add(x->cache, x->options->ref, &x->root, &x->options->platforms, &list, e) <
                    0 ||
            load(x, &x->root, &m, e) < 0 ||
            ocitar_blob(x->cache, m.config.digest.text, &m.config, x->out, e) < 0)
                return -1;
        _cleanup_json_ json_t *layers = json_array();
        for (size_t i = 0; i < m.n_layers; i++) {
                /* the suffix is part of the format, whatever the compression is */
                _cleanup_free_ char *name = xasprintf("%s.tar.gz", digest_hex(&m.layers[i].digest));
                json_array_append_new(layers, json_string(name));
                if (!seen_before(&m, i) && ocitar_blob(x->cache, name, &m.layers[i], x->out, e) < 0)
                        return -1;
        }
        _cleanup_json_ json_t *json =
                json_pack("[{s:s, s:[s], s:O}]", "Config", m.config.digest.text, "RepoTags", tag,
                          "Layers", layers);
        text = json_dumps(json, JSON_COMPACT);
        if (!text)
                return err_set(e, ERR_INTERNAL, 0, "manifest.json cannot be written as JSON");
        return ocitar_bytes("manifest.json", text, strlen(text), x->out, e) < 0
                       ? -1
                       : tar_write_end(x->out, e);
}

/* --- filesystem ----------------------------------------------------------------------------- */

typedef struct Layers {
        Cache *cache;
        const Manifest *manifest;
        Layer **items;
} Layers;

static int open_layer(void *ctx, size_t i, Err *e) {
        Layers *l = ctx;
        return layer_open(l->cache, &l->manifest->layers[i], &l->items[i], e);
}

static void get_entry(const void *ctx, size_t i, Entry *ret) {
        layer_entry(ctx, i, ret);
}

static int write_entry(void *ctx, const Entry *entry, Err *e) {
        return tar_write_entry(ctx, entry, e);
}

static int write_flat(Layers *l, Sink *out, Err *e) {
        size_t n = l->manifest->n_layers;
        _cleanup_free_ EntryList *lists = xcalloc(n + 1, sizeof *lists);
        for (size_t i = 0; i < n; i++)
                lists[i] = (EntryList){ layer_count(l->items[i]), get_entry, l->items[i] };
        return flatten(lists, n, NULL, write_entry, out, e) < 0 ? -1 : tar_write_end(out, e);
}

static int write_filesystem(Export *x, Err *e) {
        _cleanup_manifest_ Manifest m = { 0 };
        _cleanup_contents_ Contents list = { 0 };
        if (contents_add(x->cache, x->options->ref, &x->root, &x->options->platforms, &list, e) <
                    0 ||
            load(x, &x->root, &m, e) < 0)
                return -1;
        _cleanup_free_ Layer **items = xcalloc(m.n_layers + 1, sizeof *items);
        Layers l = { x->cache, &m, items };
        int r = pool_run(m.n_layers, 0, open_layer, &l, e);
        if (r == 0)
                r = write_flat(&l, x->out, e);
        for (size_t i = 0; i < m.n_layers; i++)
                layer_free(items[i]);
        return r;
}

/* -------------------------------------------------------------------------------------------- */

int export_image(Cache *c, const ExportOptions *o, Sink *out, Err *e) {
        static int (*const writers[])(Export * x, Err * e) = {
                [EXPORT_OCI] = write_oci,
                [EXPORT_DOCKER] = write_docker,
                [EXPORT_FILESYSTEM] = write_filesystem,
        };
        Export x = { .cache = c, .options = o, .name = o->name ? o->name : o->ref, .out = out };
        bool single = !o->platforms.all && o->platforms.n == 1;
        /* without a hold in a cache that cannot be written to: nobody removes anything there */
        _cleanup_fd_ int hold = cache_hold(c, NULL);
        if (!single && o->format != EXPORT_OCI)
                return err_set(e, ERR_USAGE, 0, "only the format oci can hold several platforms");
        if (hold < 0)
                log_debug("%s is read without a hold", cache_dir(c));
        if (cache_lookup(c, o->ref, &x.root, e) < 0)
                return -1;
        if (single && contents_choose(c, o->ref, &x.root, &o->platforms.items[0], &x.root, e) < 0)
                return -1;
        if (writers[o->format](&x, e) < 0)
                return err_wrap(e, "export %s", o->ref);
        return 0;
}
