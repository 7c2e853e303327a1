/* image.c - see image.h.  Reading only; image_store.c writes.
 *
 * "In the cache" means every byte that a build will want: manifest, config, and each layer with its
 * size.  Anything missing or damaged is a reason to ask the registry, not to fail. */
#include "lib/oci/image.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/ref.h"
#include "lib/base/str.h"
#include "lib/oci/attestation.h"
#include "lib/oci/manifest.h"

#define LABEL "org.mobyproject.config"

enum { MAX_STRINGS = 65536 };

/* --- config --------------------------------------------------------------------------------- */

static int get_string(Arena *a, const json_t *o, const char *key, char **ret, Err *e) {
        const json_t *v = json_object_get(o, key);
        if (!v || json_is_null(v))
                return 0;
        if (!json_is_string(v))
                return err_set(e, ERR_VERIFY, 0, "config: %s is not a string", key);
        *ret = arena_strdup(a, json_string_value(v));
        return 0;
}

static int get_strings(Arena *a, const json_t *o, const char *key, char ***ret, Err *e) {
        const json_t *v = json_object_get(o, key);
        if (!v || json_is_null(v))
                return 0;
        size_t n = json_array_size(v);
        if (!json_is_array(v) || n > MAX_STRINGS)
                return err_set(e, ERR_VERIFY, 0, "config: %s is not a list of strings", key);
        char **list = arena_alloc(a, (n + 1) * sizeof *list);
        for (size_t i = 0; i < n; i++) {
                const char *s = json_string_value(json_array_get(v, i));
                if (!s)
                        return err_set(e, ERR_VERIFY, 0, "config: %s is not a list of strings",
                                       key);
                list[i] = arena_strdup(a, s);
        }
        *ret = list;
        return 0;
}

static int get_object(const json_t *o, const char *key, const json_t **ret, Err *e) {
        const json_t *v = json_object_get(o, key);
        *ret = NULL;
        if (!v || json_is_null(v))
                return 0;
        if (!json_is_object(v))
                return err_set(e, ERR_VERIFY, 0, "config: %s is not a mapping", key);
        *ret = v;
        return 0;
}

int image_config_parse(Arena *a, const char *text, size_t n, ImageConfig *ret, Err *e) {
        _cleanup_json_ json_t *j = NULL;
        const json_t *config, *labels;
        if (json_parse(text, n, "config", &j, e) < 0)
                return -1;
        if (!json_is_object(j))
                return err_set(e, ERR_VERIFY, 0, "config: not a mapping");
        if (get_string(a, j, "architecture", &ret->architecture, e) < 0 ||
            get_string(a, j, "os", &ret->os, e) < 0 || get_object(j, "config", &config, e) < 0 ||
            get_strings(a, config, "Entrypoint", &ret->entrypoint, e) < 0 ||
            get_strings(a, config, "Cmd", &ret->cmd, e) < 0 ||
            get_strings(a, config, "Env", &ret->env, e) < 0 ||
            get_string(a, config, "WorkingDir", &ret->working_dir, e) < 0 ||
            get_object(config, "Labels", &labels, e) < 0)
                return -1;
        return get_string(a, labels, LABEL, &ret->label, e);
}

/* --- opening -------------------------------------------------------------------------------- */

/* A name may have any number of them; which is right is for image_attestations to say. */
static void list_attestations(const Manifest *index, const Digest *subject, Image *i) {
        i->attestations = arena_alloc(i->arena, index->n_entries * sizeof *i->attestations);
        for (size_t k = 0; k < index->n_entries; k++)
                if (attestation_is_about(&index->entries[k], subject))
                        i->attestations[i->n_attestations++] = index->entries[k].descriptor;
}

/* The manifest for arch behind the name; the platform of a single manifest is not known yet. image
 * may be NULL. */
static int find_manifest(Cache *c, const Ref *ref, const char *arch, Image *image, Descriptor *ret,
                         Manifest *ret_manifest, Err *e) {
        Descriptor d;
        _cleanup_free_ char *text = NULL;
        _cleanup_manifest_ Manifest root = { 0 };
        if (cache_lookup(c, ref->text, &d, e) < 0)
                return -1;
        if (ref->digest && !str_eq(ref->digest, d.digest.text))
                return err_set(e, ERR_VERIFY, 0, "the cache has %s under that name", d.digest.text);
        if (cache_load_blob(c, &d, MANIFEST_LIMIT, &text, e) < 0 ||
            manifest_parse(text, d.size, d.digest.text, &root, e) < 0)
                return -1;
        if (image)
                image->root = d;
        if (root.is_index) {
                const ManifestEntry *entry = manifest_choose(&root, arch);
                if (!entry)
                        return err_set(e, ERR_NOT_FOUND, 0, "the index has no linux/%s", arch);
                d = entry->descriptor;
                if (image)
                        list_attestations(&root, &d.digest, image);
                free(take(text));
                if (cache_load_blob(c, &d, MANIFEST_LIMIT, &text, e) < 0 ||
                    manifest_parse(text, d.size, d.digest.text, ret_manifest, e) < 0)
                        return -1;
                if (ret_manifest->is_index)
                        return err_set(e, ERR_VERIFY, 0, "%s: an index inside an index",
                                       d.digest.text);
        } else {
                *ret_manifest = root;
                root = (Manifest){ 0 };
        }
        *ret = d;
        return 0;
}

