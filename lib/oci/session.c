/* session.c - see session.h.  A retry starts the object anew with a fresh sink: what a failed
 * attempt wrote is thrown away, so a blob is never put together from two answers. */
#include "lib/oci/session.h"
#include "lib/base/json.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/oci/auth.h"
#include "lib/oci/endpoint.h"
#include "lib/oci/manifest.h"

#include <pthread.h>
#include <time.h>

#define ACCEPT \
        MEDIA_OCI_INDEX ", " MEDIA_OCI_MANIFEST ", " MEDIA_DOCKER_LIST ", " MEDIA_DOCKER_MANIFEST

enum { ATTEMPTS = 3, PROBE_MS = 5000, MAX_WAIT = 60 };

struct Session {
        HttpClient *http;
        Endpoint at;
        pthread_mutex_t lock;
        const char *scheme;  /* NULL until the first answer; then it does not change */
        char *authorization; /* NULL: none needed so far */
        unsigned generation; /* of authorization */
        bool credentials_read, credentials_there;
        Credentials credentials;
};

int session_new(const char *host, const char *repo, const RegistryOptions *o, Session **ret,
                Err *e) {
        Session *s = xcalloc(1, sizeof *s);
        pthread_mutex_init(&s->lock, NULL);
        if (endpoint_find(host, repo, o ? o->mirrors : NULL, &s->at, e) < 0 ||
            http_client_new(o ? o->cert_files : NULL, &s->http, e) < 0) {
                session_free(s);
                return -1;
        }
        if (!s->at.try_http || !s->at.try_https)
                s->scheme = s->at.try_https ? "https" : "http";
        *ret = s;
        return 0;
}

void session_free(Session *s) {
        if (!s)
                return;
        http_client_free(s->http);
        endpoint_done(&s->at);
        credentials_done(&s->credentials);
        pthread_mutex_destroy(&s->lock);
        free(s->authorization);
        free(s);
}

/* --- one object, several attempts ----------------------------------------------------------- */

/* What is asked for; the target's sink is made anew for each attempt. */
typedef struct Want {
        const char *kind; /* "manifests", "blobs" */
        const char *object;
        const char *accept;
        Cache *cache;
        const Descriptor *blob; /* NULL: keep the body in memory */
        Progress *progress;
} Want;

static int send_once(Session *s, const Want *w, const char *scheme, const char *authorization,
                     bool probe, HttpResponse *ret, Err *e) {
        _cleanup_free_ char *url = xasprintf("%s://%s/v2/%s/%s/%s", scheme, s->at.host, s->at.repo,
                                             w->kind, w->object);
        _cleanup_sink_ Sink *sink = NULL;
        if (w->blob && cache_blob_sink(w->cache, w->blob, NULL, &sink, e) < 0)
                return -1;
        HttpRequest request = {
                .url = url,
                .accept = w->accept,
                .authorization = authorization,
                .direct = s->at.loopback,
                .connect_timeout_ms = probe ? PROBE_MS : 0,
                .sink = sink,
                .limit = MANIFEST_LIMIT,
                .progress = w->progress,
        };
        if (http_send(s->http, &request, ret, e) < 0)
                return -1;
        return sink && ret->status == 200 ? sink_finish(sink, e) : 0;
}

/* Before the scheme is known https is tried, and http only when the other side does not speak TLS:
 * a bad certificate is an error, not a reason to go on in the open. */
static int send_some_scheme(Session *s, const Want *w, const char *authorization, HttpResponse *ret,
                            Err *e) {
        pthread_mutex_lock(&s->lock);
        const char *scheme = s->scheme;
        pthread_mutex_unlock(&s->lock);
        if (scheme)
                return send_once(s, w, scheme, authorization, false, ret, e);
        scheme = "https";
        int r = send_once(s, w, scheme, authorization, true, ret, e);
        if (r < 0 && ret->no_tls) {
                scheme = "http";
                http_response_done(ret);
                r = send_once(s, w, scheme, authorization, false, ret, e);
        }
        if (r == 0) {
                pthread_mutex_lock(&s->lock);
                s->scheme = scheme;
                pthread_mutex_unlock(&s->lock);
        }
        return r;
}

