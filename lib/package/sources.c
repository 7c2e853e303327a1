/* sources.c - see sources.h.  Both formats are reduced to one Source, and one function decides and
 * prints. */
#include "lib/package/sources.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

typedef struct Source {
        char *types, *uris, *suites, *components, *arches, *signed_by, *trusted, *enabled;
} Source;

static void source_done(Source *s) {
        free(s->types);
        free(s->uris);
        free(s->suites);
        free(s->components);
        free(s->arches);
        free(s->signed_by);
        free(s->trusted);
        free(s->enabled);
        *s = (Source){ 0 };
}

/* True when the blank-separated list holds the word. */
static bool has_word(const char *list, const char *word, const char *separators) {
        size_t n = strlen(word);

        for (const char *p = list ? list : ""; *p;) {
                p += strspn(p, separators);

                size_t len = strcspn(p, separators);

                if (len == n && memcmp(p, word, n) == 0)
                        return true;
                p += len;
        }
        return false;
}

static char *next_word(const char **at) {
        *at += strspn(*at, " \t\n");

        size_t n = strcspn(*at, " \t\n");
        char *word = n ? xstrndup(*at, n) : NULL;

        *at += n;
        return word;
}

static void print(const Source *s, const char *suite, const char *uris, Buf *out) {
        buf_addf(out, "Types: deb\nURIs: %s\nSuites: %s\nComponents: main", uris, suite);
        if (has_word(s->components, "non-free-firmware", " \t\n"))
                buf_adds(out, " non-free-firmware");
        buf_addc(out, '\n');
        if (s->signed_by)
                buf_addf(out, "Signed-By: %s\n", s->signed_by);
        if (s->trusted)
                buf_addf(out, "Trusted: %s\n", s->trusted);
        buf_addc(out, '\n');
}

static void convert_one(const Source *s, const SourcesOptions *o, Buf *out) {
        static const char *const suffixes[] = { "", "-updates", "-security" };

        if (!has_word(s->types, "deb", " \t\n") || !s->uris ||
            !has_word(s->components, "main", " \t\n"))
                return;
        if (s->enabled && (str_eq(s->enabled, "no") || str_eq(s->enabled, "false")))
                return;
        if (s->arches && !has_word(s->arches, o->arch, " ,\t\n"))
                return;
        for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
                _cleanup_free_ char *suite = xasprintf("%s%s", o->suite, suffixes[i]);

                if (!has_word(s->suites, suite, " \t\n"))
                        continue;
                if (!o->mirror) {
                        print(s, suite, s->uris, out);
                        continue;
                }

                const char *at = o->mirror;
                _cleanup_free_ char *uri = next_word(&at), *security = next_word(&at);
                const char *use = i == 2 ? security : uri;

                if (use)
                        print(s, suite, use, out);
        }
}

/* "[arch=amd64,arm64 signed-by=/x]" of the one-line format, without the brackets. */
static void list_options(Source *s, const char *text) {
        char *word;

        while ((word = next_word(&text))) {
                char *value = strchr(word, '=');

                if (value) {
                        *value++ = '\0';

                        char **slot = str_eq(word, "arch")        ? &s->arches
                                      : str_eq(word, "signed-by") ? &s->signed_by
                                      : str_eq(word, "trusted")   ? &s->trusted
                                                                  : NULL;

                        if (slot && !*slot)
                                *slot = xstrdup(value);
                }
                free(word);
        }
}

static void list_line(const char *line, const SourcesOptions *o, Buf *out) {
        Source s = { 0 };

        s.types = next_word(&line);
        line += strspn(line, " \t");
        if (*line == '[') {
                size_t n = strcspn(line, "]");
                _cleanup_free_ char *inside = xstrndup(line + 1, n ? n - 1 : 0);

                list_options(&s, inside);
                line += line[n] ? n + 1 : n;
        }
        s.uris = next_word(&line);
        s.suites = next_word(&line);
        s.components = xstrdup(line);
        convert_one(&s, o, out);
        source_done(&s);
}

/* One "Key: value" with its continuation lines. */
static void deb822_field(Source *s, const char *text) {
        static const struct {
                const char *key;
                size_t offset;
        } rows[] = {
                { "types:", offsetof(Source, types) },
                { "uris:", offsetof(Source, uris) },
                { "suites:", offsetof(Source, suites) },
                { "components:", offsetof(Source, components) },
                { "architectures:", offsetof(Source, arches) },
                { "signed-by:", offsetof(Source, signed_by) },
                { "trusted:", offsetof(Source, trusted) },
                { "enabled:", offsetof(Source, enabled) },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                size_t n = strlen(rows[i].key);
                char **slot = (char **)((char *)s + rows[i].offset);

                if (strncasecmp(text, rows[i].key, n) != 0 || *slot)
                        continue;
                text += n;
                text += strspn(text, " \t");
                *slot = xstrdup(text);
                return;
        }
}

static void field_end(Source *s, Buf *field) {
        if (field->len)
                deb822_field(s, field->data);
        buf_clear(field);
}

static void convert_deb822(const char *text, const SourcesOptions *o, Buf *out) {
        _cleanup_buf_ Buf field = { 0 };
        Source s = { 0 };

        while (*text) {
                size_t n = strcspn(text, "\n");

                if (strspn(text, " \t") >= n) { /* a blank line ends the stanza */
                        field_end(&s, &field);
                        convert_one(&s, o, out);
                        source_done(&s);
                } else if (*text == ' ' || *text == '\t') {
                        buf_addc(&field, '\n');
                        buf_add(&field, text, n);
                } else if (*text != '#') {
                        field_end(&s, &field);
                        buf_add(&field, text, n);
                }
                text += n + (text[n] == '\n');
        }
        field_end(&s, &field);
        convert_one(&s, o, out);
        source_done(&s);
}

static void convert_list(const char *text, const SourcesOptions *o, Buf *out) {
        while (*text) {
                size_t n = strcspn(text, "\n");
                _cleanup_free_ char *line = xstrndup(text, strcspn(text, "#\n"));

                list_line(line, o, out);
                text += n + (text[n] == '\n');
        }
}

void sources_convert(const char *text, bool list, const SourcesOptions *o, Buf *out) {
        if (list)
                convert_list(text, o, out);
        else
                convert_deb822(text, o, out);
}
