/* jsonschema.c - see jsonschema.h.  Draft 7 ignores what stands beside "$ref", so references stand
 * only where nothing else is to be said: as the items of a list.
 *
 * Two things of the tables JSON Schema cannot say: an integer of its own kind (1.0 is one, also
 * where we want none, for ids), and 2^64-1 as a number (so the limit is "below 2^64"). */
#include "lib/spec/jsonschema.h"

#include <jansson.h>

#include "lib/base/json.h"
#include "lib/base/mem.h"
#include "lib/spec/keys.h"

static json_t *typed(const char *type) {
        return json_pack("{s:s}", "type", type);
}

static json_t *list_of(json_t *items) {
        return json_pack("{s:s, s:o}", "type", "array", "items", items);
}

static json_t *integer(int64_t min, uint64_t max) {
        json_t *j = json_pack("{s:s, s:I}", "type", "integer", "minimum", (json_int_t)min);
        if (max <= INT64_MAX)
                json_object_set_new(j, "maximum", json_integer((json_int_t)max));
        else
                json_object_set_new(j, "exclusiveMaximum", json_real(0x1p64));
        return j;
}

static json_t *id(void) {
        return json_pack("{s:[o, o]}", "anyOf", typed("string"), integer(0, UINT32_MAX));
}

static json_t *choice(const char *const *choices) {
        json_t *words = json_array();
        for (; *choices; choices++)
                json_array_append_new(words, json_string(*choices));
        return json_pack("{s:s, s:o}", "type", "string", "enum", words);
}

static json_t *mapping(const Schema *s, json_t *definitions);

/* A reference to the definition of s, which is made when this is the first. */
static json_t *reference(const Schema *s, json_t *definitions) {
        if (!s->name)
                return mapping(s, definitions);
        if (!json_object_get(definitions, s->name)) {
                json_object_set_new(definitions, s->name, json_null()); /* holds its place */
                json_object_set_new(definitions, s->name, mapping(s, definitions));
        }
        return json_pack("{s:o}", "$ref", json_sprintf("#/definitions/%s", s->name));
}

static json_t *value(const Key *k, json_t *definitions) {
        switch (k->type) {
        case KEY_STRING:
                return k->choices ? choice(k->choices) : typed("string");
        case KEY_STRING_OR_INT:
                return json_pack("{s:[s, s]}", "type", "string", "integer");
        case KEY_BOOL:
                return typed("boolean");
        case KEY_INT:
                return integer(k->min, k->max);
        case KEY_U32:
                return integer(0, UINT32_MAX);
        case KEY_ID:
                return id();
        case KEY_STRINGS:
                return list_of(typed("string"));
        case KEY_IDS:
                return list_of(id());
        case KEY_STRING_MAP:
                return json_pack("{s:s, s:o}", "type", "object", "additionalProperties",
                                 typed("string"));
        case KEY_MAPPING:
                return mapping(k->sub, definitions);
        case KEY_LIST:
                return list_of(reference(k->sub, definitions));
        }
        return json_true();
}

static void add_shape(json_t *j, json_t *(*shape)(void)) {
        if (!shape)
                return;
        _cleanup_json_ json_t *members = shape();
        json_object_update(j, members);
}

static void add_keys(const Schema *s, json_t *properties, json_t *required, json_t *definitions) {
        for (size_t i = 0; i < s->n; i++) {
                const Key *k = &s->keys[i];
                json_t *j = json_object();
                if (k->help)
                        json_object_set_new(j, "description", json_string(k->help));
                _cleanup_json_ json_t *of_type = value(k, definitions);
                json_object_update(j, of_type);
                add_shape(j, k->shape);
                json_object_set_new(properties, k->name, j);
                if (k->required)
                        json_array_append_new(required, json_string(k->name));
        }
}

/* A shape that speaks of several keys may say more of one of them: that goes into the key's own
 * schema, where an editor looks for it. */
static void add_mapping_shape(const Schema *s, json_t *j, json_t *properties) {
        if (!s->shape)
                return;
        _cleanup_json_ json_t *members = s->shape();
        json_t *more = json_object_get(members, "properties"), *of_key;
        const char *key;
        json_object_foreach(more, key, of_key) {
                json_object_update(json_object_get(properties, key), of_key);
        }
        json_object_del(members, "properties");
        json_object_update(j, members);
}

static json_t *mapping(const Schema *s, json_t *definitions) {
        json_t *properties = json_object(), *required = json_array();
        add_keys(s, properties, required, definitions);
        if (s->base)
                add_keys(s->base, properties, required, definitions);
        json_t *j = json_pack("{s:s, s:b, s:o}", "type", "object", "additionalProperties", 0,
                              "properties", properties);
        if (json_array_size(required))
                json_object_set(j, "required", required);
        json_decref(required);
        add_mapping_shape(s, j, properties);
        return j;
}

void spec_json_schema(Buf *out) {
        _cleanup_json_ json_t *j =
                json_pack("{s:s, s:s, s:s}", "$schema", "http://json-schema.org/draft-07/schema#",
                          "title", "LinuxKit build file", "description",
                          "What a bootable image is made of: linuxkit build FILE.yml");
        json_t *definitions = json_object();
        _cleanup_json_ json_t *top = mapping(&schema_build_file, definitions);
        json_object_update(j, top);
        /* an empty document is an empty build file */
        json_object_set_new(j, "type", json_pack("[s, s]", "object", "null"));
        json_object_set_new(j, "definitions", definitions);
        _cleanup_free_ char *text = json_dumps(j, JSON_INDENT(2));
        buf_adds(out, text);
        buf_addc(out, '\n');
}