/* yaml.md W30: an image that says it is for another machine is refused, not pulled again. */
static int check_platform(const Image *i, const char *arch, Err *e) {
        const ImageConfig *config = &i->config;
        if (str_is_empty(config->architecture)) {
                log_warn("image %s does not say its architecture", i->ref);
                return 0;
        }
        if (!str_eq(config->architecture, arch) ||
            (!str_is_empty(config->os) && !str_eq(config->os, "linux")))
                return err_set(e, ERR_SPEC, 0, "the image is for %s/%s, not for linux/%s",
                               str_is_empty(config->os) ? "linux" : config->os,
                               config->architecture, arch);
        return 0;
}

static int open_parts(Cache *c, const Ref *ref, const char *arch, Image *i, Err *e) {
        _cleanup_manifest_ Manifest m = { 0 };
        _cleanup_free_ char *text = NULL;
        i->ref = arena_strdup(i->arena, ref->text);
        if (find_manifest(c, ref, arch, i, &i->manifest, &m, e) < 0 ||
            cache_load_blob(c, &m.config, MANIFEST_LIMIT, &text, e) < 0 ||
            image_config_parse(i->arena, text, m.config.size, &i->config, e) < 0 ||
            check_platform(i, arch, e) < 0)
                return -1;
        i->config_descriptor = m.config;
        i->n_layers = m.n_layers;
        i->layers = arena_alloc(i->arena, m.n_layers * sizeof *i->layers);
        for (size_t k = 0; k < m.n_layers; k++) {
                i->layers[k] = m.layers[k];
                if (!cache_has_blob(c, &m.layers[k].digest, m.layers[k].size))
                        return err_set(e, ERR_NOT_FOUND, 0, "layer %s is not in the cache",
                                       m.layers[k].digest.text);
        }
        return 0;
}

/* Errors are not wrapped: image_get drops most of them. */
static int open_ref(Cache *c, const Ref *ref, const char *arch, Image **ret, Err *e) {
        Image *i = xcalloc(1, sizeof *i);
        i->arena = arena_new();
        if (open_parts(c, ref, arch, i, e) < 0) {
                image_free(i);
                return -1;
        }
        *ret = i;
        return 0;
}

int image_open(Cache *c, const char *ref, const char *arch, Image **ret, Err *e) {
        _cleanup_ref_ Ref r = { 0 };
        if (ref_parse(ref, &r, e) < 0)
                return -1;
        return open_ref(c, &r, arch, ret, e) < 0 ? err_wrap(e, "image %s", r.text) : 0;
}

static int ask_registry(const ImageSource *src, const Ref *r, Image **ret, Err *e) {
        if (src->offline)
                return err_set(e, ERR_NOT_FOUND, 0,
                               "image %s is not in the cache, and no registry is asked", r->text);
        if (registry_pull(src->cache, src->registry, r->text, src->arch, e) < 0)
                return -1;
        if (open_ref(src->cache, r, src->arch, ret, e) < 0)
                return err_wrap(e, "image %s", r->text);
        return 0;
}

/* What is damaged is fetched again as it was.  Returns 1 when that does not help: the name is to be
 * pulled like a new one.  why: what is wrong; replaced on failure. */
static int repair(const ImageSource *src, const Ref *r, Image **ret, Err *why) {
        _cleanup_err_ Err e = ERR_INIT;
        if (image_repair(src, r->text, &e) == 0)
                return open_ref(src->cache, r, src->arch, ret, NULL) == 0 ? 0 : 1;
        if (e.kind == ERR_NOT_FOUND)
                return 1;
        if (e.kind == ERR_CANCELLED) {
                err_move(why, &e);
                return -1;
        }
        _cleanup_free_ char *what = why->text;
        why->text = NULL;
        err_set(why, ERR_VERIFY, 0, "image %s: %s; fetching it again: %s", r->text, what, e.text);
        return err_hint(why, "%s", e.hint ? e.hint : "the damaged file was removed from the cache");
}

