/* engine.c - see engine.h.  Docker Engine API: System/ping, ImageInspect, ContainerCreate,
 * ContainerExport, ContainerDelete.
 *
 * A container has to be made to get at the files; it is never started, and removed even when the
 * export was interrupted. */
#include "lib/oci/engine.h"
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/oci/http.h"
#include "lib/oci/layer_index.h"
#include "lib/oci/tarscan.h"

#include <curl/curl.h>
#include <pthread.h>
#include <strings.h>

#define DEFAULT_HOST "unix:///var/run/docker.sock"
#define FIRST_API    "1.24" /* of engines that do not say theirs */

enum {
        ANSWER_LIMIT = 4 << 20,
        LAST_API_MINOR = 43, /* the newest version of the interface that this file knows */
        CONNECT_SECONDS = 5,
        STALL_SECONDS = 60,
};

struct Engine {
        char *socket;  /* path; NULL: TCP */
        char *base;    /* "http://HOST:PORT" */
        char *version; /* "1.43" */
        char *certs;   /* folder with ca.pem, cert.pem and key.pem; NULL: no TLS */
        bool verify;
};

/* --- one request ---------------------------------------------------------------------------- */

typedef struct Call {
        CURL *handle;
        const char *method, *path; /* path begins behind the version */
        const char *body;          /* JSON; NULL: none */
        int file;                  /* gets the answer when it is a success; -1: `answer` does */
        bool to_the_end;           /* also when the program has been interrupted */
        Buf answer;
        char *api; /* header Api-Version */
        long status;
        Err err; /* why a callback stopped the transfer */
} Call;

static void call_done(Call *c) {
        buf_done(&c->answer);
        free(c->api);
        err_clear(&c->err);
}
#define _cleanup_call_ _cleanup_(call_done)

static size_t on_body(char *p, size_t size, size_t n, void *user) {
        Call *c = user;
        long status = 0;
        n *= size;
        curl_easy_getinfo(c->handle, CURLINFO_RESPONSE_CODE, &status);
        if (c->file >= 0 && status / 100 == 2)
                return fd_write_all(c->file, p, n, "the engine's export", &c->err) < 0 ? 0 : n;
        if (n > ANSWER_LIMIT - c->answer.len) {
                err_set(&c->err, ERR_VERIFY, 0, "the answer is too large");
                return 0;
        }
        buf_add(&c->answer, p, n);
        return n;
}

static size_t on_header(char *p, size_t size, size_t n, void *user) {
        static const char name[] = "api-version:";
        Call *c = user;
        n *= size;
        if (n > strlen(name) && strncasecmp(p, name, strlen(name)) == 0) {
                const char *from = p + strlen(name), *end = p + n;
                while (from < end && *from == ' ')
                        from++;
                while (end > from && strchr(" \r\n", end[-1]))
                        end--;
                free(c->api);
                c->api = xstrndup(from, (size_t)(end - from));
        }
        return n;
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
        (void)a, (void)b, (void)c, (void)d;
        return !((const Call *)user)->to_the_end && http_cancelled();
}

static void set_certificates(const Engine *g, CURL *h) {
        _cleanup_free_ char *ca = path_join(g->certs, "ca.pem");
        _cleanup_free_ char *cert = path_join(g->certs, "cert.pem");
        _cleanup_free_ char *key = path_join(g->certs, "key.pem");
        curl_easy_setopt(h, CURLOPT_CAINFO, ca);
        curl_easy_setopt(h, CURLOPT_SSLCERT, cert);
        curl_easy_setopt(h, CURLOPT_SSLKEY, key);
        if (!g->verify) {
                curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 0L);
                curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 0L);
        }
}

