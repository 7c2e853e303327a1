/* kmodules_fuzz.c - any bytes as modules.dep, modules.builtin and modules.alias at once; every
 * module that is planned must come after what it needs, and once. */
#include <stdint.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/build/kmodules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add(Tree *t, const char *name, const void *p, size_t n) {
        Entry entry = { .name = name, .type = ENTRY_FILE, .content = content_bytes(p, n) };
        tree_add(t, &entry);
}

static void touch(void *ctx, const char *pattern, size_t len, const KModule *m) {
        *(size_t *)ctx += len + (size_t)pattern[0] + (size_t)m->name[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const files[] = { "a.ko", "b.ko", "c-d.ko.xz", "kernel/e.ko" };
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_kmodules_ KModules *k = NULL;
        KModuleList l = { 0 };
        size_t sum = 0;
        Tree *t = tree_new();
        add(t, "lib/modules/1/modules.dep", data, size);
        add(t, "lib/modules/1/modules.builtin", data, size);
        add(t, "lib/modules/1/modules.alias", data, size);
        for (size_t i = 0; i < ARRAY_LEN(files); i++) {
                _cleanup_free_ char *name = xasprintf("lib/modules/1/%s", files[i]);
                add(t, name, data, size);
        }
        if (kmodules_open(t, &k, &e) == 0) {
                Arena *arena = arena_new();
                Content c;
                if (kmodules_add(k, "a", &l, &e) == 0 && kmodules_add(k, "c_d", &l, &e) == 0 &&
                    kmodules_add(k, "e", &l, &e) == 0)
                        kmodules_each_alias(k, &l, touch, &sum);
                for (size_t i = 0; i < l.n; i++) {
                        for (size_t j = 0; j < i; j++)
                                if (l.items[i] == l.items[j])
                                        abort();
                        kmodules_load(l.items[i], arena, &c, NULL);
                }
                kmodules_is_builtin(k, "a");
                arena_free(arena);
        }
        kmodules_list_done(&l);
        tree_free(t);
        return 0;
}
