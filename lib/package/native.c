/* native.c - builds a component image from its native recipe.
 *
 * The order matters: cheap things first.  Whether anything has to be done is decided from digests
 * alone, without apt and without the network; that is the path nearly every build takes. */
#include "lib/package/package.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/package/apt.h"
#include "lib/package/closure.h"
#include "lib/package/debs.h"
#include "lib/package/depmod.h"
#include "lib/package/elf.h"
#include "lib/package/folder.h"
#include "lib/package/internal.h"
#include "lib/package/lock.h"
#include "lib/package/pack.h"
#include "lib/package/packsbom.h"
#include "lib/package/select.h"
#include "lib/rootfs/assemble.h"

enum { CHUNK = 1 << 18 };

/* Part of the inputs: to be changed whenever the same recipe gives other bytes. */
static const char recipe_format[] = "linuxkit recipe 2";

typedef struct Build {
        Package *p;
        const PackageOptions *o;
        const char *arch;
        Folder folder;
        Lock lock;
        Apt *apt;
        LockSection
                resolved; /* used instead of the lock when that is stale, absent or out of date */
        const LockSection *use; /* what this build takes packages from */
        char *request;          /* of the recipe, see lock.h */
} Build;

static void build_done(Build *b) {
        folder_done(&b->folder);
        lock_done(&b->lock);
        apt_free(b->apt);
        lock_section_done(&b->resolved);
        free(b->request);
}

static bool has_packages(const Build *b) {
        return b->p->recipe.packages.n != 0;
}

/* --- lock file ------------------------------------------------------------------------------ */

static char *make_request(const Recipe *r) {
        Buf b = { 0 };

        buf_adds(&b, r->suite.text);
        for (size_t i = 0; i < r->packages.n; i++)
                buf_addf(&b, " %s%s", r->packages.items[i].name.text,
                         r->packages.items[i].depends.value ? "" : "!");
        return buf_steal(&b);
}

static int load_lock(Build *b, Err *e) {
        Err why = ERR_INIT;

        b->request = make_request(&b->p->recipe);
        if (!has_packages(b) || lock_load(b->p->lock_path, &b->lock, &why) == 0)
                return 0;
        if (why.kind == ERR_NOT_FOUND) {
                err_clear(&why);
                return 0;
        }
        err_move(e, &why);
        return -1;
}

/* The section of the lock file, unless it is for another request. */
static const LockSection *valid_section(const Build *b) {
        const LockSection *s = lock_section(&b->lock, b->arch);

        return s && str_eq(s->request, b->request) ? s : NULL;
}

/* A lock file that git tracks in a clean tree is left alone: writing to it would change the tag. */
static bool may_write_lock(const Build *b) {
        const char *const argv[] = {
                "git", "-C", b->p->real, "ls-files", "--error-unmatch", "--", TAG_LOCK_FILE, NULL
        };
        int status = 1;

        if (!b->p->git.commit || b->p->git.dirty)
                return true;
        return proc_run(argv, NULL, NULL, NULL, &status, NULL) < 0 || status != 0;
}

/* Keeps b->lock what the file says, also when writing fails. */
static int write_lock(Build *b, Err *e) {
        _cleanup_buf_ Buf old = { 0 }, text = { 0 };

        lock_print(&b->lock, &old);
        lock_set(&b->lock, &b->resolved);
        lock_print(&b->lock, &text);
        if (file_write(b->p->lock_path, text.data, text.len, 0644, e) == 0)
                return 0;
        lock_done(&b->lock);
        (void)lock_parse(old.data, b->p->lock_path, &b->lock, NULL); /* our own text */
        return -1;
}

/* --- inputs --------------------------------------------------------------------------------- */

static void add_input(Hash *h, const char *text) {
        hash_update(h, text ? text : "", strlen(text ? text : "") + 1);
}

static void add_item(Hash *h, const FolderItem *item) {
        char mode[32];

        snprintf(mode, sizeof(mode), "%c %04" PRIo32, item->type, item->mode);
        add_input(h, mode);
        add_input(h, item->to);
        add_input(h, item->link);
        add_input(h, item->type == ENTRY_FILE ? item->digest.text : "");
}

