/* ociconfig_mounts.c - the mount table of a container (yaml.md 11.3).
 *
 * Destinations are keys as written: "/dev/" and "/dev" are two mounts. */
#include "lib/rootfs/ociconfig_parts.h"

#include "lib/base/mem.h"

typedef struct TableMount {
        const char *destination, *type, *source;
        const char *const *options;
        size_t n_options;
        size_t order; /* later wins */
} TableMount;

typedef struct Table {
        Arena *arena;
        TableMount *items;
        size_t n, cap;
} Table;

static void add(Table *t, TableMount m) {
        m.order = t->n;
        *vec_push(t->items, t->n, t->cap) = m;
}

/* text split at every comma; an empty text gives one empty option, as in the reference. */
static void split_options(Table *t, const char *text, const char *extra, TableMount *m) {
        size_t n = 1;
        for (const char *p = text; *p; p++)
                n += *p == ',';
        const char **v = arena_alloc(t->arena, (n + 1) * sizeof(*v));
        const char *p = text;
        for (size_t i = 0; i < n; i++) {
                size_t len = strcspn(p, ",");
                v[i] = arena_strndup(t->arena, p, len);
                p += len + 1;
        }
        if (extra)
                v[n++] = extra;
        m->options = v;
        m->n_options = n;
}

static void add_defaults(Table *t, bool readonly) {
        /* Where the last option is "ro", it counts for a read-only container only. */
        static const char *const dev[] = { "nosuid", "strictatime", "mode=755", "size=65536k",
                                           "ro" };
        static const char *const pts[] = { "nosuid", "noexec", "newinstance", "ptmxmode=0666",
                                           "mode=0620" };
        static const char *const proc[] = { "nosuid", "nodev", "noexec", "relatime" };
        static const char *const sys[] = { "nosuid", "noexec", "nodev", "ro" };
        static const char *const cgroup[] = { "nosuid", "noexec", "nodev", "relatime", "ro" };
        size_t writable = readonly ? 0 : 1;
        add(t, (TableMount){ "/dev", "tmpfs", "tmpfs", dev, ARRAY_LEN(dev) - writable, 0 });
        add(t, (TableMount){ "/dev/pts", "devpts", "devpts", pts, ARRAY_LEN(pts), 0 });
        add(t, (TableMount){ "/proc", "proc", "proc", proc, ARRAY_LEN(proc), 0 });
        add(t, (TableMount){ "/sys", "sysfs", "sysfs", sys, ARRAY_LEN(sys) - writable, 0 });
        add(t, (TableMount){ "/sys/fs/cgroup", "cgroup", "cgroup", cgroup, ARRAY_LEN(cgroup), 0 });
}

static int add_tmpfs(Table *t, const OciConfigInput *in, const Str *item, Err *e) {
        TableMount m = { .type = "tmpfs", .source = "tmpfs" };
        const char *colon = strchr(item->text, ':');
        if (colon && strchr(colon + 1, ':'))
                return spec_err(e, item->pos, "%s: cannot parse tmpfs, too many ':': %s", in->who,
                                item->text);
        m.destination = item->text;
        if (colon) {
                m.destination = arena_strndup(t->arena, item->text, (size_t)(colon - item->text));
                split_options(t, colon + 1, NULL, &m);
        }
        add(t, m);
        return 0;
}

static int add_bind(Table *t, const OciConfigInput *in, const Str *item, Err *e) {
        static const char *const shared[] = { "rw", "rbind", "rshared" };
        const char *first = strchr(item->text, ':');
        if (!first)
                return spec_err(e, item->pos, "%s: cannot parse bind, missing ':': %s", in->who,
                                item->text);
        const char *second = strchr(first + 1, ':');
        if (second && strchr(second + 1, ':'))
                return spec_err(e, item->pos, "%s: cannot parse bind, too many ':': %s", in->who,
                                item->text);
        TableMount m = {
                .type = "bind",
                .source = arena_strndup(t->arena, item->text, (size_t)(first - item->text)),
                .destination = first + 1,
                .options = shared,
                .n_options = ARRAY_LEN(shared),
        };
        if (second) {
                m.destination = arena_strndup(t->arena, first + 1, (size_t)(second - first - 1));
                split_options(t, second + 1, "rbind", &m);
        }
        add(t, m);
        return 0;
}