/* Of an image that is in the cache, but not whole, the user is told what made us ask. */
static int complete(const ImageSource *src, const Ref *r, const Err *why, Image **ret, Err *e) {
        _cleanup_err_ Err cause = ERR_INIT;
        Descriptor root;
        bool known = cache_lookup(src->cache, r->text, &root, NULL) == 0;
        if (ask_registry(src, r, ret, &cause) == 0)
                return 0;
        if (known && cause.kind != ERR_CANCELLED) {
                err_set(e, cause.kind, 0, "image %s: %s; %s", r->text, why->text, cause.text);
                return cause.hint ? err_hint(e, "%s", cause.hint) : -1;
        }
        err_move(e, &cause);
        return -1;
}

static int get(const ImageSource *src, const Ref *r, Image **ret, Err *e) {
        if (!src->pull) {
                _cleanup_err_ Err why = ERR_INIT;
                if (open_ref(src->cache, r, src->arch, ret, &why) == 0)
                        return 0;
                if (why.kind != ERR_NOT_FOUND && why.kind != ERR_VERIFY) {
                        err_move(e, &why);
                        return err_wrap(e, "image %s", r->text);
                }
                log_debug("image %s: %s; asking the registry", r->text, why.text);
                int repaired = why.kind == ERR_VERIFY ? repair(src, r, ret, &why) : 1;
                if (repaired == 0)
                        return 0;
                if (repaired > 0)
                        return complete(src, r, &why, ret, e);
                err_move(e, &why);
                return -1;
        }
        return ask_registry(src, r, ret, e);
}

/* --- pinned images -------------------------------------------------------------------------- */

/* An index may have got other platforms since; the image of this one decides. */
static bool is_pinned(const Image *i, const ImagePin *pin) {
        return digest_eq(pin->manifest.text[0] ? &i->manifest.digest : &i->root.digest,
                         pin->manifest.text[0] ? &pin->manifest : &pin->root);
}

static int differs(const Ref *r, const Image *i, const ImagePin *pin, Err *e) {
        bool deep = pin->manifest.text[0];
        return err_set(e, ERR_VERIFY, 0, "image %s is locked to %s, but what is there is %s",
                       r->text, deep ? pin->manifest.text : pin->root.text,
                       deep ? i->manifest.digest.text : i->root.digest.text);
}

static int get_pinned(const ImageSource *src, const Ref *r, const ImagePin *pin, Image **ret,
                      Err *e) {
        _cleanup_ref_ Ref exact = { 0 };
        Image *i = NULL;
        if (!src->pull && open_ref(src->cache, r, src->arch, &i, NULL) == 0) {
                if (is_pinned(i, pin)) {
                        *ret = i;
                        return 0;
                }
                if (!pin->root.text[0]) {
                        differs(r, i, pin, e);
                        image_free(i);
                        return -1;
                }
                image_free(i);
        }
        if (!pin->root.text[0]) {
                if (get(src, r, &i, e) < 0)
                        return -1;
        } else {
                _cleanup_free_ char *text =
                        xasprintf("%s/%s%s%s@%s", r->host, r->repo, r->tag ? ":" : "",
                                  r->tag ? r->tag : "", pin->root.text);
                if (ref_parse(text, &exact, e) < 0 || get(src, &exact, &i, e) < 0)
                        return -1;
        }
        if (!is_pinned(i, pin)) {
                differs(r, i, pin, e);
                image_free(i);
                return -1;
        }
        i->ref = arena_strdup(i->arena, r->text);
        *ret = i;
        return 0;
}

int image_get(const ImageSource *src, const char *ref, Image **ret, Err *e) {
        _cleanup_ref_ Ref r = { 0 };
        ImagePin pin = { 0 };
        if (ref_parse(ref, &r, e) < 0)
                return -1;
        if (src->pin && src->pin(src->pin_ctx, r.text, src->arch, &pin) &&
            (pin.root.text[0] || pin.manifest.text[0]))
                return get_pinned(src, &r, &pin, ret, e);
        return get(src, &r, ret, e);
}

void image_free(Image *i) {
        if (!i)
                return;
        arena_free(i->arena);
        free(i);
}

char *image_annotation(Cache *c, const char *ref, const char *arch, const char *key) {
        _cleanup_ref_ Ref r = { 0 };
        _cleanup_manifest_ Manifest m = { 0 };
        Descriptor d;
        if (ref_parse(ref, &r, NULL) < 0 || find_manifest(c, &r, arch, NULL, &d, &m, NULL) < 0)
                return NULL;
        const char *value = json_str(json_object_get(m.json, "annotations"), key);
        return value ? xstrdup(value) : NULL;
}