/* Everything the image depends on; the lock counts as it is in the file. */
static void compute_inputs(const Build *b, Digest *ret) {
        _cleanup_hash_ Hash *h = hash_new();
        _cleanup_buf_ Buf lock = { 0 };
        const LockSection *s = valid_section(b);

        add_input(h, recipe_format);
        add_input(h, b->p->yml_digest.text);
        add_input(h, b->arch);
        for (size_t i = 0; i < b->folder.n; i++)
                add_item(h, &b->folder.items[i]);
        if (s && has_packages(b)) {
                lock_section_print(s, &lock);
                add_input(h, lock.data);
        }
        hash_final(h, ret);
}

/* An image that was made here has its SBOM, unless something happened to the cache. */
static bool is_attested(const Build *b, const Image *image) {
        _cleanup_free_ Descriptor *list = NULL;
        size_t n;

        return image_attestations(b->o->cache, image, PREDICATE_SPDX, &list, &n, NULL) == 0 &&
               n == 1 && cache_has_blob(b->o->cache, &list[0].digest, list[0].size);
}

static bool is_current(const Build *b) {
        _cleanup_free_ char *have = image_annotation(b->o->cache, b->p->ref, b->arch, PACK_INPUTS);
        Image *image = NULL;
        Digest inputs;
        bool complete;

        if (!have)
                return false;
        compute_inputs(b, &inputs);
        if (!str_eq(have, digest_hex(&inputs)) ||
            image_open(b->o->cache, b->p->ref, b->arch, &image, NULL) < 0)
                return false;
        complete = is_attested(b, image);
        for (size_t i = 0; i < image->n_layers; i++)
                complete &= cache_has_blob(b->o->cache, &image->layers[i].digest,
                                           image->layers[i].size);
        image_free(image);
        return complete;
}

/* --- resolving ------------------------------------------------------------------------------ */

static int open_apt(Build *b, Err *e) {
        const char *mirror = b->o->mirror ? b->o->mirror : getenv("LINUXKIT_DEBIAN_MIRROR");
        _cleanup_free_ char *root = path_join(cache_dir(b->o->cache), "derived/apt");
        _cleanup_free_ char *absolute = NULL;
        const char *arch = apt_arch(b->arch);

        if (!arch)
                return err_set(e, ERR_SPEC, 0, "%s: Debian packages for %s are not supported",
                               b->p->dir, b->arch);
        if (dir_make(root, e) < 0)
                return -1;
        absolute = realpath(root,
                            NULL); /* apt resolves relative names against a directory of its own */

        const AptOptions o = {
                .root = absolute ? absolute : root,
                .suite = b->p->recipe.suite.text,
                .arch = arch,
                .mirror = str_is_empty(mirror) ? NULL : mirror,
        };

        return apt_open(&o, &b->apt, e);
}

/* A package that does not exist is a fault of the recipe, at the place of its name. */
static int resolve_err(const Build *b, Err *why, Err *e) {
        const RecipePackages *packages = &b->p->recipe.packages;

        for (size_t i = 0; why->kind == ERR_NOT_FOUND && i < packages->n; i++) {
                const Str *name = &packages->items[i].name;
                _cleanup_free_ char *quoted = xasprintf("\"%s\"", name->text);

                if (why->text && strstr(why->text, quoted))
                        return spec_err(e, name->pos, "%s", why->text);
        }
        err_move(e, why);
        return err_wrap(e, "%s", b->p->yml);
}

static int resolve(Build *b, Err *e) {
        const RecipePackages *packages = &b->p->recipe.packages;
        _cleanup_free_ AptRequest *req = xcalloc(packages->n + 1, sizeof(*req));
        _cleanup_err_ Err why = ERR_INIT;
        size_t n = 0;

        for (size_t i = 0; i < packages->n; i++)
                req[n++] = (AptRequest){ .name = packages->items[i].name.text,
                                         .depends = packages->items[i].depends.value };
        lock_section_done(&b->resolved);
        b->resolved.arch = xstrdup(b->arch);
        b->resolved.request = xstrdup(b->request);
        if (apt_resolve(b->apt, req, n, &b->resolved, &why) < 0)
                return resolve_err(b, &why, e);
        b->use = &b->resolved;
        return 0;
}

static int refuse_unlocked(const Build *b, Err *e) {
        err_set(e, ERR_SPEC, 0, "%s does not cover the packages of %s for %s", b->p->lock_path,
                b->p->yml, b->arch);
        return err_hint(e, "run `linuxkit pkg lock %s`", b->p->dir);
}

