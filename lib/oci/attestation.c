/* attestation.c - see attestation.h.  The statements themselves are not looked at here: their bytes
 * are verified by digest, what they say is judged by the reader (lib/rootfs/spdx.c). */
#include "lib/oci/attestation.h"
#include "lib/base/json.h"
#include "lib/base/str.h"

bool attestation_is_about(const ManifestEntry *entry, const Digest *subject) {
        const json_t *notes = json_object_get(entry->json, "annotations");
        const char *about = json_str(notes, ATTESTATION_SUBJECT);
        return str_eq(json_str(notes, ATTESTATION_TYPE), "attestation-manifest") && about &&
               (!subject || str_eq(about, subject->text));
}

/* --- reading -------------------------------------------------------------------------------- */

static int check_statement(const Descriptor *d, size_t n, Err *e) {
        if (n == IMAGE_MAX_STATEMENTS)
                return err_set(e, ERR_VERIFY, 0, "more than %d statements", IMAGE_MAX_STATEMENTS);
        if (d->size > IMAGE_STATEMENT_LIMIT)
                return err_set(e, ERR_VERIFY, 0, "statement %s: larger than %d bytes",
                               d->digest.text, IMAGE_STATEMENT_LIMIT);
        return 0;
}

static bool is_statement(const Manifest *m, size_t i, const char *predicate) {
        const json_t *layer = json_array_get(json_object_get(m->json, "layers"), i);
        return str_eq(m->layers[i].media_type, MEDIA_IN_TOTO) &&
               (!predicate ||
                str_eq(json_str(json_object_get(layer, "annotations"), ATTESTATION_PREDICATE),
                       predicate));
}

int image_attestations(Cache *c, const Image *i, const char *predicate, Descriptor **ret,
                       size_t *ret_n, Err *e) {
        _cleanup_free_ char *text = NULL;
        _cleanup_manifest_ Manifest m = { 0 };
        size_t n = 0;
        *ret = NULL;
        *ret_n = 0;
        if (i->n_attestations == 0)
                return 0;
        if (i->n_attestations > 1)
                return err_set(e, ERR_VERIFY, 0, "%zu attestation manifests for one image",
                               i->n_attestations);
        const Descriptor *d = i->attestations;
        if (cache_load_blob(c, d, MANIFEST_LIMIT, &text, e) < 0 ||
            manifest_parse(text, d->size, d->digest.text, &m, e) < 0)
                return err_wrap(e, "attestation manifest");
        if (m.is_index)
                return err_set(e, ERR_VERIFY, 0, "attestation manifest %s is an index",
                               d->digest.text);
        _cleanup_free_ Descriptor *list = xcalloc(m.n_layers + 1, sizeof *list);
        for (size_t k = 0; k < m.n_layers; k++) {
                if (!is_statement(&m, k, predicate))
                        continue;
                if (check_statement(&m.layers[k], n, e) < 0)
                        return -1;
                list[n++] = m.layers[k];
        }
        *ret = take(list);
        *ret_n = n;
        return 0;
}

/* --- writing -------------------------------------------------------------------------------- */

static bool is_unreserved(char ch) {
        return (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
               strchr("-._~/:@", ch) != NULL;
}

/* "pkg:docker/linuxkit/runc@TAG?platform=linux%2Famd64", as BuildKit names its subjects. */
static char *subject_name(const char *ref, const char *arch) {
        static const char hub[] = "docker.io/";
        Buf b = { 0 };
        if (str_has_prefix(ref, hub))
                ref += strlen(hub);
        const char *base = path_base(ref);
        const char *tag = strchr(base, ':');
        buf_adds(&b, "pkg:docker/");
        for (const char *p = ref; *p; p++) {
                if (p == tag)
                        buf_addc(&b, '@');
                else if (is_unreserved(*p))
                        buf_addc(&b, *p);
                else
                        buf_addf(&b, "%%%02X", (unsigned char)*p);
        }
        buf_addf(&b, "?platform=linux%%2F%s", arch);
        return buf_steal(&b);
}

/* in-toto Attestation Framework v0.1, Statement. */
static int put_statement(Cache *c, const char *ref, const char *arch, const Digest *subject,
                         const char *spdx, Descriptor *ret, Err *e) {
        _cleanup_free_ char *name = subject_name(ref, arch);
        _cleanup_buf_ Buf b = { 0 };
        buf_adds(&b, "{\"_type\":\"https://in-toto.io/Statement/"
                     "v0.1\",\"predicateType\":\"" PREDICATE_SPDX "\",\"subject\":[{\"name\":");
        json_add_string(&b, name);
        buf_addf(&b, ",\"digest\":{\"sha256\":\"%s\"}}],\"predicate\":%s}", digest_hex(subject),
                 spdx);
        return cache_put_bytes(c, MEDIA_IN_TOTO, b.data, b.len, ret, e);
}

static int put_manifest(Cache *c, const Descriptor *statement, Descriptor *ret, Err *e) {
        Descriptor config;
        _cleanup_free_ char *config_text =
                xasprintf("{\"architecture\":\"unknown\",\"os\":\"unknown\",\"config\":{},"
                          "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}",
                          statement->digest.text);
        if (cache_put_bytes(c, MEDIA_OCI_CONFIG, config_text, strlen(config_text), &config, e) < 0)
                return -1;
        json_t *layer = descriptor_json(statement);
        json_object_set_new(layer, "annotations",
                            json_pack("{s:s}", ATTESTATION_PREDICATE, PREDICATE_SPDX));
        _cleanup_json_ json_t *j =
                json_pack("{s:i, s:s, s:o, s:[o]}", "schemaVersion", 2, "mediaType",
                          MEDIA_OCI_MANIFEST, "config", descriptor_json(&config), "layers", layer);
        _cleanup_free_ char *text = json_dumps(j, JSON_COMPACT);
        if (!text)
                return err_set(e, ERR_INTERNAL, 0, "an attestation cannot be written as JSON");
        return cache_put_bytes(c, MEDIA_OCI_MANIFEST, text, strlen(text), ret, e);
}

int attestation_store(Cache *c, const char *ref, const char *arch, const Digest *subject,
                      const char *spdx, json_t **ret_entry, Err *e) {
        Descriptor statement, manifest;
        if (put_statement(c, ref, arch, subject, spdx, &statement, e) < 0 ||
            put_manifest(c, &statement, &manifest, e) < 0)
                return err_wrap(e, "attestation");
        json_t *j = descriptor_json(&manifest);
        json_object_set_new(j, "annotations",
                            json_pack("{s:s, s:s}", ATTESTATION_SUBJECT, subject->text,
                                      ATTESTATION_TYPE, "attestation-manifest"));
        json_object_set_new(j, "platform",
                            json_pack("{s:s, s:s}", "architecture", "unknown", "os", "unknown"));
        *ret_entry = j;
        return 0;
}
