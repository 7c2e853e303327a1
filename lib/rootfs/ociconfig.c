/* ociconfig.c - see ociconfig.h: the outer members and namespaces and devices of config.json. */
#include "lib/rootfs/ociconfig.h"

#include "lib/base/mem.h"
#include "lib/rootfs/ociconfig_parts.h"
#include "lib/rootfs/runtimeconfig.h"

static int compare_keys(const void *a, const void *b) {
        const KeyValue *x = a, *y = b;
        return strcmp(x->key.text, y->key.text);
}

static void write_map(JsonOut *j, const char *key, const Map *map) {
        if (map->n == 0)
                return;
        _cleanup_free_ KeyValue *sorted = xmalloc(map->n * sizeof(*sorted));
        memcpy(sorted, map->items, map->n * sizeof(*sorted));
        qsort(sorted, map->n, sizeof(*sorted), compare_keys);
        jsonout_open(j, key, '{');
        for (size_t i = 0; i < map->n; i++)
                jsonout_string(j, sorted[i].key.text,
                               sorted[i].value.text ? sorted[i].value.text : "");
        jsonout_close(j, '{');
}

static void write_namespaces(const OciConfigInput *in, JsonOut *j) {
        /* yaml.md 11.5; there is no key for the cgroup namespace, --strict alone makes one */
        const Settings *s = in->settings;
        const struct {
                const char *type, *value;
                const char *fresh; /* what else means a namespace of its own */
        } rows[] = {
                { "network", s->net.text, "none" },
                { "ipc", s->ipc.text, "new" },
                { "uts", s->uts.text, "new" },
                { "pid", str_is_empty(s->pid.text) ? "new" : s->pid.text, "new" },
                { "user", s->userns.text, "new" },
                { "cgroup", in->strict ? "new" : NULL, "new" },
                { "mount", "new", "new" },
        };
        jsonout_open(j, "namespaces", '[');
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                const char *v = rows[i].value;
                if (str_is_empty(v) || str_eq(v, "host") || str_eq(v, "root"))
                        continue;
                jsonout_open(j, NULL, '{');
                jsonout_string(j, "type", rows[i].type);
                if (!str_eq(v, "new") && !str_eq(v, rows[i].fresh))
                        jsonout_string(j, "path", v);
                jsonout_close(j, '{');
        }
        jsonout_close(j, '[');
}

static int parse_mode(const OciConfigInput *in, const Device *d, uint32_t *ret, Err *e) {
        const char *text = d->mode.text;
        uint32_t mode = 0;
        bool valid = !str_is_empty(text);
        for (const char *p = text; valid && *p; p++) {
                valid = *p >= '0' && *p <= '7' && mode < 1u << 28;
                mode = mode * 8 + (uint32_t)(*p - '0');
        }
        if (!valid)
                return spec_err(e, d->pos, "%s: cannot parse device mode as octal value: \"%s\"",
                                in->who, text ? text : "");
        *ret = mode;
        return 0;
}

static int write_devices(const OciConfigInput *in, JsonOut *j, Err *e) {
        const Devices *devices = &in->settings->devices;
        bool open = false;
        for (size_t i = 0; i < devices->n; i++) {
                const Device *d = &devices->items[i];
                uint32_t mode = 0;
                if (str_eq(d->path.text, "all"))
                        continue;
                if (parse_mode(in, d, &mode, e) < 0)
                        return -1;
                if (!open)
                        jsonout_open(j, "devices", '[');
                open = true;
                jsonout_open(j, NULL, '{');
                jsonout_string(j, "path", d->path.text ? d->path.text : "");
                jsonout_string(j, "type", d->type.text ? d->type.text : "");
                jsonout_int(j, "major", d->major.set ? d->major.value : 0);
                jsonout_int(j, "minor", d->minor.set ? d->minor.value : 0);
                jsonout_uint(j, "fileMode", mode);
                jsonout_close(j, '{');
        }
        if (open)
                jsonout_close(j, '[');
        return 0;
}

static int write_linux(const OciConfigInput *in, JsonOut *j, Err *e) {
        const Settings *s = in->settings;
        jsonout_open(j, "linux", '{');
        if (s->uid_mappings.n)
                jsonout_id_mappings(j, "uidMappings", &s->uid_mappings);
        if (s->gid_mappings.n)
                jsonout_id_mappings(j, "gidMappings", &s->gid_mappings);
        write_map(j, "sysctl", &s->sysctl);
        ociconfig_resources(in, j);
        jsonout_string_opt(j, "cgroupsPath", s->cgroups_path.text);
        write_namespaces(in, j);
        if (write_devices(in, j, e) < 0)
                return -1;
        jsonout_string_opt(j, "rootfsPropagation", s->rootfs_propagation.text);
        if (s->masked_paths.n)
                jsonout_strings(j, "maskedPaths", &s->masked_paths);
        if (s->readonly_paths.n)
                jsonout_strings(j, "readonlyPaths", &s->readonly_paths);
        jsonout_close(j, '{');
        return 0;
}

static int write_all(const OciConfigInput *in, Buf *out, Err *e) {
        const Settings *s = in->settings;
        JsonOut j = { .buf = out };
        jsonout_open(&j, NULL, '{');
        jsonout_string(&j, "ociVersion", "1.2.1");
        if (ociconfig_process(in, &j, e) < 0)
                return -1;
        jsonout_open(&j, "root", '{');
        jsonout_string(&j, "path", "rootfs");
        if (s->readonly.set && s->readonly.value)
                jsonout_bool(&j, "readonly", true);
        jsonout_close(&j, '{');
        jsonout_string_opt(&j, "hostname", s->hostname.text);
        if (ociconfig_mounts(in, &j, e) < 0)
                return -1;
        write_map(&j, "annotations", &s->annotations);
        if (write_linux(in, &j, e) < 0)
                return -1;
        jsonout_close(&j, '{');
        return 0;
}

int ociconfig_write(const OciConfigInput *in, Buf *out, Err *e) {
        if (!in->strict)
                return write_all(in, out, e);
        _cleanup_arena_ Arena *arena = arena_new();
        Settings settings = *in->settings;
        ociconfig_set_strict(arena, &settings);
        OciConfigInput strict = *in;
        strict.settings = &settings;
        return write_all(&strict, out, e);
}
