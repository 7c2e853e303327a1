/* build.c - `linuxkit build`: checks the options in the order of yaml.md 3, runs the pipeline once,
 * and hands the tree to every requested format.  All outputs of a build become visible together at
 * its end. */
#include "lib/build/build.h"
#include "lib/base/arch.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/build/format.h"
#include "lib/build/packages.h"
#include "lib/build/parts.h"
#include "lib/disk/authenticode.h"
#include "lib/oci/engine.h"
#include "lib/rootfs/assemble.h"
#include "lib/rootfs/sizereport.h"
#include "lib/spec/spec.h"

#include <errno.h>
#include <sys/stat.h>

/* --- options -------------------------------------------------------------------------------- */

typedef struct Plan {
        const BuildOptions *o;
        const Format **formats;
        size_t n_formats;
        char *arch;
        char *prefix; /* DIR/NAME */
        char *sbom;   /* NULL: none */
        int64_t mtime;
        uint64_t size; /* of disks, 0: not given */
        RootKind root;
} Plan;

static void plan_done(Plan *p) {
        free(p->formats);
        free(p->arch);
        free(p->prefix);
        free(p->sbom);
}

static int choose_formats(Plan *p, Err *e) {
        const BuildOptions *o = p->o;
        const char *fallback = o->output ? "tar" : "kernel+initrd";
        const char *const *names = o->n_formats ? o->formats : &fallback;
        size_t n = o->n_formats ? o->n_formats : 1;
        for (size_t i = 0; i < n; i++) {
                const Format *f = format_find(names[i]);
                if (f && f->streams && n > 1)
                        return err_set(e, ERR_USAGE, 0,
                                       "format type %s must be the only format specified",
                                       names[i]);
        }
        p->formats = xcalloc(n, sizeof *p->formats);
        for (size_t i = 0; i < n; i++) {
                p->formats[i] = format_find(names[i]);
                if (!p->formats[i]) {
                        err_set(e, ERR_USAGE, 0, "error parsing formats: unknown format type %s",
                                names[i]);
                        return err_hint(e, "linuxkit build --help lists the formats");
                }
        }
        p->n_formats = n;
        return 0;
}

static int check_output(const Plan *p, Err *e) {
        const BuildOptions *o = p->o;
        if (o->output && p->n_formats > 1)
                return err_set(e, ERR_USAGE, 0, "the --o option needs a single format");
        if (o->output && o->name)
                return err_set(e, ERR_USAGE, 0, "the --o option cannot be specified with --name");
        if (o->output && o->dir)
                return err_set(e, ERR_USAGE, 0, "the --o option cannot be specified with --dir");
        if (o->output && !p->formats[0]->streams)
                return err_set(e, ERR_USAGE, 0, "the --o option cannot be used with format %s",
                               p->formats[0]->name);
        if (!o->no_sbom && o->sbom_output && !*o->sbom_output)
                return err_set(e, ERR_USAGE, 0,
                               "error creating sbom generator: filename must be specified");
        return 0;
}

/* yaml.md 3: "NNNM" is in MiB, "NNNG" and "NNN" in GiB, nothing is 0. Checked even when no format
 * makes a disk. */
static int read_size(const char *text, uint64_t *ret, Err *e) {
        *ret = 0;
        if (str_is_empty(text))
                return 0;
        _cleanup_free_ char *digits = xstrdup(text);
        size_t n = strlen(digits);
        unsigned shift = 30;
        uint64_t v = 0;
        if (digits[n - 1] == 'M' || digits[n - 1] == 'G') {
                shift = digits[n - 1] == 'M' ? 20 : 30;
                digits[n - 1] = '\0';
        }
        if (!str_to_u64(digits, &v) || v > (uint64_t)INT64_MAX >> shift)
                return err_set(e, ERR_USAGE, 0,
                               "--size %s: expected a number of GiB, or one with M or G", text);
        *ret = v << shift;
        return 0;
}

