/* out.h - writes nested data as YAML or JSON, byte for byte in the reference's style (yaml.md 11.1,
 * 15.3).  One set of calls for both, so that the model is walked by one function. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/str.h"

typedef enum OutStyle {
        OUT_JSON,     /* 4 spaces, no newline at the end */
        OUT_YAML,     /* indent 2, folded at 80 columns */
        OUT_YAML_RAW, /* indent 4, never folded: --dry-run */
} OutStyle;

typedef struct Out Out;

Out *out_new(OutStyle style, Buf *buf); /* buf is borrowed */
bool out_is_json(const Out *o);
void out_map_begin(Out *o);
void out_map_end(Out *o);
void out_list_begin(Out *o);
void out_list_end(Out *o);
void out_key(Out *o, const char *key); /* inside a map, before each value */
void out_string(Out *o, const char *text);
void out_bool(Out *o, bool value);
void out_i64(Out *o, int64_t value);
void out_u64(Out *o, uint64_t value);
void out_null(Out *o);
/* Ends the document and frees o in any case.  A failure of any call before is reported here. */
int out_finish(Out *o, Err *e);
