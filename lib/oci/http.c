/* http.c - see http.h.  curl_easy_reset keeps a handle's open connections, so handles are lent from
 * a stack: the one used last is the one most likely to be connected. */
#include "lib/oci/http.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <strings.h>

enum { ERROR_BODY = 64 * 1024, CERT_LIMIT = 16 << 20, MAX_CHALLENGES = 16 * 1024 };

struct HttpClient {
        pthread_mutex_t lock;
        CURL **idle;
        size_t n, cap;
        Buf certificates; /* empty: the system's own only */
};

static atomic_bool cancelled;

void http_cancel(void) {
        atomic_store(&cancelled, true);
}

bool http_cancelled(void) {
        return atomic_load(&cancelled);
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

int http_client_new(const char *const *cert_files, HttpClient **ret, Err *e) {
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, start_curl);
        HttpClient *c = xcalloc(1, sizeof *c);
        pthread_mutex_init(&c->lock, NULL);
        if (load_certificates(c, cert_files, e) < 0) {
                http_client_free(c);
                return -1;
        }
        *ret = c;
        return 0;
}

void http_client_free(HttpClient *c) {
        if (!c)
                return;
        for (size_t i = 0; i < c->n; i++)
                curl_easy_cleanup(c->idle[i]);
        free(c->idle);
        buf_done(&c->certificates);
        pthread_mutex_destroy(&c->lock);
        free(c);
}

static CURL *borrow(HttpClient *c) {
        pthread_mutex_lock(&c->lock);
        CURL *h = c->n ? c->idle[--c->n] : NULL;
        pthread_mutex_unlock(&c->lock);
        return h ? h : curl_easy_init();
}

static void give_back(HttpClient *c, CURL *h) {
        curl_easy_reset(h);
        pthread_mutex_lock(&c->lock);
        *vec_push(c->idle, c->n, c->cap) = h;
        pthread_mutex_unlock(&c->lock);
}

/* --- one transfer --------------------------------------------------------------------------- */

typedef struct Transfer {
        CURL *handle;
        const HttpRequest *request;
        HttpResponse *response;
        Err err; /* why a callback stopped the transfer */
} Transfer;

static size_t on_body(char *p, size_t size, size_t n, void *user) {
        Transfer *t = user;
        long status = 0;
        n *= size;
        curl_easy_getinfo(t->handle, CURLINFO_RESPONSE_CODE, &status);
        Buf *body = &t->response->body;
        if (status != 200) {
                buf_add(body, p, MIN(n, (size_t)ERROR_BODY - body->len));
                return n;
        }
        if (t->request->sink) {
                if (sink_write(t->request->sink, p, n, &t->err) < 0)
                        return 0;
                progress_add(t->request->progress, n);
                return n;
        }
        if (n > t->request->limit - body->len) {
                err_set(&t->err, ERR_VERIFY, 0, "answer is larger than %llu bytes",
                        (unsigned long long)t->request->limit);
                return 0;
        }
        buf_add(body, p, n);
        return n;
}

/* The value when line is the header name, else NULL. malloc'ed, trimmed. */
static char *header_value(const char *line, size_t n, const char *name) {
        size_t length = strlen(name);
        if (n <= length || strncasecmp(line, name, length) != 0 || line[length] != ':')
                return NULL;
        const char *from = line + length + 1, *end = line + n;
        while (from < end && (*from == ' ' || *from == '\t'))
                from++;
        while (end > from && strchr(" \t\r\n", end[-1]))
                end--;
        return xstrndup(from, (size_t)(end - from));
}

static void forget_headers(HttpResponse *r) {
        free(r->content_type);
        free(r->challenges);
        free(r->content_digest);
        r->content_type = r->challenges = r->content_digest = NULL;
        r->retry_after = 0;
}

static size_t on_header(char *p, size_t size, size_t n, void *user) {
        HttpResponse *r = ((Transfer *)user)->response;
        char *v;
        n *= size;
        if (n >= 5 && memcmp(p, "HTTP/", 5) == 0) {
                forget_headers(r); /* another answer begins, after a redirect */
        } else if ((v = header_value(p, n, "content-type"))) {
                v[strcspn(v, "; \t")] = 0;
                free(r->content_type);
                r->content_type = v;
        } else if ((v = header_value(p, n, "docker-content-digest"))) {
                free(r->content_digest);
                r->content_digest = v;
        } else if ((v = header_value(p, n, "retry-after"))) {
                if (!str_to_u64(v, &r->retry_after))
                        r->retry_after = 0; /* a date: our own delay will do */
                free(v);
        } else if ((v = header_value(p, n, "www-authenticate"))) {
                const char *old = r->challenges ? r->challenges : "";
                if (strlen(old) + strlen(v) < MAX_CHALLENGES) {
                        char *all = xasprintf("%s%s\n", old, v);
                        free(r->challenges);
                        r->challenges = all;
                }
                free(v);
        }
        return n;
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
        (void)user, (void)a, (void)b, (void)c, (void)d;
        return http_cancelled();
}