/* Decides which packages the build takes; writes the lock file when there was nothing valid in it.
 */
static int choose_packages(Build *b, Err *e) {
        _cleanup_err_ Err why = ERR_INIT;

        b->use = valid_section(b);
        if (open_apt(b, e) < 0)
                return -1;
        if (b->use)
                return 0;
        if (b->o->locked)
                return refuse_unlocked(b, e);
        if (resolve(b, e) < 0)
                return -1;
        if (!may_write_lock(b)) {
                log_warn("%s is committed and does not cover %s for %s; run `linuxkit pkg lock %s`",
                         b->p->lock_path, b->p->yml, b->arch, b->p->dir);
                return 0;
        }
        if (write_lock(b, &why) < 0)
                log_warn("no lock file: %s", why.text);
        else
                log_info("wrote %s", b->p->lock_path);
        return 0;
}

/* --- assembling ----------------------------------------------------------------------------- */

static int check_program(const Build *b, const FolderItem *item, const Content *c, Err *e) {
        _cleanup_arena_ Arena *arena = arena_new();
        Elf elf;
        int r = elf_read(c, arena, &elf, e);

        if (r < 0)
                return err_wrap(e, "%s", item->path);
        if (r == 0)
                return err_set(e, ERR_SPEC, 0, "%s is no program for %s", item->path, b->arch);
        if (elf.machine != elf_machine(b->arch))
                return err_set(e, ERR_SPEC, 0, "%s is a program for another architecture than %s",
                               item->path, b->arch);
        if (elf.interp || elf.n_needed)
                return err_set(e, ERR_SPEC, 0, "%s is not statically linked", item->path);
        return 0;
}

/* Copies a file of the folder into the spool; it must still be what was hashed. */
static int spool_item(const FolderItem *item, Spool *spool, Content *ret, Err *e) {
        uint64_t start = spool->blob.size, at = 0;
        _cleanup_fd_ int fd = open(item->path, O_RDONLY | O_CLOEXEC);
        _cleanup_free_ char *chunk = xmalloc(CHUNK);
        _cleanup_hash_ Hash *hash = hash_new();
        Digest digest;
        int64_t n;

        if (fd < 0)
                return err_set(e, ERR_IO, errno, "%s", item->path);
        while (at <= item->size && (n = fd_pread(fd, chunk, CHUNK, at, item->path, e)) != 0) {
                if (n < 0 || spool_add(spool, chunk, (size_t)n, e) < 0)
                        return -1;
                hash_update(hash, chunk, (size_t)n);
                at += (uint64_t)n;
        }
        hash_final(hash, &digest);
        if (!digest_eq(&digest, &item->digest))
                return err_set(e, ERR_IO, 0, "%s changed during the build", item->path);
        *ret = spool_since(spool, start);
        return 0;
}

static int add_folder(Build *b, Stage *s, Spool *spool, Err *e) {
        for (size_t i = 0; i < b->folder.n; i++) {
                const FolderItem *item = &b->folder.items[i];
                Entry entry = { .type = item->type,
                                .mode = item->mode,
                                .link = item->link,
                                .mtime = ASSEMBLE_T0 };

                if (item->type == ENTRY_FILE && spool_item(item, spool, &entry.content, e) < 0)
                        return -1;
                if (item->program && check_program(b, item, &entry.content, e) < 0)
                        return -1;
                if (stage_add(s, item->to, &entry, e) < 0)
                        return err_wrap(e, "%s", b->p->yml);
        }
        return 0;
}

static int fill_stage(Build *b, Debs *d, Stage *s, Spool *spool, Err *e) {
        const Recipe *r = &b->p->recipe;

        if (select_packages(r, d, s, e) < 0 || add_folder(b, s, spool, e) < 0 ||
            select_concats(r, d, s, spool, ASSEMBLE_T0, e) < 0)
                return -1;
        if (r->elf_closure.value && closure_add(s, d, b->arch, e) < 0)
                return err_wrap(e, "%s", b->p->yml);
        if (r->depmod.value && depmod_add(s, spool, debs_scratch(d), ASSEMBLE_T0, e) < 0)
                return err_wrap(e, "%s", b->p->yml);
        return pack_inner_tars(r, s, spool, ASSEMBLE_T0, e);
}

static void cleanup_debs_fn(Debs **d) {
        debs_free(*d);
}