static bool is_passing(long status) {
        static const long table[] = { 408, 429, 499, 500, 502, 503, 504, 522 };
        for (size_t i = 0; i < ARRAY_LEN(table); i++)
                if (status == table[i])
                        return true;
        return false;
}

static void wait_seconds(uint64_t seconds) {
        for (uint64_t i = 0; i < seconds * 20 && !http_cancelled(); i++)
                nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
}

/* The caller's lock is held. 1: there is something new to send. */
static int renew_locked(Session *s, const HttpResponse *response, Err *e) {
        if (!s->credentials_read) {
                if (credentials_find(s->at.host, s->at.repo, s->at.credential, &s->credentials, e) <
                    0)
                        return -1;
                s->credentials_read = true;
                s->credentials_there = credentials_known(&s->credentials);
        }
        Challenge challenge;
        challenge_parse(response->challenges, &challenge);
        char *fresh = NULL;
        int r = auth_answer(s->http, &challenge, &s->credentials, s->at.repo,
                            str_eq(s->scheme, "https"), &fresh, e);
        challenge_done(&challenge);
        if (r < 0)
                return -1;
        if (!fresh || str_eq(fresh, s->authorization)) {
                free(fresh);
                return 0;
        }
        free(s->authorization);
        s->authorization = fresh;
        s->generation++;
        return 1;
}

/* Answers a 401 that was got with the authorization of this generation; another thread may have
 * done so already. */
static int renew(Session *s, unsigned generation, const HttpResponse *response, Err *e) {
        pthread_mutex_lock(&s->lock);
        int r = s->generation != generation ? 1 : renew_locked(s, response, e);
        pthread_mutex_unlock(&s->lock);
        return r;
}

static const char *status_text(long status) {
        static const struct {
                long status;
                const char *text;
        } table[] = {
                { 400, "Bad Request" },
                { 401, "Unauthorized" },
                { 403, "Forbidden" },
                { 404, "Not Found" },
                { 408, "Request Timeout" },
                { 429, "Too Many Requests" },
                { 500, "Internal Server Error" },
                { 502, "Bad Gateway" },
                { 503, "Service Unavailable" },
                { 504, "Gateway Timeout" },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++)
                if (status == table[i].status)
                        return table[i].text;
        return "unexpected status";
}

/* With the registry's own words when it has some (OCI distribution spec, "Error Codes"). */
static int refuse(Session *s, const Want *w, const HttpResponse *response, Err *e) {
        _cleanup_json_ json_t *j = NULL;
        const char *message = NULL;
        if (response->body.len &&
            json_parse(response->body.data, response->body.len, "answer", &j, NULL) == 0)
                message = json_str(json_array_get(json_object_get(j, "errors"), 0), "message");
        err_set(e, response->status == 404 ? ERR_NOT_FOUND : ERR_NETWORK, 0, "%s%s%ld %s%s%.300s",
                w->blob ? w->object : "", w->blob ? ": " : "", response->status,
                status_text(response->status), message ? ": " : "", message ? message : "");
        if (response->status == 401 || response->status == 403)
                err_hint(e,
                         s->credentials_there ? "the credentials for %s were refused"
                                              : "no credentials for %s; \"docker login\" or "
                                                "\"skopeo login\" stores some",
                         s->at.host);
        return -1;
}

