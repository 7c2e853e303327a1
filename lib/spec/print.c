/* print.c - the merged model as text (yaml.md 15.3): `metadata` files and --dry-run.
 *
 * Which keys stand when empty differs between YAML and JSON and from mapping to mapping; that is
 * the reference's choice, and these files are compared byte for byte. */
#include "lib/spec/print.h"

#include <ctype.h>

#include "lib/base/mem.h"

typedef struct Printer {
        Out *out;
        bool as_written; /* images as in the build file instead of in normal form */
} Printer;

/* --- pieces --------------------------------------------------------------------------------- */

static const char *text_of(const Str *s) {
        return s->text ? s->text : "";
}

static void print_always_text(Out *o, const char *key, const Str *s) {
        out_key(o, key);
        out_string(o, text_of(s));
}

static void print_given_text(Out *o, const char *key, const Str *s) {
        if (s->text)
                print_always_text(o, key, s);
}

static void print_text(Out *o, const char *key, const Str *s) {
        if (!str_is_empty(s->text))
                print_always_text(o, key, s);
}

static void print_bool(Out *o, const char *key, const Bool *b) {
        if (!b->set)
                return;
        out_key(o, key);
        out_bool(o, b->value);
}

static void print_always_strings(Out *o, const char *key, const StrList *l) {
        out_key(o, key);
        out_list_begin(o);
        for (size_t i = 0; i < l->n; i++)
                out_string(o, l->items[i].text);
        out_list_end(o);
}

static void print_strings(Out *o, const char *key, const StrList *l) {
        if (l->set)
                print_always_strings(o, key, l);
}

static void print_int_or_zero(Out *o, const char *key, const Int *i) {
        out_key(o, key);
        out_i64(o, i->set ? i->value : 0);
}

static void id_value(Out *o, const Id *id) {
        if (id->name)
                out_string(o, id->name);
        else
                out_i64(o, id->number);
}

static void print_id(Out *o, const char *key, const Id *id) {
        if (!id->set)
                return;
        out_key(o, key);
        id_value(o, id);
}

static void print_ids(Out *o, const char *key, const IdList *l) {
        if (!l->set)
                return;
        out_key(o, key);
        out_list_begin(o);
        for (size_t i = 0; i < l->n; i++)
                id_value(o, &l->items[i]);
        out_list_end(o);
}

static void print_id_mappings(Out *o, const char *key, const IdMappings *m) {
        out_key(o, key);
        out_list_begin(o);
        for (size_t i = 0; i < m->n; i++) {
                out_map_begin(o);
                out_key(o, out_is_json(o) ? "containerID" : "containerid");
                out_u64(o, m->items[i].container_id);
                out_key(o, out_is_json(o) ? "hostID" : "hostid");
                out_u64(o, m->items[i].host_id);
                out_key(o, "size");
                out_u64(o, m->items[i].size);
                out_map_end(o);
        }
        out_list_end(o);
}

/* A run of digits as a number (0 if there is none); *ret_end moves behind it. */
static int64_t number_at(const char *s, const char **ret_end) {
        uint64_t v = 0;
        for (; isdigit((unsigned char)*s); s++)
                v = v * 10 + (uint64_t)(*s - '0');
        *ret_end = s;
        return (int64_t)v;
}

