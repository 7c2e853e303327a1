/* grpcframe.h - the parts of gRPC above HTTP/2 that need no connection: message framing, the
 * percent-encoding of grpc-message, the grpc-timeout header.
 *
 * A message may arrive in any number of pieces and several may arrive in one piece; the HTTP/2
 * frame boundaries mean nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/str.h"

/* Larger messages are refused; containerd's own limit is the same 16 MiB. */
#define GRPC_MAX_MESSAGE (16u << 20)

/* Collects bytes of a stream into messages; zero-initialise to start. */
typedef struct GrpcFramer {
        uint8_t head[5];
        unsigned head_len;
        uint32_t want;
        Buf body;
        bool bad;
} GrpcFramer;

typedef void (*GrpcMessageFn)(void *data, const uint8_t *msg, size_t n);

/* Feeds bytes; fn is called once for every message completed by them.  -1 when the stream is
 * compressed or a message is too large; the framer then stays unusable. */
int grpc_framer_feed(GrpcFramer *f, const uint8_t *p, size_t n, GrpcMessageFn fn, void *data);
/* True when no message is half read. */
bool grpc_framer_is_idle(const GrpcFramer *f);
void grpc_framer_done(GrpcFramer *f);

/* Appends the 5 byte prefix and the message. */
void grpc_frame_add(Buf *b, const void *msg, size_t n);

/* Decodes %XX in place of the text; an invalid escape stays as it is; a NUL or other control
 * character becomes '?', since the result is printed. */
void grpc_percent_decode(Buf *b, const uint8_t *p, size_t n);

/* Value of the grpc-timeout header for a number of milliseconds (at most 8 digits and a unit). */
void grpc_timeout_text(uint64_t ms, char *dst, size_t size);
