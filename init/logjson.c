/* logjson.c - see logjson.h. */
#include "init/logjson.h"

#include <stdio.h>
#include <time.h>

#include "lib/base/mem.h"

size_t logjson_time(int64_t time_ns, char buf[LOGJSON_TIME_SIZE]) {
        enum { BILLION = 1000000000 };
        time_t seconds = (time_t)(time_ns / BILLION);
        long rest = (long)(time_ns % BILLION);
        if (rest < 0) {
                rest += BILLION;
                seconds--;
        }
        struct tm tm = { 0 };
        gmtime_r(&seconds, &tm);
        size_t n = strftime(buf, LOGJSON_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
        return n + (size_t)snprintf(buf + n, LOGJSON_TIME_SIZE - n, ".%09ldZ", rest);
}

/* Bytes of the UTF-8 character at p, 0 when there is none (RFC 3629 section 4). */
static size_t utf8_length(const uint8_t *p, size_t n) {
        static const struct {
                uint8_t first, last, low, high, size; /* low, high: of the second byte */
        } rows[] = {
                { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
                { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
                { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
                { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                if (p[0] < rows[i].first || p[0] > rows[i].last)
                        continue;
                if (n < rows[i].size || p[1] < rows[i].low || p[1] > rows[i].high)
                        return 0;
                for (size_t k = 2; k < rows[i].size; k++)
                        if ((p[k] & 0xc0) != 0x80)
                                return 0;
                return rows[i].size;
        }
        return 0;
}

static void add_ascii(Buf *b, uint8_t c) {
        static const char names[][2] = { { '\b', 'b' }, { '\t', 't' }, { '\n', 'n' }, { '\f', 'f' },
                                         { '\r', 'r' }, { '"', '"' },  { '\\', '\\' } };
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                if (c == (uint8_t)names[i][0]) {
                        buf_addc(b, '\\');
                        buf_addc(b, names[i][1]);
                        return;
                }
        }
        if (!c) /* readers written in C would see the line end there, or no line */
                buf_adds(b, "\xef\xbf\xbd");
        else if (c < 0x20 || c == 0x7f)
                buf_addf(b, "\\u%04x", c);
        else
                buf_addc(b, (char)c);
}

static void add_string(Buf *b, const char *text, size_t n) {
        const uint8_t *p = (const uint8_t *)text;
        buf_addc(b, '"');
        for (size_t i = 0; i < n;) {
                size_t len = p[i] < 0x80 ? 1 : utf8_length(p + i, n - i);
                if (len == 0)
                        buf_adds(b, "\xef\xbf\xbd");
                else if (len == 1)
                        add_ascii(b, p[i]);
                else
                        buf_add(b, p + i, len);
                i += len ? len : 1;
        }
        buf_addc(b, '"');
}

void logjson_add(Buf *b, const LogEntry *e) {
        char when[LOGJSON_TIME_SIZE];
        logjson_time(e->time_ns, when);
        buf_addf(b, "{\"time\":\"%s\",\"source\":", when);
        add_string(b, e->source, e->source_len);
        buf_adds(b, ",\"msg\":");
        add_string(b, e->msg, e->msg_len);
        buf_adds(b, "}\n");
}
