/* credentials.c - where credentials come from (cli.md 5.4); see auth.h. */
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/oci/auth.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <pthread.h>

enum { CONFIG_LIMIT = 16 << 20, SECRET_LIMIT = 64 * 1024 };

void credentials_done(Credentials *c) {
        free(c->user);
        free(c->password);
        free(c->identity_token);
        free(c->registry_token);
        *c = (Credentials){ 0 };
}

bool credentials_known(const Credentials *c) {
        return (c->user && c->password) || c->identity_token || c->registry_token;
}

static void replace(char **to, const char *value) {
        if (str_is_empty(value))
                return;
        free(*to);
        *to = xstrdup(value);
}

/* base64 of "user:password" */
static void decode_pair(const char *text, Credentials *ret) {
        size_t n = strlen(text);
        if (!n || n % 4 || n > SECRET_LIMIT)
                return;
        _cleanup_free_ char *pair = xmalloc(n / 4 * 3 + 1);
        int length = EVP_DecodeBlock((unsigned char *)pair, (const unsigned char *)text, (int)n);
        if (length < 0)
                return;
        pair[length] = 0; /* padding decodes to NULs, which end the string earlier */
        char *colon = strchr(pair, ':');
        if (!colon)
                return;
        *colon = 0;
        replace(&ret->user, pair);
        replace(&ret->password, colon + 1);
}

/* "https://host/v1/" and "host" name the same registry in old files. */
static bool same_key(const char *stored, const char *key) {
        if (str_eq(stored, key))
                return true;
        const char *scheme = strstr(stored, "://");
        const char *host = scheme ? scheme + 3 : stored;
        size_t n = strcspn(host, "/");
        bool only_version = str_eq(host + n, "/") || str_eq(host + n, "/v1/") ||
                            str_eq(host + n, "/v1") || str_eq(host + n, "/v2/") ||
                            str_eq(host + n, "/v2") || (scheme && !host[n]);
        return only_version && strlen(key) == n && strncmp(host, key, n) == 0;
}

static bool find_auth(const json_t *config, const char *key, Credentials *ret) {
        json_t *auths = json_object_get(config, "auths"), *entry;
        const char *stored;
        json_object_foreach(auths, stored, entry) {
                if (!same_key(stored, key))
                        continue;
                if (json_str(entry, "auth"))
                        decode_pair(json_str(entry, "auth"), ret);
                if (!ret->user) {
                        replace(&ret->user, json_str(entry, "username"));
                        replace(&ret->password, json_str(entry, "password"));
                }
                replace(&ret->identity_token, json_str(entry, "identitytoken"));
                replace(&ret->registry_token, json_str(entry, "registrytoken"));
                if (credentials_known(ret))
                        return true;
        }
        return false;
}

/* A helper is asked for each repository, and what is wrong with it stays so: it is said once. */
static void warn_of_helper(const char *name, const char *key, const char *why) {
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        static char **said;
        static size_t n, cap;
        char *text = xasprintf("%s: %s", name, why);
        pthread_mutex_lock(&lock);
        bool news = true;
        for (size_t i = 0; i < n; i++)
                news &= !str_eq(said[i], text);
        if (news)
                *vec_push(said, n, cap) = take(text);
        pthread_mutex_unlock(&lock);
        free(text);
        if (news)
                log_warn("credentials for %s: %s", key, why);
}

/* It becomes a part of a program's name, and a path would lead out of PATH. */
static bool is_helper_name(const char *name) {
        for (const char *p = name; *p; p++)
                if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
                        return false;
        return true;
}