/* *ret_gone: a package of the lock is offered no more. */
static int assemble_image(Build *b, bool *ret_gone, Err *e) {
        static const LockSection nothing;
        _cleanup_(spool_done) Spool spool = { .blob.fd = -1 };
        _cleanup_(cleanup_debs_fn) Debs *debs = NULL;
        _cleanup_stage_ Stage *s = stage_new();
        _cleanup_buf_ Buf spdx = { 0 };
        Digest inputs;

        if (debs_new(b->o->cache, b->apt, b->use ? b->use : &nothing, &debs, e) < 0)
                return -1;
        if (spool_open(debs_scratch(debs), &spool, e) < 0)
                return -1;
        if (fill_stage(b, debs, s, &spool, e) < 0) {
                *ret_gone = debs_gone(debs);
                return -1;
        }
        spool_seal(&spool);
        compute_inputs(b, &inputs);
        packsbom_print(b->p, debs, b->arch, &spdx);
        return pack_image(b->p, b->o->cache, b->arch, s, ASSEMBLE_T0, digest_hex(&inputs),
                          spdx.data, e);
}

static void warn_gone(const Build *b, const LockSection *old, const char *why) {
        log_warn("%s: %s; this build uses what is offered now", b->p->lock_path, why);
        for (size_t i = 0; i < old->n; i++) {
                const LockEntry *now = lock_section_find(b->use, old->entries[i].name);

                if (now && !str_eq(now->version, old->entries[i].version))
                        log_warn("%s: %s %s instead of %s", b->p->lock_path, now->name,
                                 now->version, old->entries[i].version);
        }
        log_warn("run `linuxkit pkg lock %s` to bring the lock file up to date", b->p->dir);
}

static int build(Build *b, Err *e) {
        _cleanup_err_ Err why = ERR_INIT;
        bool gone = false;

        if (has_packages(b) && choose_packages(b, e) < 0)
                return -1;
        if (assemble_image(b, &gone, &why) == 0)
                return 0;
        if (!gone || b->use == &b->resolved || b->o->locked) {
                if (b->use && b->use != &b->resolved && (gone || why.kind == ERR_VERIFY)) {
                        err_wrap(&why, "%s", b->p->lock_path);
                        err_hint(&why, "run `linuxkit pkg lock %s`", b->p->dir);
                }
                err_move(e, &why);
                return -1;
        }

        const LockSection *old = b->use;

        if (resolve(b, e) < 0)
                return -1;
        warn_gone(b, old, why.text);
        return assemble_image(b, &gone, e);
}

/* --- interface ------------------------------------------------------------------------------ */

static int check_buildable(const Package *p, const char *arch, Err *e) {
        if (!p->native) {
                err_set(e, ERR_SPEC, 0,
                        "%s: packages that are built from a Dockerfile are not supported", p->dir);
                return err_hint(e, "a `native:` recipe in %s is what can be built", p->yml);
        }
        for (size_t i = 0; p->arch_list[i]; i++)
                if (str_eq(p->arch_list[i], arch))
                        return 0;
        return err_set(e, ERR_SPEC, 0, "%s: the package is not for %s", p->yml, arch);
}

int package_build(Package *p, const PackageOptions *o, const char *arch, bool *ret_built, Err *e) {
        _cleanup_(build_done) Build b = { .p = p, .o = o, .arch = arch };

        if (ret_built)
                *ret_built = false;
        if (check_buildable(p, arch, e) < 0 || load_lock(&b, e) < 0)
                return -1;
        if (folder_list(p, o, arch, &b.folder, e) < 0)
                return -1;
        if (o->locked && has_packages(&b) && !valid_section(&b))
                return refuse_unlocked(&b, e);
        if (!o->force && is_current(&b))
                return 0;
        log_info("building %s for %s", p->name, arch);
        if (build(&b, e) < 0)
                return -1;
        if (ret_built)
                *ret_built = true;
        return 0;
}

int package_lock(Package *p, const PackageOptions *o, const char *arch, Err *e) {
        _cleanup_(build_done) Build b = { .p = p, .o = o, .arch = arch };

        if (check_buildable(p, arch, e) < 0 || load_lock(&b, e) < 0)
                return -1;
        if (!has_packages(&b))
                return 0;
        if (open_apt(&b, e) < 0 || resolve(&b, e) < 0)
                return -1;
        return write_lock(&b, e);
}
