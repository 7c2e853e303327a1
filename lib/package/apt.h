/* apt.h - Debian's own resolver in a private root: no root rights, no package is ever installed,
 * any architecture.
 *
 * A root is one directory per suite and architecture and may be shared by processes: a file lock is
 * held during every operation.  Opening costs nothing; the network is touched by the verbs only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/package/lock.h"

typedef struct Apt Apt;

typedef struct AptOptions {
        const char *root;   /* directory for SUITE-ARCH roots; made on demand */
        const char *suite;  /* "bookworm" */
        const char *arch;   /* Debian name */
        const char *mirror; /* see sources.h; NULL: the host's addresses */
} AptOptions;

typedef struct AptRequest {
        const char *name; /* a pattern stands for what matches among the others' dependencies, else
                             in the whole suite */
        bool depends;     /* follow its dependencies */
} AptRequest;

/* Debian's name of a Go architecture: equal for all we know; NULL for anything else. */
const char *apt_arch(const char *go_arch);

int apt_open(const AptOptions *o, Apt **ret, Err *e);
void apt_free(Apt *a); /* a may be NULL */
/* Adds name, version and SHA-256 of every requested package and of what it depends on to out,
 * sorted. ERR_NOT_FOUND names a package that the suite does not have. */
int apt_resolve(Apt *a, const AptRequest *req, size_t n, LockSection *out, Err *e);
/* Fetches exactly these packages to DIR/SHA256.deb. ERR_NOT_FOUND names the first one whose version
 * is no longer offered, ERR_VERIFY one that is offered with other bytes. */
int apt_download(Apt *a, const LockEntry *const *entries, size_t n, const char *dir, Err *e);