static int read_root(const char *text, RootKind *ret, Err *e) {
        static const RootKind kinds[] = { ROOT_SQUASHFS, ROOT_EROFS, ROOT_INITRD };
        *ret = ROOT_SQUASHFS;
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                if (str_eq(text, root_name(kinds[i])))
                        *ret = kinds[i];
        if (text && !str_eq(text, root_name(*ret)))
                return err_set(e, ERR_USAGE, 0,
                               "--disk-root %s: expected squashfs, erofs or initrd", text);
        return 0;
}

/* Before anything is fetched, and not for nothing: who asks for a signature must get one. */
static int check_signing(const Plan *p, Err *e) {
        const BuildOptions *o = p->o;
        _cleanup_signing_key_ SigningKey *key = NULL;
        if (!o->secureboot_key != !o->secureboot_cert)
                return err_set(e, ERR_USAGE, 0,
                               "--secureboot-key and --secureboot-cert go together");
        if (!o->secureboot_key)
                return 0;
        for (size_t i = 0; i < p->n_formats; i++) {
                Boot boot = format_boot(p->formats[i], p->arch);
                if (boot == BOOT_EFI || boot == BOOT_HYBRID)
                        return signing_key_load(o->secureboot_key, o->secureboot_cert, &key, e);
        }
        return err_set(e, ERR_USAGE, 0, "--secureboot-key: UEFI starts none of these formats");
}

static char *default_name(const BuildOptions *o) {
        const char *last = o->files[o->n_files - 1];
        if (str_eq(last, "-"))
                return xstrdup("moby");
        char *name = xstrdup(path_base(last));
        char *dot = strrchr(name, '.');
        if (dot && dot != name)
                *dot = 0;
        return name;
}

static int read_epoch(int64_t *ret, Err *e) {
        const char *text = getenv("SOURCE_DATE_EPOCH");
        uint64_t v = ASSEMBLE_T0;
        if (!str_is_empty(text) && (!str_to_u64(text, &v) || v > INT32_MAX))
                return err_set(e, ERR_USAGE, 0, "SOURCE_DATE_EPOCH: \"%s\" is not a time", text);
        *ret = (int64_t)v;
        return 0;
}

static int plan_make(const BuildOptions *o, Plan *p, Err *e) {
        if (!o->n_files)
                return err_set(e, ERR_USAGE, 0, "requires at least 1 arg(s), only received 0");
        p->o = o;
        if (choose_formats(p, e) < 0)
                return -1;
        if (!str_is_empty(o->input_tar) && o->pull)
                return err_set(e, ERR_USAGE, 0, "cannot use --input-tar and --pull together");
        if (o->bundle && o->pull)
                return err_set(e, ERR_USAGE, 0, "cannot use --bundle and --pull together");
        if (check_output(p, e) < 0 || read_size(o->size, &p->size, e) < 0 ||
            read_root(o->disk_root, &p->root, e) < 0 || read_epoch(&p->mtime, e) < 0)
                return -1;
        struct stat st;
        if (o->dir && stat(o->dir, &st) < 0)
                return err_set(e, ERR_USAGE, errno, "--dir %s", o->dir);
        if (o->dir && !S_ISDIR(st.st_mode))
                return err_set(e, ERR_USAGE, ENOTDIR, "--dir %s", o->dir);
        _cleanup_free_ char *name = o->name ? xstrdup(o->name) : default_name(o);
        p->prefix = path_join(o->dir, name);
        const Arch *arch = o->arch ? arch_find(o->arch) : NULL;
        if (o->arch && !arch)
                return err_set(e, ERR_USAGE, 0, "unknown arch \"%s\"", o->arch);
        p->arch = xstrdup(arch ? arch->go : arch_host());
        if (format_check(p->formats, p->n_formats, p->arch, e) < 0 || check_signing(p, e) < 0)
                return -1;
        p->sbom = o->no_sbom ? NULL : xstrdup(o->sbom_output ? o->sbom_output : "sbom.spdx.json");
        return 0;
}

