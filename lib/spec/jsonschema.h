/* jsonschema.h - the build file's tables as a JSON Schema. */
#pragma once

#include "lib/base/str.h"

/* Appends the JSON Schema (draft 7, the one that editors know best) of the build file: two-space
 * indent, final newline.  A file that the schema refuses is refused by spec_load. */
void spec_json_schema(Buf *out);
