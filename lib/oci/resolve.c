/* resolve.c - what stands behind a reference, see registry.h: manifests are read, nothing is kept.
 */
#include "lib/base/json.h"
#include "lib/base/mem.h"
#include "lib/base/ref.h"
#include "lib/oci/attestation.h"
#include "lib/oci/fetch.h"
#include "lib/oci/manifest.h"
#include "lib/oci/registry.h"
#include "lib/oci/session.h"

void registry_object_done(RegistryObject *r) {
        for (size_t i = 0; i < r->n_platforms; i++) {
                free(r->platforms[i].os);
                free(r->platforms[i].architecture);
                free(r->platforms[i].variant);
        }
        free(r->platforms);
        *r = (RegistryObject){ 0 };
}

/* j: an index entry's platform, or an image's config.  What does not say its platform, or says
 * "unknown", is nothing to run. */
static void add_platform(RegistryObject *o, const json_t *j, const Descriptor *d) {
        const char *os = json_str(j, "os"), *architecture = json_str(j, "architecture");
        const char *variant = json_str(j, "variant");
        if (str_is_empty(os) || str_is_empty(architecture) || str_eq(os, "unknown"))
                return;
        o->platforms = xrealloc(o->platforms, (o->n_platforms + 1) * sizeof *o->platforms);
        o->platforms[o->n_platforms++] = (RegistryPlatform){
                .os = xstrdup(os),
                .architecture = xstrdup(architecture),
                .variant = str_is_empty(variant) ? NULL : xstrdup(variant),
                .manifest = *d,
        };
}

static int add_config(Session *s, RegistryObject *o, const Descriptor *config, Err *e) {
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ json_t *j = NULL;
        if (fetch_small_blob(s, config, MANIFEST_LIMIT, &text, e) < 0 ||
            json_parse(text, config->size, "config", &j, e) < 0)
                return -1;
        add_platform(o, j, &o->root);
        return 0;
}

static int session_of(const RegistryOptions *o, const char *ref, Ref *ret_ref, Session **ret,
                      Err *e) {
        return ref_parse(ref, ret_ref, e) < 0
                       ? -1
                       : session_for_reading(ret_ref->host, ret_ref->repo, o, ret, e);
}

static const char *object_of(const Ref *r, Descriptor *expect) {
        *expect = (Descriptor){ 0 };
        if (r->digest)
                digest_parse(r->digest, &expect->digest);
        return r->digest ? r->digest : r->tag ? r->tag : "latest";
}

static int resolve(Session *s, const Ref *r, RegistryObject *ret, Err *e) {
        Descriptor expect;
        const char *object = object_of(r, &expect);
        _cleanup_free_ char *text = NULL;
        _cleanup_manifest_ Manifest m = { 0 };
        if (fetch_manifest(s, object, r->digest ? &expect : NULL, &ret->root, &text, e) < 0 ||
            manifest_parse(text, ret->root.size, "manifest", &m, e) < 0)
                return -1;
        ret->is_index = m.is_index;
        if (!m.is_index)
                return add_config(s, ret, &m.config, e);
        for (size_t i = 0; i < m.n_entries; i++)
                if (!attestation_is_about(&m.entries[i], NULL))
                        add_platform(ret, json_object_get(m.entries[i].json, "platform"),
                                     &m.entries[i].descriptor);
        return 0;
}

int registry_resolve(const RegistryOptions *o, const char *ref, RegistryObject *ret, Err *e) {
        _cleanup_ref_ Ref r = { 0 };
        _cleanup_registry_object_ RegistryObject object = { 0 };
        Session *s;
        if (session_of(o, ref, &r, &s, e) < 0)
                return -1;
        if (resolve(s, &r, &object, e) < 0)
                return err_wrap(e, "%s", r.text);
        *ret = object;
        object = (RegistryObject){ 0 };
        return 0;
}

int registry_head(const RegistryOptions *o, const char *ref, Descriptor *ret, Err *e) {
        _cleanup_ref_ Ref r = { 0 };
        _cleanup_free_ char *text = NULL;
        Descriptor expect, got;
        Session *s;
        if (session_of(o, ref, &r, &s, e) < 0)
                return -1;
        const char *object = object_of(&r, &expect);
        int known = fetch_manifest_head(s, object, &got, e);
        if (known > 0)
                known = fetch_manifest(s, object, r.digest ? &expect : NULL, &got, &text, e);
        if (known < 0)
                return err_wrap(e, "%s", r.text);
        *ret = got;
        return 0;
}
