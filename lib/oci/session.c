/* session.c - see session.h.
 *
 * The tables below are the only state of the process beside the log's form.  What is in them was
 * learned from servers and is good for as long as the process runs: a host's scheme, its open
 * connections, the token of a repository. */
#include "lib/oci/session.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/oci/auth.h"
#include "lib/oci/endpoint.h"
#include "lib/oci/host.h"
#include "lib/oci/manifest.h"
#include "lib/oci/retry.h"

#include <pthread.h>
#include <stdatomic.h>

enum { PLAIN_AFTER_MS = 300 };

struct Session {
        Host *host;
        Endpoint at;
        char *key;
        AuthScope scope;
        char *from;
        bool mirrored;
        pthread_mutex_t lock;
        char *authorization; /* NULL: none needed so far */
        unsigned generation; /* of authorization */
        bool credentials_read;
        atomic_bool credentials_there; /* read without the lock, for messages */
        Credentials credentials;
        Session *next;
};

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static Session *sessions;

/* --- table ---------------------------------------------------------------------------------- */

static void session_free(Session *s) {
        if (!s)
                return;
        endpoint_done(&s->at);
        credentials_done(&s->credentials);
        pthread_mutex_destroy(&s->lock);
        free(s->authorization);
        free(s->from);
        free(s->key);
        free(s);
}

static Session *find(const char *key, const Host *host) {
        for (Session *s = sessions; s; s = s->next)
                if (s->host == host && str_eq(s->key, key))
                        return s;
        return NULL;
}

/* Takes at. */
static int get(Endpoint *at, bool mirrored, const char *from, const char *actions,
               const RegistryOptions *o, Session **ret, Err *e) {
        Host *host = NULL;
        pthread_mutex_lock(&table_lock);
        if (host_get(at, o ? o->cert_files : NULL, &host, e) < 0) {
                pthread_mutex_unlock(&table_lock);
                endpoint_done(at);
                return -1;
        }
        _cleanup_free_ char *key = xasprintf("%s %s %s", at->repo, actions, from ? from : "");
        Session *s = find(key, host);
        if (s) {
                endpoint_done(at);
        } else {
                s = xcalloc(1, sizeof *s);
                pthread_mutex_init(&s->lock, NULL);
                s->host = host;
                s->at = *at;
                s->key = take(key);
                s->mirrored = mirrored;
                s->from = from ? xstrdup(from) : NULL;
                s->scope = (AuthScope){ .repo = s->at.repo, .actions = actions, .from = s->from };
                s->next = sessions;
                sessions = s;
        }
        pthread_mutex_unlock(&table_lock);
        *ret = s;
        return 0;
}

int session_for_reading(const char *host, const char *repo, const RegistryOptions *o, Session **ret,
                        Err *e) {
        Endpoint origin, at;
        if (endpoint_find(host, repo, o ? o->mirrors : NULL, &at, e) < 0)
                return -1;
        bool mirrored = endpoint_find(host, repo, NULL, &origin, NULL) == 0 &&
                        (!str_eq(origin.host, at.host) || !str_eq(origin.repo, at.repo));
        endpoint_done(&origin);
        return get(&at, mirrored, NULL, "pull", o, ret, e);
}

int session_for_writing(const char *host, const char *repo, const char *from,
                        const RegistryOptions *o, Session **ret, Err *e) {
        Endpoint at;
        if (endpoint_find(host, repo, NULL, &at, e) < 0)
                return -1;
        return get(&at, false, from, "pull,push", o, ret, e);
}

void session_end_all(void) {
        pthread_mutex_lock(&table_lock);
        for (Session *s = sessions, *next; s; s = next) {
                next = s->next;
                session_free(s);
        }
        sessions = NULL;
        host_end_all();
        pthread_mutex_unlock(&table_lock);
}

int session_enter(Session *s, uint64_t size, Err *e) {
        return host_enter(s->host, size, e);
}

void session_leave(Session *s) {
        host_leave(s->host);
}

/* --- messages ------------------------------------------------------------------------------- */

