/* ocispec.c - see ocispec.h.  A scanner that only knows where values begin and end; it never
 * recurses, so nesting costs nothing. */
#include "init/ocispec.h"

#include <stdbool.h>
#include <string.h>

typedef struct Span {
        const char *p, *end;
} Span;

static const char *skip_space(Span s) {
        while (s.p < s.end && (*s.p == ' ' || *s.p == '\t' || *s.p == '\n' || *s.p == '\r'))
                s.p++;
        return s.p;
}

/* s.p stands on the opening quote; returns the byte behind the closing one, NULL if there is none.
 */
static const char *skip_string(Span s) {
        for (s.p++; s.p < s.end; s.p++) {
                if (*s.p == '"')
                        return s.p + 1;
                if (*s.p == '\\')
                        s.p++;
        }
        return NULL;
}

static const char *skip_value(Span s) {
        size_t depth = 0;
        while (s.p < s.end) {
                char c = *s.p;
                if (c == '"') {
                        s.p = skip_string(s);
                        if (!s.p || depth == 0)
                                return s.p;
                        continue;
                }
                if (depth == 0 && (c == ',' || c == '}' || c == ']'))
                        return s.p; /* behind a number or a word */
                s.p++;
                if (c == '{' || c == '[')
                        depth++;
                else if ((c == '}' || c == ']') && --depth == 0)
                        return s.p;
        }
        return depth == 0 ? s.p : NULL;
}

/* Finds a member of the object that obj begins with: 1 and its value, 0 if absent, -1 if this is no
 * object. */
static int find_member(Span obj, const char *key, Span *ret) {
        Span s = { skip_space(obj), obj.end };
        if (s.p == s.end || *s.p++ != '{')
                return -1;
        for (;;) {
                s.p = skip_space(s);
                if (s.p == s.end)
                        return -1;
                if (*s.p == '}')
                        return 0;
                if (*s.p != '"')
                        return -1;
                const char *name = s.p + 1, *name_end = skip_string(s);
                if (!name_end)
                        return -1;
                s.p = name_end;
                s.p = skip_space(s);
                if (s.p == s.end || *s.p++ != ':')
                        return -1;
                s.p = skip_space(s);
                const char *end = skip_value(s);
                if (!end || end == s.p)
                        return -1;
                size_t len = (size_t)(name_end - 1 - name);
                if (len == strlen(key) && memcmp(name, key, len) == 0) {
                        *ret = (Span){ s.p, end };
                        return 1;
                }
                s.p = end;
                s.p = skip_space(s);
                if (s.p < s.end && *s.p == ',')
                        s.p++;
        }
}

static void add_quoted(Buf *b, const char *s) {
        buf_addc(b, '"');
        for (; *s; s++) {
                unsigned char c = (unsigned char)*s;
                if (c < 0x20)
                        buf_addf(b, "\\u%04x", c);
                else if (c == '"' || c == '\\')
                        buf_addf(b, "\\%c", c);
                else
                        buf_addc(b, *s);
        }
        buf_addc(b, '"');
}

int ocispec_set_root(const char *text, size_t n, const char *root_path, Buf *ret, Err *e) {
        const Span all = { text, text + n };
        Span root, path;
        if (find_member(all, "root", &root) != 1)
                return err_set(e, ERR_SPEC, 0, "no object with a member \"root\"");
        int found = find_member(root, "path", &path);
        if (found < 0)
                return err_set(e, ERR_SPEC, 0, "\"root\" is not an object");
        if (found == 0)
                path = (Span){ root.p + 1, root.p + 1 };

        buf_add(ret, all.p, (size_t)(path.p - all.p));
        if (found == 0)
                buf_adds(ret, "\"path\":");
        add_quoted(ret, root_path);
        if (found == 0 && *skip_space((Span){ path.end, all.end }) != '}')
                buf_addc(ret, ',');
        buf_add(ret, path.end, (size_t)(all.end - path.end));
        return 0;
}

int ocispec_set_version(const char *text, size_t n, const char *version, Buf *ret, Err *e) {
        const Span all = { text, text + n };
        Span value;
        int found = find_member(all, "ociVersion", &value);
        if (found < 0)
                return err_set(e, ERR_SPEC, 0, "not an object");
        /* "1.2.1" against "1.0.2": the digit behind the first dot and the dot behind it */
        bool other = found == 1 && value.end - value.p > 5 && memcmp(value.p, "\"1.", 3) == 0 &&
                     memcmp(value.p + 1, version, 4) != 0;
        if (!other)
                value = (Span){ all.p, all.p };
        buf_add(ret, all.p, (size_t)(value.p - all.p));
        if (other)
                add_quoted(ret, version);
        buf_add(ret, value.end, (size_t)(all.end - value.end));
        return 0;
}
