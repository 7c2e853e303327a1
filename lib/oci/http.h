/* http.h - one HTTP request over libcurl: connections kept between requests (HTTP/2 where TLS
 * offers it), bodies streamed or bounded, stalls noticed, the Authorization header never sent to
 * another host.  Retrying is the caller's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/content.h"
#include "lib/base/err.h"
#include "lib/base/progress.h"
#include "lib/base/str.h"

/* A stock of connections; any number of threads may use it. */
typedef struct HttpClient HttpClient;

/* cert_files: PEM files trusted beside the system's, NULL-terminated; may be NULL. */
int http_client_new(const char *const *cert_files, HttpClient **ret, Err *e);
void http_client_free(HttpClient *c);

typedef enum HttpMethod {
        HTTP_GET,
        HTTP_HEAD,
        HTTP_POST,
        HTTP_PUT,
        HTTP_PATCH,
        HTTP_DELETE,
} HttpMethod;

/* Gets the body of an answer piece by piece. */
typedef struct HttpReceiver {
        /* Before the first byte of a 200 (from 0) or of the 206 that was asked for. length is what
         * is still to come, UINT64_MAX when the server does not say. */
        int (*begin)(void *ctx, uint64_t from, uint64_t length, Err *e);
        int (*data)(void *ctx, const void *p, size_t n, Err *e);
        void *ctx;
} HttpReceiver;

typedef struct HttpRequest {
        HttpMethod method;
        const char *url;
        const char *accept;        /* NULL: anything */
        const char *authorization; /* value of the header, NULL: none */
        const char *content_type;  /* of upload */
        const Content *upload;     /* streamed, from its start again when it must be; NULL: none */
        bool direct;               /* never through a proxy */
        bool stay;                 /* a redirect is the answer: the body is for this host alone */
        uint64_t range_from;       /* not 0: only the bytes from there on are wanted */
        const HttpReceiver *receiver; /* of the body of a 200 or 206; NULL: HttpResponse.body is */
        uint64_t limit;               /* of a body kept in memory */
        Progress *progress;           /* says how much of upload is sent; may be NULL */
} HttpRequest;

typedef struct HttpResponse {
        long status;
        Buf body;             /* of an error too, cut at 64 KiB then */
        uint64_t body_length; /* as announced; UINT64_MAX: not */
        char *content_type;   /* without parameters; NULL: none; as all below */
        char *challenges;     /* WWW-Authenticate, one a line; of the host that was asked only */
        char *content_digest; /* Docker-Content-Digest */
        char *location;       /* absolute */
        uint64_t retry_after; /* seconds, 0: none */
        uint64_t range_from;  /* of a 206 */
        uint64_t range_total; /* UINT64_MAX: unknown */
        /* after a failure: */
        bool transient; /* may pass when tried again */
        bool refused;   /* nobody listens there */
        bool elsewhere; /* refused by another host than the one asked: a proxy, a redirect's */
        bool unknown;   /* the host's name leads nowhere */
        bool untrusted; /* the certificate is not to be trusted */
} HttpResponse;

/* Any status is a success here.  Errors: ERR_NETWORK, ERR_CANCELLED, what the receiver says. ret is
 * filled in any case and must be emptied with http_response_done. */
int http_send(HttpClient *c, const HttpRequest *r, HttpResponse *ret, Err *e);

/* Sends first, and after delay_ms or when it has failed also second; returns the number of the one
 * that was answered first (0 or 1; the other one is dropped) or -1.  An untrusted certificate in
 * first ends it: second is the way without TLS, and never a way round a certificate.  Neither may
 * have a receiver. */
int http_race(HttpClient *c, const HttpRequest *first, const HttpRequest *second, unsigned delay_ms,
              HttpResponse *ret, Err *e);

void http_response_done(HttpResponse *r);
#define _cleanup_response_ __attribute__((cleanup(http_response_done)))

/* How long less than a kibibyte may arrive before a transfer is given up: LINUXKIT_HTTP_TIMEOUT,
 * else 30. */
unsigned http_timeout_seconds(void);

/* Makes all transfers fail with ERR_CANCELLED, now and later; async-signal-safe. */
void http_cancel(void);
bool http_cancelled(void);
/* Sleeps; shorter when cancelled. */
void http_wait(unsigned milliseconds);
