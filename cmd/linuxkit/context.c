/* context.c - the start-up that every command goes through: verbosity, mirrors, certificates.
 *
 * Mirrors of the environment come first so that a flag for the same registry wins (cli.md 2.2). */
#include "cmd/linuxkit/cmd.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/str.h"

const Flag context_flags[] = {
        { "cache", 0, FLAG_STRING, "DIR", NULL,
          "directory of the image cache (default $LINUXKIT_CACHE, else ~/.linuxkit/cache)", NULL },
        { "mirror", 0, FLAG_LIST, "SPEC", NULL,
          "mirror to read images from: REGISTRY=URL, or URL for all registries without their own; "
          "LINUXKIT_MIRROR holds more, separated by commas",
          NULL },
        { "cert-file", 0, FLAG_LIST, "FILE", NULL,
          "PEM file with certificates to trust beside the system's", NULL },
        { "quiet", 'q', FLAG_BOOL, NULL, NULL, "show errors only", NULL },
        { "verbose", 'v', FLAG_INT, "N", "1", "0: errors only, 1: info, 2: debug, 3: trace", NULL },
        { "help", 'h', FLAG_BOOL, NULL, NULL, "show this help", NULL },
        { 0 },
};

const Choice *arch_choices(void) {
        static const Choice choices[] = {
                { "amd64", "x86, 64 bits" },
                { "arm64", "ARM, 64 bits" },
                { "riscv64", "RISC-V, 64 bits" },
                { "s390x", "IBM Z" },
                { 0 },
        };
        return choices;
}

static int setup_log(const Args *a, Err *e) {
        int64_t level = args_int(a, "verbose");
        bool explicit_level = args_given(a, "verbose");
        if (level < LOG_QUIET || level > LOG_TRACE)
                return err_set(e, ERR_USAGE, 0, "verbose flag can only be set to 0, 1, 2 or 3");
        if (args_bool(a, "quiet") && explicit_level && level > LOG_QUIET)
                return err_set(e, ERR_USAGE, 0,
                               "can't set quiet and verbose flag at the same time");
        log_setup(args_bool(a, "quiet") ? LOG_QUIET : (LogLevel)level, explicit_level);
        return 0;
}

static bool is_url(const char *s) {
        return str_has_prefix(s, "http://") || str_has_prefix(s, "https://");
}

/* Length of the registry in "REGISTRY=URL"; 0 for a bare URL. */
static size_t mirror_key(const char *spec) {
        return is_url(spec) ? 0 : strcspn(spec, "=");
}

/* Adds a mirror and drops an older one for the same registry. */
static int add_mirror(const char **mirrors, size_t *n, const char *spec, Err *e) {
        size_t key = mirror_key(spec);
        const char *url = key ? spec + key + (spec[key] == '=') : spec;
        if (!is_url(url))
                return err_set(e, ERR_USAGE, 0,
                               "mirror \"%s\": URL must start with http:// or https://", spec);
        size_t kept = 0;
        for (size_t i = 0; i < *n; i++)
                if (mirror_key(mirrors[i]) != key || memcmp(mirrors[i], spec, key) != 0)
                        mirrors[kept++] = mirrors[i];
        mirrors[kept++] = spec;
        *n = kept;
        return 0;
}

static int setup_mirrors(Context *c, Err *e) {
        const char *env = getenv("LINUXKIT_MIRROR");
        size_t n_flags, n = 0;
        const char *const *flags = args_list(c->args, "mirror", &n_flags);
        char *list = arena_strdup(c->args->arena, env ? env : "");
        /* at most every second byte of the variable begins an entry */
        size_t room = strlen(list) / 2 + n_flags + 2;
        const char **mirrors = arena_alloc(c->args->arena, room * sizeof(*mirrors));

        char *save = NULL;
        for (char *s = strtok_r(list, ", ", &save); s; s = strtok_r(NULL, ", ", &save))
                if (add_mirror(mirrors, &n, s, e) < 0)
                        return err_wrap(e, "LINUXKIT_MIRROR");
        for (size_t i = 0; i < n_flags; i++)
                if (add_mirror(mirrors, &n, flags[i], e) < 0)
                        return -1;
        mirrors[n] = NULL;
        c->registry.mirrors = mirrors;
        return 0;
}

int context_setup(Context *c, Err *e) {
        if (setup_log(c->args, e) < 0 || setup_mirrors(c, e) < 0)
                return -1;
        c->registry.cert_files = args_list(c->args, "cert-file", NULL);
        for (const char *const *f = c->registry.cert_files; *f; f++)
                if (access(*f, R_OK) < 0)
                        return err_set(e, ERR_IO, errno, "certificate file %s", *f);
        c->cache = args_string(c->args, "cache");
        return 0;
}
