/* mem.c - see mem.h. */
#include "lib/base/mem.h"

struct Block {
        struct Block *next;
        size_t used, size;
        _Alignas(16) unsigned char data[];
};

struct Arena {
        struct Block *head;
};

static void out_of_memory(void) {
        static const char text[] = "Error: out of memory\n";
        (void)!write(2, text, sizeof text - 1);
        _exit(1);
}

void *xmalloc(size_t n) {
        void *p = malloc(n ? n : 1);
        if (!p)
                out_of_memory();
        return p;
}

void *xcalloc(size_t n, size_t size) {
        void *p = calloc(n ? n : 1, size ? size : 1);
        if (!p)
                out_of_memory();
        return p;
}

void *xrealloc(void *p, size_t n) {
        p = realloc(p, n ? n : 1);
        if (!p)
                out_of_memory();
        return p;
}

char *xstrdup(const char *s) {
        return xstrndup(s, strlen(s));
}

char *xstrndup(const char *s, size_t n) {
        n = strnlen(s, n);
        char *p = xmalloc(n + 1);
        memcpy(p, s, n);
        p[n] = 0;
        return p;
}

char *xvasprintf(const char *fmt, va_list ap) {
        char *s = NULL;
        if (vasprintf(&s, fmt, ap) < 0)
                out_of_memory();
        return s;
}

char *xasprintf(const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        char *s = xvasprintf(fmt, ap);
        va_end(ap);
        return s;
}

Arena *arena_new(void) {
        return xcalloc(1, sizeof(Arena));
}

void arena_free(Arena *a) {
        if (!a)
                return;
        for (struct Block *b = a->head, *next; b; b = next) {
                next = b->next;
                free(b);
        }
        free(a);
}

void *arena_alloc(Arena *a, size_t n) {
        if (n > SIZE_MAX / 2)
                out_of_memory();
        n = (n + 15) & ~(size_t)15;
        struct Block *b = a->head;
        if (!b || b->size - b->used < n) {
                size_t size = MAX(n, (size_t)64 * 1024);
                b = xmalloc(sizeof(*b) + size);
                b->used = 0;
                b->size = size;
                b->next = a->head;
                a->head = b;
        }
        void *p = b->data + b->used;
        b->used += n;
        return memset(p, 0, n);
}

char *arena_strndup(Arena *a, const char *s, size_t n) {
        n = strnlen(s, n);
        char *p = arena_alloc(a, n + 1);
        memcpy(p, s, n);
        return p;
}

char *arena_strdup(Arena *a, const char *s) {
        return arena_strndup(a, s, strlen(s));
}

char *arena_printf(Arena *a, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        _cleanup_free_ char *s = xvasprintf(fmt, ap);
        va_end(ap);
        return arena_strdup(a, s);
}
