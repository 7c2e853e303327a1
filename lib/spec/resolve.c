/* resolve.c - gives every image position its normal form; `@pkg:PATH` is turned into a reference by
 * whoever knows packages.  Only image positions are templates: a file that contains "@reboot" is
 * left alone (yaml.md 4.4, W18). */
#include "lib/base/str.h"
#include "lib/spec/fetch.h"
#include "lib/spec/spec.h"

#include "lib/base/ref.h"

typedef struct Resolver {
        Arena *arena;
        SpecPackageFn fn;
        void *ctx;
} Resolver;

/* The directory is relative to that of the FILE; stdin stands in the current directory. */
static int package_dir(const char *path, Pos pos, char **ret, Err *e) {
        if (!pos.file || source_is_url(pos.file))
                return spec_err(e, pos, "\"@pkg:%s\" needs a local build file", path);
        _cleanup_free_ char *base = path_dir(pos.file);
        _cleanup_free_ char *joined = path_join(base, path);
        *ret = path_clean(joined);
        return 0;
}

static int resolve_package(const Resolver *r, ImageRef *image, char **ret, Err *e) {
        Pos pos = image->text.pos;
        _cleanup_free_ char *dir = NULL;
        if (!r->fn)
                return spec_err(e, pos, "\"%s\" cannot be used here", image->text.text);
        if (package_dir(image->text.text + strlen("@pkg:"), pos, &dir, e) < 0)
                return -1;
        image->package_dir = arena_strdup(r->arena, dir);
        if (r->fn(r->ctx, dir, ret, e) < 0)
                return err_wrap(e, "%s:%u:%u: %s", pos.file, pos.line, pos.column,
                                image->text.text);
        return 0;
}

static int resolve_image(const Resolver *r, ImageRef *image, Err *e) {
        const char *text = image->text.text;
        if (str_is_empty(text))
                return 0;
        _cleanup_free_ char *of_package = NULL;
        _cleanup_ref_ Ref ref = { 0 };
        if (str_has_prefix(text, "@pkg:")) {
                if (resolve_package(r, image, &of_package, e) < 0)
                        return -1;
                text = of_package;
        }
        _cleanup_err_ Err why = ERR_INIT;
        if (ref_parse(text, &ref, &why) < 0)
                return spec_err(e, image->text.pos, "%s", why.text);
        image->ref = arena_strdup(r->arena, ref.text);
        return 0;
}

int spec_resolve(Spec *s, SpecPackageFn fn, void *ctx, Err *e) {
        Resolver r = { .arena = s->arena, .fn = fn, .ctx = ctx };
        if (resolve_image(&r, &s->kernel.image, e) < 0)
                return -1;
        for (size_t i = 0; i < s->n_init; i++)
                if (resolve_image(&r, &s->init[i], e) < 0)
                        return -1;
        for (size_t section = 0; section < SECTION_COUNT; section++)
                for (size_t i = 0; i < s->sections[section].n; i++)
                        if (resolve_image(&r, &s->sections[section].items[i].image, e) < 0)
                                return -1;
        for (size_t i = 0; i < s->n_volumes; i++)
                if (resolve_image(&r, &s->volumes[i].image, e) < 0)
                        return -1;
        return 0;
}