static const char *status_text(long status) {
        static const struct {
                long status;
                const char *text;
        } table[] = {
                { 400, "Bad Request" },        { 401, "Unauthorized" },
                { 403, "Forbidden" },          { 404, "Not Found" },
                { 405, "Method Not Allowed" }, { 408, "Request Timeout" },
                { 413, "Content Too Large" },  { 416, "Range Not Satisfiable" },
                { 429, "Too Many Requests" },  { 500, "Internal Server Error" },
                { 502, "Bad Gateway" },        { 503, "Service Unavailable" },
                { 504, "Gateway Timeout" },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++)
                if (status == table[i].status)
                        return table[i].text;
        return "unexpected status";
}

static void hint_failure(const Session *s, const HttpResponse *r, Err *e) {
        if (s->mirrored)
                err_hint(e,
                         "there is no way round a mirror: --mirror and LINUXKIT_MIRROR say which "
                         "one is asked");
        else if (r && r->refused && r->elsewhere)
                err_hint(e,
                         "that is a proxy, or where %s leads to; https_proxy, http_proxy and "
                         "no_proxy say when a proxy is asked",
                         s->at.host);
        else if (r && r->refused)
                err_hint(e, "nobody listens at %s: is that the right port, and is the registry up?",
                         s->at.host);
        else if (r && r->unknown)
                err_hint(e, "check the registry's name, the network and the proxy settings; "
                            "--mirror names another place to ask");
        else if (r && r->transient)
                err_hint(e, "it may pass; LINUXKIT_HTTP_TIMEOUT=SECONDS waits longer than %u s",
                         http_timeout_seconds());
}

int session_blame(const Session *s, const HttpResponse *response, Err *e) {
        if (!e || e->kind == ERR_CANCELLED || e->kind == ERR_IO)
                return -1;
        if (s->mirrored) {
                Err told = ERR_INIT;
                err_set(&told, e->kind, 0, "%s (mirror %s://%s)", e->text,
                        host_scheme_text(s->host), s->at.host);
                if (e->hint)
                        err_hint(&told, "%s", e->hint);
                err_move(e, &told);
        }
        if (e->kind != ERR_VERIFY)
                hint_failure(s, response, e);
        return -1;
}

/* OCI distribution spec, "Error Codes" */
int session_refuse(Session *s, const char *what, const HttpResponse *response, Err *e) {
        _cleanup_json_ json_t *j = NULL;
        const char *message = NULL;
        if (response->body.len &&
            json_parse(response->body.data, response->body.len, "answer", &j, NULL) == 0)
                message = json_str(json_array_get(json_object_get(j, "errors"), 0), "message");
        err_set(e, response->status == 404 ? ERR_NOT_FOUND : ERR_NETWORK, 0, "%s%s%ld %s%s%.300s",
                what ? what : "", what ? ": " : "", response->status, status_text(response->status),
                message ? ": " : "", message ? message : "");
        if (response->retry_after > RETRY_MAX_WAIT)
                err_hint(e, "%s asks for a pause of %llu s", s->at.host,
                         (unsigned long long)response->retry_after);
        else if (response->status == 401 || response->status == 403)
                err_hint(e,
                         s->credentials_there ? "the credentials for %s were refused"
                                              : "no credentials for %s; \"docker login\" or "
                                                "\"skopeo login\" stores some",
                         s->at.host);
        else if (response->status == 413)
                err_hint(e, "%s, or a proxy before it, limits the size of uploads", s->at.host);
        else if (response->status == 429)
                err_hint(e, "%s limits how often it is asked; logging in or a mirror helps",
                         s->at.host);
        else if (response->status >= 500)
                err_hint(e, "the fault is in %s; it may pass", s->at.host);
        return session_blame(s, NULL, e);
}

/* --- one attempt ---------------------------------------------------------------------------- */

char *session_url(const Session *s, const char *path) {
        return xasprintf("%s://%s/v2/%s/%s", host_scheme_text(s->host), s->at.host, s->at.repo,
                         path);
}

static char *make_url(const Session *s, const SessionRequest *r, const char *scheme) {
        if (r->url)
                return xstrdup(r->url);
        return xasprintf("%s://%s/v2/%s/%s", scheme, s->at.host, s->at.repo, r->path);
}

