/* endpoint.h - where a registry is asked: mirrors, default hosts and plain HTTP (cli.md 5.2, 5.3).
 * Pure functions of their input: no network, no environment. */
#pragma once

#include <stdbool.h>

#include "lib/base/err.h"

typedef struct Endpoint {
        char *host;       /* with port: "index.docker.io", "localhost:5000" */
        char *repo;       /* with the mirror's path in front */
        char *credential; /* key in Docker's config: the host, or Docker Hub's URL */
        bool try_https;   /* tried first */
        bool try_http;
        bool loopback; /* this very machine: a proxy is never asked */
} Endpoint;

/* host and repo as in Ref.  mirrors as in RegistryOptions: "REGISTRY=URL" or "URL", the last entry
 * for a registry wins; may be NULL.  Errors: ERR_USAGE for a mirror that is no URL. */
int endpoint_find(const char *host, const char *repo, const char *const *mirrors, Endpoint *ret,
                  Err *e);
void endpoint_done(Endpoint *p);

/* Hosts where a plain registry is usual: localhost, *.local, *.localhost, loopback and RFC 1918
 * addresses, each with or without a port. */
bool endpoint_may_be_plain(const char *host);
