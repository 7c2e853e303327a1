/* ocispec.h - gives a container's config.json the absolute path of its root file system.
 *
 * The text is edited in place of being parsed and printed again: config.json may hold numbers that
 * a JSON library cannot represent (an unlimited rlimit is 2^64-1), and containerd checks it anyway.
 */
#pragma once

#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/str.h"

/* Appends text to ret with the value of root.path replaced, or added.  ERR_SPEC when text is not an
 * object with an object "root". */
int ocispec_set_root(const char *text, size_t n, const char *root_path, Buf *ret, Err *e);
