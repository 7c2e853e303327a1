/* http.c - see http.h.  A lane is a libcurl multi handle, which keeps its connections, lent to one
 * thread at a time: the lane that spoke to the same host last is the one that is still connected.
 * Driving the multi handle ourselves is what lets a stall or a cancellation be seen at once, and
 * two ways to one host be tried side by side. */
#include "lib/oci/http.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/oci/http_answer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum {
        CERT_LIMIT = 16 << 20,
        TIMEOUT = 30,       /* seconds */
        MAX_TIMEOUT = 3600, /* seconds */
        LITTLE = 1024,      /* bytes in the time-out that are no progress */
        COMMIT_FACTOR = 10, /* a server may think that much longer over an upload it has */
        POLL_MS = 100,
        BUFFER = 512 * 1024, /* CURL_MAX_READ_SIZE */
};

typedef struct Lane {
        CURLM *multi;
        CURL *easy[2]; /* the second one is for races; NULL until then */
        char *origin;  /* "https://host:port" */
} Lane;

struct HttpClient {
        pthread_mutex_t lock;
        Lane **idle;
        size_t n, cap;
        CURLSH *share; /* names and TLS sessions, of all lanes */
        pthread_mutex_t shared[CURL_LOCK_DATA_LAST];
        Buf certificates; /* empty: the system's own only */
};

static atomic_bool cancelled;

void http_cancel(void) {
        atomic_store(&cancelled, true);
}

bool http_cancelled(void) {
        return atomic_load(&cancelled);
}

void http_wait(unsigned milliseconds) {
        for (unsigned gone = 0; gone < milliseconds && !http_cancelled(); gone += 50) {
                unsigned ms = MIN(50u, milliseconds - gone);
                nanosleep(&(struct timespec){ .tv_nsec = (long)ms * 1000000 }, NULL);
        }
}

unsigned http_timeout_seconds(void) {
        uint64_t n = 0;
        const char *env = getenv("LINUXKIT_HTTP_TIMEOUT");
        if (str_is_empty(env) || !str_to_u64(env, &n) || n == 0)
                n = TIMEOUT;
        return (unsigned)MIN(n, (uint64_t)MAX_TIMEOUT);
}

/* --- client --------------------------------------------------------------------------------- */