static void set_up(const Engine *g, Call *c, const char *url) {
        CURL *h = c->handle;
        curl_easy_setopt(h, CURLOPT_URL, url);
        curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, g->certs ? "https" : "http");
        curl_easy_setopt(h, CURLOPT_USERAGENT, "linuxkit");
        curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
        curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
        curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(h, CURLOPT_WRITEDATA, c);
        curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(h, CURLOPT_HEADERDATA, c);
        curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl_easy_setopt(h, CURLOPT_XFERINFODATA, c);
        curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, c->method);
        if (g->socket) {
                curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, g->socket);
                curl_easy_setopt(h, CURLOPT_NOPROXY, "*");
        }
        if (g->certs)
                set_certificates(g, h);
        if (c->body)
                curl_easy_setopt(h, CURLOPT_POSTFIELDS, c->body);
}

/* A status other than 2xx is an error; 404 is ERR_NOT_FOUND. */
static int judge(Call *c, CURLcode code, const char *detail, Err *e) {
        if (c->err.kind != ERR_NONE) {
                err_move(e, &c->err);
                return -1;
        }
        if (code != CURLE_OK)
                return err_set(e, ERR_NETWORK, 0, "%s",
                               *detail ? detail : curl_easy_strerror(code));
        if (c->status / 100 != 2)
                return err_set(e, c->status == 404 ? ERR_NOT_FOUND : ERR_NETWORK, 0,
                               "HTTP status %ld", c->status);
        return 0;
}