/* W20: whatever its name, the file that is read must not be the one that is written. */
static int check_input_tar(const Plan *p, Err *e) {
        const char *input = p->o->input_tar;
        if (str_is_empty(input) || !p->formats[0]->streams)
                return 0;
        _cleanup_free_ char *output = format_stream_path(p->formats[0], p->o->output, p->prefix);
        struct stat a, b;
        bool same = str_eq(input, output) || (stat(input, &a) == 0 && stat(output, &b) == 0 &&
                                              a.st_dev == b.st_dev && a.st_ino == b.st_ino);
        return same ? err_set(e, ERR_USAGE, 0, "input-tar and output file cannot be the same") : 0;
}

/* --- the pipeline --------------------------------------------------------------------------- */

static int print_dry_run(const Spec *spec, Err *e) {
        _cleanup_buf_ Buf out = { 0 };
        if (spec_print_dry_run(spec, &out, e) < 0)
                return -1;
        buf_addc(&out, '\n');
        return fd_write_all(STDOUT_FILENO, out.data, out.len, "stdout", e);
}

/* stdout may be the image. */
static int write_size_report(const Tree *tree, const char *path, Err *e) {
        _cleanup_buf_ Buf out = { 0 };
        if (str_eq(path, "-")) {
                sizereport_text(tree, &out);
                return fd_write_all(STDERR_FILENO, out.data, out.len, "stderr", e);
        }
        sizereport_json(tree, &out);
        return file_write(path, out.data, out.len, 0644, e);
}

static int check_kernel(const Plan *p, const Tree *tree, Err *e) {
        for (size_t i = 0; i < p->n_formats; i++) {
                if (!p->formats[i]->kernel || boot_part(tree, "boot/kernel").size)
                        continue;
                err_set(e, ERR_USAGE, 0, "format %s: there is no kernel", p->formats[i]->name);
                return err_hint(e, "the build file needs a kernel section");
        }
        return 0;
}

static int write_outputs(const Plan *p, Cache *cache, const Rootfs *rootfs, Err *e) {
        const BuildOptions *o = p->o;
        FormatJob job = { .tree = rootfs_tree(rootfs),
                          .cache = cache,
                          .arch = p->arch,
                          .prefix = p->prefix,
                          .output = o->output,
                          .mtime = p->mtime,
                          .size = p->size };
        PartsOptions parts = { .root = p->root,
                               .registry = &o->registry,
                               .bootloader = o->bootloader,
                               .secure_key = o->secureboot_key,
                               .secure_cert = o->secureboot_cert,
                               .locked = o->locked };
        if (check_kernel(p, job.tree, e) < 0)
                return -1;
        log_info("Create outputs:");
        job.parts = parts_new(&job, &parts);
        int r = 0;
        for (size_t i = 0; i < p->n_formats && r == 0; i++)
                r = p->formats[i]->write(&job, p->formats[i], e);
        if (r == 0)
                r = job_commit(&job, e);
        job_done(&job);
        parts_free(job.parts);
        return r;
}

/* The last entry of a name is what a machine boots (yaml.md 19.2), whoever brought it. When that is
 * an init image, the user should know. */
static void warn_boot_parts(const Tree *t) {
        static const char *const names[] = { "boot/kernel", "boot/cmdline", "boot/ucode.cpio" };
        for (size_t k = 0; k < ARRAY_LEN(names); k++) {
                const Entry *last = NULL;
                for (size_t i = 0; i < tree_count(t); i++)
                        if (str_eq(tree_entry(t, i)->name, names[k]))
                                last = tree_entry(t, i);
                if (last && last->location && str_has_prefix(last->location, "init["))
                        log_warn("%s comes from %s (%s), not from the kernel section", names[k],
                                 last->location, last->source);
        }
}

/* Everything an assembly asks beside the spec and the cache; none of it need be there. */
typedef struct Helpers {
        Engine *engine;
        InputTar *input_tar;
} Helpers;

static int helpers_open(const Plan *p, const Pins *pins, const Spec *spec, Helpers *ret, Err *e) {
        if (p->o->docker && pins_any(pins)) {
                log_info("--docker: the engine is not asked, a lock file or bundle decides");
        } else if (p->o->docker && !p->o->pull) {
                _cleanup_err_ Err why = ERR_INIT;
                if (engine_new(&ret->engine, &why) < 0)
                        log_debug("--docker: %s", why.text);
        }
        if (str_is_empty(p->o->input_tar))
                return 0;
        return input_tar_open(p->o->input_tar, spec, &ret->input_tar, e);
}

