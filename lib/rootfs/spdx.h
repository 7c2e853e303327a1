/* spdx.h - many SPDX documents become one (yaml.md 17).
 *
 * A document comes as an in-toto statement that a stranger wrote; one that is broken leaves no
 * trace in the result. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/str.h"

typedef struct Spdx Spdx; /* the document that grows */

Spdx *spdx_new(void);
void spdx_free(Spdx *s); /* s may be NULL */

/* Appends the lists of the statement's document.  prefix ("" or "containers/services/x/lower/") is
 * where its files are now; label ("services-0") keeps apart identifiers that the result has
 * already: "SPDXRef-a" becomes "SPDXRef-services-0-a", and what refers to it follows.  ERR_VERIFY:
 * the statement is broken, s is unchanged. */
int spdx_merge(Spdx *s, const char *statement, size_t n, const char *prefix, const char *label,
               Err *e);

/* The whole document, compact, with a final newline. created: seconds since 1970. */
void spdx_print(const Spdx *s, int64_t created, Buf *out);

/* Appends the documentNamespace for a document with this text: the same text, the same namespace.
 */
void spdx_add_namespace(const char *text, size_t n, Buf *out);
/* Appends creationInfo's time stamp with quotes. */
void spdx_add_time(int64_t created, Buf *out);
