/* ref.c - see ref.h.  The rules are LinuxKit's, not Docker's: whether the first part is a host
 * depends on the number of parts, and no ":latest" is ever added to the text.  Stricter than the
 * reference where that lets through what no registry and no cache could ever hold (blanks, '%', an
 * empty tag); names in capitals stay possible. */
#include "lib/base/ref.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

static int bad(Err *e, const char *text, const char *why) {
        return err_set(e, ERR_SPEC, 0, "invalid image reference \"%.200s\": %s", text, why);
}

/* Rule 1: one part is an official image, two parts belong to a user unless the first is a host. */
static char *expand(const char *text) {
        const char *slash = strchr(text, '/');
        if (!slash)
                return xasprintf("docker.io/library/%s", text);
        if (strchr(slash + 1, '/'))
                return xstrdup(text);
        size_t first = (size_t)(slash - text);
        bool host = memchr(text, '.', first) || memchr(text, ':', first) ||
                    (first == 9 && memcmp(text, "localhost", 9) == 0);
        return host ? xstrdup(text) : xasprintf("docker.io/%s", text);
}

static bool all_of(const char *s, size_t n, const char *others) {
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char)s[i]) && !strchr(others, s[i]))
                        return false;
        return true;
}

/* NAME, NAME:PORT, [IPv6] or [IPv6]:PORT */
static const char *host_fault(const char *s, size_t n) {
        if (!n)
                return "it has no host";
        const char *end = s + n, *colon;
        if (*s == '[') {
                const char *close = memchr(s, ']', n);
                if (!close || close == s + 1 || !all_of(s + 1, (size_t)(close - s - 1), ":."))
                        return "bad IPv6 address";
                colon = close + 1;
                if (colon < end && *colon != ':')
                        return "bad host";
        } else {
                colon = memchr(s, ':', n);
                if (!colon)
                        colon = end;
                if (colon == s || !all_of(s, (size_t)(colon - s), ".-_"))
                        return "bad host";
        }
        if (colon == end)
                return NULL;
        _cleanup_free_ char *port = xstrndup(colon + 1, (size_t)(end - colon - 1));
        uint64_t number;
        if (!str_to_u64(port, &number) || number < 1 || number > 65535)
                return "bad port";
        return NULL;
}

/* Only SHA-256 is known to the cache. */
static const char *digest_fault(const char *s) {
        Digest unused;
        return digest_parse(s, &unused) ? NULL : "the digest is not sha256: and 64 hex digits";
}

/* ":TAG", ":TAG@DIGEST" or "@DIGEST" */
static const char *object_fault(const char *s) {
        const char *at = strchrnul(s, '@');
        if (*s == ':') {
                size_t n = (size_t)(at - s) - 1;
                if (!n || n > 128 || !all_of(s + 1, n, "._-") || s[1] == '.' || s[1] == '-')
                        return "bad tag";
        }
        return *at ? digest_fault(at + 1) : NULL;
}

/* Splits full, whose parts have been checked: HOST/PATH with object standing where PATH ends. */
static void split(const char *full, const char *clean, const char *object, Ref *ret) {
        *ret = (Ref){ .host = xstrndup(full, strcspn(full, "/")), .repo = xstrdup(clean) };
        const char *at = strchrnul(object, '@');
        if (*object == ':')
                ret->tag = xstrndup(object + 1, (size_t)(at - object) - 1);
        if (*at)
                ret->digest = xstrdup(at + 1);
        ret->text = xasprintf("%s/%s%s", ret->host, clean, object);
}

int ref_parse(const char *text, Ref *ret, Err *e) {
        if (!*text)
                return err_set(e, ERR_SPEC, 0, "the image reference is empty");
        if (strstr(text, "://"))
                return bad(e, text, "it cannot be a URL");
        size_t first = strcspn(text, "/:@");
        bool alone = text[first] != '/';
        if (!first || (alone && strspn(text, ".") == first))
                return bad(e, text, "it names no repository");
        _cleanup_free_ char *full = expand(text);
        size_t host_len = strcspn(full, "/");
        const char *fault = host_fault(full, host_len);
        if (fault)
                return bad(e, text, fault);

        const char *path = full[host_len] ? full + host_len + 1 : "";
        const char *object = path + strcspn(path, ":@");
        if ((fault = object_fault(object)))
                return bad(e, text, fault);
        _cleanup_free_ char *raw = xstrndup(path, (size_t)(object - path));
        _cleanup_free_ char *clean = path_clean(raw + strspn(raw, "/"));
        if (str_eq(clean, ".") || str_eq(clean, "..") || str_has_prefix(clean, "../"))
                return bad(e, text, "it names no repository");
        if (!all_of(clean, strlen(clean), "/._-"))
                return bad(e, text, "bad character in the repository name");
        split(full, clean, object, ret);
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
