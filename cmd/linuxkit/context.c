/* context.c - the start-up that every command goes through: verbosity, config file, mirrors,
 * certificates; and what several commands ask of their flags.
 *
 * Mirrors of the environment come first so that a flag for the same registry wins (cli.md 2.2). */
#include "cmd/linuxkit/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/arch.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/spec/yaml.h"

enum { CONFIG_LIMIT = 1 << 20 };

const Flag context_flags[] = {
        { "cache", 0, FLAG_STRING, "DIR", NULL,
          "directory of the image cache (default $LINUXKIT_CACHE, else ~/.linuxkit/cache)", NULL },
        { "mirror", 0, FLAG_LIST, "SPEC", NULL,
          "mirror to read images from: REGISTRY=URL, or URL for all registries without their own; "
          "LINUXKIT_MIRROR holds more, separated by commas",
          NULL },
        { "cert-file", 0, FLAG_LIST, "FILE", NULL,
          "PEM file with certificates to trust beside the system's", NULL },
        { "json", 0, FLAG_BOOL, NULL, NULL,
          "results as JSON on standard output, log lines and progress as JSON on standard error",
          NULL },
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

const Choice *platform_choices(void) {
        static const Choice choices[] = {
                { "linux/amd64", "x86, 64 bits" },
                { "linux/arm64", "ARM, 64 bits" },
                { "linux/riscv64", "RISC-V, 64 bits" },
                { "linux/s390x", "IBM Z" },
                { 0 },
        };
        return choices;
}

bool json_wanted(const Context *c) {
        return args_bool(c->args, "json");
}

int json_result(json_t *j, Err *e) {
        _cleanup_free_ char *text = json_dumps(j, JSON_INDENT(2));
        json_decref(j);
        if (!text)
                return err_set(e, ERR_INTERNAL, 0, "the result cannot be written as JSON");
        puts(text);
        return 0;
}

/* --- platforms ------------------------------------------------------------------------------ */

static bool has_flag(const Args *a, const char *name) {
        return command_find_flag(&a->path, name, strlen(name)) != NULL;
}

static void add_platform(Platforms *list, const Platform *p) {
        for (size_t i = 0; i < list->n; i++)
                if (str_eq(list->items[i].os, p->os) && str_eq(list->items[i].arch, p->arch) &&
                    str_eq(list->items[i].variant, p->variant))
                        return;
        list->items[list->n++] = *p;
}

int platforms_wanted(const Args *a, Platforms *ret, Err *e) {
        static const char *const none[] = { NULL };
        size_t n_platforms = 0, n_arches = 0;
        const char *const *platforms = none, *const *arches = none;
        if (has_flag(a, "platform"))
                platforms = args_list(a, "platform", &n_platforms);
        if (has_flag(a, "arch"))
                arches = args_list(a, "arch", &n_arches);
        *ret = (Platforms){ 0 };
        ret->items = arena_alloc(a->arena, (n_platforms + n_arches + 1) * sizeof(*ret->items));
        for (size_t i = 0; i < n_platforms; i++) {
                Platform p;
                if (str_eq(platforms[i], "all")) {
                        ret->all = true;
                        continue;
                }
                if (platform_parse(a->arena, platforms[i], &p, e) < 0)
                        return -1;
                add_platform(ret, &p);
        }
        for (size_t i = 0; i < n_arches; i++) {
                const Arch *known = arch_find(arches[i]);
                if (!known)
                        return err_set(e, ERR_USAGE, 0, "unknown arch \"%s\"", arches[i]);
                const Platform p = { .os = "linux", .arch = known->go };
                add_platform(ret, &p);
        }
        if (!ret->all && ret->n == 0)
                ret->items[ret->n++] = platform_host();
        return 0;
}

/* --- start-up ------------------------------------------------------------------------------- */

static bool is_blank(const char *text) {
        while (*text) {
                text += strspn(text, " \t\r\n");
                text += *text == '#' ? strcspn(text, "\n") : 0;
                if (*text && !strchr("\r\n", *text))
                        return false;
        }
        return true;
}

/* cli.md 2.1: nothing but `pkg:` is known, and that is reserved; a file that cannot be read stops
 * every command all the same. */
static int read_config(Err *e) {
        const char *home = getenv("HOME");
        if (str_is_empty(home))
                return 0;
        _cleanup_free_ char *path = path_join(home, ".moby/linuxkit/config.yml"), *text = NULL;
        _cleanup_arena_ Arena *arena = arena_new();
        _cleanup_problems_ Problems problems = { .arena = arena };
        _cleanup_err_ Err why = ERR_INIT;
        size_t n;
        if (file_read(path, CONFIG_LIMIT, &text, &n, &why) < 0) {
                if (why.kind == ERR_NOT_FOUND || why.errnum == ENOTDIR)
                        return 0;
                return err_set(e, ERR_IO, why.errnum, "Failed to read \"%s\"", path);
        }
        if (is_blank(text))
                return 0;
        const Node *root = yaml_parse(text, n, problems_file(&problems, path), &problems);
        for (size_t i = 0; root && root->kind == NODE_MAPPING && i < root->n; i++) {
                const Node *value = root->entries[i].value;
                if (str_eq(root->entries[i].key->text, "pkg") && value->kind != NODE_MAPPING &&
                    value->kind != NODE_NULL)
                        problem_add(&problems, value->pos, "pkg is not a mapping");
        }
        if (root && root->kind != NODE_MAPPING && root->kind != NODE_NULL)
                problem_add(&problems, root->pos, "not a mapping");
        if (problems_report(&problems, &why) < 0)
                return err_set(e, ERR_USAGE, 0, "Failed to parse \"%s\": %s", path, why.text);
        return 0;
}

static int setup_log(const Args *a, Err *e) {
        int64_t level = args_int(a, "verbose");
        bool explicit_level = args_given(a, "verbose");
        if (level < LOG_QUIET || level > LOG_TRACE)
                return err_set(e, ERR_USAGE, 0, "verbose flag can only be set to 0, 1, 2 or 3");
        if (args_bool(a, "quiet") && explicit_level && level > LOG_QUIET)
                return err_set(e, ERR_USAGE, 0,
                               "can't set quiet and verbose flag at the same time");
        log_setup_json(args_bool(a, "json"));
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
        if (setup_log(c->args, e) < 0 || read_config(e) < 0 || setup_mirrors(c, e) < 0)
                return -1;
        c->registry.cert_files = args_list(c->args, "cert-file", NULL);
        for (const char *const *f = c->registry.cert_files; *f; f++)
                if (access(*f, R_OK) < 0)
                        return err_set(e, ERR_IO, errno, "certificate file %s", *f);
        c->cache = args_string(c->args, "cache");
        return 0;
}
