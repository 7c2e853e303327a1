/* pkg.c - `linuxkit pkg`: component images from directories with a build.yml.
 *
 * Progress of `pkg build` goes to standard output, because scripts of package repositories read it
 * there (pkg.md 5.3); everything else that is said goes to stderr as usual. */
#include "lib/package/package.h"

#include <stdio.h>

#include "cmd/linuxkit/cmd.h"
#include "lib/base/arch.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

static const Flag group_flags[] = {
        { "build-yml", 0, FLAG_STRING, "NAME", "build.yml",
          "name of the file that describes a package", NULL },
        { "org", 0, FLAG_STRING, "ORG", NULL,
          "organisation in image names (default $LINUXKIT_PKG_ORG, else as in the build.yml)",
          NULL },
        { "tag", 0, FLAG_STRING, "TAG", NULL,
          "tag instead of the one of the build.yml; {{.Hash}} stands for the content hash", NULL },
        { "hash", 0, FLAG_STRING, "HASH", NULL, "content hash to use instead of the computed one",
          NULL },
        { "hash-commit", 0, FLAG_STRING, "COMMIT", NULL,
          "commit to take the hash from (default HEAD)", NULL },
        { "hash-path", 0, FLAG_STRING, "DIR", NULL,
          "directory whose hash is taken (default: the package's)", NULL },
        { "force-dirty", 0, FLAG_BOOL, NULL, NULL, "treat the work tree as changed", NULL },
        { "dev", 0, FLAG_BOOL, NULL, NULL, "organisation $USER and hash \"dev\", for development",
          NULL },
        { 0 },
};

static PackageOptions options(const Context *c) {
        const Args *a = c->args;
        return (PackageOptions){
                .build_yml = args_string(a, "build-yml"),
                .org = args_string(a, "org"),
                .tag = args_string(a, "tag"),
                .hash = args_string(a, "hash"),
                .hash_commit = args_string(a, "hash-commit"),
                .hash_path = args_string(a, "hash-path"),
                .dev = args_bool(a, "dev"),
                .force_dirty = args_bool(a, "force-dirty"),
                .registry = &c->registry,
        };
}

typedef struct Packages {
        Package **items;
        size_t n;
} Packages;

static void packages_done(Packages *p) {
        for (size_t i = 0; i < p->n; i++)
                package_free(p->items[i]);
        free(p->items);
}

/* Opens all directories, so that nothing is done or printed when one of them is wrong. */
static int packages_open(const Context *c, const PackageOptions *o, Packages *ret, Err *e) {
        ret->items = xcalloc(c->args->n_words, sizeof(Package *));
        for (size_t i = 0; i < c->args->n_words; i++) {
                if (package_open(c->args->words[i], o, &ret->items[i], e) < 0)
                        return -1;
                ret->n++;
        }
        return 0;
}

/* --- which architectures -------------------------------------------------------------------- */

/* clang-format off */
#define ARCH_FLAGS                                                                                \
        { "platforms", 0, FLAG_CSV, "OS/ARCH", NULL, "platforms, as linux/ARCH", NULL },          \
        { "arch", 0, FLAG_CSV, "ARCH", NULL, "the same as --platforms linux/ARCH", arch_choices }
#define MIRROR_FLAG                                                                               \
        { "debian-mirror", 0, FLAG_STRING, "URL", NULL,                                           \
          "Debian archive to use (default $LINUXKIT_DEBIAN_MIRROR, else as this machine's apt)",  \
          NULL }
/* clang-format on */

static const char *go_name(const char *arch) {
        const Arch *a = arch_find(arch);
        return a ? a->go : arch;
}

/* The architectures asked for, NULL-terminated, in the arena of the arguments; *ret NULL: none
 * given. */
