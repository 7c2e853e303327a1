/* http.h - one HTTP request over libcurl: connections kept between requests, bodies bounded, the
 * Authorization header never sent to another host.  Retrying is the caller's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

/* A stock of connections; any number of threads may use it. */
typedef struct HttpClient HttpClient;

/* cert_files: PEM files trusted beside the system's, NULL-terminated; may be NULL. */
int http_client_new(const char *const *cert_files, HttpClient **ret, Err *e);
void http_client_free(HttpClient *c);

typedef struct HttpRequest {
        const char *url;
        const char *accept;        /* NULL: anything */
        const char *authorization; /* value of the header, NULL: none */
        const char *form;          /* url-encoded body: POST instead of GET */
        bool direct;               /* never through a proxy */
        long connect_timeout_ms;   /* 0: 30 s; TLS included */
        Sink *sink;                /* gets the body of a 200; NULL: HttpResponse.body does */
        uint64_t limit;            /* of a body kept in memory */
        Progress *progress;        /* counts bytes that reach sink; may be NULL */
} HttpRequest;

typedef struct HttpResponse {
        long status;
        Buf body;             /* of an error too, cut at 64 KiB then */
        char *content_type;   /* without parameters; NULL: none; as all below */
        char *challenges;     /* WWW-Authenticate, one a line */
        char *content_digest; /* Docker-Content-Digest */
        uint64_t retry_after; /* seconds, 0: none */
        /* after a failure: */
        bool transient; /* may pass when tried again */
        bool no_tls;    /* no connection, or the other side does not speak TLS */
} HttpResponse;

/* Any status is a success here.  Errors: ERR_NETWORK, ERR_CANCELLED, what the sink says. ret is
 * filled in any case and must be emptied with http_response_done. */
int http_send(HttpClient *c, const HttpRequest *r, HttpResponse *ret, Err *e);
void http_response_done(HttpResponse *r);
#define _cleanup_response_ __attribute__((cleanup(http_response_done)))

/* Makes all transfers fail with ERR_CANCELLED, now and later; async-signal-safe. */
void http_cancel(void);
bool http_cancelled(void);
