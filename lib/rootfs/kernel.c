/* kernel.c - picks kernel, module tar and microcode out of the kernel image (yaml.md 13).
 *
 * Entries come in the image's own order: `boot` is written by whichever of kernel and microcode is
 * first. */
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/sums.h"
#include "lib/rootfs/assembly.h"
#include "lib/rootfs/kernel_image.h"

enum { MAX_HOPS = 40 }; /* as the kernel's limit for symlinks */
#define MAX_KERNEL_SIZE ((uint64_t)1 << 30)

typedef struct KernelScan {
        Assembly *a;
        const Kernel *spec;
        Maker maker;
        const char *binary, *tar, *ucode; /* NULL: not wanted */
        Entry *entries;
        size_t n, cap;
        NameSet *names; /* numbers index entries */
        bool boot_made, found_kernel, found_tar, found_ucode;
} KernelScan;

static int collect(void *ctx, const Entry *entry, Err *e) {
        (void)e;
        KernelScan *k = ctx;
        if (nameset_add(k->names, entry->name, strlen(entry->name)) == k->n)
                *vec_push(k->entries, k->n, k->cap) = *entry;
        return 0;
}

static const Entry *find_entry(const KernelScan *k, const char *name, size_t len) {
        uint32_t id;
        return nameset_find(k->names, name, len, &id) ? &k->entries[id] : NULL;
}

/* Replaces the first `len` bytes of path, a symlink, by its target. The root is the image: ".."
 * stops there. */
static char *replace_symlink(const char *path, size_t len, const char *target) {
        _cleanup_free_ char *link = xstrndup(path, len);
        _cleanup_free_ char *dir = path_dir(link);
        _cleanup_free_ char *whole = target[0] == '/'
                                             ? xasprintf("%s%s", target, path + len)
                                             : xasprintf("/%s/%s%s", dir, target, path + len);
        _cleanup_free_ char *clean = path_clean(whole);
        return xstrdup(clean + strspn(clean, "/"));
}

/* One step from path towards a file: NULL when no part of path is a link. malloc'ed. */
static char *follow_step(const KernelScan *k, const char *path) {
        for (size_t len = 1;; len++) {
                if (path[len - 1] == '\0')
                        return NULL;
                if (path[len] != '/' && path[len] != '\0')
                        continue;
                const Entry *entry = find_entry(k, path, len);
                if (entry && entry->type == ENTRY_SYMLINK)
                        return replace_symlink(path, len, entry->link);
                if (entry && entry->type == ENTRY_HARDLINK && path[len] == '\0') {
                        _cleanup_free_ char *whole = xasprintf("/%s", entry->link);
                        _cleanup_free_ char *clean = path_clean(whole);
                        return xstrdup(clean + strspn(clean, "/"));
                }
        }
}

/* The regular file that name stands for, links followed inside the image (W7). */
static int find_file(const KernelScan *k, const char *name, const Entry **ret, Err *e) {
        _cleanup_free_ char *path = xstrdup(name);
        for (unsigned hops = 0; hops < MAX_HOPS; hops++) {
                char *next = follow_step(k, path);
                if (!next)
                        break;
                free(path);
                path = next;
        }
        const Entry *entry = find_entry(k, path, strlen(path));
        if (!entry && !str_eq(path, name))
                return err_set(e, ERR_SPEC, 0,
                               "\"%s\" is a link to \"%s\", which is not in the kernel image", name,
                               path);
        if (!entry || entry->type != ENTRY_FILE)
                return err_set(e, ERR_SPEC, 0, "\"%s\" of the kernel image is not a regular file",
                               name);
        *ret = entry;
        return 0;
}

/* An entry below boot/ that carries the records of the image's entry it comes from. */
static void add_boot(const KernelScan *k, const char *name, EntryType type, uint32_t mode,
                     Content content, const Entry *from) {
        Entry entry = {
                .name = name,
                .type = type,
                .mode = mode,
                .mtime = k->maker.mtime,
                .pax = from->pax,
                .n_pax = from->n_pax,
                .content = content,
                .location = k->maker.location,
                .source = k->maker.source,
        };
        tree_add_borrowed(k->maker.tree, &entry);
}

static void add_boot_dir(KernelScan *k, const Entry *from) {
        if (!k->boot_made)
                add_boot(k, "boot", ENTRY_DIR, 0755, (Content){ 0 }, from);
        k->boot_made = true;
}

/* Looked at as a whole: a damaged one can still be made again here. */
static int open_derived(Cache *c, const char *name, Blob **ret, Err *e) {
        _cleanup_blob_ Blob *blob = NULL;
        if (cache_derived_open(c, "kernel", name, &blob, e) < 0)
                return -1;
        const Content all = { .blob = blob, .size = blob->size };
        if (content_check(&all, e) < 0)
                return -1;
        *ret = take(blob);
        return 0;
}

static int derive(Cache *c, const Content *payload, const char *name, Err *e) {
        _cleanup_sink_ Sink *out = NULL;
        if (cache_derived_sink(c, "kernel", name, &out, e) < 0 ||
            kernel_image_inflate(payload, MAX_KERNEL_SIZE, out, e) < 0)
                return -1;
        return sink_finish(out, e);
}