static void set_up(HttpClient *c, CURL *h, Transfer *t, struct curl_slist *headers) {
        const HttpRequest *r = t->request;
        bool https = str_has_prefix(r->url, "https://");
        curl_easy_setopt(h, CURLOPT_URL, r->url);
        curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(h, CURLOPT_USERAGENT, "linuxkit");
        curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "https,http");
        /* A connection that began under TLS must not end in the open. */
        curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, https ? "https" : "https,http");
        curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(h, CURLOPT_MAXREDIRS, 10L);
        curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS,
                         r->connect_timeout_ms ? r->connect_timeout_ms : 30000L);
        curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, 30L);
        curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
        curl_easy_setopt(h, CURLOPT_BUFFERSIZE, 256L * 1024);
        curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(h, CURLOPT_WRITEDATA, t);
        curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(h, CURLOPT_HEADERDATA, t);
        curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress);
        if (r->form)
                curl_easy_setopt(h, CURLOPT_POSTFIELDS, r->form);
        if (r->direct)
                curl_easy_setopt(h, CURLOPT_NOPROXY, "*");
        /* libcurl itself looks at the lower-case name only */
        else if (!https && !getenv("http_proxy") && !str_is_empty(getenv("HTTP_PROXY")))
                curl_easy_setopt(h, CURLOPT_PROXY, getenv("HTTP_PROXY"));
        if (c->certificates.len) {
                struct curl_blob blob = { .data = c->certificates.data,
                                          .len = c->certificates.len };
                curl_easy_setopt(h, CURLOPT_CAINFO_BLOB, &blob);
        }
}

/* Turns libcurl's verdict into an error. */
static int explain(Transfer *t, CURLcode code, const char *detail, Err *e) {
        HttpResponse *ret = t->response;
        if (t->err.kind != ERR_NONE) {
                err_move(e, &t->err);
                return -1;
        }
        if (http_cancelled())
                return err_set(e, ERR_CANCELLED, 0, "interrupted");
        long os_error = 0;
        curl_easy_getinfo(t->handle, CURLINFO_OS_ERRNO, &os_error);
        switch (code) {
        case CURLE_COULDNT_CONNECT:
                ret->no_tls = true;
                ret->transient = os_error != ECONNREFUSED;
                if (os_error == ECONNREFUSED)
                        return err_set(e, ERR_NETWORK, 0, "connection refused");
                break;
        case CURLE_OPERATION_TIMEDOUT:
        case CURLE_SSL_CONNECT_ERROR:
                ret->no_tls = true;
                ret->transient = code == CURLE_OPERATION_TIMEDOUT;
                break;
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_RECV_ERROR:
        case CURLE_SEND_ERROR:
        case CURLE_GOT_NOTHING:
        case CURLE_PARTIAL_FILE:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
                ret->no_tls = code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING;
                ret->transient = true;
                break;
        case CURLE_PEER_FAILED_VERIFICATION:
                err_set(e, ERR_NETWORK, 0, "%s", *detail ? detail : curl_easy_strerror(code));
                return err_hint(e, "a certificate of your own goes with --cert-file");
        default:
                break;
        }
        return err_set(e, ERR_NETWORK, 0, "%s", *detail ? detail : curl_easy_strerror(code));
}

int http_send(HttpClient *c, const HttpRequest *r, HttpResponse *ret, Err *e) {
        *ret = (HttpResponse){ 0 };
        if (http_cancelled())
                return err_set(e, ERR_CANCELLED, 0, "interrupted");
        CURL *h = borrow(c);
        if (!h)
                return err_set(e, ERR_INTERNAL, 0, "libcurl cannot be started");

        Transfer t = { .handle = h, .request = r, .response = ret };
        char detail[CURL_ERROR_SIZE] = "";
        struct curl_slist *headers = NULL;
        _cleanup_free_ char *accept = xasprintf("Accept: %s", r->accept ? r->accept : "*/*");
        headers = curl_slist_append(headers, accept);
        if (r->authorization) {
                _cleanup_free_ char *line = xasprintf("Authorization: %s", r->authorization);
                headers = curl_slist_append(headers, line);
        }
        set_up(c, h, &t, headers);
        curl_easy_setopt(h, CURLOPT_ERRORBUFFER, detail);
        CURLcode code = curl_easy_perform(h);
        curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &ret->status);
        int result = code == CURLE_OK ? 0 : explain(&t, code, detail, e);
        log_debug("%s %s: %ld %s", r->form ? "POST" : "GET", r->url, ret->status,
                  code == CURLE_OK ? "" : curl_easy_strerror(code));
        err_clear(&t.err);
        curl_slist_free_all(headers);
        give_back(c, h);
        return result;
}

void http_response_done(HttpResponse *r) {
        forget_headers(r);
        buf_done(&r->body);
        *r = (HttpResponse){ 0 };
}
