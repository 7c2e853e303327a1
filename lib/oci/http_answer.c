/* http_answer.c - see http_answer.h.  A redirect is an answer, too: all that was learned from
 * headers is forgotten when the next status line comes. */
#include "lib/oci/http_answer.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#include <errno.h>
#include <openssl/x509_vfy.h>
#include <strings.h>
#include <time.h>

enum { ERROR_BODY = 64 * 1024, MAX_CHALLENGES = 16 * 1024 };

const char *answer_method(HttpMethod m) {
        static const char *const names[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" };
        return names[m];
}

int answer_shown_url(const HttpRequest *r) {
        bool upload = r->method == HTTP_PUT || r->method == HTTP_PATCH;
        return (int)(upload ? strcspn(r->url, "?") : strlen(r->url));
}

/* --- headers -------------------------------------------------------------------------------- */

static void forget_headers(HttpResponse *r) {
        free(r->content_type);
        free(r->challenges);
        free(r->content_digest);
        free(r->location);
        r->content_type = r->challenges = r->content_digest = r->location = NULL;
        r->retry_after = r->range_from = 0;
        r->range_total = r->body_length = UINT64_MAX;
}

void http_response_done(HttpResponse *r) {
        forget_headers(r);
        buf_done(&r->body);
        *r = (HttpResponse){ 0 };
}

static void set_string(char **to, char *value) {
        free(*to);
        *to = value;
}

static void set_content_type(HttpResponse *r, char *v) {
        v[strcspn(v, "; \t")] = 0;
        set_string(&r->content_type, v);
}

static void set_content_digest(HttpResponse *r, char *v) {
        set_string(&r->content_digest, v);
}

static void set_location(HttpResponse *r, char *v) {
        set_string(&r->location, v);
}

/* RFC 9110 10.2.3: seconds, or a date */
static void set_retry_after(HttpResponse *r, char *v) {
        if (!str_to_u64(v, &r->retry_after)) {
                time_t then = curl_getdate(v, NULL), now = time(NULL);
                r->retry_after = then > now ? (uint64_t)(then - now) : 0;
        }
        free(v);
}

static void set_length(HttpResponse *r, char *v) {
        if (!str_to_u64(v, &r->body_length))
                r->body_length = UINT64_MAX;
        free(v);
}

/* RFC 9110 14.4: "bytes 200-1023/146515", the total may be "*" */
static void set_range(HttpResponse *r, char *v) {
        char *dash = strchr(v, '-'), *slash = strchr(v, '/');
        r->range_from = 0;
        if (strncasecmp(v, "bytes ", 6) == 0 && dash && slash) {
                *dash = 0;
                if (!str_to_u64(v + 6, &r->range_from))
                        r->range_from = 0;
                if (!str_to_u64(slash + 1, &r->range_total))
                        r->range_total = UINT64_MAX;
        }
        free(v);
}

static void add_challenge(HttpResponse *r, char *v) {
        const char *old = r->challenges ? r->challenges : "";
        if (strlen(old) + strlen(v) < MAX_CHALLENGES)
                set_string(&r->challenges, xasprintf("%s%s\n", old, v));
        free(v);
}

static const struct {
        const char *name;
        void (*set)(HttpResponse *r, char *value); /* takes the value */
} headers[] = {
        { "content-type", set_content_type },  { "content-length", set_length },
        { "content-range", set_range },        { "docker-content-digest", set_content_digest },
        { "location", set_location },          { "retry-after", set_retry_after },
        { "www-authenticate", add_challenge },
};

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

void answer_log_header(const char *direction, const char *line, size_t n) {
        static const char *const secret[] = { "authorization:", "proxy-authorization:",
                                              "set-cookie:" };
        size_t shown = n;
        while (shown && strchr("\r\n", line[shown - 1]))
                shown--;
        for (size_t i = 0; i < ARRAY_LEN(secret); i++)
                if (strncasecmp(line, secret[i], MIN(n, strlen(secret[i]))) == 0)
                        shown = MIN(shown, strlen(secret[i]));
        const char *query = memchr(line, '?', shown); /* where signatures are */
        if (query && strncasecmp(line, "location:", MIN(n, (size_t)9)) == 0)
                shown = (size_t)(query - line);
        if (shown)
                log_trace("%s %.*s%s", direction, (int)shown, line,
                          shown < n && !strchr("\r\n", line[shown]) ? " (hidden)" : "");
}

static size_t on_header(char *p, size_t size, size_t n, void *user) {
        HttpResponse *r = &((Answer *)user)->response;
        n *= size;
        answer_log_header("<", p, n);
        if (n >= 5 && memcmp(p, "HTTP/", 5) == 0) {
                forget_headers(r);
                return n;
        }
        for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
                char *v = header_value(p, n, headers[i].name);
                if (v)
                        headers[i].set(r, v);
        }
        return n;
}