static int fetch(Session *s, const Want *w, HttpResponse *ret, Err *e) {
        static const unsigned delay[ATTEMPTS] = { 0, 1, 3 };
        uint64_t pause = 0;
        for (unsigned attempt = 0, renewed = 0;;) {
                wait_seconds(MIN(pause, (uint64_t)MAX_WAIT));
                pthread_mutex_lock(&s->lock);
                unsigned generation = s->generation;
                _cleanup_free_ char *authorization =
                        s->authorization ? xstrdup(s->authorization) : NULL;
                pthread_mutex_unlock(&s->lock);

                http_response_done(ret);
                int r = send_some_scheme(s, w, authorization, ret, e);
                if (r == 0 && ret->status == 200)
                        return 0;
                pause = 0;
                if (r == 0 && ret->status == 401 && renewed < 2) {
                        renewed++;
                        int fresh = renew(s, generation, ret, e);
                        if (fresh < 0)
                                return -1;
                        if (fresh > 0)
                                continue;
                }
                bool again = r < 0 ? ret->transient : is_passing(ret->status);
                if (!again || ++attempt >= ATTEMPTS)
                        return r < 0 ? -1 : refuse(s, w, ret, e);
                pause = MAX((uint64_t)delay[attempt], ret->retry_after);
                log_debug("%s %s: trying again in %llu s", s->at.host, w->object,
                          (unsigned long long)pause);
        }
}

/* --- objects -------------------------------------------------------------------------------- */

/* Stored media types lead every reader that comes later, so the object's own word counts most. */
static const char *media_type_of(const Manifest *m, const HttpResponse *response) {
        static const char *const known[] = { MEDIA_OCI_INDEX, MEDIA_OCI_MANIFEST, MEDIA_DOCKER_LIST,
                                             MEDIA_DOCKER_MANIFEST };
        const char *own = json_str(m->json, "mediaType");
        const char *said[] = { own, response->content_type };
        for (size_t i = 0; i < ARRAY_LEN(said); i++)
                for (size_t k = 0; k < ARRAY_LEN(known); k++)
                        if (str_eq(said[i], known[k]) && m->is_index == (k % 2 == 0))
                                return known[k];
        return m->is_index ? MEDIA_OCI_INDEX : MEDIA_OCI_MANIFEST;
}

static int check_digest(const HttpResponse *response, const Descriptor *expect, Err *e) {
        Digest got, said;
        hash_bytes(response->body.data, response->body.len, &got);
        if (expect && !digest_eq(&got, &expect->digest))
                return err_set(e, ERR_VERIFY, 0, "manifest %s: the content has digest %s",
                               expect->digest.text, got.text);
        if (expect && expect->size && expect->size != response->body.len)
                return err_set(e, ERR_VERIFY, 0, "manifest %s: %zu bytes instead of %llu", got.text,
                               response->body.len, (unsigned long long)expect->size);
        if (response->content_digest && digest_parse(response->content_digest, &said) &&
            !digest_eq(&got, &said))
                return err_set(e, ERR_VERIFY, 0, "manifest %s: the content has digest %s",
                               said.text, got.text);
        return 0;
}

int session_manifest(Session *s, Cache *c, const char *object, const Descriptor *expect,
                     Descriptor *ret, char **ret_text, Err *e) {
        const Want w = { .kind = "manifests", .object = object, .accept = ACCEPT };
        _cleanup_response_ HttpResponse response = { 0 };
        _cleanup_manifest_ Manifest m = { 0 };
        if (fetch(s, &w, &response, e) < 0)
                return -1;
        buf_adds(&response.body, ""); /* an empty answer is a text, too */
        if (check_digest(&response, expect, e) < 0 ||
            manifest_parse(response.body.data, response.body.len, "manifest", &m, e) < 0 ||
            cache_put_bytes(c, media_type_of(&m, &response), response.body.data, response.body.len,
                            ret, e) < 0)
                return -1;
        *ret_text = buf_steal(&response.body);
        return 0;
}

int session_blob(Session *s, Cache *c, const Descriptor *d, Progress *progress, Err *e) {
        const Want w = { .kind = "blobs",
                         .object = d->digest.text,
                         .cache = c,
                         .blob = d,
                         .progress = progress };
        _cleanup_response_ HttpResponse response = { 0 };
        return fetch(s, &w, &response, e);
}
