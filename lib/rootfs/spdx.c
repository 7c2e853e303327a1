/* spdx.c - see spdx.h.  Each list of the result is kept as text; of the documents only the one that
 * is being added is in memory as a tree.
 *
 * An identifier is renamed only when the result has it already, and then everywhere in its
 * document: SPDX refers by plain strings, and any string that equals a renamed identifier is such a
 * reference (relationships, annotations, hasFiles ...). */
#include "lib/rootfs/spdx.h"

#include <time.h>

#include "lib/base/hash.h"
#include "lib/base/json.h"
#include "lib/base/mem.h"
#include "lib/oci/image.h"
#include "lib/rootfs/names.h"

#define DOCUMENT_ID "SPDXRef-DOCUMENT"
#define ID_PREFIX   "SPDXRef-"

/* What one statement may cost in memory: a real one of a large image has a million values. */
enum { MAX_VALUES = 4 << 20 };

typedef enum ListKind {
        LIST_EXTERNAL,
        LIST_PACKAGES,
        LIST_FILES,
        LIST_LICENSES,
        LIST_RELATIONSHIPS,
        LIST_ANNOTATIONS,
        LIST_COUNT,
} ListKind;

/* file_name: the member that holds a path; such elements define an identifier, too. */
static const struct {
        const char *key, *file_name;
} lists[LIST_COUNT] = {
        [LIST_EXTERNAL] = { "externalDocumentRefs", NULL },
        [LIST_PACKAGES] = { "packages", "packageFileName" },
        [LIST_FILES] = { "files", "fileName" },
        [LIST_LICENSES] = { "hasExtractedLicensingInfos", NULL },
        [LIST_RELATIONSHIPS] = { "relationships", NULL },
        [LIST_ANNOTATIONS] = { "annotations", NULL },
};

struct Spdx {
        Arena *arena;
        NameSet *ids; /* of the result */
        Buf lists[LIST_COUNT];
};

/* One document while it is added. */
typedef struct Addition {
        Spdx *s;
        json_t *document;
        const char *prefix, *label;
        NameSet *ids;       /* that it defines */
        const char **names; /* of these in the result, by number; in the arena of s */
        size_t n_names, cap_names;
        bool renames;
} Addition;

Spdx *spdx_new(void) {
        Spdx *s = xcalloc(1, sizeof(*s));
        s->arena = arena_new();
        s->ids = nameset_new();
        nameset_add(s->ids, DOCUMENT_ID, strlen(DOCUMENT_ID));
        return s;
}

void spdx_free(Spdx *s) {
        if (!s)
                return;
        for (size_t i = 0; i < LIST_COUNT; i++)
                buf_done(&s->lists[i]);
        nameset_free(s->ids);
        arena_free(s->arena);
        free(s);
}

/* --- checking ------------------------------------------------------------------------------- */

/* Before anything is built from it: each value costs a multiple of its text. */
static int check_values(const char *text, size_t n, Err *e) {
        size_t values = 0;
        for (size_t i = 0; i < n; i++)
                values += text[i] == ',' || text[i] == '[' || text[i] == '{';
        if (values > MAX_VALUES)
                return err_set(e, ERR_VERIFY, 0, "more than %d values", MAX_VALUES);
        return 0;
}

static int check_string(const json_t *element, const char *list, const char *key, Err *e) {
        const json_t *v = json_object_get(element, key);
        if (v && !json_is_string(v))
                return err_set(e, ERR_VERIFY, 0, "%s: %s is not a string", list, key);
        return 0;
}

static int check_list(json_t *document, ListKind kind, Err *e) {
        const char *key = lists[kind].key;
        json_t *list = json_object_get(document, key);
        if (json_is_null(list)) {
                json_object_del(document, key);
                return 0;
        }
        if (list && !json_is_array(list))
                return err_set(e, ERR_VERIFY, 0, "%s is not a list", key);
        for (size_t i = 0; i < json_array_size(list); i++) {
                const json_t *element = json_array_get(list, i);
                if (!json_is_object(element))
                        return err_set(e, ERR_VERIFY, 0, "%s: not a mapping", key);
                if (!lists[kind].file_name)
                        continue;
                if (check_string(element, key, "SPDXID", e) < 0 ||
                    check_string(element, key, lists[kind].file_name, e) < 0)
                        return -1;
                if (str_eq(json_str(element, "SPDXID"), DOCUMENT_ID))
                        return err_set(e, ERR_VERIFY, 0, "%s: %s is the document", key,
                                       DOCUMENT_ID);
        }
        return 0;
}

