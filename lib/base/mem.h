/* mem.h - ownership helpers: cleanup attributes, allocation that cannot fail silently, arenas.
 *
 * xmalloc and friends end the program with a message when memory runs out: for a command line tool
 * whose sizes are bounded by checked input that is the only sensible answer.  init/ does not use
 * them after its start. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)    ((a) < (b) ? (a) : (b))
#define MAX(a, b)    ((a) > (b) ? (a) : (b))

static inline void cleanup_free_fn(void *p) {
        free(*(void **)p);
}
static inline void cleanup_close_fn(int *fd) {
        if (*fd >= 0)
                close(*fd);
}
static inline void cleanup_fclose_fn(FILE **f) {
        if (*f)
                fclose(*f);
}
#define _cleanup_(f)     __attribute__((cleanup(f)))
#define _cleanup_free_   _cleanup_(cleanup_free_fn)
#define _cleanup_fd_     _cleanup_(cleanup_close_fn)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose_fn)

/* Hands a pointer, or a descriptor, to the caller and disarms the cleanup. */
#define take(p)                           \
        ({                                \
                __typeof__(p) *_p = &(p); \
                __typeof__(p) _v = *_p;   \
                *_p = NULL;               \
                _v;                       \
        })
static inline int fd_take(int *fd) {
        int v = *fd;
        *fd = -1;
        return v;
}

void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *xvasprintf(const char *fmt, va_list ap);

/* Grows an array for one more element: vec_push(v, n, cap) yields a pointer to the new last slot.
 */
#define vec_push(v, n, cap)                                        \
        ({                                                         \
                if ((n) == (cap)) {                                \
                        (cap) = (cap) ? (cap)*2 : 8;               \
                        (v) = xrealloc((v), (cap) * sizeof(*(v))); \
                }                                                  \
                &(v)[(n)++];                                       \
        })

/* Arena: many small objects with one life.  Nothing in it is freed singly. */
typedef struct Arena Arena;
Arena *arena_new(void);
void arena_free(Arena *a);             /* a may be NULL */
void *arena_alloc(Arena *a, size_t n); /* zeroed, aligned to 16 */
char *arena_strdup(Arena *a, const char *s);
char *arena_strndup(Arena *a, const char *s, size_t n);
char *arena_printf(Arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline void cleanup_arena_fn(Arena **a) {
        arena_free(*a);
}
#define _cleanup_arena_ _cleanup_(cleanup_arena_fn)
