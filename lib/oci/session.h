/* session.h - a conversation with one registry about one repository: scheme, authorization and
 * retries are settled here, once, for all the threads that fetch objects of an image. */
#pragma once

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/oci/cache.h"
#include "lib/oci/http.h"
#include "lib/oci/registry.h"

typedef struct Session Session;

/* host, repo: of the Ref.  No network yet. */
int session_new(const char *host, const char *repo, const RegistryOptions *o, Session **ret,
                Err *e);
void session_free(Session *s); /* s may be NULL */

/* Fetches a manifest or index (object: tag or digest) into the cache. expect NULL: whatever the tag
 * names; else its digest, and its size unless that is 0, must match (ERR_VERIFY).  *ret_text is
 * malloc'ed and NUL-terminated; *ret says its media type.  ERR_NOT_FOUND: the registry has no such
 * object. */
int session_manifest(Session *s, Cache *c, const char *object, const Descriptor *expect,
                     Descriptor *ret, char **ret_text, Err *e);

/* Streams a blob into the cache, verified. */
int session_blob(Session *s, Cache *c, const Descriptor *d, Progress *progress, Err *e);