/* A source of one of these names implies the type, the type implies the destination. */
static const struct {
        const char *type, *destination;
} virtual_types[] = {
        { "mqueue", "/dev/mqueue" }, { "devpts", "/dev/pts" },       { "proc", "/proc" },
        { "sysfs", "/sys" },         { "cgroup", "/sys/fs/cgroup" },
};

static int add_mount(Table *t, const OciConfigInput *in, const Mount *mount, Err *e) {
        TableMount m = {
                .destination = mount->destination.text,
                .type = mount->type.text,
                .source = mount->source.text,
        };
        if (str_is_empty(m.type))
                for (size_t i = 0; i < ARRAY_LEN(virtual_types); i++)
                        if (str_eq(m.source, virtual_types[i].type))
                                m.type = m.source;
        if (str_is_empty(m.type) && str_eq(m.destination, "/dev"))
                m.type = "tmpfs";
        if (str_is_empty(m.type))
                return spec_err(e, mount->pos, "%s: mount for destination %s is missing type",
                                in->who, m.destination ? m.destination : "");
        if (str_is_empty(m.source))
                m.source = m.type;
        if (str_is_empty(m.destination))
                for (size_t i = 0; i < ARRAY_LEN(virtual_types); i++)
                        if (str_eq(m.type, virtual_types[i].type))
                                m.destination = virtual_types[i].destination;
        if (str_is_empty(m.destination))
                return spec_err(e, mount->pos, "%s: mount type %s is missing destination", in->who,
                                m.type);
        const char **v = arena_alloc(t->arena, (mount->options.n + 1) * sizeof(*v));
        for (size_t i = 0; i < mount->options.n; i++)
                v[i] = mount->options.items[i].text;
        m.options = v;
        m.n_options = mount->options.n;
        add(t, m);
        return 0;
}

static int fill(Table *t, const OciConfigInput *in, Err *e) {
        const Settings *s = in->settings;
        add_defaults(t, s->readonly.set && s->readonly.value);
        for (size_t i = 0; i < s->tmpfs.n; i++)
                if (add_tmpfs(t, in, &s->tmpfs.items[i], e) < 0)
                        return -1;
        for (size_t i = 0; i < s->binds.n; i++)
                if (add_bind(t, in, &s->binds.items[i], e) < 0)
                        return -1;
        for (size_t i = 0; i < s->mounts.n; i++)
                if (add_mount(t, in, &s->mounts.items[i], e) < 0)
                        return -1;
        return 0;
}

static int compare(const void *a, const void *b) {
        const TableMount *x = a, *y = b;
        int c = strcmp(x->destination, y->destination);
        return c ? c : x->order < y->order ? -1 : 1;
}

static void write_table(Table *t, JsonOut *j) {
        qsort(t->items, t->n, sizeof(*t->items), compare);
        jsonout_open(j, "mounts", '[');
        for (size_t i = 0; i < t->n; i++) {
                const TableMount *m = &t->items[i];
                if (i + 1 < t->n && str_eq(m->destination, t->items[i + 1].destination))
                        continue;
                jsonout_open(j, NULL, '{');
                jsonout_string(j, "destination", m->destination);
                jsonout_string_opt(j, "type", m->type);
                jsonout_string_opt(j, "source", m->source);
                if (m->n_options) {
                        jsonout_open(j, "options", '[');
                        for (size_t k = 0; k < m->n_options; k++)
                                jsonout_string(j, NULL, m->options[k]);
                        jsonout_close(j, '[');
                }
                jsonout_close(j, '{');
        }
        jsonout_close(j, '[');
}

int ociconfig_mounts(const OciConfigInput *in, JsonOut *j, Err *e) {
        _cleanup_arena_ Arena *arena = arena_new();
        Table t = { .arena = arena };
        int r = fill(&t, in, e);
        if (r >= 0)
                write_table(&t, j);
        free(t.items);
        return r;
}