static void start_curl(void) {
        curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int load_certificates(HttpClient *c, const char *const *files, Err *e) {
        for (; files && *files; files++) {
                _cleanup_free_ char *pem = NULL;
                size_t n;
                if (!c->certificates.len) {
                        /* A list of our own replaces the built-in one, so it starts with that. */
                        const char *system = curl_version_info(CURLVERSION_NOW)->cainfo;
                        _cleanup_free_ char *text = NULL;
                        if (system && file_read(system, CERT_LIMIT, &text, &n, NULL) == 0)
                                buf_add(&c->certificates, text, n);
                        buf_addc(&c->certificates, '\n');
                }
                if (file_read(*files, CERT_LIMIT, &pem, &n, e) < 0)
                        return err_wrap(e, "certificate file");
                if (!strstr(pem, "-----BEGIN "))
                        return err_set(e, ERR_USAGE, 0, "certificate file %s: not in PEM format",
                                       *files);
                buf_add(&c->certificates, pem, n);
                buf_addc(&c->certificates, '\n');
        }
        return 0;
}

static void lock_shared(CURL *h, curl_lock_data what, curl_lock_access access, void *user) {
        (void)h, (void)access;
        pthread_mutex_lock(&((HttpClient *)user)->shared[what]);
}

static void unlock_shared(CURL *h, curl_lock_data what, void *user) {
        (void)h;
        pthread_mutex_unlock(&((HttpClient *)user)->shared[what]);
}

int http_client_new(const char *const *cert_files, HttpClient **ret, Err *e) {
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, start_curl);
        HttpClient *c = xcalloc(1, sizeof *c);
        pthread_mutex_init(&c->lock, NULL);
        for (size_t i = 0; i < ARRAY_LEN(c->shared); i++)
                pthread_mutex_init(&c->shared[i], NULL);
        c->share = curl_share_init();
        if (!c->share || load_certificates(c, cert_files, e) < 0) {
                if (!c->share)
                        err_set(e, ERR_INTERNAL, 0, "libcurl cannot be started");
                http_client_free(c);
                return -1;
        }
        curl_share_setopt(c->share, CURLSHOPT_LOCKFUNC, lock_shared);
        curl_share_setopt(c->share, CURLSHOPT_UNLOCKFUNC, unlock_shared);
        curl_share_setopt(c->share, CURLSHOPT_USERDATA, c);
        curl_share_setopt(c->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
        curl_share_setopt(c->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
        *ret = c;
        return 0;
}

static void lane_free(Lane *l) {
        for (size_t i = 0; i < ARRAY_LEN(l->easy); i++)
                curl_easy_cleanup(l->easy[i]);
        curl_multi_cleanup(l->multi);
        free(l->origin);
        free(l);
}

void http_client_free(HttpClient *c) {
        if (!c)
                return;
        for (size_t i = 0; i < c->n; i++)
                lane_free(c->idle[i]);
        free(c->idle);
        curl_share_cleanup(c->share);
        buf_done(&c->certificates);
        for (size_t i = 0; i < ARRAY_LEN(c->shared); i++)
                pthread_mutex_destroy(&c->shared[i]);
        pthread_mutex_destroy(&c->lock);
        free(c);
}

/* "https://host:port" of a URL, malloc'ed. */
static char *origin_of(const char *url) {
        const char *scheme = strstr(url, "://");
        size_t n = scheme ? (size_t)(scheme - url) + 3 : 0;
        return xstrndup(url, n + strcspn(url + n, "/?#"));
}

/* The lane that was used last for this origin, else a new one; NULL: libcurl cannot. */
static Lane *borrow(HttpClient *c, const char *url) {
        char *origin = origin_of(url);
        Lane *l = NULL;
        pthread_mutex_lock(&c->lock);
        for (size_t i = c->n; i-- > 0 && !l;) {
                if (!str_eq(c->idle[i]->origin, origin))
                        continue;
                l = c->idle[i];
                memmove(c->idle + i, c->idle + i + 1, (--c->n - i) * sizeof(*c->idle));
        }
        pthread_mutex_unlock(&c->lock);
        if (!l) {
                l = xcalloc(1, sizeof *l);
                l->multi = curl_multi_init();
                l->origin = take(origin);
        }
        free(origin);
        for (size_t i = 0; i < ARRAY_LEN(l->easy); i++)
                if (!l->easy[i])
                        l->easy[i] = curl_easy_init();
        if (l->multi && l->easy[0] && l->easy[1])
                return l;
        lane_free(l);
        return NULL;
}

static void give_back(HttpClient *c, Lane *l) {
        curl_easy_reset(l->easy[0]);
        curl_easy_reset(l->easy[1]);
        pthread_mutex_lock(&c->lock);
        *vec_push(c->idle, c->n, c->cap) = l;
        pthread_mutex_unlock(&c->lock);
}

/* --- one transfer --------------------------------------------------------------------------- */

typedef struct Transfer {
        Answer answer;
        struct curl_slist *headers;
        bool running, ended;
        CURLcode code;
        unsigned begun;   /* which of head and body have, either way */
        uint64_t moved;   /* bytes, either way, at moved_at */
        int64_t moved_at; /* milliseconds */
} Transfer;

static int64_t now_ms(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void add_header(Transfer *t, const char *name, const char *value) {
        if (!value)
                return;
        _cleanup_free_ char *line = xasprintf("%s: %s", name, value);
        answer_log_header(">", line, strlen(line));
        t->headers = curl_slist_append(t->headers, line);
}

static void set_method(CURL *h, const HttpRequest *r) {
        curl_off_t size = r->upload ? (curl_off_t)r->upload->size : 0;
        switch (r->method) {
        case HTTP_GET:
                break;
        case HTTP_HEAD:
                curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
                break;
        case HTTP_POST:
                curl_easy_setopt(h, CURLOPT_POST, 1L);
                curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, size);
                if (!size)
                        curl_easy_setopt(h, CURLOPT_POSTFIELDS, "");
                break;
        case HTTP_PUT:
        case HTTP_PATCH:
                curl_easy_setopt(h, CURLOPT_UPLOAD, 1L);
                curl_easy_setopt(h, CURLOPT_INFILESIZE_LARGE, size);
                curl_easy_setopt(h, CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER);
                break;
        case HTTP_DELETE:
                break;
        }
        if (r->method == HTTP_PATCH || r->method == HTTP_DELETE)
                curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, answer_method(r->method));
}

static void set_certificates(HttpClient *c, CURL *h) {
        struct curl_blob blob = { .data = c->certificates.data, .len = c->certificates.len };
        if (c->certificates.len)
                curl_easy_setopt(h, CURLOPT_CAINFO_BLOB, &blob);
}

static void set_up(HttpClient *c, Transfer *t) {
        const HttpRequest *r = t->answer.request;
        CURL *h = t->answer.handle;
        bool https = str_has_prefix(r->url, "https://");
        log_trace("> %s %.*s", answer_method(r->method), answer_shown_url(r), r->url);
        add_header(t, "Accept", r->accept ? r->accept : "*/*");
        add_header(t, "Authorization", r->authorization);
        add_header(t, "Content-Type", r->content_type);
        t->headers = curl_slist_append(t->headers, "Expect:"); /* or each upload waits for a word */
        curl_easy_setopt(h, CURLOPT_URL, r->url);
        curl_easy_setopt(h, CURLOPT_HTTPHEADER, t->headers);
        curl_easy_setopt(h, CURLOPT_USERAGENT, "linuxkit");
        curl_easy_setopt(h, CURLOPT_SHARE, c->share);
        curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
        curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "https,http");
        /* A connection that began under TLS must not end in the open. */
        curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, https ? "https" : "https,http");
        curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, r->stay ? 0L : 1L);
        curl_easy_setopt(h, CURLOPT_POSTREDIR, (long)CURL_REDIR_POST_ALL);
        curl_easy_setopt(h, CURLOPT_MAXREDIRS, 10L);
        curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, (long)http_timeout_seconds());
        curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
        curl_easy_setopt(h, CURLOPT_BUFFERSIZE, (long)BUFFER);
        set_method(h, r);
        set_certificates(c, h);
        if (r->range_from) {
                _cleanup_free_ char *range = xasprintf("%llu-", (unsigned long long)r->range_from);
                curl_easy_setopt(h, CURLOPT_RANGE, range);
        }
        if (r->direct)
                curl_easy_setopt(h, CURLOPT_NOPROXY, "*");
        /* libcurl itself looks at the lower-case name only */
        else if (!https && !getenv("http_proxy") && !str_is_empty(getenv("HTTP_PROXY")))
                curl_easy_setopt(h, CURLOPT_PROXY, getenv("HTTP_PROXY"));
        answer_attach(&t->answer);
}

