/* endpoint.c - see endpoint.h. */
#include "lib/oci/endpoint.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#include <arpa/inet.h>

#define HUB            "index.docker.io"
#define HUB_CREDENTIAL "https://index.docker.io/v1/"

static bool is_hub(const char *host) {
        return str_eq(host, "docker.io") || str_eq(host, HUB) ||
               str_eq(host, "registry-1.docker.io");
}

/* Without port and brackets. malloc'ed. */
static char *bare_host(const char *host) {
        if (*host == '[')
                return xstrndup(host + 1, strcspn(host + 1, "]"));
        return xstrndup(host, strcspn(host, ":"));
}

static bool is_loopback(const char *host) {
        _cleanup_free_ char *bare = bare_host(host);
        return str_eq(bare, "localhost") || str_has_suffix(bare, ".localhost") ||
               str_has_prefix(bare, "127.") || str_eq(bare, "::1");
}

/* RFC 1918 section 3 */
static bool is_private(const char *bare) {
        struct in_addr a;
        if (inet_pton(AF_INET, bare, &a) != 1)
                return false;
        uint32_t ip = ntohl(a.s_addr);
        return ip >> 24 == 10 || ip >> 20 == (172 << 4 | 1) || ip >> 16 == (192 << 8 | 168);
}

bool endpoint_may_be_plain(const char *host) {
        _cleanup_free_ char *bare = bare_host(host);
        return is_loopback(host) || str_has_suffix(bare, ".local") || is_private(bare);
}

/* The URL of the last mirror for host, else of the last one for all, else NULL. */
static int find_mirror(const char *host, const char *const *mirrors, const char **ret, Err *e) {
        const char *exact = NULL, *any = NULL;
        for (; mirrors && *mirrors; mirrors++) {
                const char *equals = strchr(*mirrors, '=');
                const char *scheme = strstr(*mirrors, "://");
                bool keyed = equals && (!scheme || equals < scheme);
                const char *url = keyed ? equals + 1 : *mirrors;
                _cleanup_free_ char *key =
                        keyed ? xstrndup(*mirrors, (size_t)(equals - *mirrors)) : xstrdup("*");
                if (!str_has_prefix(url, "http://") && !str_has_prefix(url, "https://"))
                        return err_set(e, ERR_USAGE, 0,
                                       "mirror \"%s\": URL must start with http:// or https://",
                                       *mirrors);
                if (str_eq(key, "*"))
                        any = url;
                else if (str_eq(key, host) || (str_eq(key, "docker.io") && is_hub(host)))
                        exact = url;
        }
        *ret = exact ? exact : any;
        return 0;
}

static int use_mirror(const char *url, const char *repo, Endpoint *p, Err *e) {
        const char *rest = strstr(url, "://") + 3;
        size_t host_length = strcspn(rest, "/");
        p->host = xstrndup(rest, host_length);
        if (!*p->host || strpbrk(p->host, "@?# "))
                return err_set(e, ERR_USAGE, 0, "mirror \"%s\": bad host", url);
        const char *path = rest + host_length;
        path += strspn(path, "/");
        size_t n = strlen(path);
        while (n && path[n - 1] == '/')
                n--;
        p->repo = xasprintf("%.*s%s%s", (int)n, path, n ? "/" : "", repo);
        p->try_https = url[4] == 's';
        p->try_http = !p->try_https;
        return 0;
}

int endpoint_find(const char *host, const char *repo, const char *const *mirrors, Endpoint *ret,
                  Err *e) {
        Endpoint p = { 0 };
        const char *mirror = NULL;
        if (find_mirror(host, mirrors, &mirror, e) < 0)
                return -1;
        if (!mirror) {
                p.host = xstrdup(str_eq(host, "docker.io") ? HUB : host);
                p.repo = xstrdup(repo);
                p.try_https = true;
                p.try_http = endpoint_may_be_plain(host);
        } else if (use_mirror(mirror, repo, &p, e) < 0) {
                endpoint_done(&p);
                return -1;
        }
        p.credential = xstrdup(is_hub(p.host) ? HUB_CREDENTIAL : p.host);
        p.loopback = is_loopback(p.host);
        *ret = p;
        return 0;
}

void endpoint_done(Endpoint *p) {
        free(p->host);
        free(p->repo);
        free(p->credential);
        *p = (Endpoint){ 0 };
}
