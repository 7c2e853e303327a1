/* push_objects.c - see push_objects.h.
 *
 * A blob is uploaded as the reference does it: POST opens an upload, PATCH brings the bytes, PUT
 * names the digest.  An upload that breaks is begun anew: what a registry keeps of it cannot be
 * told from its answers. */
#include "lib/oci/push_objects.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/oci/fetch.h"
#include "lib/oci/retry.h"

#include <fcntl.h>
#include <sys/stat.h>

/* --- manifests ------------------------------------------------------------------------------ */

int push_find_manifest(Session *s, const char *object, Descriptor *ret, Err *e) {
        _cleanup_free_ char *text = NULL;
        Err why = ERR_INIT;
        int r = fetch_manifest_head(s, object, ret, &why);
        if (r > 0)
                r = fetch_manifest(s, object, NULL, ret, &text, &why);
        if (r == 0)
                return 1;
        bool absent = why.kind == ERR_NOT_FOUND;
        if (!absent)
                err_move(e, &why);
        err_clear(&why);
        return absent ? 0 : -1;
}

int push_manifest(Session *s, const char *object, const Descriptor *d, const char *text, Err *e) {
        _cleanup_free_ char *path = xasprintf("manifests/%s", object);
        _cleanup_response_ HttpResponse response = { 0 };
        Content body = content_bytes(text, d->size);
        Digest got;
        const SessionRequest request = {
                .method = HTTP_PUT,
                .path = path,
                .what = d->digest.text,
                .content_type = d->media_type,
                .upload = &body,
        };
        if (session_ask(s, &request, &response, e) < 0)
                return -1;
        if (response.status < 200 || response.status > 299)
                return session_refuse(s, d->digest.text, &response, e);
        if (response.content_digest && digest_parse(response.content_digest, &got) &&
            !digest_eq(&got, &d->digest))
                return err_set(e, ERR_VERIFY, 0, "%s: the registry stored it as %s", d->digest.text,
                               got.text);
        return 0;
}

/* --- blobs ---------------------------------------------------------------------------------- */

static int is_there(Session *s, const Descriptor *d, Err *e) {
        _cleanup_free_ char *path = xasprintf("blobs/%s", d->digest.text);
        _cleanup_response_ HttpResponse response = { 0 };
        const SessionRequest request = { .method = HTTP_HEAD,
                                         .path = path,
                                         .what = d->digest.text };
        if (session_ask(s, &request, &response, e) < 0)
                return -1;
        if (response.status == 200)
                return 1;
        return response.status == 404 ? 0 : session_refuse(s, d->digest.text, &response, e);
}

/* A registry behind a TLS proxy that does not know of it says http of itself: where we have come in
 * by TLS we go on by TLS.  key=value is added to the query. */
static char *next_url(const Session *s, const char *location, const char *digest) {
        _cleanup_free_ char *base = session_url(s, "");
        const char *host = strstr(base, "://") + 3, *theirs = strstr(location, "://");
        size_t n = strcspn(host, "/") + 1;
        const char *url = location;
        _cleanup_free_ char *upgraded = NULL;
        if (theirs && strncmp(theirs + 3, host, n) == 0)
                url = upgraded = xasprintf("%.*s%s", (int)(host - base), base, theirs + 3);
        if (!digest)
                return xstrdup(url);
        return xasprintf("%s%cdigest=%s", url, strchr(url, '?') ? '&' : '?', digest);
}

/* Opens an upload: 1 when the blob was mounted instead, else *ret_location says where it goes. */
static int open_upload(Session *s, const char *path, const char *what, HttpResponse *response,
                       char **ret_location, Err *e) {
        const SessionRequest request = { .method = HTTP_POST, .path = path, .what = what };
        if (session_try(s, &request, response, e) < 0)
                return -1;
        if (response->status == 201)
                return 1;
        if (response->status != 202)
                return session_refuse(s, what, response, e);
        if (!response->location)
                return err_set(e, ERR_NETWORK, 0, "%s: the registry does not say where to send it",
                               what);
        *ret_location = next_url(s, response->location, NULL);
        return 0;
}

