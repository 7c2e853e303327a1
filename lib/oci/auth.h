/* auth.h - credentials from Docker's and podman's files and helpers (cli.md 5.4), and what to send
 * in answer to a 401.  Secrets never enter a message. */
#pragma once

#include "lib/base/err.h"
#include "lib/oci/http.h"

typedef struct Credentials {
        char *user, *password;
        char *identity_token; /* exchanged for a bearer token */
        char *registry_token; /* is a bearer token */
} Credentials;

/* Looks for key "HOST/REPO", then for credential (Endpoint.credential). All members stay NULL when
 * nothing is known.  A helper that fails is warned of and passed over; a broken file is an error.
 */
int credentials_find(const char *host, const char *repo, const char *credential, Credentials *ret,
                     Err *e);
/* The same in the text of a config file (no environment, no helpers): true when an entry was found.
 */
bool credentials_parse(const char *json, const char *const *keys, Credentials *ret);
void credentials_done(Credentials *c);
bool credentials_known(const Credentials *c);

typedef enum ChallengeScheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER } ChallengeScheme;

typedef struct Challenge {
        ChallengeScheme scheme; /* Bearer is preferred when both are offered */
        char *realm, *service, *scope;
} Challenge;

/* text: WWW-Authenticate values, one a line; may be NULL (RFC 7235 2.1). */
void challenge_parse(const char *text, Challenge *ret);
void challenge_done(Challenge *c);

/* What may be done with a repository, in the words of token servers. */
typedef struct AuthScope {
        const char *repo;
        const char *actions; /* "pull" or "pull,push" */
        const char *from;    /* another repository to mount blobs from; NULL: none */
} AuthScope;

/* Makes the value of an Authorization header for scope, asking the token server when the challenge
 * says so.  tls: the registry was reached over https, so its token server must be too. *ret is NULL
 * when nothing could be sent that was not sent before (unknown scheme, Basic without credentials).
 */
int auth_answer(HttpClient *http, const Challenge *c, const Credentials *cred,
                const AuthScope *scope, bool tls, char **ret, Err *e);
