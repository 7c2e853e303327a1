/* runtimeconf.c - see runtimeconf.h. */
#include "init/runtimeconf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

#define FILE_MAX 65536
#define ARGS_MAX 256

typedef struct Line {
        const char *file;
        unsigned number;
        const char *p, *end;
} Line;

static int bad(const Line *l, const char *what, Err *e) {
        return err_set(e, ERR_SPEC, 0, "%s:%u: %s", l->file, l->number, what);
}

static void skip_blanks(Line *l) {
        while (l->p < l->end && (*l->p == ' ' || *l->p == '\t' || *l->p == '\r'))
                l->p++;
}

static bool at_end(Line *l) {
        skip_blanks(l);
        return l->p == l->end || *l->p == '#';
}

static void add_utf8(Buf *b, uint32_t c) {
        if (c < 0x80) {
                buf_addc(b, (char)c);
        } else if (c < 0x800) {
                buf_addc(b, (char)(0xc0 | c >> 6));
                buf_addc(b, (char)(0x80 | (c & 0x3f)));
        } else {
                buf_addc(b, (char)(0xe0 | c >> 12));
                buf_addc(b, (char)(0x80 | (c >> 6 & 0x3f)));
                buf_addc(b, (char)(0x80 | (c & 0x3f)));
        }
}

/* \uXXXX: four hexadecimal digits, neither a surrogate nor NUL. */
static int read_unicode(Line *l, Buf *b, Err *e) {
        uint32_t c = 0;
        for (int i = 0; i < 4; i++, l->p++) {
                static const char digits[] = "0123456789abcdef";
                const char *d = l->p < l->end && *l->p ? strchr(digits, *l->p | 0x20) : NULL;
                if (!d)
                        return bad(l, "\\u needs four hexadecimal digits", e);
                c = c << 4 | (uint32_t)(d - digits);
        }
        if (c == 0 || (c >= 0xd800 && c < 0xe000))
                return bad(l, "\\u with an unusable character", e);
        add_utf8(b, c);
        return 0;
}

static int read_escape(Line *l, Buf *b, Err *e) {
        static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
        char c = l->p < l->end ? *l->p++ : '\0';
        if (c == 'u')
                return read_unicode(l, b, e);
        const char *at = c ? strchr(from, c) : NULL;
        if (!at)
                return bad(l, "unknown escape in a string", e);
        buf_addc(b, to[at - from]);
        return 0;
}

static int read_string(Line *l, char **ret, Err *e) {
        _cleanup_buf_ Buf b = { 0 };
        char quote = l->p < l->end ? *l->p : '\0';
        if (quote != '"' && quote != '\'')
                return bad(l, "a string in quotes is expected", e);
        l->p++;
        for (;;) {
                if (l->p == l->end)
                        return bad(l, "a string does not end on its line", e);
                char c = *l->p++;
                if (c == quote)
                        break;
                if (c == '\0')
                        return bad(l, "NUL in a string", e);
                if (c == '\\' && quote == '"') {
                        if (read_escape(l, &b, e) < 0)
                                return -1;
                } else {
                        buf_addc(&b, c);
                }
        }
        if (!at_end(l))
                return bad(l, "text after a string", e);
        *ret = buf_steal(&b);
        return 0;
}

static int split_args(const Line *l, const char *text, char ***ret, Err *e) {
        char **args = xcalloc(ARGS_MAX + 1, sizeof *args);
        size_t n = 0;
        for (const char *p = text; *(p += strspn(p, " \t\r\n\v\f"));) {
                size_t len = strcspn(p, " \t\r\n\v\f");
                if (n == ARGS_MAX) {
                        while (n > 0)
                                free(args[--n]);
                        free(args);
                        return bad(l, "too many words in cliopts", e);
                }
                args[n++] = xstrndup(p, len);
                p += len;
        }
        *ret = args;
        return 0;
}

static void free_args(char **args) {
        for (char **p = args; p && *p; p++)
                free(*p);
        free(args);
}

static int set_stream(const Line *l, const char *value, char **dst, Err *e) {
        if (!str_eq(value, "stdout") && !str_eq(value, "stderr") && value[0] != '/')
                return bad(l, "neither \"stdout\", \"stderr\" nor an absolute path", e);
        free(*dst);
        *dst = xstrdup(value);
        return 0;
}

static int parse_line(Line *l, bool *in_table, RuntimeConf *c, Err *e) {
        if (at_end(l))
                return 0;
        if (*l->p == '[') {
                *in_table = true;
                return 0;
        }
        const char *key = l->p;
        while (l->p < l->end && !strchr(" \t=#\"'", *l->p))
                l->p++;
        _cleanup_free_ char *name = xstrndup(key, (size_t)(l->p - key));
        skip_blanks(l);
        if (l->p == l->end || *l->p != '=' || !*name)
                return bad(l, "KEY = \"value\" is expected", e);
        l->p++;
        skip_blanks(l);
        bool is_args = str_eq(name, "cliopts"), is_out = str_eq(name, "stdout");
        if (*in_table || (!is_args && !is_out && !str_eq(name, "stderr")))
                return 0;

        _cleanup_free_ char *value = NULL;
        if (read_string(l, &value, e) < 0)
                return -1;
        if (!is_args)
                return set_stream(l, value, is_out ? &c->out : &c->err, e);
        free_args(c->args);
        c->args = NULL;
        return split_args(l, value, &c->args, e);
}

int runtimeconf_parse(const char *name, const char *text, size_t n, RuntimeConf *ret, Err *e) {
        RuntimeConf c = { 0 };
        bool in_table = false;
        Line l = { .file = name };
        for (const char *p = text, *end = text + n; p < end; p = l.end + 1) {
                const char *nl = memchr(p, '\n', (size_t)(end - p));
                l.p = p;
                l.end = nl ? nl : end;
                l.number++;
                if (parse_line(&l, &in_table, &c, e) < 0) {
                        runtimeconf_done(&c);
                        return -1;
                }
        }
        *ret = c;
        return 0;
}

int runtimeconf_load(const char *path, RuntimeConf *ret, Err *e) {
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0 && errno == ENOENT) {
                *ret = (RuntimeConf){ 0 };
                return 0;
        }
        _cleanup_free_ char *text = xmalloc(FILE_MAX + 1);
        ssize_t n = fd < 0 ? -1 : read(fd, text, FILE_MAX + 1);
        if (n < 0)
                return err_set(e, ERR_IO, errno, "read %s", path);
        if (n > FILE_MAX)
                return err_set(e, ERR_SPEC, 0, "%s: larger than %d bytes", path, FILE_MAX);
        return runtimeconf_parse(path, text, (size_t)n, ret, e);
}

void runtimeconf_done(RuntimeConf *c) {
        free_args(c->args);
        free(c->out);
        free(c->err);
        *c = (RuntimeConf){ 0 };
}
