/* fetch.c - see fetch.h. */
#include "lib/oci/fetch.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/oci/manifest.h"
#include "lib/oci/partial.h"
#include "lib/oci/retry.h"

#define ACCEPT \
        MEDIA_OCI_INDEX ", " MEDIA_OCI_MANIFEST ", " MEDIA_DOCKER_LIST ", " MEDIA_DOCKER_MANIFEST

/* --- manifests ------------------------------------------------------------------------------ */

static const char *const known_types[] = { MEDIA_OCI_INDEX, MEDIA_OCI_MANIFEST, MEDIA_DOCKER_LIST,
                                           MEDIA_DOCKER_MANIFEST };

/* Stored media types lead every reader that comes later, so the object's own word counts most. */
static const char *media_type_of(const Manifest *m, const HttpResponse *response) {
        const char *own = json_str(m->json, "mediaType");
        const char *said[] = { own, response->content_type };
        for (size_t i = 0; i < ARRAY_LEN(said); i++)
                for (size_t k = 0; k < ARRAY_LEN(known_types); k++)
                        if (str_eq(said[i], known_types[k]) && m->is_index == (k % 2 == 0))
                                return known_types[k];
        return m->is_index ? MEDIA_OCI_INDEX : MEDIA_OCI_MANIFEST;
}

static int check_digest(const HttpResponse *response, const Descriptor *expect, Digest *ret,
                        Err *e) {
        Digest said;
        hash_bytes(response->body.data, response->body.len, ret);
        if (expect && !digest_eq(ret, &expect->digest))
                return err_set(e, ERR_VERIFY, 0, "manifest %s: the content has digest %s",
                               expect->digest.text, ret->text);
        if (expect && expect->size && expect->size != response->body.len)
                return err_set(e, ERR_VERIFY, 0, "manifest %s: %zu bytes instead of %llu",
                               ret->text, response->body.len, (unsigned long long)expect->size);
        if (response->content_digest && digest_parse(response->content_digest, &said) &&
            !digest_eq(ret, &said))
                return err_set(e, ERR_VERIFY, 0, "manifest %s: the content has digest %s",
                               said.text, ret->text);
        return 0;
}

static int read_manifest(const HttpResponse *response, const Descriptor *expect, Descriptor *ret,
                         Err *e) {
        _cleanup_manifest_ Manifest m = { 0 };
        Descriptor d = { .size = response->body.len };
        if (check_digest(response, expect, &d.digest, e) < 0 ||
            manifest_parse(response->body.data, response->body.len, "manifest", &m, e) < 0)
                return -1;
        strcpy(d.media_type, media_type_of(&m, response));
        *ret = d;
        return 0;
}

/* Wrong bytes are asked for once more: on the second time it is not an accident. */
int fetch_manifest(Session *s, const char *object, const Descriptor *expect, Descriptor *ret,
                   char **ret_text, Err *e) {
        _cleanup_free_ char *path = xasprintf("manifests/%s", object);
        /* the root is what the user named, so he knows; a part of it has to be named */
        const char *what = expect && expect->size ? object : NULL;
        const SessionRequest request = { .path = path, .what = what, .accept = ACCEPT };
        _cleanup_response_ HttpResponse response = { 0 };
        for (unsigned wrong = 0;;) {
                if (session_ask(s, &request, &response, e) < 0)
                        return -1;
                if (response.status != 200)
                        return session_refuse(s, what, &response, e);
                buf_adds(&response.body, ""); /* an empty answer is a text, too */
                if (read_manifest(&response, expect, ret, e) == 0)
                        break;
                if (wrong++)
                        return session_blame(s, NULL, e);
                err_clear(e);
        }
        *ret_text = buf_steal(&response.body);
        return 0;
}

int fetch_manifest_head(Session *s, const char *object, Descriptor *ret, Err *e) {
        _cleanup_free_ char *path = xasprintf("manifests/%s", object);
        const SessionRequest request = { .method = HTTP_HEAD, .path = path, .accept = ACCEPT };
        _cleanup_response_ HttpResponse response = { 0 };
        if (session_ask(s, &request, &response, e) < 0)
                return -1;
        if (response.status == 405)
                return 1;
        if (response.status != 200)
                return session_refuse(s, NULL, &response, e);
        Descriptor d = { .size = response.body_length };
        if (!response.content_digest || !digest_parse(response.content_digest, &d.digest) ||
            response.body_length == UINT64_MAX || !response.content_type)
                return 1;
        for (size_t i = 0; i < ARRAY_LEN(known_types); i++) {
                if (str_eq(response.content_type, known_types[i])) {
                        strcpy(d.media_type, known_types[i]);
                        *ret = d;
                        return 0;
                }
        }
        return 1;
}

/* --- blobs ---------------------------------------------------------------------------------- */

int fetch_small_blob(Session *s, const Descriptor *d, uint64_t limit, char **ret, Err *e) {
        _cleanup_free_ char *path = xasprintf("blobs/%s", d->digest.text);
        const SessionRequest request = { .path = path, .what = d->digest.text };
        _cleanup_response_ HttpResponse response = { 0 };
        Digest got;
        if (d->size > MIN(limit, (uint64_t)MANIFEST_LIMIT))
                return err_set(e, ERR_VERIFY, 0, "%s: larger than %llu bytes", d->digest.text,
                               (unsigned long long)limit);
        if (session_ask(s, &request, &response, e) < 0)
                return -1;
        if (response.status != 200)
                return session_refuse(s, d->digest.text, &response, e);
        buf_adds(&response.body, "");
        hash_bytes(response.body.data, response.body.len, &got);
        if (!digest_eq(&got, &d->digest) || response.body.len != d->size) {
                err_set(e, ERR_VERIFY, 0, "%s: the content has digest %s and %zu bytes",
                        d->digest.text, got.text, response.body.len);
                return session_blame(s, NULL, e);
        }
        *ret = buf_steal(&response.body);
        return 0;
}

