/* auth.c - answering a registry's challenge: Basic, or a token from its token server (Docker
 * registry token authentication, OAuth2 for identity tokens).  Where credentials come from is
 * credentials.c. */
#include "lib/oci/auth.h"
#include "lib/base/json.h"
#include "lib/base/mem.h"
#include "lib/oci/retry.h"

#include <ctype.h>
#include <curl/curl.h>
#include <openssl/evp.h>
#include <strings.h>

enum { TOKEN_LIMIT = 1 << 20, SECRET_LIMIT = 64 * 1024 };

/* --- challenge ------------------------------------------------------------------------------ */

static const char *skip_blanks(const char *p) {
        return p + strspn(p, " \t,\n");
}

static size_t token_length(const char *p) {
        size_t n = 0;
        while (isalnum((unsigned char)p[n]) || (p[n] && strchr("!#$%&'*+-.^_`|~", p[n])))
                n++;
        return n;
}

/* A token or a quoted string; *p moves behind it. malloc'ed. */
static char *parse_value(const char **p) {
        const char *s = *p;
        if (*s != '"') {
                size_t n = strcspn(s, ", \t\n");
                *p = s + n;
                return xstrndup(s, n);
        }
        _cleanup_buf_ Buf b = { 0 };
        for (s++; *s && *s != '"' && *s != '\n'; s++) {
                if (*s == '\\' && s[1] && s[1] != '\n')
                        s++;
                buf_addc(&b, *s);
        }
        *p = *s == '"' ? s + 1 : s;
        return buf_steal(&b);
}

/* Parameters up to the next scheme; c NULL: of a scheme that does not interest us. */
static const char *parse_parameters(const char *p, Challenge *c) {
        for (;;) {
                p = skip_blanks(p);
                size_t n = token_length(p);
                const char *equals = p + n + strspn(p + n, " \t");
                if (!n || *equals != '=')
                        return p;
                _cleanup_free_ char *key = xstrndup(p, n);
                p = equals + 1 + strspn(equals + 1, " \t");
                char *value = parse_value(&p);
                char **to = !c                                ? NULL
                            : strcasecmp(key, "realm") == 0   ? &c->realm
                            : strcasecmp(key, "service") == 0 ? &c->service
                            : strcasecmp(key, "scope") == 0   ? &c->scope
                                                              : NULL;
                if (to && !*to)
                        *to = take(value);
                free(value);
        }
}

void challenge_parse(const char *text, Challenge *ret) {
        *ret = (Challenge){ 0 };
        for (const char *p = skip_blanks(text ? text : ""); *p;) {
                size_t n = token_length(p);
                ChallengeScheme scheme =
                        n == 6 && strncasecmp(p, "bearer", n) == 0  ? CHALLENGE_BEARER
                        : n == 5 && strncasecmp(p, "basic", n) == 0 ? CHALLENGE_BASIC
                                                                    : CHALLENGE_NONE;
                bool better = scheme > ret->scheme;
                if (better) {
                        challenge_done(ret);
                        ret->scheme = scheme;
                }
                /* something that is no token at all: step over it, or this would never end */
                p = parse_parameters(n ? p + n : p + 1, better ? ret : NULL);
        }
}

void challenge_done(Challenge *c) {
        free(c->realm);
        free(c->service);
        free(c->scope);
        *c = (Challenge){ 0 };
}

/* --- answer --------------------------------------------------------------------------------- */

static char *basic(const char *user, const char *password) {
        _cleanup_free_ char *pair = xasprintf("%s:%s", user, password);
        size_t n = strlen(pair);
        if (n > SECRET_LIMIT)
                return NULL;
        _cleanup_free_ char *text = xmalloc((n + 2) / 3 * 4 + 1);
        EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)pair, (int)n);
        return xasprintf("Basic %s", text);
}

static void add_parameter(Buf *b, const char *key, const char *value) {
        if (!value)
                return;
        char *escaped =
                curl_easy_escape(NULL, value, (int)MIN(strlen(value), (size_t)SECRET_LIMIT));
        buf_addf(b, "%s=%s", key, escaped ? escaped : "");
        curl_free(escaped);
}

/* The token becomes part of a header line: no control characters, no blanks. */
static bool token_ok(const char *token) {
        size_t n = 0;
        for (; token[n]; n++)
                if (token[n] <= ' ' || token[n] > '~')
                        return false;
        return n > 0 && n < SECRET_LIMIT;
}

static int read_token(const HttpResponse *response, const char *realm, char **ret, Err *e) {
        _cleanup_json_ json_t *j = NULL;
        if (response->status != 200) {
                err_set(e, ERR_NETWORK, 0, "token server %s: status %ld", realm, response->status);
                if (response->status == 401 || response->status == 403)
                        err_hint(e, "the stored credentials were refused");
                return -1;
        }
        if (json_parse(response->body.data ? response->body.data : "", response->body.len, realm,
                       &j, e) < 0)
                return -1;
        const char *token = json_str(j, "token");
        if (str_is_empty(token))
                token = json_str(j, "access_token");
        if (!token || !token_ok(token))
                return err_set(e, ERR_NETWORK, 0, "token server %s: no token in its answer", realm);
        *ret = xasprintf("Bearer %s", token);
        return 0;
}

