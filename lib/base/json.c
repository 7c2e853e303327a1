/* json.c - see json.h. */
#include "lib/base/json.h"
#include "lib/base/mem.h"

/* Length of the valid UTF-8 sequence at p (n bytes left), 0 when it is invalid; RFC 3629 section 4.
 */
static size_t utf8_length(const unsigned char *p, size_t n) {
        static const struct {
                unsigned char first_min, first_max, second_min, second_max, length;
        } forms[] = {
                { 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
                { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
                { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
                { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
                { 0xf4, 0xf4, 0x80, 0x8f, 4 },
        };
        for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
                if (p[0] < forms[i].first_min || p[0] > forms[i].first_max)
                        continue;
                size_t length = forms[i].length;
                if (length > n)
                        return 0;
                if (length > 1 && (p[1] < forms[i].second_min || p[1] > forms[i].second_max))
                        return 0;
                for (size_t k = 2; k < length; k++)
                        if ((p[k] & 0xc0) != 0x80)
                                return 0;
                return length;
        }
        return 0;
}

void json_add_string(Buf *b, const char *s) {
        static const char short_escapes[] = "\"\"\\\\\nn\rr\tt\bb\ff";
        const unsigned char *p = (const unsigned char *)s;
        size_t n = strlen(s);
        buf_addc(b, '"');
        while (n) {
                size_t length = utf8_length(p, n);
                if (!length) {
                        buf_adds(b, "\\ufffd");
                        p++, n--;
                        continue;
                }
                const char *escape = NULL;
                for (const char *q = short_escapes; *q; q += 2)
                        if ((unsigned char)*q == *p)
                                escape = q + 1;
                if (escape)
                        buf_addf(b, "\\%c", *escape);
                else if (*p < 0x20 || *p == '<' || *p == '>' || *p == '&')
                        buf_addf(b, "\\u%04x", *p);
                else if (length == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] & 0xfe) == 0xa8)
                        buf_addf(b, "\\u202%u", p[2] & 0xf);
                else
                        buf_add(b, p, length);
                p += length, n -= length;
        }
        buf_addc(b, '"');
}

int json_parse(const char *text, size_t n, const char *what, json_t **ret, Err *e) {
        json_error_t je;
        json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
        if (!j)
                return err_set(e, ERR_VERIFY, 0, "%s: line %d: %s", what, je.line, je.text);
        *ret = j;
        return 0;
}

const char *json_str(const json_t *o, const char *key) {
        return json_string_value(json_object_get(o, key));
}
