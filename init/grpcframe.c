/* grpcframe.c - see grpcframe.h.  The buffer of a message grows with the bytes that really arrive,
 * not with the length that the peer announces. */
#include "init/grpcframe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"

static int framer_fail(GrpcFramer *f) {
        f->bad = true;
        buf_done(&f->body);
        return -1;
}

int grpc_framer_feed(GrpcFramer *f, const uint8_t *p, size_t n, GrpcMessageFn fn, void *data) {
        if (f->bad)
                return -1;
        while (n > 0) {
                if (f->head_len < sizeof f->head) {
                        size_t m = MIN(n, sizeof f->head - f->head_len);
                        memcpy(f->head + f->head_len, p, m);
                        f->head_len += (unsigned)m;
                        p += m;
                        n -= m;
                        if (f->head_len < sizeof f->head)
                                return 0;
                        f->want = (uint32_t)f->head[1] << 24 | (uint32_t)f->head[2] << 16 |
                                  (uint32_t)f->head[3] << 8 | f->head[4];
                        if (f->head[0] != 0 || f->want > GRPC_MAX_MESSAGE)
                                return framer_fail(f);
                        buf_clear(&f->body);
                }
                size_t m = MIN(n, (size_t)f->want - f->body.len);
                if (m > 0)
                        buf_add(&f->body, p, m);
                p += m;
                n -= m;
                if (f->body.len < f->want)
                        return 0;
                f->head_len = 0;
                fn(data, (const uint8_t *)f->body.data, f->body.len);
                buf_done(&f->body);
        }
        return 0;
}

bool grpc_framer_is_idle(const GrpcFramer *f) {
        return !f->bad && f->head_len == 0;
}

void grpc_framer_done(GrpcFramer *f) {
        buf_done(&f->body);
        *f = (GrpcFramer){ 0 };
}

void grpc_frame_add(Buf *b, const void *msg, size_t n) {
        const uint8_t head[5] = { 0, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
                                  (uint8_t)n };
        buf_add(b, head, sizeof head);
        if (n > 0)
                buf_add(b, msg, n);
}

static int hex(uint8_t c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

void grpc_percent_decode(Buf *b, const uint8_t *p, size_t n) {
        for (size_t i = 0; i < n; i++) {
                uint8_t c = p[i];
                if (c == '%' && n - i > 2 && hex(p[i + 1]) >= 0 && hex(p[i + 2]) >= 0) {
                        c = (uint8_t)(hex(p[i + 1]) << 4 | hex(p[i + 2]));
                        i += 2;
                }
                buf_addc(b, c < 0x20 || c == 0x7f ? '?' : (char)c);
        }
}

void grpc_timeout_text(uint64_t ms, char *dst, size_t size) {
        if (ms <= 99999999)
                snprintf(dst, size, "%" PRIu64 "m", ms);
        else
                snprintf(dst, size, "%" PRIu64 "S", MIN(ms / 1000, (uint64_t)99999999));
}
