/* jsonout.h - writes indented JSON with the members in the order of the calls (yaml.md 11.1).
 *
 * jansson cannot: it indents empty containers differently and escapes other characters than the
 * reference. `key` is NULL inside a list and for the outermost value. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/str.h"

typedef struct JsonOut {
        Buf *buf;
        unsigned depth;
        bool filled;     /* the innermost open container has a member */
        unsigned indent; /* blanks per level; 0: four */
} JsonOut;

/* kind is '{' or '['. */
void jsonout_open(JsonOut *j, const char *key, char kind);
void jsonout_close(JsonOut *j, char kind);
void jsonout_string(JsonOut *j, const char *key, const char *value);
void jsonout_bool(JsonOut *j, const char *key, bool value);
void jsonout_int(JsonOut *j, const char *key, int64_t value);
void jsonout_uint(JsonOut *j, const char *key, uint64_t value);
/* Nothing at all for NULL and "". */
void jsonout_string_opt(JsonOut *j, const char *key, const char *value);
