/* packages.c - see packages.h. */
#include "lib/build/packages.h"

#include "lib/base/mem.h"
#include "lib/base/pool.h"
#include "lib/base/str.h"
#include "lib/package/package.h"

typedef struct Item {
        char *dir; /* as resolved; several places may name it */
        Package *package;
} Item;

struct Packages {
        Item *items;
        size_t n, cap;
        PackageOptions options;
        const Pins *pins;
        const char *arch;
};

Packages *packages_new(const RegistryOptions *registry, bool locked) {
        Packages *p = xcalloc(1, sizeof *p);
        p->options = (PackageOptions){ .registry = registry, .locked = locked };
        return p;
}

void packages_free(Packages *p) {
        if (!p)
                return;
        for (size_t i = 0; i < p->n; i++) {
                free(p->items[i].dir);
                package_free(p->items[i].package);
        }
        free(p->items);
        free(p);
}

int packages_reference(void *ctx, const char *dir, char **ret, Err *e) {
        Packages *p = ctx;
        _cleanup_free_ char *clean = path_clean(dir);
        for (size_t i = 0; i < p->n; i++) {
                if (str_eq(p->items[i].dir, clean)) {
                        *ret = xstrdup(package_ref(p->items[i].package));
                        return 0;
                }
        }
        Package *package = NULL;
        if (package_open(clean, &p->options, &package, e) < 0)
                return -1;
        *vec_push(p->items, p->n, p->cap) = (Item){ take(clean), package };
        *ret = xstrdup(package_ref(package));
        return 0;
}

/* A Dockerfile package is left to the cache and the registry: image_get says what is missing. */
static int build_one(void *ctx, size_t i, Err *e) {
        Packages *p = ctx;
        Package *package = p->items[i].package;
        bool built = false;
        if (!package_is_native(package) ||
            (p->pins && pins_has_package(p->pins, p->options.cache, package_ref(package), p->arch)))
                return 0;
        return package_build(package, &p->options, p->arch, &built, e);
}

int packages_build(Packages *p, Cache *c, const Pins *pins, const char *arch, Err *e) {
        p->options.cache = c;
        p->pins = pins;
        p->arch = arch;
        return pool_run(p->n, 0, build_one, p, e);
}
