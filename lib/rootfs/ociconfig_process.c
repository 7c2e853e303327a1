/* ociconfig_process.c - who the process is and what it may do (yaml.md 11.2, 11.4). */
#include "lib/rootfs/ociconfig_parts.h"

#include <stdint.h>
#include <strings.h>

#include "lib/base/mem.h"
#include "lib/rootfs/runtimeconfig.h"

/* linux/capability.h, in numeric order; fixed, whatever the build host's kernel knows. */
static const char *const capabilities[] = {
        "CAP_CHOWN",
        "CAP_DAC_OVERRIDE",
        "CAP_DAC_READ_SEARCH",
        "CAP_FOWNER",
        "CAP_FSETID",
        "CAP_KILL",
        "CAP_SETGID",
        "CAP_SETUID",
        "CAP_SETPCAP",
        "CAP_LINUX_IMMUTABLE",
        "CAP_NET_BIND_SERVICE",
        "CAP_NET_BROADCAST",
        "CAP_NET_ADMIN",
        "CAP_NET_RAW",
        "CAP_IPC_LOCK",
        "CAP_IPC_OWNER",
        "CAP_SYS_MODULE",
        "CAP_SYS_RAWIO",
        "CAP_SYS_CHROOT",
        "CAP_SYS_PTRACE",
        "CAP_SYS_PACCT",
        "CAP_SYS_ADMIN",
        "CAP_SYS_BOOT",
        "CAP_SYS_NICE",
        "CAP_SYS_RESOURCE",
        "CAP_SYS_TIME",
        "CAP_SYS_TTY_CONFIG",
        "CAP_MKNOD",
        "CAP_LEASE",
        "CAP_AUDIT_WRITE",
        "CAP_AUDIT_CONTROL",
        "CAP_SETFCAP",
        "CAP_MAC_OVERRIDE",
        "CAP_MAC_ADMIN",
        "CAP_SYSLOG",
        "CAP_WAKE_ALARM",
        "CAP_BLOCK_SUSPEND",
        "CAP_AUDIT_READ",
        "CAP_PERFMON",
        "CAP_BPF",
        "CAP_CHECKPOINT_RESTORE",
};

static const char *const limits[] = {
        "CPU",     "FSIZE", "DATA",  "STACK",      "CORE",     "RSS",  "NPROC",  "NOFILE",
        "MEMLOCK", "AS",    "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME",
};

typedef struct Names {
        const char **items;
        size_t n, cap;
} Names;