static int start(HttpClient *c, Lane *lane, Transfer *t, Err *e) {
        set_up(c, t);
        t->moved_at = now_ms();
        if (curl_multi_add_handle(lane->multi, t->answer.handle) != CURLM_OK)
                return err_set(e, ERR_INTERNAL, 0, "libcurl cannot be started");
        t->running = true;
        return 0;
}

static void stop(Lane *lane, Transfer *t) {
        if (t->running)
                curl_multi_remove_handle(lane->multi, t->answer.handle);
        t->running = false;
}

/* Fails the transfer when too little has moved for too long: a server that sends a byte now and
 * then must not hold a build for ever.  The first byte of head and body counts whatever its size.
 */
static void watch(Lane *lane, Transfer *t) {
        CURL *h = t->answer.handle;
        curl_off_t down = 0, up = 0;
        long headers = 0;
        if (!t->running)
                return;
        curl_easy_getinfo(h, CURLINFO_SIZE_DOWNLOAD_T, &down);
        curl_easy_getinfo(h, CURLINFO_SIZE_UPLOAD_T, &up);
        curl_easy_getinfo(h, CURLINFO_HEADER_SIZE, &headers);
        const Content *upload = t->answer.request->upload;
        uint64_t moved = (uint64_t)down + (uint64_t)up + (uint64_t)headers;
        unsigned patience = http_timeout_seconds();
        if (upload && (uint64_t)up >= upload->size)
                patience *= COMMIT_FACTOR;
        unsigned begun = (down > 0) + 2 * (up > 0) + 4 * (headers > 0);
        if (moved >= t->moved + LITTLE || begun != t->begun) {
                t->begun = begun;
                t->moved = moved;
                t->moved_at = now_ms();
        } else if (now_ms() - t->moved_at > (int64_t)patience * 1000) {
                stop(lane, t);
                t->ended = true;
                t->code = CURLE_OPERATION_TIMEDOUT;
                uint64_t little = moved - t->moved;
                if (little == 0)
                        snprintf(t->answer.detail, sizeof t->answer.detail, "nothing came for %u s",
                                 patience);
                else
                        snprintf(t->answer.detail, sizeof t->answer.detail,
                                 "no more than %u bytes came in %u s", (unsigned)little, patience);
        }
}

