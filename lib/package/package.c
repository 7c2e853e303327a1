/* package.c - opens a component package: reads build.yml, works out its name.  Nothing is built
 * here and no network is touched; see native.c for the building. */
#include "lib/package/package.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/ref.h"
#include "lib/base/str.h"
#include "lib/package/config.h"
#include "lib/package/internal.h"
#include "lib/spec/keys.h"

/* What build.yml may hold and only a build with a Dockerfile uses: checked for its kind, otherwise
 * left alone. */
typedef struct Unused {
        Str dockerfile, from_file, target, target_dir;
        Bool network, disable_cache;
        StrList build_args, images;
} Unused;

typedef struct BuildYml {
        Str image, org, tag, gitrepo, package;
        StrList arches, extra_sources;
        const Node *config, *native;
        Unused unused;
} BuildYml;

static void key_node(Problems *p, const Node *n, void *slot) {
        (void)p;
        *(const Node **)slot = n;
}

static void read_docker_images(Problems *p, const Node *n, void *slot) {
        static const ReadKey keys[] = {
                { "list", key_str_list, offsetof(Unused, images) },
                { "from-file", key_str, offsetof(Unused, from_file) },
                { "target", key_str, offsetof(Unused, target) },
                { "target-dir", key_str, offsetof(Unused, target_dir) },
        };

        keys_read(p, n, "docker-images", keys, ARRAY_LEN(keys), slot);
}

static void read_depends(Problems *p, const Node *n, void *slot) {
        static const ReadKey keys[] = { { "docker-images", read_docker_images, 0 } };

        keys_read(p, n, "depends", keys, ARRAY_LEN(keys), slot);
}

static void read_yml(Problems *p, const Node *root, BuildYml *y) {
        static const ReadKey keys[] = {
                { "image", key_str, offsetof(BuildYml, image) },
                { "org", key_str, offsetof(BuildYml, org) },
                { "tag", key_str, offsetof(BuildYml, tag) },
                { "dockerfile", key_str, offsetof(BuildYml, unused.dockerfile) },
                { "arches", key_str_list, offsetof(BuildYml, arches) },
                { "extra-sources", key_str_list, offsetof(BuildYml, extra_sources) },
                { "gitrepo", key_str, offsetof(BuildYml, gitrepo) },
                { "network", key_bool, offsetof(BuildYml, unused.network) },
                { "disable-cache", key_bool, offsetof(BuildYml, unused.disable_cache) },
                { "buildArgs", key_str_list, offsetof(BuildYml, unused.build_args) },
                { "config", key_node, offsetof(BuildYml, config) },
                { "depends", read_depends, offsetof(BuildYml, unused) },
                { "native", key_node, offsetof(BuildYml, native) },
                { "package", key_str, offsetof(BuildYml, package) },
        };
        const char *below;

        keys_read(p, root, "build.yml", keys, ARRAY_LEN(keys), y);
        below = y->package.text;
        if (below && root->n > 1)
                problem_add(p, root->pos, "beside \"package\" there can be no other key");
        else if (below && (!*below || *below == '.' || strchr(below, '/')))
                problem_add(p, y->package.pos, "\"%s\" is no folder in this one", below);
        else if (root->kind == NODE_MAPPING && !below && str_is_empty(y->image.text))
                problem_add(p, root->pos, "the key \"image\" is required");
}

/* pkg.md 1: a list that is not given means these three. */
static void set_arches(Package *p, const StrList *given) {
        static const char *const defaults[] = { "amd64", "arm64", "riscv64", NULL };
        size_t n = given->set ? given->n : ARRAY_LEN(defaults) - 1;

        p->arch_list = arena_alloc(p->arena, (n + 1) * sizeof(char *));
        for (size_t i = 0; i < n; i++)
                p->arch_list[i] = given->set ? given->items[i].text : defaults[i];
}

static int make_label(Package *p, Problems *problems, const Node *config, Err *e) {
        _cleanup_buf_ Buf json = { 0 };
        Settings settings;

        if (!config || config->kind == NODE_NULL)
                return 0;
        config_print(problems, config, &json);
        if (problems->n)
                return 0; /* reported by the caller */
        p->label = arena_strdup(p->arena, json.data);

        if (spec_parse_label(p->arena, p->label, p->yml, &settings, e) == 0)
                return 0;

        /* again over what the user wrote, for the positions */
        SchemaWalk walk = { .arena = p->arena, .problems = problems };
        ImageEntry entry = { 0 };

        schema_read(&walk, &schema_label, config, &entry);
        buf_done(&walk.path);
        return problems->n ? 0 : -1;
}

static int read_file(Package *p, Err *e) {
        _cleanup_problems_ Problems problems = { .arena = p->arena };
        _cleanup_free_ char *text = NULL;
        size_t len;
        BuildYml y = { 0 };

        if (file_read(p->yml, YAML_MAX_TEXT, &text, &len, e) < 0)
                return -1;
        hash_bytes(text, len, &p->yml_digest);

        const char *file = problems_file(&problems, p->yml);
        const Node *root = yaml_parse(text, len, file, &problems);

        if (root && root->kind == NODE_NULL)
                problem_add(&problems, (Pos){ .file = file, .line = 1, .column = 1 },
                            "the file is empty");
        else if (root)
                read_yml(&problems, root, &y);
        p->image = y.image;
        p->org = y.org;
        p->tag_template = y.tag;
        p->gitrepo = y.gitrepo;
        p->below = y.package;
        p->arches = y.arches;
        p->extra_sources = y.extra_sources;
        set_arches(p, &y.arches);
        p->native = y.native != NULL;
        if (p->native)
                recipe_read(&problems, y.native, &p->recipe);
        if (make_label(p, &problems, y.config, e) < 0)
                return -1;
        return problems_report(&problems, e);
}

