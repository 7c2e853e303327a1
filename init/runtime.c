/* runtime.c - runtime.json.
 *
 * The file is part of the image, but images are made of other people's layers: types are checked
 * and nothing is taken for granted. */
#include "init/runtime.h"

#include "lib/base/json.h"
#include "lib/base/str.h"

const char *const runtime_namespaces[RUNTIME_NAMESPACES] = { "cgroup", "ipc",  "mnt", "net",
                                                             "pid",    "user", "uts" };

/* A member that is absent or null is the empty string. */
static int get_string(const json_t *o, const char *key, Arena *a, const char **ret, Err *e) {
        const json_t *v = json_object_get(o, key);
        *ret = "";
        if (!v || json_is_null(v))
                return 0;
        if (!json_is_string(v))
                return err_set(e, ERR_SPEC, 0, "\"%s\" is not a string", key);
        *ret = arena_strdup(a, json_string_value(v));
        return 0;
}

/* A member that is absent or null is an empty array; *ret is borrowed from o. */
static int get_array(const json_t *o, const char *key, const json_t **ret, size_t *n, Err *e) {
        const json_t *v = json_object_get(o, key);
        *n = 0;
        *ret = v;
        if (!v || json_is_null(v))
                return 0;
        if (!json_is_array(v))
                return err_set(e, ERR_SPEC, 0, "\"%s\" is not a list", key);
        *n = json_array_size(v);
        return 0;
}

static int get_strings(const json_t *o, const char *key, Arena *a, char ***ret, size_t *n, Err *e) {
        const json_t *v;
        if (get_array(o, key, &v, n, e) < 0)
                return -1;
        *ret = arena_alloc(a, (*n + 1) * sizeof(**ret));
        for (size_t i = 0; i < *n; i++) {
                const json_t *s = json_array_get(v, i);
                if (!json_is_string(s))
                        return err_set(e, ERR_SPEC, 0, "\"%s\"[%zu] is not a string", key, i);
                (*ret)[i] = arena_strdup(a, json_string_value(s));
        }
        return 0;
}

static int parse_mount(const json_t *o, Arena *a, RuntimeMount *m, Err *e) {
        if (!json_is_object(o))
                return err_set(e, ERR_SPEC, 0, "not an object");
        if (get_string(o, "source", a, &m->source, e) < 0 ||
            get_string(o, "destination", a, &m->destination, e) < 0 ||
            get_string(o, "type", a, &m->type, e) < 0 ||
            get_strings(o, "options", a, &m->options, &m->n_options, e) < 0)
                return -1;
        if (!*m->destination)
                return err_set(e, ERR_SPEC, 0, "\"destination\" is missing");
        return 0;
}

static int parse_interface(const json_t *o, Arena *a, RuntimeInterface *i, Err *e) {
        if (!json_is_object(o))
                return err_set(e, ERR_SPEC, 0, "not an object");
        if (get_string(o, "name", a, &i->name, e) < 0 || get_string(o, "add", a, &i->add, e) < 0 ||
            get_string(o, "peer", a, &i->peer, e) < 0)
                return -1;
        i->create_in_root = json_is_true(json_object_get(o, "createInRoot"));
        if (!*i->name)
                return err_set(e, ERR_SPEC, 0, "\"name\" is missing");
        if (*i->peer && !*i->add)
                i->add = "veth";
        if (str_eq(i->add, "veth") && !*i->peer)
                return err_set(e, ERR_SPEC, 0, "veth \"%s\" needs a \"peer\"", i->name);
        return 0;
}

static int parse_mounts(const json_t *root, Arena *a, Runtime *rt, Err *e) {
        const json_t *v;
        if (get_array(root, "mounts", &v, &rt->n_mounts, e) < 0)
                return -1;
        rt->mounts = arena_alloc(a, (rt->n_mounts + 1) * sizeof(*rt->mounts));
        for (size_t i = 0; i < rt->n_mounts; i++)
                if (parse_mount(json_array_get(v, i), a, &rt->mounts[i], e) < 0)
                        return err_wrap(e, "mounts[%zu]", i);
        return 0;
}

static int parse_interfaces(const json_t *root, Arena *a, Runtime *rt, Err *e) {
        const json_t *v;
        if (get_array(root, "interfaces", &v, &rt->n_interfaces, e) < 0)
                return -1;
        rt->interfaces = arena_alloc(a, (rt->n_interfaces + 1) * sizeof(*rt->interfaces));
        for (size_t i = 0; i < rt->n_interfaces; i++)
                if (parse_interface(json_array_get(v, i), a, &rt->interfaces[i], e) < 0)
                        return err_wrap(e, "interfaces[%zu]", i);
        return 0;
}

static int parse_bind_ns(const json_t *root, Arena *a, Runtime *rt, Err *e) {
        const json_t *v = json_object_get(root, "bindNS");
        if (v && !json_is_null(v) && !json_is_object(v))
                return err_set(e, ERR_SPEC, 0, "\"bindNS\" is not an object");
        for (size_t i = 0; i < RUNTIME_NAMESPACES; i++)
                if (get_string(v, runtime_namespaces[i], a, &rt->bind_ns[i], e) < 0)
                        return err_wrap(e, "bindNS");
        return 0;
}

static int parse_restart(const json_t *root, Arena *a, Runtime *rt, Err *e) {
        static const struct {
                const char *word;
                RestartPolicy policy;
        } table[] = {
                { "", RESTART_UNSET },
                { "no", RESTART_NO },
                { "on-failure", RESTART_ON_FAILURE },
                { "always", RESTART_ALWAYS },
        };
        const char *word;
        if (get_string(root, "restart", a, &word, e) < 0)
                return -1;
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                if (str_eq(word, table[i].word)) {
                        rt->restart = table[i].policy;
                        return 0;
                }
        }
        return err_set(e, ERR_SPEC, 0, "\"restart\" is \"%s\", not no, on-failure or always", word);
}

