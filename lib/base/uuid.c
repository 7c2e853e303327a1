/* uuid.c - see uuid.h. */
#include "lib/base/uuid.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static int nibble(char c) {
        return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

Uuid uuid_derive(const char *purpose, const Digest *content) {
        Digest d;
        Uuid u;
        _cleanup_hash_ Hash *h = hash_new();
        hash_update(h, purpose, strlen(purpose) + 1);
        hash_update(h, content->text, strlen(content->text));
        hash_final(h, &d);
        const char *hex = digest_hex(&d);
        for (size_t i = 0; i < sizeof u.b; i++)
                u.b[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
        u.b[6] = (u.b[6] & 0x0f) | 0x80;
        u.b[8] = (u.b[8] & 0x3f) | 0x80;
        return u;
}

Uuid uuid_parse(const char *text) {
        Uuid u = { 0 };
        size_t digits = 0;
        for (; *text && digits < 2 * sizeof u.b; text++) {
                if (*text == '-')
                        continue;
                if (!isxdigit((unsigned char)*text))
                        return (Uuid){ 0 };
                u.b[digits / 2] |= (uint8_t)(nibble(*text) << (digits % 2 ? 0 : 4));
                digits++;
        }
        return *text || digits != 2 * sizeof u.b ? (Uuid){ 0 } : u;
}

void uuid_text(const Uuid *u, char buf[UUID_TEXT]) {
        char *p = buf;
        for (size_t i = 0; i < sizeof u->b; i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        *p++ = '-';
                p += snprintf(p, 3, "%02x", u->b[i]);
        }
}