/* "SRC:DST", SRC relative to the package. */
static int read_sources(Package *p, TagSource **ret, Err *e) {
        TagSource *sources = arena_alloc(p->arena, (p->extra_sources.n + 1) * sizeof(*sources));

        for (size_t i = 0; i < p->extra_sources.n; i++) {
                const Str *s = &p->extra_sources.items[i];
                const char *colon = strchr(s->text, ':');

                if (!colon || strchr(colon + 1, ':') || colon == s->text)
                        return spec_err(e, s->pos, "bad source format in \"%s\", expected SRC:DST",
                                        s->text);

                _cleanup_free_ char *src = xstrndup(s->text, (size_t)(colon - s->text));
                _cleanup_free_ char *path = path_join(p->real, src);
                _cleanup_free_ char *real = realpath(path, NULL);

                if (!real)
                        return spec_err(e, s->pos, "extra source \"%s\": %s", src, strerror(errno));
                sources[i].path = arena_strdup(p->arena, real);
                sources[i].name = colon[1] ? colon + 1 : "/";
        }
        *ret = sources;
        return 0;
}

/* pkg.md 2.1 */
static int work_out_org(const Package *p, const PackageOptions *o, const char **ret, Err *e) {
        const char *env = getenv("LINUXKIT_PKG_ORG"), *user = getenv("USER");

        if (o->org)
                *ret = o->org;
        else if (!str_is_empty(env))
                *ret = env;
        else if (o->dev && str_is_empty(user))
                return err_set(e, ERR_USAGE, 0, "--dev needs the variable USER");
        else if (o->dev)
                *ret = user;
        else
                *ret = str_is_empty(p->org.text) ? "linuxkit" : p->org.text;
        return 0;
}

static int work_out_hash(Package *p, const PackageOptions *o, const char **ret, Err *e) {
        TagSource *sources = NULL;
        TagOptions tag = {
                .dir = p->real,
                .commit = o->hash_commit,
                .path = o->hash_path,
                .force_dirty = o->force_dirty,
                .n_sources = p->extra_sources.n,
        };

        if (read_sources(p, &sources, e) < 0)
                return -1;
        tag.sources = sources;
        if (tag_compute(&tag, &p->git, e) < 0)
                return -1;
        *ret = o->hash ? o->hash : o->dev ? "dev" : p->git.hash;
        if (!o->hash && !o->dev && !p->git.commit && !p->native)
                *ret = ""; /* as the reference: "latest" */
        return 0;
}

static int work_out_name(Package *p, const PackageOptions *o, Err *e) {
        _cleanup_ref_ Ref ref = { 0 };
        _cleanup_free_ char *tag = NULL;
        const char *template = o->tag ? o->tag : p->tag_template.text, *org = NULL, *hash = NULL;

        if (work_out_org(p, o, &org, e) < 0 || work_out_hash(p, o, &hash, e) < 0)
                return -1;
        if (tag_expand(template ? template : "{{.Hash}}", hash, &tag, e) < 0)
                return -1;
        p->name = arena_printf(p->arena, "%s/%s:%s", org, p->image.text, *tag ? tag : "latest");
        if (ref_parse(p->name, &ref, e) < 0)
                return err_wrap(e, "name of the package");
        p->ref = arena_strdup(p->arena, ref.text);
        return 0;
}

static int read_folder(const char *dir, const PackageOptions *o, Package **ret, Err *e) {
        _cleanup_free_ char *real = realpath(dir, NULL), *yml = NULL, *lock = NULL;
        Package *p;

        if (!real)
                return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "package %s",
                               dir);
        yml = path_join(dir, o->build_yml ? o->build_yml : "build.yml");
        lock = path_join(dir, TAG_LOCK_FILE);
        p = xcalloc(1, sizeof(*p));
        p->arena = arena_new();
        p->dir = arena_strdup(p->arena, dir);
        p->real = arena_strdup(p->arena, real);
        p->yml = arena_strdup(p->arena, yml);
        p->lock_path = arena_strdup(p->arena, lock);
        if (read_file(p, e) < 0) {
                package_free(p);
                return -1;
        }
        *ret = p;
        return 0;
}

/* The package that the folder is, or the one below that it stands for. */
static int find_package(const char *dir, const PackageOptions *o, Package **ret, Err *e) {
        Package *outer, *p = NULL;
        int r;

        if (read_folder(dir, o, &outer, e) < 0)
                return -1;
        if (!outer->below.text) {
                *ret = outer;
                return 0;
        }
        _cleanup_free_ char *below = path_join(dir, outer->below.text);

        r = read_folder(below, o, &p, e);
        if (r == 0 && p->below.text)
                r = spec_err(e, p->below.pos,
                             "a package cannot stand for another one that does so");
        if (r < 0) {
                package_free(p);
                err_wrap(e, "%s", outer->yml);
        } else {
                *ret = p;
        }
        package_free(outer);
        return r;
}

int package_open(const char *dir, const PackageOptions *o, Package **ret, Err *e) {
        Package *p;

        if (find_package(dir, o, &p, e) < 0)
                return -1;
        if (work_out_name(p, o, e) < 0) {
                package_free(p);
                return -1;
        }
        *ret = p;
        return 0;
}

void package_free(Package *p) {
        if (!p)
                return;
        tag_done(&p->git);
        arena_free(p->arena);
        free(p);
}

const char *package_ref(const Package *p) {
        return p->ref;
}

const char *package_tag(const Package *p) {
        return p->name;
}

bool package_is_native(const Package *p) {
        return p->native;
}

const char *const *package_arches(const Package *p) {
        return (const char *const *)p->arch_list;
}
