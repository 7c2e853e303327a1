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

static int parse_timeout(const json_t *root, Runtime *rt, Err *e) {
        const json_t *v = json_object_get(root, "timeout");
        if (!v || json_is_null(v))
                return 0;
        json_int_t seconds = json_integer_value(v);
        if (!json_is_integer(v) || seconds < 0 || seconds > UINT32_MAX)
                return err_set(e, ERR_SPEC, 0, "\"timeout\" is not a number of seconds");
        rt->timeout = (unsigned)seconds;
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
            parse_fail(root, arena, &rt, e) < 0 || parse_timeout(root, &rt, e) < 0)
                return -1;
        *ret = rt;
        return 0;
}
