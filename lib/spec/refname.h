/* refname.h - the text form of an image reference (yaml.md 6.1): cache key and LINUXKIT.source.
 *
 * No ":latest" is ever added, and nothing is looked up: pure text. */
#pragma once

#include "lib/base/err.h"

/* "redis:7" -> "docker.io/library/redis:7".  *ret is malloc'ed.  ERR_SPEC for text that cannot be a
 * reference: "://", an impossible host or port, odd characters, a malformed tag or digest. */
int refname_normalise(const char *text, char **ret, Err *e);