static int wanted_arches(const Context *c, const char *const **ret, Err *e) {
        size_t n_platforms, n_arches, n = 0;
        const char *const *platforms = args_list(c->args, "platforms", &n_platforms);
        const char *const *arches = args_list(c->args, "arch", &n_arches);
        const char **list =
                arena_alloc(c->args->arena, (n_platforms + n_arches + 2) * sizeof(*list));
        for (size_t i = 0; i < n_platforms; i++) {
                if (!str_has_prefix(platforms[i], "linux/") || !platforms[i][6])
                        return err_set(e, ERR_USAGE, 0,
                                       "invalid target platform specification '%s'", platforms[i]);
                list[n++] = go_name(platforms[i] + strlen("linux/"));
        }
        for (size_t i = 0; i < n_arches; i++)
                list[n++] = go_name(arches[i]);
        *ret = n ? list : NULL;
        return 0;
}

static int check_arch(const Package *p, const char *arch, Err *e) {
        _cleanup_buf_ Buf known = { 0 };
        for (const char *const *a = package_arches(p); *a; a++) {
                if (str_eq(*a, arch))
                        return 0;
                buf_addf(&known, "%s%s", known.len ? ", " : "", *a);
        }
        return err_set(e, ERR_USAGE, 0, "package %s is not made for %s, only for %s",
                       package_tag(p), arch, known.len ? known.data : "nothing");
}

static int check_arches(const Packages *p, const char *const *arches, Err *e) {
        for (size_t i = 0; i < p->n; i++)
                for (const char *const *a = arches; a && *a; a++)
                        if (check_arch(p->items[i], *a, e) < 0)
                                return -1;
        return 0;
}

/* --- pkg build ------------------------------------------------------------------------------ */

static const Flag build_flags[] = {
        ARCH_FLAGS,
        { "force", 0, FLAG_BOOL, NULL, NULL, "build even if the cache has the package", NULL },
        { "locked", 0, FLAG_BOOL, NULL, NULL, "build exactly what the lock file says, or fail",
          NULL },
        MIRROR_FLAG,
        { "programs", 0, FLAG_STRING, "DIR", NULL,
          "compiled programs, as DIR/ARCH/NAME (default $LINUXKIT_PROGRAMS, else build/target "
          "of the checkout)",
          NULL },
        { 0 },
};

/* list gets what was done; NULL: it is said on standard output. */
static int build_one(Package *p, const PackageOptions *o, const char *const *arches, json_t *list,
                     Err *e) {
        if (!list)
                printf("Building \"%s\"\n", package_tag(p));
        for (const char *const *arch = arches; *arch; arch++) {
                fflush(stdout);
                bool built = false;
                if (package_build(p, o, *arch, &built, e) < 0)
                        return err_wrap(e, "package %s for %s", package_tag(p), *arch);
                if (list)
                        json_array_append_new(list,
                                              json_pack("{s:s, s:s, s:b}", "name", package_ref(p),
                                                        "arch", *arch, "built", built));
                else if (built)
                        printf("built %s for arch %s\n", package_ref(p), *arch);
                else
                        printf("found %s in local cache, skipping build\n", package_ref(p));
        }
        return 0;
}

static int run_build(Context *c, Err *e) {
        _cleanup_cache_ Cache *cache = NULL;
        _cleanup_(packages_done) Packages packages = { 0 };
        const char *const here[] = { arch_host(), NULL };
        const char *const *arches;
        PackageOptions o = options(c);
        o.force = args_bool(c->args, "force");
        o.locked = args_bool(c->args, "locked");
        o.mirror = args_string(c->args, "debian-mirror");
        o.programs = args_string(c->args, "programs");
        if (wanted_arches(c, &arches, e) < 0 || packages_open(c, &o, &packages, e) < 0)
                return -1;
        if (!arches)
                arches = here;
        if (check_arches(&packages, arches, e) < 0 || cache_open(c->cache, &cache, e) < 0)
                return -1;
        o.cache = cache;
        json_t *list = json_wanted(c) ? json_array() : NULL;
        for (size_t i = 0; i < packages.n; i++)
                if (build_one(packages.items[i], &o, arches, list, e) < 0) {
                        json_decref(list);
                        return -1;
                }
        if (list)
                return json_result(list, e);
        printf("Build complete, not pushing, all done.\n");
        return 0;
}