/* The Authorization header is for this registry alone, wherever an upload is to go. */
static bool is_ours(const Session *s, const char *url, const char *scheme) {
        _cleanup_free_ char *origin = xasprintf("%s://%s/", scheme, s->at.host);
        return str_has_prefix(url, origin);
}

static HttpRequest make_request(const Session *s, const SessionRequest *r, const char *url,
                                const char *authorization) {
        return (HttpRequest){
                .method = r->method,
                .url = url,
                .accept = r->accept,
                .authorization = authorization,
                .content_type = r->content_type,
                .upload = r->upload,
                .direct = s->at.loopback,
                .range_from = r->range_from,
                .receiver = r->receiver,
                .limit = MANIFEST_LIMIT,
                .progress = r->progress,
        };
}

/* The first word to a host that may be plain: both ways are tried.  What cannot be asked twice is
 * only looked at. */
static int find_scheme(Session *s, const SessionRequest *r, HttpResponse *ret, Err *e) {
        bool repeatable = !r->receiver && !r->upload && r->method <= HTTP_HEAD;
        _cleanup_free_ char *tls = make_url(s, r, "https"), *plain = make_url(s, r, "http");
        HttpRequest first = make_request(s, r, tls, NULL);
        if (!repeatable) {
                first.method = HTTP_HEAD;
                first.upload = NULL;
                first.receiver = NULL;
        }
        HttpRequest second = first;
        second.url = plain;
        int winner = http_race(host_client(s->host), &first, &second, PLAIN_AFTER_MS, ret, e);
        if (winner < 0)
                return -1;
        host_set_scheme(s->host, winner == 0 ? "https" : "http");
        return repeatable ? 1 : 0;
}

static int send_once(Session *s, const SessionRequest *r, const char *authorization,
                     HttpResponse *ret, Err *e) {
        const char *scheme = host_begin_scheme(s->host);
        if (!scheme) {
                int done = find_scheme(s, r, ret, e);
                host_end_scheme(s->host);
                if (done != 0)
                        return done < 0 ? -1 : 0;
                http_response_done(ret);
                scheme = host_scheme_text(s->host);
        }
        _cleanup_free_ char *url = make_url(s, r, scheme);
        HttpRequest request =
                make_request(s, r, url, is_ours(s, url, scheme) ? authorization : NULL);
        return http_send(host_client(s->host), &request, ret, e);
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
        int r = auth_answer(host_client(s->host), &challenge, &s->credentials, &s->scope,
                            str_eq(host_scheme_text(s->host), "https"), &fresh, e);
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

int session_try(Session *s, const SessionRequest *r, HttpResponse *ret, Err *e) {
        for (unsigned renewed = 0;; renewed++) {
                pthread_mutex_lock(&s->lock);
                unsigned generation = s->generation;
                _cleanup_free_ char *authorization =
                        s->authorization ? xstrdup(s->authorization) : NULL;
                pthread_mutex_unlock(&s->lock);

                http_response_done(ret);
                if (send_once(s, r, authorization, ret, e) < 0) {
                        /* a host that was there a moment ago may be there again in a moment */
                        ret->transient |= ret->refused && host_has_answered(s->host);
                        return -1;
                }
                host_note_answer(s->host);
                if (ret->status != 401 || !ret->challenges || renewed == 2)
                        return 0;
                int fresh = renew(s, generation, ret, e);
                if (fresh <= 0)
                        return fresh;
        }
}

int session_ask(Session *s, const SessionRequest *r, HttpResponse *ret, Err *e) {
        for (Retry retry = { 0 };;) {
                int result = session_try(s, r, ret, e);
                bool again = result < 0 ? ret->transient : retry_status(ret->status);
                if (!again || !retry_again(&retry, false, ret->retry_after, 0)) {
                        if (result == 0)
                                return 0;
                        if (r->what)
                                err_wrap(e, "%s", r->what);
                        return session_blame(s, ret, e);
                }
                log_debug("%s %s: tried again", s->at.host, r->what ? r->what : r->path);
                err_clear(e);
        }
}