static void helpers_done(Helpers *h) {
        engine_free(h->engine);
        input_tar_free(h->input_tar);
}

static int run(const Plan *p, Packages *packages, const Pins *pins, Cache *cache, const Spec *spec,
               Err *e) {
        if (pins_check(pins, spec, p->arch, e) < 0 ||
            packages_build(packages, cache, pins, p->arch, e) < 0)
                return -1;
        __attribute__((cleanup(helpers_done))) Helpers helpers = { 0 };
        if (helpers_open(p, pins, spec, &helpers, e) < 0)
                return -1;
        AssembleOptions a = {
                .images = { .cache = cache,
                            .arch = p->arch,
                            .pull = p->o->pull,
                            .registry = &p->o->registry,
                            .engine = helpers.engine },
                .mtime = p->mtime,
                .docker = p->formats[0]->dockerfile,
                .input_tar = helpers.input_tar,
                .decompress_kernel = p->o->decompress_kernel,
                .sbom_output = p->sbom,
                .sbom_current_time = p->o->sbom_current_time,
                .keep_dirs = p->o->keep_dirs,
                .dedup = p->o->dedup,
                .relative_source = p->o->relative_source,
                .strict = p->o->strict,
        };
        pins_apply(pins, &a.images);
        Rootfs *rootfs = NULL;
        if (assemble(spec, &a, &rootfs, e) < 0)
                return -1;
        warn_boot_parts(rootfs_tree(rootfs));
        int r = write_outputs(p, cache, rootfs, e);
        if (r == 0 && p->o->size_report)
                r = write_size_report(rootfs_tree(rootfs), p->o->size_report, e);
        rootfs_free(rootfs);
        return r;
}

/* What was damaged has left the cache by now, and the bundle has it. */
static bool bundle_helps(const BuildOptions *o, const Err *e) {
        return o->bundle && !str_eq(o->bundle, "-") &&
               (e->kind == ERR_VERIFY || e->kind == ERR_NETWORK);
}

static int open_and_run(const Plan *p, Packages *packages, const Spec *spec, Err *e) {
        const BuildOptions *o = p->o;
        const PinOptions options = { .files = o->files,
                                     .n_files = o->n_files,
                                     .lock_file = o->lock_file,
                                     .locked = o->locked,
                                     .pull = o->pull,
                                     .bundle = o->bundle };
        Cache *cache = NULL;
        Pins *pins = NULL;
        int r = cache_open(o->cache, &cache, e);
        if (r == 0)
                r = pins_open(&options, cache, &pins, e);
        if (r == 0)
                r = run(p, packages, pins, cache, spec, e);
        if (r < 0 && pins && bundle_helps(o, e)) {
                log_warn("%s; building again with what the bundle has", e->text);
                err_clear(e);
                pins_free(take(pins));
                r = pins_open(&options, cache, &pins, e);
                if (r == 0)
                        r = run(p, packages, pins, cache, spec, e);
        }
        if (r < 0 && pins && e->kind == ERR_DAMAGED) { /* the cache has lost the bad file by now */
                log_warn("%s; building again without it", e->text);
                err_clear(e);
                cache_distrust(cache);
                r = run(p, packages, pins, cache, spec, e);
        }
        pins_free(pins);
        cache_free(cache);
        return r;
}

int build_run(const BuildOptions *o, Err *e) {
        __attribute__((cleanup(plan_done))) Plan plan = { 0 };
        if (plan_make(o, &plan, e) < 0)
                return -1;
        Spec *spec = NULL;
        if (spec_load(o->files, o->n_files, &spec, e) < 0)
                return -1;
        Packages *packages = packages_new(&o->registry, o->locked);
        int r = spec_resolve(spec, packages_reference, packages, e);
        if (r == 0 && o->dry_run) {
                r = print_dry_run(spec, e);
        } else if (r == 0) {
                r = check_input_tar(&plan, e);
                if (r == 0)
                        r = open_and_run(&plan, packages, spec, e);
        }
        packages_free(packages);
        spec_free(spec);
        return r;
}