/* Unpacks once per kernel image into the cache's derived files. */
static int decompress(Assembly *a, const Content *image, Content *ret, Err *e) {
        Content payload;
        if (kernel_image_payload(image, &payload, e) < 0)
                return -1;
        Digest digest;
        if (payload.blob)
                digest = payload.blob->id;
        else
                hash_bytes(payload.bytes, payload.size, &digest);
        _cleanup_free_ char *name =
                xasprintf("%s-%llu-%llu", digest_hex(&digest), (unsigned long long)payload.offset,
                          (unsigned long long)payload.size);
        Cache *c = a->options->images.cache;
        _cleanup_blob_ Blob *blob = NULL;
        if (open_derived(c, name, &blob, NULL) < 0 &&
            (derive(c, &payload, name, e) < 0 || open_derived(c, name, &blob, e) < 0))
                return -1;
        *ret = assembly_keep(a, take(blob));
        return 0;
}

static int add_kernel(KernelScan *k, const Entry *file, Err *e) {
        Content content = file->content;
        const char *cmdline = k->spec->cmdline.text ? k->spec->cmdline.text : "";
        if (k->a->options->decompress_kernel && decompress(k->a, &file->content, &content, e) < 0)
                return -1;
        add_boot_dir(k, file);
        add_boot(k, "boot/cmdline", ENTRY_FILE, 0644, content_bytes(cmdline, strlen(cmdline)),
                 file);
        add_boot(k, "boot/kernel", ENTRY_FILE, file->mode, content, file);
        k->found_kernel = true;
        return 0;
}

static int add_tar_entry(void *ctx, const Entry *original, Err *e) {
        KernelScan *k = ctx;
        Entry entry = *original;
        entry.name += strspn(entry.name, "/");
        if (*entry.name == '\0')
                entry.name = ".";
        if (path_has_dotdot(entry.name))
                return err_set(e, ERR_VERIFY, 0, "entry \"%s\" is outside the tree",
                               original->name);
        if (entry.type == ENTRY_HARDLINK && entry.link && path_has_dotdot(entry.link))
                return err_set(e, ERR_VERIFY, 0,
                               "hard link \"%s\": target \"%s\" is outside the tree",
                               original->name, entry.link);
        entry.location = k->maker.location;
        entry.source = k->maker.source;
        tree_add(k->maker.tree, &entry);
        return 0;
}

static int add_picked(KernelScan *k, const char *name, Err *e) {
        bool kernel = str_eq(name, k->binary), tar = !kernel && str_eq(name, k->tar);
        bool ucode = !kernel && !tar && str_eq(name, k->ucode);
        const Entry *file = NULL;
        if (!kernel && !tar && !ucode)
                return 0;
        if (find_file(k, name, &file, e) < 0)
                return -1;
        if (kernel)
                return add_kernel(k, file, e);
        if (tar) {
                k->found_tar = true;
                if (layer_scan_tar(&file->content, true, add_tar_entry, k, e) < 0)
                        return err_wrap(e, "\"%s\" of the kernel image", name);
                return 0;
        }
        add_boot_dir(k, file);
        add_boot(k, "boot/ucode.cpio", ENTRY_FILE, file->mode, file->content, file);
        k->found_ucode = true;
        return 0;
}

static int scan(KernelScan *k, Err *e) {
        if (images_flatten(k->a->images, k->spec->image.ref, NULL, collect, k, e) < 0)
                return -1;
        for (size_t i = 0; i < k->n; i++)
                if (add_picked(k, k->entries[i].name, e) < 0)
                        return -1;
        if (!k->found_kernel)
                return err_set(e, ERR_SPEC, 0, "did not find kernel in kernel image: no \"%s\"",
                               k->binary);
        if (k->tar && !k->found_tar)
                return err_set(e, ERR_SPEC, 0, "did not find kernel tar in kernel image: no \"%s\"",
                               k->tar);
        if (k->ucode && !k->found_ucode)
                return err_set(e, ERR_SPEC, 0, "did not find ucode in kernel image: no \"%s\"",
                               k->ucode);
        return 0;
}

int kernel_add(Assembly *a, Err *e) {
        const Kernel *spec = &a->spec->kernel;
        if (str_is_empty(spec->image.text.text))
                return 0;
        assembly_announce(a, "kernel", spec->image.ref,
                          arena_printf(a->arena, "Extract kernel image: %s", spec->image.ref));
        _cleanup_nameset_ NameSet *names = nameset_new();
        KernelScan k = {
                .a = a,
                .spec = spec,
                .maker = assembly_maker(a, "kernel", spec->image.ref),
                .binary = str_is_empty(spec->binary.text) ? "kernel" : spec->binary.text,
                .tar = spec->tar.text ? spec->tar.text : "kernel.tar",
                .ucode = str_is_empty(spec->ucode.text) ? NULL : spec->ucode.text,
                .names = names,
        };
        if (str_eq(k.tar, "") || str_eq(k.tar, "none"))
                k.tar = NULL;
        int r = scan(&k, e);
        if (r == 0)
                sbom_add_image(a, spec->image.ref, "", k.maker.location);
        free(k.entries);
        return r < 0 ? err_at(e, spec->image.text.pos, "kernel") : 0;
}
