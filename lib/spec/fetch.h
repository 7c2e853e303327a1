/* fetch.h - where build files come from: a local file, stdin, or a URL (yaml.md 4.1). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

/* True for what is fetched over HTTP. */
bool source_is_url(const char *name);

/* Reads name ("-": stdin, http(s):// URL, else a file), at most limit bytes.  *ret is malloc'ed.
 * ERR_NOT_FOUND: no such file; ERR_NETWORK: any status but 200, or no answer. */
int source_read(const char *name, size_t limit, char **ret, size_t *ret_len, Err *e);