/* --- body ----------------------------------------------------------------------------------- */

static int begin(Answer *a) {
        const HttpReceiver *to = a->request->receiver;
        const HttpResponse *r = &a->response;
        uint64_t from = a->response.status == 206 ? r->range_from : 0;
        a->begun = true;
        if (from != (a->response.status == 206 ? a->request->range_from : 0)) {
                a->response.transient = true;
                return err_set(&a->err, ERR_NETWORK, 0,
                               "the server sends other bytes than those it was asked for");
        }
        return to->begin(to->ctx, from, r->body_length, &a->err);
}

static bool is_wanted(const Answer *a) {
        long status = a->response.status;
        return status == 200 || (status == 206 && a->request->range_from);
}

static size_t on_body(char *p, size_t size, size_t n, void *user) {
        Answer *a = user;
        const HttpReceiver *to = a->request->receiver;
        Buf *body = &a->response.body;
        n *= size;
        curl_easy_getinfo(a->handle, CURLINFO_RESPONSE_CODE, &a->response.status);
        if (!is_wanted(a)) {
                buf_add(body, p, MIN(n, (size_t)ERROR_BODY - body->len));
                return n;
        }
        if (to) {
                if (!a->begun && begin(a) < 0)
                        return 0;
                return to->data(to->ctx, p, n, &a->err) < 0 ? 0 : n;
        }
        if (n > a->request->limit - body->len) {
                err_set(&a->err, ERR_VERIFY, 0, "answer is larger than %llu bytes",
                        (unsigned long long)a->request->limit);
                return 0;
        }
        buf_add(body, p, n);
        return n;
}

/* Only the host that was asked may ask for credentials, not one that it points to. */
static void drop_foreign_challenges(Answer *a) {
        char *effective = NULL;
        curl_easy_getinfo(a->handle, CURLINFO_EFFECTIVE_URL, &effective);
        const char *asked = a->request->url, *scheme = strstr(asked, "://");
        size_t n = scheme ? (size_t)(scheme - asked) + 3 : 0;
        n += strcspn(asked + n, "/?#");
        if (!effective || strncmp(effective, asked, n) != 0 ||
            (effective[n] && !strchr("/?#", effective[n])))
                set_string(&a->response.challenges, NULL);
}

static void make_location_absolute(Answer *a) {
        HttpResponse *r = &a->response;
        char *base = NULL, *full = NULL;
        if (!r->location)
                return;
        curl_easy_getinfo(a->handle, CURLINFO_EFFECTIVE_URL, &base);
        CURLU *u = curl_url();
        if (u && base && curl_url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK &&
            curl_url_set(u, CURLUPART_URL, r->location, 0) == CURLUE_OK &&
            curl_url_get(u, CURLUPART_URL, &full, 0) == CURLUE_OK)
                set_string(&r->location, xstrdup(full));
        else
                set_string(&r->location, NULL);
        curl_free(full);
        curl_url_cleanup(u);
}

int answer_finish(Answer *a) {
        curl_easy_getinfo(a->handle, CURLINFO_RESPONSE_CODE, &a->response.status);
        drop_foreign_challenges(a);
        make_location_absolute(a);
        if (a->request->receiver && is_wanted(a) && !a->begun)
                return begin(a);
        return 0;
}

/* --- upload --------------------------------------------------------------------------------- */

