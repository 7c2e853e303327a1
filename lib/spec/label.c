/* label.c - the defaults an image brings along, and who wins (yaml.md 6.3, 10.3).
 *
 * Positions tell the two sources apart after the merge: those of a label have the file "label of
 * IMAGE".  That matters, because volume names in label binds are not looked up. */
#include "lib/base/str.h"
#include "lib/spec/keys.h"
#include "lib/spec/schema.h"
#include "lib/spec/spec.h"
#include "lib/spec/yaml.h"

int spec_parse_label(Arena *arena, const char *text, const char *image, Settings *ret, Err *e) {
        if (str_is_empty(text)) {
                *ret = (Settings){ 0 };
                return 0;
        }
        _cleanup_problems_ Problems p = { .arena = arena };
        const char *file = problems_file(&p, arena_printf(arena, "label of %s", image));
        const Node *root = yaml_parse(text, strlen(text), file, &p);
        ImageEntry entry = { 0 };
        if (root) {
                SchemaWalk w = { .arena = arena, .problems = &p };
                schema_read(&w, &schema_label, root, &entry);
                buf_done(&w.path);
        }
        if (problems_report(&p, e) < 0)
                return -1;
        entry.s.capabilities_add = entry.s.binds_add = (StrList){ 0 }; /* 6.3: ignored in a label */
        *ret = entry.s;
        return 0;
}

static StrList concatenate(Arena *arena, const StrList *a, const StrList *b) {
        if (!b->set)
                return *a;
        if (!a->set)
                return *b;
        StrList r = { .set = true, .n = a->n + b->n, .pos = b->pos };
        r.items = arena_alloc(arena, r.n * sizeof *r.items);
        if (a->n)
                memcpy(r.items, a->items, a->n * sizeof *r.items);
        if (b->n)
                memcpy(r.items + a->n, b->items, b->n * sizeof *r.items);
        return r;
}

static void merge_runtime(const Runtime *file, const Runtime *label, Runtime *r) {
        *r = *file;
        r->set = file->set || label->set;
#define INHERIT(field)     \
        if (!r->field.set) \
        r->field = label->field
        INHERIT(cgroups);
        INHERIT(mkdir);
        INHERIT(mounts);
        INHERIT(interfaces);
        INHERIT(needs);
        INHERIT(ready); /* as a whole: half a probe of each would be neither */
        INHERIT(health);
        INHERIT(restart_limit);
#undef INHERIT
        for (size_t i = 0; i < NS_COUNT; i++)
                if (!r->bind_ns[i].text)
                        r->bind_ns[i] = label->bind_ns[i];
        r->bind_ns_set = file->bind_ns_set || label->bind_ns_set;
        if (!r->namespace.text)
                r->namespace = label->namespace;
        if (!r->restart.text)
                r->restart = label->restart;
        if (!r->fail.text)
                r->fail = label->fail;
        if (!r->timeout.text)
                r->timeout = label->timeout;
        if (!r->oci_runtime.text)
                r->oci_runtime = label->oci_runtime;
        if (!r->stop_timeout.text)
                r->stop_timeout = label->stop_timeout;
}

void spec_merge_settings(const Settings *file, const Settings *label, Arena *arena, Settings *ret) {
        static const Settings none;
        if (!label)
                label = &none;
        Settings r = *file;
        if (!file->binds.set)
                r.binds = concatenate(arena, &label->binds, &file->binds_add);
        if (!file->capabilities.set)
                r.capabilities = concatenate(arena, &label->capabilities, &file->capabilities_add);
        r.binds_add = r.capabilities_add = (StrList){ 0 };

#define INHERIT(field)    \
        if (!r.field.set) \
        r.field = label->field
        INHERIT(ambient);
        INHERIT(mounts);
        INHERIT(tmpfs);
        INHERIT(devices);
        INHERIT(command);
        INHERIT(env);
        INHERIT(readonly);
        INHERIT(masked_paths);
        INHERIT(readonly_paths);
        INHERIT(uid);
        INHERIT(gid);
        INHERIT(additional_gids);
        INHERIT(no_new_privileges);
        INHERIT(oom_score_adj);
        INHERIT(resources);
        INHERIT(sysctl);
        INHERIT(annotations);
        INHERIT(rlimits);
        INHERIT(uid_mappings);
        INHERIT(gid_mappings);
#undef INHERIT
#define INHERIT_IF_EMPTY(field)         \
        if (str_is_empty(r.field.text)) \
        r.field = label->field
        INHERIT_IF_EMPTY(cwd);
        INHERIT_IF_EMPTY(net);
        INHERIT_IF_EMPTY(pid);
        INHERIT_IF_EMPTY(ipc);
        INHERIT_IF_EMPTY(uts);
        INHERIT_IF_EMPTY(userns);
        INHERIT_IF_EMPTY(hostname);
#undef INHERIT_IF_EMPTY
        if (!r.rootfs_propagation.text)
                r.rootfs_propagation = label->rootfs_propagation;
        if (!r.cgroups_path.text)
                r.cgroups_path = label->cgroups_path;
        merge_runtime(&file->runtime, &label->runtime, &r.runtime);
        *ret = r;
}