/* The helper's answer: {"ServerURL", "Username", "Secret"}. */
static bool ask_helper(const char *name, const char *key, Credentials *ret) {
        if (!is_helper_name(name)) {
                _cleanup_free_ char *why = xasprintf("\"%s\" is no credential helper", name);
                warn_of_helper(name, key, why);
                return false;
        }
        _cleanup_free_ char *program = xasprintf("docker-credential-%s", name);
        const char *const argv[] = { program, "get", NULL };
        ProcOptions options = { .input = key, .input_len = strlen(key), .output_limit = 1 << 20 };
        _cleanup_free_ char *out = NULL;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_json_ json_t *j = NULL;
        size_t n = 0;
        int status = 0;
        int r = proc_run(argv, &options, &out, &n, &status, &e);
        if (r == 0 && status != 0 && out && strstr(out, "not found"))
                return false; /* it works but has nothing for this registry */
        if (r < 0 || status != 0 || json_parse(out, n, program, &j, NULL) < 0) {
                /* The parser's own message could quote a secret. */
                _cleanup_free_ char *why = xasprintf("%s failed", program);
                warn_of_helper(name, key, e.text ? e.text : why);
                return false;
        }
        const char *user = json_str(j, "Username");
        if (str_eq(user, "<token>")) {
                replace(&ret->identity_token, json_str(j, "Secret"));
        } else {
                replace(&ret->user, user);
                replace(&ret->password, json_str(j, "Secret"));
        }
        return credentials_known(ret);
}

/* podman stores a namespace as "HOST/PART": the longest that the key begins with counts. */
static bool find_namespace(const json_t *config, const char *key, Credentials *ret) {
        _cleanup_free_ char *shorter = xstrdup(key);
        for (char *slash; (slash = strrchr(shorter, '/')) && strchr(shorter, '/') != slash;) {
                *slash = 0;
                if (find_auth(config, shorter, ret))
                        return true;
        }
        return false;
}

static bool find_in(const json_t *config, const char *const *keys, bool helpers, Credentials *ret) {
        for (; *keys; keys++) {
                const char *helper = json_str(json_object_get(config, "credHelpers"), *keys);
                if (str_is_empty(helper))
                        helper = json_str(config, "credsStore");
                if (helpers && !str_is_empty(helper) && ask_helper(helper, *keys, ret))
                        return true;
                if (find_auth(config, *keys, ret) ||
                    (!strstr(*keys, "://") && find_namespace(config, *keys, ret)))
                        return true;
        }
        return false;
}

bool credentials_parse(const char *json, const char *const *keys, Credentials *ret) {
        _cleanup_json_ json_t *config = NULL;
        *ret = (Credentials){ 0 };
        return json_parse(json, strlen(json), "credentials", &config, NULL) == 0 &&
               find_in(config, keys, false, ret);
}

/* The first file that exists. malloc'ed; NULL: none. */
static char *config_path(void) {
        const char *docker = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
        const char *named = getenv("REGISTRY_AUTH_FILE"), *run = getenv("XDG_RUNTIME_DIR");
        char *path = NULL;
        if (!str_is_empty(docker))
                path = path_join(docker, "config.json");
        else if (!str_is_empty(home))
                path = path_join(home, ".docker/config.json");
        if (path && file_exists(path))
                return path;
        free(path);
        if (!str_is_empty(named))
                return xstrdup(named);
        path = str_is_empty(run) ? NULL : path_join(run, "containers/auth.json");
        if (path && file_exists(path))
                return path;
        free(path);
        return NULL;
}

int credentials_find(const char *host, const char *repo, const char *credential, Credentials *ret,
                     Err *e) {
        _cleanup_free_ char *full = xasprintf("%s/%s", host, repo);
        const char *const keys[] = { full, credential, NULL };
        const char *given = getenv("DOCKER_AUTH_CONFIG");
        *ret = (Credentials){ 0 };
        if (!str_is_empty(given) && credentials_parse(given, keys, ret))
                return 0;

        _cleanup_free_ char *path = config_path();
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ json_t *config = NULL;
        size_t n;
        if (!path)
                return 0;
        if (file_read(path, CONFIG_LIMIT, &text, &n, e) < 0)
                return err_wrap(e, "credentials");
        if (json_parse(text, n, path, &config, NULL) < 0)
                return err_set(e, ERR_IO, 0, "credentials: %s is not valid JSON", path);
        find_in(config, keys, true, ret);
        return 0;
}