typedef struct Download {
        Session *session;
        Partial *partial;
        const Descriptor *want;
        char *path;
        bool from_zero; /* the server does not know how to continue */
        uint64_t best;  /* the farthest we ever came: only beyond is progress */
        Retry retry;
} Download;

static int on_begin(void *ctx, uint64_t from, uint64_t length, Err *e) {
        Download *d = ctx;
        if (from == 0 && partial_restart(d->partial, e) < 0)
                return -1;
        uint64_t want = d->want->size - from;
        if (length != UINT64_MAX && length > want)
                return err_set(e, ERR_VERIFY, 0, "%s: more than the promised %llu bytes",
                               d->want->digest.text, (unsigned long long)d->want->size);
        if (length < want)
                return err_set(e, ERR_VERIFY, 0, "%s: %llu bytes instead of the promised %llu",
                               d->want->digest.text, (unsigned long long)(from + length),
                               (unsigned long long)d->want->size);
        return 0;
}

static int on_data(void *ctx, const void *p, size_t n, Err *e) {
        return partial_write(((Download *)ctx)->partial, p, n, e);
}

static int transfer(Download *d, HttpResponse *ret, Err *e) {
        const HttpReceiver receiver = { .begin = on_begin, .data = on_data, .ctx = d };
        if (d->from_zero && partial_restart(d->partial, e) < 0)
                return -1;
        const SessionRequest request = {
                .path = d->path,
                .range_from = partial_size(d->partial),
                .receiver = &receiver,
        };
        if (session_enter(d->session, d->want->size - request.range_from, e) < 0)
                return -1;
        int r = session_try(d->session, &request, ret, e);
        session_leave(d->session);
        /* 416: it has less than we have, so one of us is wrong */
        if (r == 0 && ret->status == 416 && request.range_from) {
                ret->transient = d->from_zero = true;
                return session_refuse(d->session, d->want->digest.text, ret, e);
        }
        if (r < 0 && ret->range_from != request.range_from && ret->status == 206)
                d->from_zero = true;
        return r;
}

/* After an attempt that did not bring all: an error when it was the last one. */
static int judge(Download *d, int result, const HttpResponse *response, Err *e) {
        const char *what = d->want->digest.text;
        uint64_t there = partial_size(d->partial);
        bool good = response->status == 200 || response->status == 206;
        bool again = result < 0 ? response->transient : good || retry_status(response->status);
        bool progress = there > d->best;
        d->best = MAX(d->best, there);
        if (again && retry_again(&d->retry, progress, response->retry_after, d->want->size)) {
                log_debug("%s: continued at %llu", what, (unsigned long long)there);
                err_clear(e);
                return 0;
        }
        if (http_cancelled())
                return err_set(e, ERR_CANCELLED, 0, "interrupted");
        if (result < 0 && e && e->text && !strstr(e->text, what))
                err_wrap(e, "%s", what);
        else if (result == 0 && good)
                err_set(e, ERR_NETWORK, 0, "%s: the server stops after %llu of %llu bytes", what,
                        (unsigned long long)there, (unsigned long long)d->want->size);
        else if (result == 0)
                return session_refuse(d->session, what, response, e);
        if (again && there)
                err_hint(e, "what has come is kept: the next attempt continues there");
        return session_blame(d->session, result < 0 ? response : NULL, e);
}

static int download(Download *d, Err *e) {
        _cleanup_response_ HttpResponse response = { 0 };
        d->best = partial_size(d->partial);
        while (partial_size(d->partial) < d->want->size || !d->want->size) {
                bool tried_part = !d->from_zero;
                int r = transfer(d, &response, e);
                if (r < 0 && e && (e->kind == ERR_VERIFY || e->kind == ERR_IO))
                        return -1;
                if (r < 0 && d->from_zero && tried_part) {
                        err_clear(e); /* another question, not the same one again */
                        continue;
                }
                bool good = r == 0 && (response.status == 200 || response.status == 206);
                if (good && partial_size(d->partial) == d->want->size)
                        break;
                if (judge(d, r, &response, e) < 0)
                        return -1;
        }
        return partial_finish(d->partial, e);
}

int fetch_blob(Session *s, Cache *c, const Descriptor *d, Progress *progress, Err *e) {
        _cleanup_partial_ Partial *partial = NULL;
        int r = partial_open(c, d, progress, &partial, e);
        if (r != 0) {
                if (r > 0)
                        progress_set(progress, d->size);
                return r < 0 ? -1 : 0;
        }
        _cleanup_free_ char *path = xasprintf("blobs/%s", d->digest.text);
        Download x = { .session = s, .partial = partial, .want = d, .path = path };
        Err why = ERR_INIT;
        r = download(&x, &why);
        if (r < 0 && why.kind == ERR_VERIFY) {
                /* What an earlier process left may have been wrong, or a bit may have fallen over
                 * on the way: once more, all of it. */
                log_debug("%s; all of it is fetched again", why.text);
                err_clear(&why);
                r = partial_restart(partial, &why);
                x = (Download){ .session = s, .partial = partial, .want = d, .path = path };
                if (r == 0)
                        r = download(&x, &why);
                if (r < 0 && why.kind == ERR_VERIFY) {
                        partial_restart(partial, NULL);
                        session_blame(s, NULL, &why);
                }
        }
        if (r < 0)
                err_move(e, &why);
        err_clear(&why);
        return r;
}