static int expand_capabilities(const OciConfigInput *in, const StrList *list, Names *ret, Err *e) {
        if (list->n == 1 && strcasecmp(list->items[0].text, "none") == 0)
                return 0;
        if (list->n == 1 && strcasecmp(list->items[0].text, "all") == 0) {
                for (size_t i = 0; i < ARRAY_LEN(capabilities); i++)
                        *vec_push(ret->items, ret->n, ret->cap) = capabilities[i];
                return 0;
        }
        for (size_t i = 0; i < list->n; i++) {
                const Str *item = &list->items[i];
                size_t k = 0;
                while (k < ARRAY_LEN(capabilities) && !str_eq(capabilities[k], item->text))
                        k++;
                if (k == ARRAY_LEN(capabilities))
                        return spec_err(e, item->pos, "%s: unknown capability: %s", in->who,
                                        item->text);
                *vec_push(ret->items, ret->n, ret->cap) = capabilities[k];
        }
        return 0;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void write_names(JsonOut *j, const char *key, const Names *names) {
        if (names->n == 0)
                return;
        jsonout_open(j, key, '[');
        for (size_t i = 0; i < names->n; i++)
                jsonout_string(j, NULL, names->items[i]);
        jsonout_close(j, '[');
}

static void write_capability_sets(JsonOut *j, const Names *effective, const Names *ambient) {
        Names all = { 0 };
        for (size_t i = 0; i < effective->n; i++)
                *vec_push(all.items, all.n, all.cap) = effective->items[i];
        for (size_t i = 0; i < ambient->n; i++)
                *vec_push(all.items, all.n, all.cap) = ambient->items[i];
        if (all.n)
                qsort(all.items, all.n, sizeof(*all.items), compare_names);
        size_t unique = 0;
        for (size_t i = 0; i < all.n; i++)
                if (i == 0 || !str_eq(all.items[i], all.items[unique - 1]))
                        all.items[unique++] = all.items[i];
        all.n = unique;

        jsonout_open(j, "capabilities", '{');
        write_names(j, "bounding", &all);
        write_names(j, "effective", effective);
        write_names(j, "inheritable", &all);
        write_names(j, "permitted", &all);
        write_names(j, "ambient", ambient);
        jsonout_close(j, '{');
        free(all.items);
}

static int write_capabilities(const OciConfigInput *in, JsonOut *j, Err *e) {
        Names effective = { 0 }, ambient = { 0 };
        int r = expand_capabilities(in, &in->settings->capabilities, &effective, e);
        if (r >= 0)
                r = expand_capabilities(in, &in->settings->ambient, &ambient, e);
        if (r >= 0)
                write_capability_sets(j, &effective, &ambient);
        free(effective.items);
        free(ambient.items);
        return r;
}

/* One third of a limit, without the blanks around it; malloc'ed. */
static char *trimmed(const char *s, size_t n) {
        while (n && strchr(" \t\n\v\f\r", s[0]))
                s++, n--;
        while (n && strchr(" \t\n\v\f\r", s[n - 1]))
                n--;
        return xstrndup(s, n);
}

static int parse_limit_value(const OciConfigInput *in, const Str *item, const char *text,
                             uint64_t *ret, Err *e) {
        if (strcasecmp(text, "unlimited") == 0)
                *ret = UINT64_MAX;
        else if (!str_to_u64(text, ret))
                return spec_err(e, item->pos, "%s: cannot parse %s as uint64", in->who, text);
        return 0;
}

static int write_limit(const OciConfigInput *in, JsonOut *j, const Str *item, Err *e) {
        const char *first = strchr(item->text, ',');
        const char *second = first ? strchr(first + 1, ',') : NULL;
        if (!second || strchr(second + 1, ','))
                return spec_err(e, item->pos, "%s: cannot parse rlimit: %s", in->who, item->text);
        _cleanup_free_ char *name = trimmed(item->text, (size_t)(first - item->text));
        _cleanup_free_ char *soft_text = trimmed(first + 1, (size_t)(second - first - 1));
        _cleanup_free_ char *hard_text = trimmed(second + 1, strlen(second + 1));

        const char *bare = strncasecmp(name, "RLIMIT_", 7) == 0 ? name + 7 : name;
        size_t k = 0;
        while (k < ARRAY_LEN(limits) && strcasecmp(limits[k], bare) != 0)
                k++;
        if (k == ARRAY_LEN(limits))
                return spec_err(e, item->pos, "%s: unknown limit: %s", in->who, name);
        uint64_t soft, hard;
        if (parse_limit_value(in, item, soft_text, &soft, e) < 0 ||
            parse_limit_value(in, item, hard_text, &hard, e) < 0)
                return -1;

        _cleanup_free_ char *type = xasprintf("RLIMIT_%s", limits[k]);
        jsonout_open(j, NULL, '{');
        jsonout_string(j, "type", type);
        jsonout_uint(j, "hard", hard);
        jsonout_uint(j, "soft", soft);
        jsonout_close(j, '{');
        return 0;
}

static int write_limits(const OciConfigInput *in, JsonOut *j, Err *e) {
        const StrList *list = &in->settings->rlimits;
        if (list->n == 0)
                return 0;
        jsonout_open(j, "rlimits", '[');
        for (size_t i = 0; i < list->n; i++)
                if (write_limit(in, j, &list->items[i], e) < 0)
                        return -1;
        jsonout_close(j, '[');
        return 0;
}

static int resolve_id(const OciConfigInput *in, const Id *id, uint32_t *ret, Err *e) {
        *ret = 0;
        return id->set ? spec_resolve_id(in->spec, id, ret, e) : 0;
}

static int write_user(const OciConfigInput *in, JsonOut *j, Err *e) {
        const Settings *s = in->settings;
        uint32_t uid, gid;
        if (resolve_id(in, &s->uid, &uid, e) < 0 || resolve_id(in, &s->gid, &gid, e) < 0)
                return -1;
        jsonout_open(j, "user", '{');
        jsonout_uint(j, "uid", uid);
        jsonout_uint(j, "gid", gid);
        if (s->additional_gids.n) {
                jsonout_open(j, "additionalGids", '[');
                for (size_t i = 0; i < s->additional_gids.n; i++) {
                        if (resolve_id(in, &s->additional_gids.items[i], &gid, e) < 0)
                                return -1;
                        jsonout_uint(j, NULL, gid);
                }
                jsonout_close(j, '[');
        }
        jsonout_close(j, '{');
        return 0;
}

static void write_vector(JsonOut *j, char *const *v) {
        for (; v && *v; v++)
                jsonout_string(j, NULL, *v);
}

static bool vector_is_empty(char *const *v) {
        return !v || !*v;
}

static void write_args_and_env(const OciConfigInput *in, JsonOut *j) {
        const StrList *command = &in->settings->command, *env = &in->settings->env;
        const ImageConfig *image = in->image;
        if (command->set && command->n)
                jsonout_strings(j, "args", command);
        else if (!command->set &&
                 !(vector_is_empty(image->entrypoint) && vector_is_empty(image->cmd))) {
                jsonout_open(j, "args", '[');
                write_vector(j, image->entrypoint);
                write_vector(j, image->cmd);
                jsonout_close(j, '[');
        }
        if (env->set && env->n)
                jsonout_strings(j, "env", env);
        else if (!env->set && !vector_is_empty(image->env)) {
                jsonout_open(j, "env", '[');
                write_vector(j, image->env);
                jsonout_close(j, '[');
        }
}

int ociconfig_process(const OciConfigInput *in, JsonOut *j, Err *e) {
        const Settings *s = in->settings;
        jsonout_open(j, "process", '{');
        if (write_user(in, j, e) < 0)
                return -1;
        write_args_and_env(in, j);
        const char *cwd = !str_is_empty(s->cwd.text) ? s->cwd.text : in->image->working_dir;
        jsonout_string(j, "cwd", str_is_empty(cwd) ? "/" : cwd);
        if (write_capabilities(in, j, e) < 0 || write_limits(in, j, e) < 0)
                return -1;
        if (s->no_new_privileges.set && s->no_new_privileges.value)
                jsonout_bool(j, "noNewPrivileges", true);
        if (s->oom_score_adj.set)
                jsonout_int(j, "oomScoreAdj", s->oom_score_adj.value);
        jsonout_close(j, '{');
        return 0;
}
