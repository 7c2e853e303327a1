/* str.h - growing byte buffer and small string questions. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing buffer.  data is NUL-terminated after every call (the NUL is not counted in len) and
 * owned by the buffer; zero-initialise to start. */
typedef struct Buf {
        char *data;
        size_t len, cap;
} Buf;

void buf_add(Buf *b, const void *p, size_t n);
void buf_adds(Buf *b, const char *s);
void buf_addc(Buf *b, char c);
void buf_addf(Buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_zero(Buf *b, size_t n); /* n zero bytes */
void buf_clear(Buf *b);          /* len = 0, memory kept */
void buf_done(Buf *b);           /* frees; the buffer is empty and usable again */
char *buf_steal(Buf *b);         /* NUL-terminated string, now the caller's; never NULL */
#define _cleanup_buf_ __attribute__((cleanup(buf_done)))

bool str_eq(const char *a, const char *b); /* NULL is equal to NULL only */
bool str_has_prefix(const char *s, const char *prefix);
bool str_has_suffix(const char *s, const char *suffix);
bool str_is_empty(const char *s); /* NULL or "" */

/* Plain decimal, whole string, no sign, no blanks.  False when it is not a number or overflows. */
bool str_to_u64(const char *s, uint64_t *ret);

/* Levenshtein distance, for "did you mean". */
unsigned str_distance(const char *a, const char *b);

/* Lexical cleaning as Go's path.Clean: "./a//b/../c/" -> "a/c", "" -> ".", "/.." -> "/".
 * Result is malloc'ed. */
char *path_clean(const char *path);
/* Directory part, lexically, as Go's path.Dir. malloc'ed. */
char *path_dir(const char *path);
/* dir + "/" + name, no cleaning; name alone when it is absolute or dir is NULL/"". malloc'ed. */
char *path_join(const char *dir, const char *name);
/* Borrowed pointer to the last component. */
const char *path_base(const char *path);