/* *ret is borrowed from statement. */
static int find_document(const json_t *statement, json_t **ret, Err *e) {
        const char *type = json_str(statement, "predicateType");
        json_t *document = json_object_get(statement, "predicate");
        if (!str_eq(type, PREDICATE_SPDX))
                return err_set(e, ERR_VERIFY, 0, "predicateType is \"%.100s\", not \"%s\"",
                               type ? type : "", PREDICATE_SPDX);
        const char *version = json_str(document, "spdxVersion");
        if (!version || !str_has_prefix(version, "SPDX-2."))
                return err_set(e, ERR_VERIFY, 0, "the predicate is not an SPDX 2 document");
        for (ListKind kind = 0; kind < LIST_COUNT; kind++)
                if (check_list(document, kind, e) < 0)
                        return -1;
        *ret = document;
        return 0;
}

/* --- identifiers ---------------------------------------------------------------------------- */

static bool has_id(const NameSet *set, const char *id) {
        uint32_t number;
        return nameset_find(set, id, strlen(id), &number);
}

/* An identifier that neither the result nor the document has. */
static const char *free_id(const Addition *a, const char *id) {
        const char *rest = id + (str_has_prefix(id, ID_PREFIX) ? strlen(ID_PREFIX) : 0);
        for (size_t n = 1;; n++) {
                _cleanup_free_ char *number = n == 1 ? xstrdup("") : xasprintf("%zu-", n);
                _cleanup_free_ char *fresh = xasprintf(ID_PREFIX "%s-%s%s", a->label, number, rest);
                if (!has_id(a->s->ids, fresh) && !has_id(a->ids, fresh))
                        return arena_strdup(a->s->arena, fresh);
        }
}

static void collect_list(Addition *a, const json_t *list) {
        for (size_t i = 0; i < json_array_size(list); i++) {
                const char *id = json_str(json_array_get(list, i), "SPDXID");
                if (!id || has_id(a->ids, id))
                        continue;
                /* copied: renaming frees the string of the element */
                id = arena_strdup(a->s->arena, id);
                nameset_add(a->ids, id, strlen(id));
                *vec_push(a->names, a->n_names, a->cap_names) = id;
        }
}

/* Gives every identifier of the document its name in the result. */
static void assign_ids(Addition *a) {
        for (ListKind kind = 0; kind < LIST_COUNT; kind++)
                if (lists[kind].file_name)
                        collect_list(a, json_object_get(a->document, lists[kind].key));
        for (size_t i = 0; i < a->n_names; i++) {
                const char *id = a->names[i];
                if (has_id(a->s->ids, id)) {
                        a->names[i] = free_id(a, id);
                        a->renames = true;
                }
                nameset_add(a->s->ids, a->names[i], strlen(a->names[i]));
        }
}

/* What the result calls the document's id; id itself when that is none, or defined elsewhere. */
static const char *new_id(const Addition *a, const char *id) {
        uint32_t number;
        return nameset_find(a->ids, id, strlen(id), &number) ? a->names[number] : id;
}

/* The depth is bounded by the parser (JSON_PARSER_MAX_DEPTH of jansson, 2048). */
static void rename_ids(const Addition *a, json_t *value) {
        if (json_is_string(value)) {
                const char *id = json_string_value(value), *fresh = new_id(a, id);
                if (!str_eq(id, fresh))
                        json_string_set(value, fresh);
        } else if (json_is_array(value)) {
                for (size_t i = 0; i < json_array_size(value); i++)
                        rename_ids(a, json_array_get(value, i));
        } else if (json_is_object(value)) {
                const char *key;
                json_t *member;
                json_object_foreach(value, key, member) rename_ids(a, member);
        }
}

/* --- elements ------------------------------------------------------------------------------- */

/* Paths are those of the whole system: Go's path.Join(prefix, name), except that no ".." leads out
 * of the prefix.  A package without one is said to be where its image is. */
static void move_file_name(const Addition *a, json_t *element, const char *key) {
        const char *name = json_str(element, key);
        if (*a->prefix == '\0')
                return;
        _cleanup_free_ char *rooted = xasprintf("/%s", name ? name : "");
        _cleanup_free_ char *inside = path_clean(rooted);
        _cleanup_free_ char *whole = xasprintf("%s%s", a->prefix, inside);
        _cleanup_free_ char *clean = path_clean(whole);
        json_object_set_new(element, key, json_string(clean));
}

static int append_text(const char *p, size_t n, void *ctx) {
        buf_add(ctx, p, n);
        return 0;
}

static void append_element(Spdx *s, ListKind kind, const json_t *element) {
        Buf *list = &s->lists[kind];
        if (list->len)
                buf_addc(list, ',');
        json_dump_callback(element, append_text, list, JSON_COMPACT);
}

