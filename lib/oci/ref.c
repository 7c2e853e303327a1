/* ref.c - see ref.h.  The rules are LinuxKit's, not Docker's: whether the first part is a host
 * depends on the number of parts, and no ":latest" is ever added to the text. */
#include "lib/oci/ref.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#include <ctype.h>

enum { NAME_MAX_LENGTH = 4096, TAG_MAX_LENGTH = 128 };

/* yaml.md 6.1 step 1 */
static char *expand(const char *text) {
        const char *slash = strchr(text, '/');
        if (!slash)
                return xasprintf("docker.io/library/%s", text);
        if (strchr(slash + 1, '/'))
                return xstrdup(text);
        _cleanup_free_ char *first = xstrndup(text, (size_t)(slash - text));
        if (strpbrk(first, ".:") || str_eq(first, "localhost"))
                return xstrdup(text);
        return xasprintf("docker.io/%s", text);
}

static bool host_ok(const char *host) {
        const char *p = host;
        if (*p == '[') {
                size_t n = strspn(p + 1, "0123456789abcdefABCDEF:.");
                if (!n || p[n + 1] != ']')
                        return false;
                p += n + 2;
        } else {
                while (isalnum((unsigned char)*p) || (*p && strchr(".-_", *p)))
                        p++;
                if (p == host)
                        return false;
        }
        if (!*p)
                return true;
        uint64_t port;
        return *p == ':' && str_to_u64(p + 1, &port) && port > 0 && port < 65536;
}

static bool repo_ok(const char *repo) {
        if (!*repo || str_eq(repo, ".") || str_eq(repo, "..") || str_has_prefix(repo, "../") ||
            *repo == '/')
                return false;
        for (const char *p = repo; *p; p++)
                if (!isalnum((unsigned char)*p) && !strchr("._-/", *p))
                        return false;
        return true;
}

static bool tag_ok(const char *tag) {
        size_t n = strlen(tag);
        if (!n || n > TAG_MAX_LENGTH || *tag == '.' || *tag == '-')
                return false;
        for (const char *p = tag; *p; p++)
                if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
                        return false;
        return true;
}

/* object: what follows the locator, with its ':' or '@', or "". */
static int parse_object(const char *text, const char *object, Ref *r, Err *e) {
        if (!*object)
                return 0;
        const char *at = strchr(object, '@');
        if (*object == ':') {
                r->tag = xstrndup(object + 1, at ? (size_t)(at - object - 1) : SIZE_MAX);
                if (!tag_ok(r->tag))
                        return err_set(e, ERR_SPEC, 0, "invalid reference \"%s\": bad tag \"%s\"",
                                       text, r->tag);
        }
        if (at) {
                Digest d;
                if (!digest_parse(at + 1, &d))
                        return err_set(e, ERR_SPEC, 0,
                                       "invalid reference \"%s\": \"%s\" is not a sha256 digest",
                                       text, at + 1);
                r->digest = xstrdup(d.text);
        }
        return 0;
}

int ref_parse(const char *text, Ref *ret, Err *e) {
        _cleanup_ref_ Ref r = { 0 };
        if (strlen(text) > NAME_MAX_LENGTH)
                return err_set(e, ERR_SPEC, 0, "invalid reference: longer than %d bytes",
                               NAME_MAX_LENGTH);
        if (strstr(text, "://"))
                return err_set(e, ERR_SPEC, 0,
                               "invalid reference \"%s\": a name, not a URL, is wanted", text);
        if (!*text)
                return err_set(e, ERR_SPEC, 0, "invalid reference \"\": empty");

        _cleanup_free_ char *full = expand(text);
        char *slash = strchr(full, '/');
        r.host = xstrndup(full, (size_t)(slash - full));
        if (!host_ok(r.host))
                return err_set(e, ERR_SPEC, 0, "invalid reference \"%s\": bad registry host \"%s\"",
                               text, r.host);

        const char *object = slash + 1 + strcspn(slash + 1, ":@");
        _cleanup_free_ char *path = xstrndup(slash + 1, (size_t)(object - slash - 1));
        r.repo = path_clean(path);
        if (!*path || !repo_ok(r.repo))
                return err_set(e, ERR_SPEC, 0, "invalid reference \"%s\": bad name \"%s\"", text,
                               path);
        if (parse_object(text, object, &r, e) < 0)
                return -1;

        r.text = xasprintf("%s/%s%s%s%s%s", r.host, r.repo, r.tag ? ":" : "", r.tag ? r.tag : "",
                           r.digest ? "@" : "", r.digest ? r.digest : "");
        *ret = r;
        r = (Ref){ 0 };
        return 0;
}

void ref_done(Ref *r) {
        free(r->text);
        free(r->host);
        free(r->repo);
        free(r->tag);
        free(r->digest);
        *r = (Ref){ 0 };
}
