/* config.h - the `config:` mapping of a build.yml as the label org.mobyproject.config: compact JSON
 * with the key order and the escapes of the reference (pkg.md 3). */
#pragma once

#include "lib/base/str.h"
#include "lib/spec/problem.h"
#include "lib/spec/yaml.h"

/* Appends the JSON to out. Unknown keys and values of the wrong kind are added to p. */
void config_print(Problems *p, const Node *config, Buf *out);