/* The scopes to ask for, one in each element of ret (at most 3): the challenge's own word for
 * reading; for writing what we know that we shall do, and the challenge's when it is about
 * something else. */
static size_t list_scopes(const Challenge *c, const AuthScope *scope, char *ret[3]) {
        size_t n = 0;
        bool reading = str_eq(scope->actions, "pull");
        _cleanup_free_ char *prefix = xasprintf("repository:%s:", scope->repo);
        if (!str_is_empty(c->scope) && (reading || !str_has_prefix(c->scope, prefix)))
                ret[n++] = xstrdup(c->scope);
        if (!reading || !n)
                ret[n++] = xasprintf("%s%s", prefix, scope->actions);
        if (scope->from)
                ret[n++] = xasprintf("repository:%s:pull", scope->from);
        return n;
}

/* An identity token is exchanged by POST (OAuth2); a server without that answers 404. */
static int post_identity(HttpClient *http, const HttpRequest *base, const Challenge *c,
                         const Credentials *cred, char *const *scopes, size_t n, HttpResponse *ret,
                         Err *e) {
        _cleanup_buf_ Buf form = { 0 }, scope = { 0 };
        for (size_t i = 0; i < n; i++)
                buf_addf(&scope, "%s%s", i ? " " : "", scopes[i]);
        buf_adds(&form, "grant_type=refresh_token&client_id=linuxkit");
        add_parameter(&form, "&service", c->service);
        add_parameter(&form, "&scope", scope.data);
        add_parameter(&form, "&refresh_token", cred->identity_token);
        Content body = content_bytes(form.data, form.len);
        HttpRequest request = *base;
        request.method = HTTP_POST;
        request.url = c->realm;
        request.upload = &body;
        request.content_type = "application/x-www-form-urlencoded";
        request.stay = true; /* the body is a secret */
        return http_send(http, &request, ret, e);
}

static int get_token(HttpClient *http, const HttpRequest *base, const Challenge *c,
                     const Credentials *cred, char *const *scopes, size_t n, HttpResponse *ret,
                     Err *e) {
        _cleanup_buf_ Buf url = { 0 };
        _cleanup_free_ char *authorization =
                cred->user && cred->password ? basic(cred->user, cred->password) : NULL;
        buf_adds(&url, c->realm);
        for (size_t i = 0; i < n; i++)
                add_parameter(&url, i || strchr(c->realm, '?') ? "&scope" : "?scope", scopes[i]);
        add_parameter(&url, "&service", c->service);
        HttpRequest request = *base;
        request.url = url.data;
        request.authorization = authorization;
        return http_send(http, &request, ret, e);
}

/* Asks until there is an answer that will stay. */
static int ask_server(HttpClient *http, const HttpRequest *base, const Challenge *c,
                      const Credentials *cred, char *const *scopes, size_t n, HttpResponse *ret,
                      Err *e) {
        bool identity = cred->identity_token != NULL;
        for (Retry retry = { 0 };;) {
                http_response_done(ret);
                int r = identity ? post_identity(http, base, c, cred, scopes, n, ret, e)
                                 : get_token(http, base, c, cred, scopes, n, ret, e);
                if (r == 0 && identity && ret->status == 404) {
                        identity = false;
                        continue;
                }
                bool again = r < 0 ? ret->transient : retry_status(ret->status);
                if (!again || !retry_again(&retry, false, ret->retry_after, 0))
                        return r;
                err_clear(e);
        }
}

static int bearer(HttpClient *http, const Challenge *c, const Credentials *cred,
                  const AuthScope *scope, bool tls, char **ret, Err *e) {
        if (cred->registry_token && token_ok(cred->registry_token)) {
                *ret = xasprintf("Bearer %s", cred->registry_token);
                return 0;
        }
        if (!c->realm || (!str_has_prefix(c->realm, "https://") &&
                          (tls || !str_has_prefix(c->realm, "http://"))))
                return err_set(e, ERR_NETWORK, 0, "token server \"%s\": not an https URL",
                               c->realm ? c->realm : "");
        HttpRequest base = { .accept = "application/json", .limit = TOKEN_LIMIT, .direct = !tls };
        _cleanup_response_ HttpResponse response = { 0 };
        char *scopes[3] = { 0 };
        size_t n = list_scopes(c, scope, scopes);
        int r = ask_server(http, &base, c, cred, scopes, n, &response, e);
        for (size_t i = 0; i < n; i++)
                free(scopes[i]);
        if (r < 0)
                return err_wrap(e, "token server %s", c->realm);
        return read_token(&response, c->realm, ret, e);
}

int auth_answer(HttpClient *http, const Challenge *c, const Credentials *cred,
                const AuthScope *scope, bool tls, char **ret, Err *e) {
        *ret = NULL;
        if (c->scheme == CHALLENGE_BEARER)
                return bearer(http, c, cred, scope, tls, ret, e);
        if (c->scheme == CHALLENGE_BASIC && cred->user && cred->password)
                *ret = basic(cred->user, cred->password);
        return 0;
}
