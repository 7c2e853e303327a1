/* pins.c - see pins.h. */
#include "lib/build/pins.h"

#include "lib/base/log.h"
#include "lib/base/ref.h"
#include "lib/base/str.h"
#include "lib/build/specimages.h"
#include "lib/oci/import.h"
#include "lib/spec/fetch.h"

struct Pins {
        SpecLock lock;
        char *origin; /* file that lock came from; NULL: no lock */
        bool strict;  /* --locked or a bundle */
        bool offline;
        const char *bundle;
};

char *pins_lock_path(const char *const *files) {
        if (str_eq(files[0], "-") || source_is_url(files[0]))
                return xstrdup(SPECLOCK_FILE);
        _cleanup_free_ char *dir = path_dir(files[0]);
        return str_eq(dir, ".") ? xstrdup(SPECLOCK_FILE) : path_join(dir, SPECLOCK_FILE);
}

/* --- opening -------------------------------------------------------------------------------- */

static int open_bundle(Pins *p, Cache *c, bool use_lock, Err *e) {
        _cleanup_imported_ Imported imported = { 0 };
        const ImportOptions options = { .keep_names = true };
        if (import_archive(c, p->bundle, &options, &imported, e) < 0)
                return err_wrap(e, "bundle");
        p->offline = true;
        if (!use_lock)
                return 0;
        if (!imported.lock) {
                err_set(e, ERR_VERIFY, 0, "%s has no %s", p->bundle, SPECLOCK_FILE);
                return err_hint(e, "`linuxkit bundle` makes bundles; `linuxkit cache import` takes "
                                   "other archives");
        }
        if (speclock_parse(imported.lock, imported.lock_len, SPECLOCK_FILE, &p->lock, e) < 0)
                return err_wrap(e, "%s", p->bundle);
        p->origin = xstrdup(p->bundle);
        return 0;
}

static int open_lock(Pins *p, const PinOptions *o, Err *e) {
        _cleanup_free_ char *path = o->lock_file ? xstrdup(o->lock_file) : pins_lock_path(o->files);
        _cleanup_err_ Err why = ERR_INIT;
        if (speclock_load(path, &p->lock, &why) == 0) {
                p->origin = take(path);
                return 0;
        }
        if (why.kind == ERR_NOT_FOUND && !o->lock_file)
                return 0;
        err_move(e, &why);
        return -1;
}

static int open_pins(Pins *p, const PinOptions *o, Cache *c, Err *e) {
        if (o->bundle && open_bundle(p, c, !o->locked && !o->lock_file, e) < 0)
                return -1;
        if (p->origin)
                return 0;
        if (o->pull && !o->locked) {
                _cleanup_free_ char *path = pins_lock_path(o->files);
                SpecLock unused;
                if (speclock_load(path, &unused, NULL) == 0) {
                        log_info("--pull: %s is not looked at", path);
                        speclock_done(&unused);
                }
                return 0;
        }
        if (open_lock(p, o, e) < 0)
                return -1;
        if (p->origin)
                log_info("Images are those of %s", p->origin);
        return 0;
}

int pins_open(const PinOptions *o, Cache *c, Pins **ret, Err *e) {
        Pins *p = xcalloc(1, sizeof *p);
        p->strict = o->locked || o->bundle;
        p->bundle = o->bundle;
        if (open_pins(p, o, c, e) < 0) {
                pins_free(p);
                return -1;
        }
        *ret = p;
        return 0;
}

void pins_free(Pins *p) {
        if (!p)
                return;
        speclock_done(&p->lock);
        free(p->origin);
        free(p);
}

/* --- checking ------------------------------------------------------------------------------- */

static bool has_digest(const char *ref) {
        return strchr(ref, '@') != NULL;
}

static int refuse(const Pins *p, const SpecImage *image, const char *what, Err *e) {
        spec_err(e, image->pos, "%s: %s %s %s", image->who, image->ref, what,
                 p->origin ? p->origin : SPECLOCK_FILE);
        if (p->bundle && p->origin && str_eq(p->origin, p->bundle))
                return err_hint(e, "make the bundle again with `linuxkit bundle`; registries are "
                                   "not asked with --bundle");
        return err_hint(e, "run `linuxkit lock %s`",
                        image->pos.file && image->pos.file[0] != '-' ? image->pos.file : "FILE");
}

int pins_check(const Pins *p, const Spec *spec, const char *arch, Err *e) {
        _cleanup_arena_ Arena *arena = arena_new();
        size_t n;
        const SpecImage *images = specimages_list(spec, arena, &n);
        for (size_t i = 0; i < n; i++) {
                const SpecImage *image = &images[i];
                const LockedImage *locked = speclock_find(&p->lock, image->ref);
                /* packages have lock files of their own */
                bool exact = has_digest(image->ref) || (image->package && !p->origin);
                if (!locked && p->strict && !exact)
                        return refuse(p, image, "is not in", e);
                if (!locked && p->origin && !exact && !image->package)
                        log_info("%s: %s is not in %s: its tag decides", image->who, image->ref,
                                 p->origin);
                if (locked && locked->n && !image->layout && p->strict &&
                    (p->offline || !image->package) && !speclock_has(locked, arch)) {
                        _cleanup_free_ char *what = xasprintf("has no linux/%s in", arch);
                        return refuse(p, image, what, e);
                }
        }
        return 0;
}

/* --- use ------------------------------------------------------------------------------------ */

bool pins_any(const Pins *p) {
        return p->origin || p->offline;
}

/* Without a duty a package of the checkout is what its files make of it, now. */
static bool find_pin(const void *ctx, const char *ref, const char *arch, ImagePin *ret) {
        const Pins *p = ctx;
        const LockedImage *locked = speclock_find(&p->lock, ref);
        if (!locked || (locked->package && !p->strict))
                return false;
        const Digest *manifest = speclock_manifest(locked, arch);
        *ret = (ImagePin){ .root = locked->root };
        if (manifest)
                ret->manifest = *manifest;
        return true;
}

void pins_apply(const Pins *p, ImageSource *source) {
        source->offline = p->offline;
        source->pin = find_pin;
        source->pin_ctx = p;
}

bool pins_has_package(const Pins *p, Cache *c, const char *ref, const char *arch) {
        ImageSource source = { .cache = c, .arch = arch };
        ImagePin pin = { 0 };
        Image *image = NULL;
        if (!p->strict || !find_pin(p, ref, arch, &pin) || !pin.manifest.text[0])
                return false;
        pins_apply(p, &source);
        source.offline = true;
        if (image_get(&source, ref, &image, NULL) < 0)
                return false;
        image_free(image);
        return true;
}