static int parse_fail(const json_t *root, Arena *a, Runtime *rt, Err *e) {
        static const char *const words[] = { [FAIL_CONTINUE] = "continue",
                                             [FAIL_STOP] = "stop",
                                             [FAIL_REBOOT] = "reboot",
                                             [FAIL_POWEROFF] = "poweroff" };
        const char *word;
        if (get_string(root, "fail", a, &word, e) < 0)
                return -1;
        if (!*word)
                return 0;
        for (FailPolicy p = FAIL_CONTINUE; p <= FAIL_POWEROFF; p++) {
                if (str_eq(word, words[p])) {
                        rt->fail = p;
                        return 0;
                }
        }
        return err_set(e, ERR_SPEC, 0, "\"fail\" is \"%s\", not continue, stop, reboot or poweroff",
                       word);
}

/* *ret keeps its value when the member is absent or null. */
static int get_number(const json_t *o, const char *key, const char *what, unsigned *ret, Err *e) {
        const json_t *v = json_object_get(o, key);
        if (!v || json_is_null(v))
                return 0;
        json_int_t n = json_integer_value(v);
        if (!json_is_integer(v) || n < 0 || n > UINT32_MAX)
                return err_set(e, ERR_SPEC, 0, "\"%s\" is not a number%s", key, what);
        *ret = (unsigned)n;
        return 0;
}

static int get_seconds(const json_t *o, const char *key, unsigned *ret, Err *e) {
        return get_number(o, key, " of seconds", ret, e);
}

static int parse_probe(const json_t *o, Arena *a, ProbeSpec *p, Err *e) {
        const char *tcp, *file;
        if (!json_is_object(o))
                return err_set(e, ERR_SPEC, 0, "not an object");
        if (get_strings(o, "exec", a, &p->exec, &p->n_exec, e) < 0 ||
            get_string(o, "tcp", a, &tcp, e) < 0 || get_string(o, "file", a, &file, e) < 0 ||
            get_seconds(o, "interval", &p->interval, e) < 0 ||
            get_seconds(o, "timeout", &p->timeout, e) < 0 ||
            get_number(o, "retries", "", &p->retries, e) < 0 ||
            get_seconds(o, "startPeriod", &p->start_period, e) < 0)
                return -1;
        if ((p->n_exec > 0) + (*tcp != 0) + (*file != 0) != 1)
                return err_set(e, ERR_SPEC, 0, "needs one of \"exec\", \"tcp\" and \"file\"");
        p->kind = p->n_exec ? PROBE_EXEC : *tcp ? PROBE_TCP : PROBE_FILE;
        p->target = *tcp ? tcp : file;
        /* Nothing may be tried without a pause or have no time to succeed. */
        p->interval = MAX(p->interval, 1U);
        p->timeout = MAX(p->timeout, 1U);
        p->retries = MAX(p->retries, 1U);
        return 0;
}

static int parse_probes(const json_t *root, Arena *a, Runtime *rt, Err *e) {
        const struct {
                const char *key;
                ProbeSpec *probe, defaults;
        } t[] = {
                { "ready", &rt->ready, { .interval = 1, .timeout = 60 } },
                { "health", &rt->health, { .interval = 30, .timeout = 10, .retries = 3 } },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                const json_t *v = json_object_get(root, t[i].key);
                if (!v || json_is_null(v))
                        continue;
                *t[i].probe = t[i].defaults;
                if (parse_probe(v, a, t[i].probe, e) < 0)
                        return err_wrap(e, "\"%s\"", t[i].key);
        }
        return 0;
}

static int parse_needs(const json_t *root, Arena *a, Runtime *rt, Err *e) {
        if (get_strings(root, "needs", a, &rt->needs, &rt->n_needs, e) < 0)
                return -1;
        if (rt->n_needs > RUNTIME_NEEDS_MAX)
                return err_set(e, ERR_SPEC, 0, "\"needs\" has more than %d names",
                               RUNTIME_NEEDS_MAX);
        return 0;
}

int runtime_parse(const char *text, Arena *arena, Runtime *ret, Err *e) {
        json_error_t je;
        _cleanup_json_ json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &je);
        if (!root)
                return err_set(e, ERR_SPEC, 0, "line %d: %s", je.line, je.text);
        if (!json_is_object(root))
                return err_set(e, ERR_SPEC, 0, "not a JSON object");
        Runtime rt = { 0 };
        if (get_strings(root, "cgroups", arena, &rt.cgroups, &rt.n_cgroups, e) < 0 ||
            get_strings(root, "mkdir", arena, &rt.mkdir, &rt.n_mkdir, e) < 0 ||
            get_string(root, "namespace", arena, &rt.namespace, e) < 0 ||
            get_string(root, "ociRuntime", arena, &rt.oci_runtime, e) < 0 ||
            parse_mounts(root, arena, &rt, e) < 0 || parse_interfaces(root, arena, &rt, e) < 0 ||
            parse_bind_ns(root, arena, &rt, e) < 0 || parse_restart(root, arena, &rt, e) < 0 ||
            parse_fail(root, arena, &rt, e) < 0 ||
            get_seconds(root, "timeout", &rt.timeout, e) < 0 ||
            parse_needs(root, arena, &rt, e) < 0 || parse_probes(root, arena, &rt, e) < 0 ||
            get_number(root, "restartLimit", "", &rt.restart_limit, e) < 0 ||
            get_seconds(root, "stopTimeout", &rt.stop_timeout, e) < 0)
                return -1;
        *ret = rt;
        return 0;
}
