/* record.c - see record.h.  A decoded string is never longer than its JSON, so it takes its place.
 */
#include "pkg/logwrite/record.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static char *skip_blanks(char *p) {
        while (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')
                p++;
        return p;
}

static bool take_hex(const char *p, uint32_t *ret) {
        *ret = 0;
        for (int i = 0; i < 4; i++) {
                const char *digits = "0123456789abcdef", *d;
                char c = p[i] >= 'A' && p[i] <= 'F' ? (char)(p[i] + 32) : p[i];
                if (!c || !(d = strchr(digits, c)))
                        return false;
                *ret = *ret * 16 + (uint32_t)(d - digits);
        }
        return true;
}

static char *put_utf8(char *to, uint32_t c) {
        if (c < 0x80) {
                *to++ = (char)c;
        } else if (c < 0x800) {
                *to++ = (char)(0xc0 | c >> 6);
                *to++ = (char)(0x80 | (c & 0x3f));
        } else if (c < 0x10000) {
                *to++ = (char)(0xe0 | c >> 12);
                *to++ = (char)(0x80 | (c >> 6 & 0x3f));
                *to++ = (char)(0x80 | (c & 0x3f));
        } else {
                *to++ = (char)(0xf0 | c >> 18);
                *to++ = (char)(0x80 | (c >> 12 & 0x3f));
                *to++ = (char)(0x80 | (c >> 6 & 0x3f));
                *to++ = (char)(0x80 | (c & 0x3f));
        }
        return to;
}

/* An escape behind its backslash; NULL when it is none.  NUL and lone surrogates become U+FFFD. */
static char *take_escape(char *p, char **to) {
        static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
        uint32_t c, low;
        const char *name = *p ? strchr(names, *p) : NULL;
        if (name) {
                *(*to)++ = values[name - names];
                return p + 1;
        }
        if (*p != 'u' || !take_hex(p + 1, &c))
                return NULL;
        p += 5;
        if (c >= 0xd800 && c < 0xdc00 && p[0] == '\\' && p[1] == 'u' && take_hex(p + 2, &low) &&
            low >= 0xdc00 && low < 0xe000) {
                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                p += 6;
        }
        *to = put_utf8(*to, c == 0 || (c >= 0xd800 && c < 0xe000) ? 0xfffd : c);
        return p;
}

/* The string at the quote p, decoded; NULL when it does not end.  *end is behind it. */
static char *take_string(char *p, char **end) {
        char *start = ++p, *to = p;
        while (*p && *p != '"') {
                if (*p != '\\') {
                        *to++ = *p++;
                } else if (!(p = take_escape(p + 1, &to))) {
                        return NULL;
                }
        }
        if (*p != '"')
                return NULL;
        *end = p + 1;
        *to = '\0';
        return start;
}

bool record_parse(char *line, Record *ret) {
        const struct {
                const char *key;
                char **to;
        } members[] = { { "time", &ret->time }, { "source", &ret->source }, { "msg", &ret->msg } };
        *ret = (Record){ 0 };
        char *p = skip_blanks(line);
        if (*p != '{')
                return false;
        do {
                p = skip_blanks(p + 1);
                char *key = *p == '"' ? take_string(p, &p) : NULL;
                if (!key || *(p = skip_blanks(p)) != ':')
                        return false;
                p = skip_blanks(p + 1);
                char *value = *p == '"' ? take_string(p, &p) : NULL;
                if (!value)
                        return false;
                for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
                        if (strcmp(key, members[i].key) == 0)
                                *members[i].to = value;
                p = skip_blanks(p);
        } while (*p == ',');
        return *p == '}' && ret->time && ret->source && ret->msg;
}
