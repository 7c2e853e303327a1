/* grpc.h - a gRPC client on one non-blocking unix socket: many calls at once, long-lived server
 * streams among them, HTTP/2 by libnghttp2.
 *
 * The owner runs the event loop: it waits for grpc_fd() with grpc_events(), calls grpc_handle()
 * when ready and grpc_expire() when grpc_deadline() has passed.  Callbacks run only inside those
 * two functions, after the HTTP/2 session is left, so they may start and cancel calls; only
 * grpc_free() is forbidden in them.  A lost connection ends no call by itself: the owner frees the
 * connection and knows that everything on it is gone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/grpcframe.h"
#include "lib/base/err.h"

typedef struct Grpc Grpc;

typedef enum GrpcStatus {
        GRPC_OK = 0,
        GRPC_CANCELLED = 1,
        GRPC_UNKNOWN = 2,
        GRPC_INVALID_ARGUMENT = 3,
        GRPC_DEADLINE_EXCEEDED = 4,
        GRPC_NOT_FOUND = 5,
        GRPC_ALREADY_EXISTS = 6,
        GRPC_FAILED_PRECONDITION = 9,
        GRPC_UNIMPLEMENTED = 12,
        GRPC_INTERNAL = 13,
        GRPC_UNAVAILABLE = 14,
} GrpcStatus;

/* What a finished call delivers; everything is borrowed for the time of the callback. */
typedef struct GrpcReply {
        GrpcStatus status;
        const char *text;   /* decoded grpc-message, "" if none */
        const uint8_t *msg; /* the message of a unary call; may be NULL when len is 0 */
        size_t len;
} GrpcReply;

typedef void (*GrpcDoneFn)(void *data, const GrpcReply *reply);

typedef struct GrpcRequest {
        const char *path; /* "/package.Service/Method" */
        const char *ns;   /* containerd-namespace header; NULL for none */
        const void *msg;  /* copied */
        size_t len;
        uint64_t timeout_ms;   /* 0: none */
        GrpcMessageFn message; /* set: server stream, called per message; NULL: unary */
        GrpcDoneFn done; /* called exactly once, unless the call is cancelled or freed before */
        void *data;
} GrpcRequest;

/* Connects without waiting.  ERR_IO with errnum ENOENT, ECONNREFUSED or EAGAIN: nobody listens yet.
 */
int grpc_connect(const char *socket_path, Grpc **ret, Err *e);
/* Ends the connection; no callback is called.  g may be NULL. */
void grpc_free(Grpc *g);

int grpc_fd(const Grpc *g);
/* EPOLLIN, with EPOLLOUT while something waits to be sent. */
uint32_t grpc_events(const Grpc *g);
/* Reads and writes what is possible and delivers what became complete.  -1: the connection is lost
 * (e says how) and g is good for grpc_free() only. */
int grpc_handle(Grpc *g, Err *e);
/* Time (CLOCK_MONOTONIC, ms) of the earliest deadline, UINT64_MAX when there is none. */
uint64_t grpc_deadline(const Grpc *g);
/* Ends the calls whose time is over with GRPC_DEADLINE_EXCEEDED. */
void grpc_expire(Grpc *g, uint64_t now_ms);

/* Starts a call and returns its id, never 0.  A call that cannot be sent ends with GRPC_UNAVAILABLE
 * at the next grpc_handle() or grpc_expire(), as grpc_deadline() tells. */
uint64_t grpc_call(Grpc *g, const GrpcRequest *req);
/* Drops a call: its callbacks are not called any more.  Unknown ids and 0 are ignored. */
void grpc_cancel(Grpc *g, uint64_t id);
/* Number of calls that are open. */
size_t grpc_open_calls(const Grpc *g);
