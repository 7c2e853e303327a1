/* session.h - a conversation with one registry about one repository: scheme, authorization and the
 * number of transfers are settled here.  A session lives as long as the process and is shared by
 * all that talk about this repository, so a token is asked for once. */
#pragma once

#include "lib/base/err.h"
#include "lib/oci/http.h"
#include "lib/oci/registry.h"

typedef struct Session Session;

/* host, repo: of the Ref.  No network yet.  The session is borrowed. Errors: ERR_USAGE for a mirror
 * or certificate file that makes no sense. */
int session_for_reading(const char *host, const char *repo, const RegistryOptions *o, Session **ret,
                        Err *e);
/* Without mirrors, and with the right to push. from: a repository of the same registry whose blobs
 * may be mounted; NULL: none. */
int session_for_writing(const char *host, const char *repo, const char *from,
                        const RegistryOptions *o, Session **ret, Err *e);
/* Ends all sessions and connections of the process; nothing may use them any more. */
void session_end_all(void);

typedef struct SessionRequest {
        HttpMethod method;
        const char *path;   /* below /v2/REPO/ */
        const char *url;    /* instead of path: absolute, of an upload */
        const char *what;   /* names the object in messages; NULL: nothing does */
        const char *accept; /* as in HttpRequest, all below too */
        const char *content_type;
        const Content *upload;
        uint64_t range_from;
        const HttpReceiver *receiver;
        Progress *progress;
} SessionRequest;

/* URL of path below the repository, by the scheme that is known by now; malloc'ed. */
char *session_url(const Session *s, const char *path);

/* One attempt: chooses the scheme and answers a 401.  Any other status is a success. */
int session_try(Session *s, const SessionRequest *r, HttpResponse *ret, Err *e);
/* Several attempts while the failure may pass (cli.md 5.2). */
int session_ask(Session *s, const SessionRequest *r, HttpResponse *ret, Err *e);
/* Turns an unwelcome status into an error: ERR_NOT_FOUND for 404, else ERR_NETWORK; with the
 * registry's own words when it has some.  Returns -1. */
int session_refuse(Session *s, const char *what, const HttpResponse *response, Err *e);
/* Adds to a failure what the user needs to know and did not write himself: the mirror that was
 * asked, and what to do. response: of session_try when that failed; NULL: the server has answered.
 * Returns -1. */
int session_blame(const Session *s, const HttpResponse *response, Err *e);

/* At most a few transfers run at once with one host, whatever number of images is fetched; of those
 * that wait the largest is next.  ERR_CANCELLED when interrupted. */
int session_enter(Session *s, uint64_t size, Err *e);
void session_leave(Session *s);