static int engine_call(const Engine *g, Call *c, Err *e) {
        _cleanup_free_ char *url = g->version ? xasprintf("%s/v%s%s", g->base, g->version, c->path)
                                              : xasprintf("%s%s", g->base, c->path);
        char detail[CURL_ERROR_SIZE] = "";
        c->handle = curl_easy_init();
        if (!c->handle)
                return err_set(e, ERR_INTERNAL, 0, "libcurl cannot be started");
        struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
        set_up(g, c, url);
        if (c->body)
                curl_easy_setopt(c->handle, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(c->handle, CURLOPT_ERRORBUFFER, detail);
        CURLcode code = curl_easy_perform(c->handle);
        curl_easy_getinfo(c->handle, CURLINFO_RESPONSE_CODE, &c->status);
        curl_easy_cleanup(c->handle);
        curl_slist_free_all(headers);
        log_debug("engine: %s %s: %ld", c->method, url, c->status);
        return judge(c, code, detail, e) < 0 ? err_wrap(e, "%s %s", c->method, c->path) : 0;
}

/* The same for an answer that is a JSON object. */
static int call_json(const Engine *g, Call *c, json_t **ret, Err *e) {
        _cleanup_json_ json_t *j = NULL;
        if (engine_call(g, c, e) < 0 ||
            json_parse(c->answer.data ? c->answer.data : "", c->answer.len, c->path, &j, e) < 0)
                return -1;
        if (!json_is_object(j))
                return err_set(e, ERR_VERIFY, 0, "%s: the answer is not an object", c->path);
        *ret = take(j);
        return 0;
}

/* --- finding the engine --------------------------------------------------------------------- */

static void start_curl(void) {
        curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int find_host(Engine *g, Err *e) {
        const char *host = getenv("DOCKER_HOST"), *certs = getenv("DOCKER_CERT_PATH");
        if (str_is_empty(host))
                host = DEFAULT_HOST;
        g->verify = !str_is_empty(getenv("DOCKER_TLS_VERIFY"));
        if (str_has_prefix(host, "unix://")) {
                g->socket = xstrdup(host + strlen("unix://"));
                g->base = xstrdup("http://localhost");
                return 0;
        }
        const char *address = strstr(host, "://");
        address = address ? address + 3 : host;
        if (!str_has_prefix(host, "tcp://") && !str_has_prefix(host, "http://") &&
            !str_has_prefix(host, "https://"))
                return err_set(e, ERR_USAGE, 0, "DOCKER_HOST %s: only unix:// and tcp:// are known",
                               host);
        if (!str_is_empty(certs))
                g->certs = xstrdup(certs);
        else if (g->verify || str_has_prefix(host, "https://"))
                g->certs = path_join(getenv("HOME"), ".docker");
        g->base = xasprintf("%s://%.*s", g->certs ? "https" : "http", (int)strcspn(address, "/?#"),
                            address);
        return 0;
}

/* "1.N", N decimal */
static bool api_minor(const char *version, uint64_t *ret) {
        return version && str_has_prefix(version, "1.") && str_to_u64(version + 2, ret);
}

/* The lower one of the two newest versions; the user's word goes. */
static int negotiate(Engine *g, Err *e) {
        const char *wanted = getenv("DOCKER_API_VERSION");
        _cleanup_call_ Call ping = { .method = "GET", .path = "/_ping", .file = -1 };
        uint64_t minor;
        if (engine_call(g, &ping, e) < 0)
                return -1;
        if (!str_is_empty(wanted)) {
                if (!api_minor(wanted, &minor))
                        return err_set(e, ERR_USAGE, 0, "DOCKER_API_VERSION %s: not a version",
                                       wanted);
                g->version = xstrdup(wanted);
        } else if (!api_minor(ping.api, &minor)) {
                g->version = xstrdup(FIRST_API);
        } else {
                g->version = xasprintf("1.%llu",
                                       (unsigned long long)MIN(minor, (uint64_t)LAST_API_MINOR));
        }
        return 0;
}

int engine_new(Engine **ret, Err *e) {
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, start_curl);
        Engine *g = xcalloc(1, sizeof *g);
        if (find_host(g, e) < 0 || negotiate(g, e) < 0) {
                engine_free(g);
                return err_wrap(e, "docker engine");
        }
        *ret = g;
        return 0;
}

void engine_free(Engine *g) {
        if (!g)
                return;
        free(g->socket);
        free(g->base);
        free(g->version);
        free(g->certs);
        free(g);
}

/* --- images --------------------------------------------------------------------------------- */

/* What the engine says of an image, in the form of an OCI image config. */
static int read_config(const json_t *answer, Image *i, Err *e) {
        _cleanup_json_ json_t *config = json_pack(
                "{s:O*, s:O*, s:O*}", "architecture", json_object_get(answer, "Architecture"), "os",
                json_object_get(answer, "Os"), "config", json_object_get(answer, "Config"));
        _cleanup_free_ char *text = json_dumps(config, JSON_COMPACT);
        if (!text)
                return err_set(e, ERR_VERIFY, 0, "the engine's config cannot be read");
        return image_config_parse(i->arena, text, strlen(text), &i->config, e);
}

static int inspect(Engine *g, const char *ref, const char *arch, Image *i, Err *e) {
        _cleanup_free_ char *path = xasprintf("/images/%s/json", ref);
        _cleanup_call_ Call c = { .method = "GET", .path = path, .file = -1 };
        _cleanup_json_ json_t *answer = NULL;
        if (call_json(g, &c, &answer, e) < 0 || read_config(answer, i, e) < 0)
                return -1;
        if (!str_eq(i->config.architecture, arch))
                return err_set(e, ERR_NOT_FOUND, 0, "the engine has %s for %s only", ref,
                               i->config.architecture ? i->config.architecture : "?");
        /* the name could mean another image by the time the files are asked for */
        const char *id = json_str(answer, "Id");
        if (id && digest_parse(id, &i->manifest.digest))
                return 0;
        return err_set(e, ERR_VERIFY, 0, "the engine gives no id for %s", ref);
}

int engine_image(Engine *g, const char *ref, const char *arch, Image **ret, Err *e) {
        Image *i = xcalloc(1, sizeof *i);
        i->arena = arena_new();
        i->ref = arena_strdup(i->arena, ref);
        if (inspect(g, ref, arch, i, e) < 0) {
                image_free(i);
                return err_wrap(e, "docker engine");
        }
        *ret = i;
        return 0;
}

/* --- files ---------------------------------------------------------------------------------- */

struct EngineExport {
        Index *index;
        Blob tar;
};

/* An id becomes part of a path. */
static bool is_id(const char *s) {
        return s && *s && strspn(s, "0123456789abcdef") == strlen(s);
}

static int create_container(Engine *g, const Image *image, char **ret, Err *e) {
        _cleanup_free_ char *body =
                xasprintf("{\"Image\":\"%s\",\"Cmd\":[\"/dev/null\"],\"NetworkDisabled\":true}",
                          image->manifest.digest.text);
        _cleanup_call_ Call c = {
                .method = "POST", .path = "/containers/create", .body = body, .file = -1
        };
        _cleanup_json_ json_t *answer = NULL;
        if (call_json(g, &c, &answer, e) < 0)
                return -1;
        const char *id = json_str(answer, "Id");
        if (!is_id(id))
                return err_set(e, ERR_VERIFY, 0, "the engine gives no id for a container");
        *ret = xstrdup(id);
        return 0;
}

static int download(Engine *g, const Image *image, int fd, Err *e) {
        _cleanup_free_ char *id = NULL;
        if (create_container(g, image, &id, e) < 0)
                return -1;
        _cleanup_free_ char *from = xasprintf("/containers/%s/export", id);
        _cleanup_free_ char *whole = xasprintf("/containers/%s", id);
        _cleanup_call_ Call get = { .method = "GET", .path = from, .file = fd };
        _cleanup_call_ Call drop = {
                .method = "DELETE", .path = whole, .file = -1, .to_the_end = true
        };
        int r = engine_call(g, &get, e);
        _cleanup_err_ Err ignored = ERR_INIT;
        if (engine_call(g, &drop, &ignored) < 0)
                log_warn("a container of the docker engine is left over: %s", ignored.text);
        return r;
}

static int add_entry(void *ctx, const Entry *entry, Err *e) {
        return index_writer_add(ctx, entry, e);
}

/* The index takes the form it has for layers, in a file that goes at once. */
static int make_index(EngineExport *x, const char *path, Err *e) {
        _cleanup_index_writer_ IndexWriter *w = index_writer_new();
        Content all = { .blob = &x->tar, .size = x->tar.size };
        PlainTar plain = { .digest = x->tar.id, .size = x->tar.size };
        if (tarscan_run(&all, false, add_entry, w, e) < 0 ||
            index_writer_finish(w, path, &x->tar.id, &plain, e) < 0)
                return -1;
        x->index = index_open(path, &x->tar.id);
        unlink(path);
        return x->index ? 0 : err_set(e, ERR_IO, 0, "%s changed while it was made", path);
}

static int fill_export(EngineExport *x, Engine *g, const Image *image, const char *tmp, Err *e) {
        _cleanup_free_ char *index = xasprintf("%s.idx", tmp);
        if (download(g, image, x->tar.fd, e) < 0 ||
            hash_fd(x->tar.fd, &x->tar.id, &x->tar.size, e) < 0)
                return -1;
        return make_index(x, index, e);
}

int engine_export(Engine *g, Cache *c, const Image *image, EngineExport **ret, Err *e) {
        _cleanup_free_ char *path = NULL, *tmp = NULL;
        if (cache_derived_path(c, "layers", "export.tar", &path, e) < 0)
                return -1;
        int fd = file_tmp_open(path, 0600, &tmp, e);
        if (fd < 0)
                return -1;
        EngineExport *x = xcalloc(1, sizeof *x);
        x->tar.fd = fd;
        int r = fill_export(x, g, image, tmp, e);
        file_tmp_discard(tmp);
        if (r < 0) {
                engine_export_free(x);
                return err_wrap(e, "docker engine: %s", image->ref);
        }
        *ret = x;
        return 0;
}

void engine_export_free(EngineExport *x) {
        if (!x)
                return;
        if (x->index)
                index_free(x->index);
        close(x->tar.fd);
        free(x);
}

size_t engine_export_count(const EngineExport *x) {
        return index_count(x->index);
}

void engine_export_entry(const EngineExport *x, size_t i, Entry *ret) {
        index_entry(x->index, i, &x->tar, ret);
}
