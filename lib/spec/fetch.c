/* fetch.c - see fetch.h.  A page that says "not found" is not a build file: only status 200 counts
 * (yaml.md W19). */
#include "lib/spec/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { CONNECT_SECONDS = 30, STALL_SECONDS = 60, MAX_REDIRECTS = 10 };

typedef struct Body {
        Buf buf;
        size_t limit;
        bool too_large;
} Body;

bool source_is_url(const char *name) {
        return str_has_prefix(name, "http://") || str_has_prefix(name, "https://");
}

static size_t on_data(char *data, size_t size, size_t n, void *ctx) {
        Body *body = ctx;
        if (size * n > body->limit - body->buf.len) {
                body->too_large = true;
                return 0;
        }
        buf_add(&body->buf, data, size * n);
        return size * n;
}

static int perform(CURL *curl, const char *url, Body *body, Err *e) {
        char detail[CURL_ERROR_SIZE] = "";
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
        curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "linuxkit");
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
        CURLcode code = curl_easy_perform(curl);
        long status = 0;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        if (code == CURLE_OK && status != 200)
                return err_set(e, ERR_NETWORK, 0, "%s: HTTP status %ld", url, status);
        if (body->too_large)
                return err_set(e, ERR_SPEC, 0, "%s: larger than %zu MiB", url, body->limit >> 20);
        if (code != CURLE_OK)
                return err_set(e, ERR_NETWORK, 0, "%s: %s", url,
                               *detail ? detail : curl_easy_strerror(code));
        return 0;
}

static int read_url(const char *url, size_t limit, char **ret, size_t *ret_len, Err *e) {
        CURL *curl = curl_easy_init();
        if (!curl)
                return err_set(e, ERR_INTERNAL, 0, "cannot set up an HTTP client");
        Body body = { .limit = limit };
        int r = perform(curl, url, &body, e);
        curl_easy_cleanup(curl);
        if (r == 0) {
                *ret_len = body.buf.len;
                *ret = buf_steal(&body.buf);
        }
        buf_done(&body.buf);
        return r;
}

static int read_stdin(size_t limit, char **ret, size_t *ret_len, Err *e) {
        _cleanup_buf_ Buf buf = { 0 };
        char chunk[65536];
        for (;;) {
                ssize_t n = read(STDIN_FILENO, chunk, sizeof chunk);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_set(e, ERR_IO, errno, "read standard input");
                if (n == 0)
                        break;
                if ((size_t)n > limit - buf.len)
                        return err_set(e, ERR_SPEC, 0, "standard input: larger than %zu MiB",
                                       limit >> 20);
                buf_add(&buf, chunk, (size_t)n);
        }
        *ret_len = buf.len;
        *ret = buf_steal(&buf);
        return 0;
}

int source_read(const char *name, size_t limit, char **ret, size_t *ret_len, Err *e) {
        if (str_eq(name, "-"))
                return read_stdin(limit, ret, ret_len, e);
        if (source_is_url(name))
                return read_url(name, limit, ret, ret_len, e);
        return file_read(name, limit, ret, ret_len, e);
}