static bool is_letter(char c) {
        return isalpha((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* The order of map keys in YAML, "B a.b a_b a2 a10 ab": yaml.md 15.3 */
static int compare_yaml_keys(const void *x, const void *y) {
        const char *a = ((const KeyValue *)x)->key.text, *b = ((const KeyValue *)y)->key.text;
        while (*a && *a == *b)
                a++, b++;
        if (!*a || !*b)
                return (*a != 0) - (*b != 0);
        int by_code = (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        if (is_letter(*a) && is_letter(*b))
                return by_code;
        if (is_letter(*a) || is_letter(*b))
                return is_letter(*a) ? 1 : -1;
        const char *end_a, *end_b;
        int64_t na = number_at(a, &end_a), nb = number_at(b, &end_b);
        if (na != nb)
                return na < nb ? -1 : 1;
        if (end_a - a != end_b - b)
                return end_a - a < end_b - b ? -1 : 1;
        return by_code;
}

static int compare_bytes(const void *x, const void *y) {
        return strcmp(((const KeyValue *)x)->key.text, ((const KeyValue *)y)->key.text);
}

static void print_string_map(Out *o, const char *key, const Map *m) {
        if (!m->set)
                return;
        out_key(o, key);
        out_map_begin(o);
        _cleanup_free_ KeyValue *sorted = xcalloc(m->n, sizeof *sorted);
        if (m->n) {
                memcpy(sorted, m->items, m->n * sizeof *sorted);
                qsort(sorted, m->n, sizeof *sorted,
                      out_is_json(o) ? compare_bytes : compare_yaml_keys);
        }
        for (size_t i = 0; i < m->n; i++)
                print_always_text(o, sorted[i].key.text, &sorted[i].value);
        out_map_end(o);
}

/* --- image entries -------------------------------------------------------------------------- */

static void print_mount(Out *o, const Mount *m) {
        out_map_begin(o);
        print_always_text(o, "destination", &m->destination);
        if (out_is_json(o)) {
                print_text(o, "type", &m->type);
                print_text(o, "source", &m->source);
                if (m->options.n)
                        print_always_strings(o, "options", &m->options);
                if (m->uid_mappings.n)
                        print_id_mappings(o, "uidMappings", &m->uid_mappings);
                if (m->gid_mappings.n)
                        print_id_mappings(o, "gidMappings", &m->gid_mappings);
        } else {
                print_always_text(o, "type", &m->type);
                print_always_text(o, "source", &m->source);
                print_always_strings(o, "options", &m->options);
                print_id_mappings(o, "uidmappings", &m->uid_mappings);
                print_id_mappings(o, "gidmappings", &m->gid_mappings);
        }
        out_map_end(o);
}

static void print_mounts(Out *o, const Mounts *m) {
        if (!m->set)
                return;
        out_key(o, "mounts");
        out_list_begin(o);
        for (size_t i = 0; i < m->n; i++)
                print_mount(o, &m->items[i]);
        out_list_end(o);
}

static void print_devices(Out *o, const Devices *list) {
        if (!list->set)
                return;
        out_key(o, "devices");
        out_list_begin(o);
        for (size_t i = 0; i < list->n; i++) {
                const Device *d = &list->items[i];
                out_map_begin(o);
                print_always_text(o, "path", &d->path);
                print_always_text(o, "type", &d->type);
                print_int_or_zero(o, "major", &d->major);
                print_int_or_zero(o, "minor", &d->minor);
                print_text(o, "mode", &d->mode);
                out_map_end(o);
        }
        out_list_end(o);
}

static void print_interfaces(Out *o, const Runtime *r) {
        if (!r->interfaces.set)
                return;
        out_key(o, "interfaces");
        out_list_begin(o);
        for (size_t i = 0; i < r->interfaces.n; i++) {
                const Interface *x = &r->interfaces.items[i];
                out_map_begin(o);
                print_text(o, "name", &x->name);
                print_text(o, "add", &x->add);
                print_text(o, "peer", &x->peer);
                out_key(o, "createInRoot");
                out_bool(o, x->create_in_root.value);
                out_map_end(o);
        }
        out_list_end(o);
}

static void print_bind_ns(Out *o, const Runtime *r) {
        bool any = out_is_json(o);
        for (size_t i = 0; i < NS_COUNT; i++)
                any |= r->bind_ns[i].text != NULL;
        if (!any)
                return;
        out_key(o, "bindNS");
        out_map_begin(o);
        for (size_t i = 0; i < NS_COUNT; i++)
                print_given_text(o, spec_ns_names[i], &r->bind_ns[i]);
        out_map_end(o);
}

static void print_probe(Out *o, const char *key, const Probe *p) {
        if (!p->set)
                return;
        out_key(o, key);
        out_map_begin(o);
        print_strings(o, "exec", &p->exec);
        print_given_text(o, "tcp", &p->tcp);
        print_given_text(o, "file", &p->file);
        print_given_text(o, "interval", &p->interval);
        print_given_text(o, "timeout", &p->timeout);
        if (p->retries.set)
                print_int_or_zero(o, "retries", &p->retries);
        print_given_text(o, "startPeriod", &p->start_period);
        out_map_end(o);
}

static void print_runtime(Out *o, const Runtime *r) {
        if (!r->set)
                return;
        out_key(o, "runtime");
        out_map_begin(o);
        print_strings(o, "cgroups", &r->cgroups);
        print_mounts(o, &r->mounts);
        print_strings(o, "mkdir", &r->mkdir);
        print_interfaces(o, r);
        print_bind_ns(o, r);
        print_given_text(o, "namespace", &r->namespace);
        print_given_text(o, "restart", &r->restart);
        print_given_text(o, "fail", &r->fail);
        print_given_text(o, "timeout", &r->timeout);
        print_given_text(o, "ociRuntime", &r->oci_runtime);
        print_strings(o, "needs", &r->needs);
        print_probe(o, "ready", &r->ready);
        print_probe(o, "health", &r->health);
        if (r->restart_limit.set)
                print_int_or_zero(o, "restartLimit", &r->restart_limit);
        print_given_text(o, "stopTimeout", &r->stop_timeout);
        out_map_end(o);
}

/* The lists and strings of an entry up to its uids. */
static void print_settings_head(Out *o, const Settings *s) {
        print_strings(o, "capabilities", &s->capabilities);
        print_strings(o, "capabilities.add", &s->capabilities_add);
        print_strings(o, "ambient", &s->ambient);
        print_mounts(o, &s->mounts);
        print_strings(o, "binds", &s->binds);
        print_strings(o, "binds.add", &s->binds_add);
        print_devices(o, &s->devices);
        print_strings(o, "tmpfs", &s->tmpfs);
        print_strings(o, "command", &s->command);
        print_strings(o, "env", &s->env);
        print_text(o, "cwd", &s->cwd);
        print_text(o, "net", &s->net);
        print_text(o, "pid", &s->pid);
        print_text(o, "ipc", &s->ipc);
        print_text(o, "uts", &s->uts);
        print_text(o, "userns", &s->userns);
        print_text(o, "hostname", &s->hostname);
        print_bool(o, "readonly", &s->readonly);
        print_strings(o, "maskedPaths", &s->masked_paths);
        print_strings(o, "readonlyPaths", &s->readonly_paths);
}

static void print_settings_tail(Out *o, const Settings *s) {
        print_id(o, "uid", &s->uid);
        print_id(o, "gid", &s->gid);
        print_ids(o, "additionalGids", &s->additional_gids);
        print_bool(o, "noNewPrivileges", &s->no_new_privileges);
        if (s->oom_score_adj.set)
                print_int_or_zero(o, "oomScoreAdj", &s->oom_score_adj);
        print_text(o, "rootfsPropagation", &s->rootfs_propagation);
        print_text(o, "cgroupsPath", &s->cgroups_path);
        if (s->resources.set) {
                out_key(o, "resources");
                print_resources(o, &s->resources);
        }
        print_string_map(o, "sysctl", &s->sysctl);
        print_strings(o, "rlimits", &s->rlimits);
        if (s->uid_mappings.set)
                print_id_mappings(o, "uidMappings", &s->uid_mappings);
        if (s->gid_mappings.set)
                print_id_mappings(o, "gidMappings", &s->gid_mappings);
        print_string_map(o, "annotations", &s->annotations);
        print_runtime(o, &s->runtime);
}

/* --- the file ------------------------------------------------------------------------------- */

static const char *image_text(const Printer *p, const ImageRef *image) {
        bool template = image->package_dir != NULL;
        if (image->ref && (template || !p->as_written))
                return image->ref;
        return text_of(&image->text);
}

/* JSON shows a list that no FILE mentions as null; true: go on with the items. */
static bool list_begin(Out *o, const char *key, bool mentioned) {
        out_key(o, key);
        if (out_is_json(o) && !mentioned) {
                out_null(o);
                return false;
        }
        out_list_begin(o);
        return true;
}

static void print_kernel(const Printer *p, const Kernel *k) {
        Out *o = p->out;
        out_key(o, "kernel");
        out_map_begin(o);
        out_key(o, "image");
        out_string(o, image_text(p, &k->image));
        print_text(o, "cmdline", &k->cmdline);
        print_text(o, "binary", &k->binary);
        print_given_text(o, "tar", &k->tar);
        print_given_text(o, "ucode", &k->ucode);
        out_map_end(o);
}

static void print_sections(const Printer *p, const Spec *s) {
        Out *o = p->out;
        for (size_t section = 0; section < SECTION_COUNT; section++) {
                if (!list_begin(o, spec_section_names[section], s->sections[section].set))
                        continue;
                for (size_t i = 0; i < s->sections[section].n; i++) {
                        const ImageEntry *x = &s->sections[section].items[i];
                        out_map_begin(o);
                        print_always_text(o, "name", &x->name);
                        out_key(o, "image");
                        out_string(o, image_text(p, &x->image));
                        print_settings_head(o, &x->s);
                        print_settings_tail(o, &x->s);
                        out_map_end(o);
                }
                out_list_end(o);
        }
}

static void print_files(const Printer *p, const Spec *s) {
        Out *o = p->out;
        if (!list_begin(o, "files", s->files_set))
                return;
        for (size_t i = 0; i < s->n_files; i++) {
                const FileItem *f = &s->files[i];
                out_map_begin(o);
                print_always_text(o, "path", &f->path);
                out_key(o, "directory");
                out_bool(o, f->directory.value);
                print_text(o, "symlink", &f->symlink);
                print_given_text(o, "contents", &f->contents);
                print_text(o, "source", &f->source);
                print_text(o, "metadata", &f->metadata);
                out_key(o, "optional");
                out_bool(o, f->optional.value);
                print_text(o, "mode", &f->mode);
                print_id(o, "uid", &f->uid);
                print_id(o, "gid", &f->gid);
                out_map_end(o);
        }
        out_list_end(o);
}

static void print_volumes(const Printer *p, const Spec *s) {
        Out *o = p->out;
        if (!list_begin(o, "volumes", s->volumes_set))
                return;
        for (size_t i = 0; i < s->n_volumes; i++) {
                const Volume *v = &s->volumes[i];
                /* 15.2: volumes keep their text */
                Str image = { .text = v->image.package_dir ? v->image.ref : v->image.text.text };
                out_map_begin(o);
                print_always_text(o, "name", &v->name);
                print_text(o, "image", &image);
                if (v->readonly.value)
                        print_bool(o, "readonly", &v->readonly);
                print_text(o, "format", &v->format);
                print_strings(o, "platforms", &v->platforms);
                out_map_end(o);
        }
        out_list_end(o);
}

static int print(const Spec *s, OutStyle style, Buf *buf, Err *e) {
        Printer p = { .out = out_new(style, buf), .as_written = style == OUT_YAML_RAW };
        out_map_begin(p.out);
        print_kernel(&p, &s->kernel);
        if (list_begin(p.out, "init", s->init_set)) {
                for (size_t i = 0; i < s->n_init; i++)
                        out_string(p.out, image_text(&p, &s->init[i]));
                out_list_end(p.out);
        }
        print_sections(&p, s);
        print_files(&p, s);
        print_volumes(&p, s);
        out_map_end(p.out);
        return out_finish(p.out, e);
}

int spec_print_yaml(const Spec *s, Buf *out, Err *e) {
        return print(s, OUT_YAML, out, e);
}

int spec_print_json(const Spec *s, Buf *out, Err *e) {
        return print(s, OUT_JSON, out, e);
}

int spec_print_dry_run(const Spec *s, Buf *out, Err *e) {
        return print(s, OUT_YAML_RAW, out, e);
}