static size_t on_read(char *p, size_t size, size_t n, void *user) {
        Answer *a = user;
        const Content *c = a->request->upload;
        n = c ? (size_t)MIN((uint64_t)(n * size), c->size - a->uploaded) : 0;
        if (n && content_read(c, a->uploaded, p, n, &a->err) < 0)
                return CURL_READFUNC_ABORT;
        a->uploaded += n;
        progress_set(a->request->progress, a->uploaded);
        return n;
}

static int on_seek(void *user, curl_off_t offset, int origin) {
        Answer *a = user;
        uint64_t size = a->request->upload ? a->request->upload->size : 0;
        if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > size)
                return CURL_SEEKFUNC_FAIL;
        a->uploaded = (uint64_t)offset;
        return CURL_SEEKFUNC_OK;
}

void answer_attach(Answer *a) {
        CURL *h = a->handle;
        a->response.body_length = a->response.range_total = UINT64_MAX;
        curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(h, CURLOPT_WRITEDATA, a);
        curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(h, CURLOPT_HEADERDATA, a);
        curl_easy_setopt(h, CURLOPT_ERRORBUFFER, a->detail);
        /* also without an upload: libcurl's own function reads stdin */
        curl_easy_setopt(h, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(h, CURLOPT_READDATA, a);
        curl_easy_setopt(h, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(h, CURLOPT_SEEKDATA, a);
}

/* --- verdict -------------------------------------------------------------------------------- */

/* libcurl says whom it could not reach. */
static int explain_refusal(Answer *a, Err *e) {
        char host[256];
        unsigned port;
        const char *asked = strstr(a->request->url, "://");
        asked = asked ? asked + 3 : a->request->url;
        asked += *asked == '[';
        if (sscanf(a->detail, "Failed to connect to %255s port %u", host, &port) == 2 &&
            (strncmp(asked, host, strlen(host)) != 0 || !strchr(":/]", asked[strlen(host)]))) {
                a->response.elsewhere = true;
                return err_set(e, ERR_NETWORK, 0, "connect to %s port %u: connection refused", host,
                               port);
        }
        return err_set(e, ERR_NETWORK, 0, "connection refused");
}

static int explain_certificate(Answer *a, CURLcode code, Err *e) {
        long verdict = X509_V_OK;
        curl_easy_getinfo(a->handle, CURLINFO_SSL_VERIFYRESULT, &verdict);
        err_set(e, ERR_NETWORK, 0, "%s", *a->detail ? a->detail : curl_easy_strerror(code));
        if (verdict == X509_V_ERR_CERT_HAS_EXPIRED || verdict == X509_V_ERR_CERT_NOT_YET_VALID)
                return err_hint(e, "is the clock of this machine right?");
        /* OpenSSL has found no fault in it, only libcurl has: it is another host's */
        if (verdict == X509_V_OK || verdict == X509_V_ERR_UNSPECIFIED)
                return err_hint(e, "the registry has another name in its certificate");
        return err_hint(e, "a certificate of your own goes with --cert-file");
}

int answer_explain(Answer *a, CURLcode code, Err *e) {
        HttpResponse *ret = &a->response;
        if (a->err.kind != ERR_NONE) {
                err_move(e, &a->err);
                return -1;
        }
        long os_error = 0;
        curl_easy_getinfo(a->handle, CURLINFO_OS_ERRNO, &os_error);
        switch (code) {
        case CURLE_COULDNT_CONNECT:
                ret->refused = os_error == ECONNREFUSED;
                ret->transient = !ret->refused;
                if (ret->refused)
                        return explain_refusal(a, e);
                break;
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
                ret->unknown = ret->transient = true;
                break;
        case CURLE_OPERATION_TIMEDOUT:
        case CURLE_RECV_ERROR:
        case CURLE_SEND_ERROR:
        case CURLE_GOT_NOTHING:
        case CURLE_PARTIAL_FILE:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
                ret->transient = true;
                break;
        case CURLE_PEER_FAILED_VERIFICATION:
                ret->untrusted = true;
                return explain_certificate(a, code, e);
        default:
                break;
        }
        return err_set(e, ERR_NETWORK, 0, "%s", *a->detail ? a->detail : curl_easy_strerror(code));
}
