/* json.h - writing JSON exactly as the reference does (yaml.md 11.1) and reading it safely. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/str.h"

/* Appends a JSON string with quotes: escapes `"` `\`, control characters, `<` `>` `&`, U+2028/2029;
 * invalid UTF-8 becomes \ufffd (yaml.md 11.1). */
void json_add_string(Buf *b, const char *s);

/* Parses text of n bytes; rejects duplicate keys and trailing data; what is named in the message.
 */
int json_parse(const char *text, size_t n, const char *what, json_t **ret, Err *e);

/* Borrowed string member of an object, or NULL when absent or not a string. */
const char *json_str(const json_t *o, const char *key);

static inline void cleanup_json_fn(json_t **j) {
        json_decref(*j);
}
#define _cleanup_json_ __attribute__((cleanup(cleanup_json_fn)))