static const Command build = {
        .name = "build",
        .args = "DIR...",
        .help = "Build packages into the cache",
        .text = "Each DIR holds a build.yml. Packages are built one after another, for this "
                "machine's "
                "architecture unless others are named; one that the cache already has is left "
                "alone.",
        .flags = build_flags,
        .min_args = 1,
        .max_args = -1,
        .takes_files = true,
        .run = run_build,
};

/* --- pkg show-tag --------------------------------------------------------------------------- */

static const Flag show_tag_flags[] = {
        { "canonical", 0, FLAG_BOOL, NULL, NULL, "with the registry: docker.io/ORG/IMAGE:TAG",
          NULL },
        { 0 },
};

static int run_show_tag(Context *c, Err *e) {
        _cleanup_(packages_done) Packages packages = { 0 };
        PackageOptions o = options(c);
        if (packages_open(c, &o, &packages, e) < 0)
                return -1;
        bool canonical = args_bool(c->args, "canonical");
        json_t *list = json_array();
        for (size_t i = 0; i < packages.n; i++) {
                const Package *p = packages.items[i];
                json_array_append_new(list,
                                      json_string(canonical ? package_ref(p) : package_tag(p)));
                if (!json_wanted(c))
                        puts(canonical ? package_ref(p) : package_tag(p));
        }
        if (json_wanted(c))
                return json_result(list, e);
        json_decref(list);
        return 0;
}

static const Command show_tag = {
        .name = "show-tag",
        .args = "DIR...",
        .help = "Show the image names of packages",
        .flags = show_tag_flags,
        .min_args = 1,
        .max_args = -1,
        .takes_files = true,
        .run = run_show_tag,
};

/* --- pkg lock ------------------------------------------------------------------------------- */

static const Flag lock_flags[] = { ARCH_FLAGS, MIRROR_FLAG, { 0 } };

static int lock_one(Package *p, const PackageOptions *o, const char *const *arches, Err *e) {
        for (const char *const *arch = arches ? arches : package_arches(p); *arch; arch++) {
                log_info("resolving %s for %s", package_tag(p), *arch);
                if (package_lock(p, o, *arch, e) < 0)
                        return err_wrap(e, "package %s for %s", package_tag(p), *arch);
        }
        return 0;
}

static int run_lock(Context *c, Err *e) {
        _cleanup_cache_ Cache *cache = NULL;
        _cleanup_(packages_done) Packages packages = { 0 };
        const char *const *arches;
        PackageOptions o = options(c);
        o.mirror = args_string(c->args, "debian-mirror");
        if (wanted_arches(c, &arches, e) < 0 || packages_open(c, &o, &packages, e) < 0 ||
            check_arches(&packages, arches, e) < 0 || cache_open(c->cache, &cache, e) < 0)
                return -1;
        o.cache = cache;
        for (size_t i = 0; i < packages.n; i++)
                if (lock_one(packages.items[i], &o, arches, e) < 0)
                        return -1;
        return 0;
}

static const Command lock = {
        .name = "lock",
        .args = "DIR...",
        .help = "Choose the Debian packages of native packages afresh",
        .text = "Resolves what the build.yml of each DIR asks for against the Debian archive of "
                "today "
                "and rewrites its lock file, for all architectures of the package unless some are "
                "named.",
        .flags = lock_flags,
        .min_args = 1,
        .max_args = -1,
        .takes_files = true,
        .run = run_lock,
};

static const Command *const commands[] = { &build, &lock, &show_tag, NULL };

const Command cmd_pkg = {
        .name = "pkg",
        .help = "Build component packages",
        .flags = group_flags,
        .commands = commands,
};