/* Moves what can be moved, waiting for it a moment. */
static int turn(Lane *lane, Transfer *t, size_t n, Err *e) {
        int running, left;
        CURLMcode code = curl_multi_perform(lane->multi, &running);
        for (CURLMsg *m; code == CURLM_OK && (m = curl_multi_info_read(lane->multi, &left));) {
                for (size_t i = 0; i < n && m->msg == CURLMSG_DONE; i++) {
                        if (t[i].answer.handle != m->easy_handle)
                                continue;
                        t[i].ended = true;
                        t[i].code = m->data.result;
                        curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE,
                                          &t[i].answer.response.status);
                }
        }
        bool done = false;
        for (size_t i = 0; i < n; i++) {
                bool ran = t[i].running;
                if (t[i].ended)
                        stop(lane, &t[i]);
                watch(lane, &t[i]);
                done |= ran && !t[i].running;
        }
        if (code == CURLM_OK && !done)
                code = curl_multi_poll(lane->multi, NULL, 0, POLL_MS, NULL);
        if (code != CURLM_OK)
                return err_set(e, ERR_NETWORK, 0, "%s", curl_multi_strerror(code));
        return http_cancelled() ? err_set(e, ERR_CANCELLED, 0, "interrupted") : 0;
}

static void log_transfer(const Transfer *t) {
        const HttpRequest *r = t->answer.request;
        if (t->ended)
                log_debug("%s %.*s: %ld %s", answer_method(r->method), answer_shown_url(r), r->url,
                          t->answer.response.status,
                          t->code == CURLE_OK ? "" : curl_easy_strerror(t->code));
}

/* The verdict about a transfer that has ended. */
static int judge(Transfer *t, Err *e) {
        if (t->code != CURLE_OK || answer_finish(&t->answer) < 0)
                return answer_explain(&t->answer, t->code, e);
        return 0;
}

/* The response goes to ret unless that is NULL. */
static void transfer_done(Lane *lane, Transfer *t, HttpResponse *ret) {
        stop(lane, t);
        log_transfer(t);
        curl_slist_free_all(t->headers);
        err_clear(&t->answer.err);
        if (ret)
                *ret = t->answer.response;
        else
                http_response_done(&t->answer.response);
}

int http_send(HttpClient *c, const HttpRequest *r, HttpResponse *ret, Err *e) {
        *ret = (HttpResponse){ 0 };
        if (http_cancelled())
                return err_set(e, ERR_CANCELLED, 0, "interrupted");
        Lane *lane = borrow(c, r->url);
        if (!lane)
                return err_set(e, ERR_INTERNAL, 0, "libcurl cannot be started");
        Transfer t = { .answer = { .handle = lane->easy[0], .request = r } };
        int result = start(c, lane, &t, e);
        while (result == 0 && !t.ended)
                result = turn(lane, &t, 1, e);
        if (t.ended && result == 0)
                result = judge(&t, e);
        transfer_done(lane, &t, ret);
        give_back(c, lane);
        return result;
}

/* --- race ----------------------------------------------------------------------------------- */

/* A server that wants TLS says 400 to those who come without. */
static bool is_good(const Transfer *t) {
        return t->ended && t->code == CURLE_OK && t->answer.response.status != 400;
}

/* Until one of them is answered or both have failed: the number of the one that counts. */
static int run_race(HttpClient *c, Lane *lane, Transfer t[2], unsigned delay_ms, Err *e) {
        int64_t then = now_ms() + delay_ms;
        if (start(c, lane, &t[0], e) < 0)
                return -1;
        for (;;) {
                if (t[0].ended &&
                    (t[0].code == CURLE_OK || t[0].code == CURLE_PEER_FAILED_VERIFICATION))
                        return 0;
                if (is_good(&t[1]) || (t[0].ended && t[1].ended))
                        return is_good(&t[1]) || t[1].code != CURLE_OK ? 1 : 0;
                if (!t[1].running && !t[1].ended && (t[0].ended || now_ms() >= then) &&
                    start(c, lane, &t[1], e) < 0)
                        return -1;
                if (turn(lane, t, 2, e) < 0)
                        return -1;
        }
}

int http_race(HttpClient *c, const HttpRequest *first, const HttpRequest *second, unsigned delay_ms,
              HttpResponse *ret, Err *e) {
        *ret = (HttpResponse){ 0 };
        if (http_cancelled())
                return err_set(e, ERR_CANCELLED, 0, "interrupted");
        Lane *lane = borrow(c, first->url);
        if (!lane)
                return err_set(e, ERR_INTERNAL, 0, "libcurl cannot be started");
        Transfer t[2] = {
                { .answer = { .handle = lane->easy[0], .request = first } },
                { .answer = { .handle = lane->easy[1], .request = second } },
        };
        int winner = run_race(c, lane, t, delay_ms, e), result = winner;
        if (winner >= 0 && judge(&t[winner], e) < 0)
                result = -1;
        transfer_done(lane, &t[0], winner == 0 ? ret : NULL);
        transfer_done(lane, &t[1], winner == 1 ? ret : NULL);
        if (result == 1) { /* the connection that stays is the other way's */
                free(lane->origin);
                lane->origin = origin_of(second->url);
        }
        give_back(c, lane);
        return result;
}
