/* ocispec.h - the two members of a container's config.json that depend on who reads it: the path of
 * its root file system, and the version of the specification.
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

/* Appends text to ret with ociVersion replaced by version when it is another 1.x than version's
 * 1.y; what stands there otherwise, or is absent, is the reader's to judge.  ERR_SPEC when text is
 * no object. */
int ocispec_set_version(const char *text, size_t n, const char *version, Buf *ret, Err *e);