static int send_bytes(Session *s, const Content *body, const Descriptor *d, const char *location,
                      Progress *progress, HttpResponse *response, Err *e) {
        const char *what = d->digest.text;
        const SessionRequest patch = {
                .method = HTTP_PATCH,
                .url = location,
                .what = what,
                .content_type = "application/octet-stream",
                .upload = body,
                .progress = progress,
        };
        if (session_try(s, &patch, response, e) < 0)
                return -1;
        if (response->status < 200 || response->status > 299)
                return session_refuse(s, what, response, e);
        _cleanup_free_ char *url =
                next_url(s, response->location ? response->location : location, d->digest.text);
        const SessionRequest put = { .method = HTTP_PUT, .url = url, .what = what };
        http_response_done(response);
        if (session_try(s, &put, response, e) < 0)
                return -1;
        if (response->status != 201 && response->status != 204 && response->status != 200)
                return session_refuse(s, what, response, e);
        return 0;
}

static int upload_once(Session *s, const Content *body, const Descriptor *d, Progress *progress,
                       HttpResponse *response, Err *e) {
        _cleanup_free_ char *location = NULL;
        http_response_done(response);
        int r = open_upload(s, "blobs/uploads/", d->digest.text, response, &location, e);
        if (r != 0)
                return r < 0 ? -1 : 0;
        http_response_done(response);
        return send_bytes(s, body, d, location, progress, response, e);
}

/* A registry that says the digest is wrong may be right. */
static int check_own(Cache *c, int fd, const Descriptor *d, Err *e) {
        Digest got;
        if (hash_fd(fd, &got, NULL, NULL) < 0 || digest_eq(&got, &d->digest))
                return -1;
        err_set(e, ERR_VERIFY, 0, "%s: the content in the cache has digest %s", d->digest.text,
                got.text);
        return err_hint(e, "%s is damaged; fetch the image again", cache_dir(c));
}

static int upload(Session *s, Cache *c, const Descriptor *d, Progress *progress, Err *e) {
        _cleanup_response_ HttpResponse response = { 0 };
        struct stat st;
        _cleanup_fd_ int fd = cache_open_blob(c, &d->digest, e);
        if (fd < 0)
                return -1;
        if (fstat(fd, &st) < 0 || (uint64_t)st.st_size != d->size)
                return err_set(e, ERR_VERIFY, 0, "%s in the cache is not %llu bytes long",
                               d->digest.text, (unsigned long long)d->size);
        Blob file = { .id = d->digest, .fd = fd, .size = d->size };
        Content body = { .blob = &file, .size = d->size };
        for (Retry retry = { 0 };;) {
                if (session_enter(s, d->size, e) < 0)
                        return -1;
                int r = upload_once(s, &body, d, progress, &response, e);
                session_leave(s);
                if (r == 0)
                        return 0;
                progress_set(progress, 0);
                bool again = response.transient || retry_status(response.status) ||
                             response.status == 404 /* the upload was forgotten */;
                if (again && retry_again(&retry, false, response.retry_after, 0)) {
                        log_debug("%s: uploaded again", d->digest.text);
                        err_clear(e);
                        continue;
                }
                if (response.status == 400)
                        check_own(c, fd, d, e);
                if (e && e->text && !strstr(e->text, d->digest.text))
                        err_wrap(e, "%s", d->digest.text);
                return -1;
        }
}

/* A registry that cannot or may not mount opens an upload, or refuses: neither is an error, and the
 * upload that nobody uses ends by itself. */
static bool mount(Session *source, const char *from, const Descriptor *d) {
        _cleanup_free_ char *path =
                xasprintf("blobs/uploads/?mount=%s&from=%s", d->digest.text, from);
        _cleanup_response_ HttpResponse response = { 0 };
        _cleanup_free_ char *location = NULL;
        return open_upload(source, path, d->digest.text, &response, &location, NULL) == 1;
}

int push_blob(Session *s, Session *source, const char *from, Cache *c, const Descriptor *d,
              Progress *progress, BlobFate *ret, Err *e) {
        int there = is_there(s, d, e);
        if (there < 0)
                return -1;
        *ret = there ? BLOB_PRESENT : BLOB_MOUNTED;
        if (there || (source && mount(source, from, d))) {
                progress_set(progress, d->size);
                return 0;
        }
        *ret = BLOB_UPLOADED;
        if (cache_has_blob(c, &d->digest, d->size))
                return upload(s, c, d, progress, e);
        err_set(e, ERR_NOT_FOUND, 0, "%s is neither in the cache nor in the registry",
                d->digest.text);
        return err_hint(e, "fetch the image for all its platforms first");
}
