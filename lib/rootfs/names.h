/* names.h - a set of path names that numbers them 0, 1, 2 ... in the order of insertion.
 *
 * Names come from hostile archives, so the hash is keyed; the numbers, and with them all outputs,
 * do not depend on the key. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct NameSet NameSet;

NameSet *nameset_new(void);
void nameset_free(NameSet *s); /* s may be NULL */
size_t nameset_count(const NameSet *s);
/* Number of the name, which is added when it is new. The text is borrowed and need not end in NUL.
 */
uint32_t nameset_add(NameSet *s, const char *text, size_t len);
/* False when the set does not hold the name. */
bool nameset_find(const NameSet *s, const char *text, size_t len, uint32_t *ret);
/* Asks fn about each of "a", "a/b", "a/b/c" of path that the set holds, until it says true; the
 * work grows with the length of path and not with its square. False: fn never did. */
bool nameset_any_dir(const NameSet *s, const char *path, size_t len,
                     bool (*fn)(void *ctx, uint32_t id), void *ctx);

static inline void cleanup_nameset_fn(NameSet **s) {
        nameset_free(*s);
}
#define _cleanup_nameset_ __attribute__((cleanup(cleanup_nameset_fn)))
