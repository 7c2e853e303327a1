/* kmodules.h - the kernel modules of an assembled root file system: what modules.dep,
 * modules.builtin and modules.alias say, and where the files are.
 *
 * The three texts come from an image and are hostile: sizes, numbers and depths are bounded, and a
 * name that is not in the tree is no module.  Names are compared as the kernel does, - and _ being
 * the same. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/str.h"
#include "lib/rootfs/tree.h"

typedef struct KModules KModules;

typedef struct KModule {
        const char *name; /* "virtio_blk", with _ only */
        const Entry *file;
        const char *deps; /* paths of modules.dep, separated by blanks; deps_len bytes */
        size_t deps_len;
} KModule;

/* Reads what t has below lib/modules; the tree must outlive the result.  A tree without modules
 * gives an empty set.  ERR_VERIFY for damaged lists, ERR_SPEC for modules of several kernels. */
int kmodules_open(const Tree *t, KModules **ret, Err *e);
void kmodules_free(KModules *k); /* k may be NULL */
static inline void cleanup_kmodules_fn(KModules **k) {
        kmodules_free(*k);
}
#define _cleanup_kmodules_ __attribute__((cleanup(cleanup_kmodules_fn)))

/* "6.1.0-56-cloud-amd64"; NULL when the tree has no modules. */
const char *kmodules_version(const KModules *k);
/* Is there a modules.builtin, so that "not built in" means something? */
bool kmodules_knows_builtin(const KModules *k);
bool kmodules_is_builtin(const KModules *k, const char *name);
/* NULL: no such module, or its file is missing. */
const KModule *kmodules_find(const KModules *k, const char *name);

/* A list of modules in the order in which they must go in, each once. */
typedef struct KModuleList {
        const KModule **items;
        size_t n, cap;
} KModuleList;
void kmodules_list_done(KModuleList *l);
/* Appends name, if it is a module, behind everything it needs.  ERR_VERIFY when that is absurdly
 * much. */
int kmodules_add(const KModules *k, const char *name, KModuleList *l, Err *e);
/* The modules that m itself names, as file names without folder and compression: calls fn for each.
 */
void kmodules_each_dep(const KModules *k, const KModule *m,
                       void (*fn)(void *ctx, const KModule *dep), void *ctx);
/* Calls fn for every alias of a device ("pci:v00001AF4d*") of a module of l, in the order of the
 * file. */
void kmodules_each_alias(const KModules *k, const KModuleList *l,
                         void (*fn)(void *ctx, const char *pattern, size_t len, const KModule *m),
                         void *ctx);
/* The module as finit_module(2) takes it: decompressed into a (.gz, .xz, .zst), else as it is. */
int kmodules_load(const KModule *m, Arena *a, Content *ret, Err *e);
