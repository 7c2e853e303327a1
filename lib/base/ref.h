/* ref.h - image references in LinuxKit's normal form (yaml.md 6.1, cli.md 5.1). */
#pragma once

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/hash.h"

typedef struct Ref {
        char *text;   /* normal form: the cache key, also LINUXKIT.source */
        char *host;   /* "docker.io", "localhost:5000" */
        char *repo;   /* path without host: "library/redis" */
        char *tag;    /* NULL: none given; a registry is asked for "latest" then */
        char *digest; /* "sha256:...", NULL: none; wins over tag */
} Ref;

/* Expands and checks. Errors (ERR_SPEC): "://", empty or impossible host or port, bad digest,
 * characters no repository name may have. */
int ref_parse(const char *text, Ref *ret, Err *e);
void ref_done(Ref *r);
#define _cleanup_ref_ __attribute__((cleanup(ref_done)))