static void append_list(const Addition *a, ListKind kind) {
        json_t *list = json_object_get(a->document, lists[kind].key);
        for (size_t i = 0; i < json_array_size(list); i++) {
                json_t *element = json_array_get(list, i);
                if (a->renames)
                        rename_ids(a, element);
                if (lists[kind].file_name)
                        move_file_name(a, element, lists[kind].file_name);
                append_element(a->s, kind, element);
        }
}

/* SPDX 2.2's documentDescribes has no place in a document of many: it says the same as the
 * relationship DESCRIBES, which is added unless it is there.  Comes after append_list. */
static void append_described(const Addition *a) {
        const json_t *described = json_object_get(a->document, "documentDescribes");
        const json_t *relationships = json_object_get(a->document, "relationships");
        _cleanup_nameset_ NameSet *known = nameset_new();
        for (size_t i = 0; i < json_array_size(relationships); i++) {
                const json_t *r = json_array_get(relationships, i);
                const char *what = json_str(r, "relatedSpdxElement");
                if (what && str_eq(json_str(r, "spdxElementId"), DOCUMENT_ID) &&
                    str_eq(json_str(r, "relationshipType"), "DESCRIBES"))
                        nameset_add(known, what, strlen(what));
        }
        for (size_t i = 0; i < json_array_size(described); i++) {
                const char *id = json_string_value(json_array_get(described, i));
                const char *what = id ? new_id(a, id) : NULL;
                if (!what || has_id(known, what))
                        continue;
                nameset_add(known, what, strlen(what));
                _cleanup_json_ json_t *r =
                        json_pack("{s:s, s:s, s:s}", "spdxElementId", DOCUMENT_ID,
                                  "relatedSpdxElement", what, "relationshipType", "DESCRIBES");
                append_element(a->s, LIST_RELATIONSHIPS, r);
        }
}

int spdx_merge(Spdx *s, const char *statement, size_t n, const char *prefix, const char *label,
               Err *e) {
        _cleanup_json_ json_t *j = NULL;
        _cleanup_nameset_ NameSet *ids = nameset_new();
        Addition a = { .s = s, .prefix = prefix, .label = label, .ids = ids };
        if (check_values(statement, n, e) < 0 || json_parse(statement, n, "statement", &j, e) < 0 ||
            find_document(j, &a.document, e) < 0)
                return -1;
        assign_ids(&a);
        for (ListKind kind = 0; kind < LIST_COUNT; kind++)
                append_list(&a, kind);
        append_described(&a);
        free(a.names);
        return 0;
}

/* --- result --------------------------------------------------------------------------------- */

void spdx_add_namespace(const char *text, size_t n, Buf *out) {
        Digest digest;
        char hex[33] = "";
        hash_bytes(text, n, &digest);
        memcpy(hex, digest_hex(&digest), 32);
        /* RFC 9562 section 5.8: version 8 leaves the bits to us. */
        hex[12] = '8';
        hex[16] = 'a';
        buf_addf(out,
                 "https://github.com/linuxkit/linuxkit/sbom-"
                 "%.8s-%.4s-%.4s-%.4s-%.12s",
                 hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

void spdx_add_time(int64_t created, Buf *out) {
        char stamp[32];
        struct tm tm;
        time_t t = (time_t)created;
        gmtime_r(&t, &tm);
        strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &tm);
        json_add_string(out, stamp);
}

static void add_list(const Spdx *s, ListKind kind, Buf *out) {
        if (s->lists[kind].len == 0)
                return;
        buf_addf(out, ",\"%s\":[", lists[kind].key);
        buf_add(out, s->lists[kind].data, s->lists[kind].len);
        buf_addc(out, ']');
}

void spdx_print(const Spdx *s, int64_t created, Buf *out) {
        _cleanup_buf_ Buf body = { 0 };
        add_list(s, LIST_EXTERNAL, &body);
        buf_adds(&body, ",\"creationInfo\":{\"licenseListVersion\":\"3.20\",\"creators\":"
                        "[\"Organization: LinuxKit\",\"Tool: linuxkit\"],\"created\":");
        spdx_add_time(created, &body);
        buf_addc(&body, '}');
        for (ListKind kind = LIST_EXTERNAL + 1; kind < LIST_COUNT; kind++)
                add_list(s, kind, &body);
        buf_adds(&body, "}\n");

        buf_adds(out, "{\"spdxVersion\":\"SPDX-2.3\",\"dataLicense\":\"CC0-1.0\","
                      "\"SPDXID\":\"" DOCUMENT_ID "\",\"name\":\"sbom\",\"documentNamespace\":\"");
        spdx_add_namespace(body.data, body.len, out);
        buf_addc(out, '"');
        buf_add(out, body.data, body.len);
}
