/* str.c - see str.h. */
#include "lib/base/str.h"
#include "lib/base/mem.h"

#include <ctype.h>

static void reserve(Buf *b, size_t more) {
        if (more >= SIZE_MAX / 2 - b->len)
                abort();
        size_t need = b->len + more + 1;
        if (need <= b->cap)
                return;
        size_t cap = b->cap ? b->cap : 64;
        while (cap < need)
                cap *= 2;
        b->data = xrealloc(b->data, cap);
        b->cap = cap;
}

void buf_add(Buf *b, const void *p, size_t n) {
        reserve(b, n);
        if (n)
                memcpy(b->data + b->len, p, n);
        b->len += n;
        b->data[b->len] = 0;
}

void buf_adds(Buf *b, const char *s) {
        buf_add(b, s, strlen(s));
}

void buf_addc(Buf *b, char c) {
        buf_add(b, &c, 1);
}

void buf_addf(Buf *b, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        _cleanup_free_ char *s = xvasprintf(fmt, ap);
        va_end(ap);
        buf_adds(b, s);
}

void buf_zero(Buf *b, size_t n) {
        reserve(b, n);
        memset(b->data + b->len, 0, n + 1);
        b->len += n;
}

void buf_clear(Buf *b) {
        b->len = 0;
        if (b->data)
                b->data[0] = 0;
}

void buf_done(Buf *b) {
        free(b->data);
        *b = (Buf){ 0 };
}

char *buf_steal(Buf *b) {
        reserve(b, 0);
        b->data[b->len] = 0;
        char *s = b->data;
        *b = (Buf){ 0 };
        return s;
}

bool str_eq(const char *a, const char *b) {
        return a && b ? strcmp(a, b) == 0 : a == b;
}

bool str_has_prefix(const char *s, const char *prefix) {
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_has_suffix(const char *s, const char *suffix) {
        size_t n = strlen(s), m = strlen(suffix);
        return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

bool str_is_empty(const char *s) {
        return !s || !*s;
}

bool str_to_u64(const char *s, uint64_t *ret) {
        if (str_is_empty(s))
                return false;
        uint64_t v = 0;
        for (; *s; s++) {
                if (!isdigit((unsigned char)*s) || __builtin_mul_overflow(v, 10, &v) ||
                    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
                        return false;
        }
        *ret = v;
        return true;
}

unsigned str_distance(const char *a, const char *b) {
        size_t n = strlen(a), m = strlen(b);
        _cleanup_free_ unsigned *row = xcalloc(m + 1, sizeof *row);
        for (size_t j = 0; j <= m; j++)
                row[j] = (unsigned)j;
        for (size_t i = 1; i <= n; i++) {
                unsigned diagonal = row[0];
                row[0] = (unsigned)i;
                for (size_t j = 1; j <= m; j++) {
                        unsigned up = row[j];
                        unsigned best = MIN(up, row[j - 1]) + 1;
                        row[j] = MIN(best, diagonal + (a[i - 1] != b[j - 1]));
                        diagonal = up;
                }
        }
        return row[m];
}

char *path_clean(const char *path) {
        bool rooted = path[0] == '/';
        char *out = xmalloc(strlen(path) + 2);
        size_t w = 0, floor = 0; /* floor: ".." components that must stay */
        if (rooted)
                out[w++] = '/', floor = 1;
        for (const char *p = path; *p;) {
                const char *end = strchrnul(p, '/');
                size_t n = (size_t)(end - p);
                if (n == 0 || (n == 1 && p[0] == '.')) {
                        /* nothing to add */
                } else if (n == 2 && p[0] == '.' && p[1] == '.') {
                        if (w > floor) {
                                while (w > floor && out[w - 1] != '/')
                                        w--;
                                if (w > floor)
                                        w--;
                        } else if (!rooted) {
                                if (w)
                                        out[w++] = '/';
                                memcpy(out + w, "..", 2);
                                w += 2;
                                floor = w;
                        }
                } else {
                        if (w && out[w - 1] != '/')
                                out[w++] = '/';
                        memcpy(out + w, p, n);
                        w += n;
                }
                p = *end ? end + 1 : end;
        }
        if (!w)
                out[w++] = '.';
        out[w] = 0;
        return out;
}

char *path_dir(const char *path) {
        const char *slash = strrchr(path, '/');
        if (!slash)
                return xstrdup(".");
        _cleanup_free_ char *dir = xstrndup(path, (size_t)(slash - path) + 1);
        return path_clean(dir);
}

char *path_join(const char *dir, const char *name) {
        if (str_is_empty(dir) || name[0] == '/')
                return xstrdup(name);
        return xasprintf("%s%s%s", dir, str_has_suffix(dir, "/") ? "" : "/", name);
}

const char *path_base(const char *path) {
        const char *slash = strrchr(path, '/');
        return slash ? slash + 1 : path;
}
