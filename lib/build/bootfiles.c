/* bootfiles.c - see bootfiles.h.
 *
 * Boot loaders for BIOS are a component of their own, because they exist for amd64 only and an
 * image for UEFI should not have to fetch them. */
#include "lib/build/bootfiles.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/oci/image.h"
#include "lib/oci/layer.h"
#include "lib/package/package.h"
#include "lib/rootfs/flatten.h"

/* One place that files come from; opened when it is first asked. */
typedef struct Source {
        const char *package;      /* folder below pkg/; "": what the user names */
        const char *const *names; /* of its files; NULL: whatever it has */
        bool opened;
        Image *image;
        Layer **layers;
        size_t n_layers;
        Blob **blobs; /* of a folder of files */
        size_t n_blobs, cap_blobs;
        struct {
                char *name;
                Content content;
        } * files; /* sorted by name once it is open */
        size_t n, cap;
} Source;

enum { MAX_SOURCES = 2, MAX_FILES = 4096, MAX_SIZE = 256 << 20 };

struct Bootfiles {
        BootfilesOptions o;
        const char *option, *variable; /* for messages */
        char *user;                    /* what the user names; NULL: nothing */
        Source sources[MAX_SOURCES];
        size_t n_sources;
};

static const char *const bios_names[] = { "syslinux",    "mbr.bin",      "gptmbr.bin",
                                          "ldlinux.c32", "isolinux.bin", "isohdpfx.bin",
                                          NULL };

static void source_done(Source *s) {
        for (size_t i = 0; i < s->n; i++)
                free(s->files[i].name);
        free(s->files);
        for (size_t i = 0; i < s->n_layers; i++)
                layer_free(s->layers[i]);
        free(s->layers);
        for (size_t i = 0; i < s->n_blobs; i++) {
                close(s->blobs[i]->fd);
                free((char *)s->blobs[i]->path);
                free(s->blobs[i]);
        }
        free(s->blobs);
        image_free(s->image);
}

void bootfiles_free(Bootfiles *b) {
        if (!b)
                return;
        for (size_t i = 0; i < b->n_sources; i++)
                source_done(&b->sources[i]);
        free(b->user);
        free(b);
}

static Bootfiles *make(const BootfilesOptions *o, const char *option, const char *variable) {
        Bootfiles *b = xcalloc(1, sizeof(*b));
        const char *env = getenv(variable);
        b->o = *o;
        b->option = option;
        b->variable = variable;
        if (!str_is_empty(o->override))
                b->user = xstrdup(o->override);
        else if (!str_is_empty(env))
                b->user = xstrdup(env);
        return b;
}

static void add_source(Bootfiles *b, const char *package, const char *const *names) {
        b->sources[b->n_sources++] = (Source){ .package = package, .names = names };
}

int bootfiles_open(const BootfilesOptions *o, Bootfiles **ret, Err *e) {
        (void)e;
        Bootfiles *b = make(o, "--bootloader", "LINUXKIT_BOOTLOADER");
        if (b->user) {
                add_source(b, "", NULL);
        } else {
                add_source(b, "bootloader-bios", bios_names);
                add_source(b, "bootloader", NULL);
        }
        *ret = b;
        return 0;
}

int rpi_firmware_open(const BootfilesOptions *o, Bootfiles **ret, Err *e) {
        (void)e;
        BootfilesOptions own = *o;
        own.override = NULL; /* that is about boot loaders */
        Bootfiles *b = make(&own, NULL, "LINUXKIT_RPI_FIRMWARE");
        add_source(b, b->user ? "" : "raspi-firmware", NULL);
        *ret = b;
        return 0;
}

/* --- files ---------------------------------------------------------------------------------- */

static int add_file(Source *s, const char *name, const Content *c, Err *e) {
        if (s->n == MAX_FILES)
                return err_set(e, ERR_VERIFY, 0, "more than %d files", MAX_FILES);
        if (c->size > MAX_SIZE)
                return err_set(e, ERR_VERIFY, 0, "%s: larger than %d MiB", name, MAX_SIZE >> 20);
        __typeof__(s->files) f = vec_push(s->files, s->n, s->cap);
        f->name = xstrdup(name);
        f->content = *c;
        return 0;
}

static int collect(void *ctx, const Entry *entry, Err *e) {
        return entry->type == ENTRY_FILE ? add_file(ctx, entry->name, &entry->content, e) : 0;
}

static void get_entry(const void *ctx, size_t i, Entry *ret) {
        layer_entry(ctx, i, ret);
}

/* Takes over image. */
static int read_image(Bootfiles *b, Source *s, Image *image, Err *e) {
        s->image = image;
        s->layers = xcalloc(image->n_layers + 1, sizeof(*s->layers));
        _cleanup_free_ EntryList *lists = xcalloc(image->n_layers + 1, sizeof(*lists));
        for (size_t i = 0; i < image->n_layers; i++) {
                if (layer_open(b->o.cache, &image->layers[i], &s->layers[i], e) < 0)
                        return err_wrap(e, "image %s", image->ref);
                s->n_layers++;
                lists[i] = (EntryList){ layer_count(s->layers[i]), get_entry, s->layers[i] };
        }
        if (flatten(lists, image->n_layers, NULL, collect, s, e) < 0)
                return err_wrap(e, "image %s", image->ref);
        return 0;
}

static int read_file(Source *s, const char *dir, const char *name, Err *e) {
        _cleanup_free_ char *path = path_join(dir, name);
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
                return err_set(e, ERR_IO, errno, "%s", path);
        if (!S_ISREG(st.st_mode))
                return 0;
        Blob *blob = xcalloc(1, sizeof(*blob));
        if (hash_fd(fd, &blob->id, &blob->size, e) < 0) {
                free(blob);
                return err_wrap(e, "%s", path);
        }
        blob->fd = fd_take(&fd);
        blob->path = take(path);
        blob->changed = st.st_ctim;
        *vec_push(s->blobs, s->n_blobs, s->cap_blobs) = blob;
        Content c = { .blob = blob, .size = blob->size };
        return add_file(s, name, &c, e);
}

static int read_folder(Source *s, const char *dir, Err *e) {
        DIR *d = opendir(dir);
        int r = 0;
        if (!d)
                return err_set(e, ERR_IO, errno, "%s", dir);
        for (struct dirent *x; r == 0 && (x = readdir(d));)
                if (x->d_name[0] != '.')
                        r = read_file(s, dir, x->d_name, e);
        closedir(d);
        return r;
}

/* --- where they come from ------------------------------------------------------------------- */

/* The folder of a package: in the checkout that the program was built in, or where `make install`
 * puts it.  *ret_programs is where the compiled programs are then, NULL: the package knows.
 * malloc'ed. */
static char *find_package(const char *name, char **ret_programs) {
        char exe[4096];
        ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
        *ret_programs = NULL;
        if (n <= 0)
                return NULL;
        exe[n] = 0;
        _cleanup_free_ char *bin = path_dir(exe), *top = path_dir(bin);
        _cleanup_free_ char *shared = path_join(top, "share/linuxkit");
        const char *const tops[] = { top, shared };
        for (size_t i = 0; i < ARRAY_LEN(tops); i++) {
                _cleanup_free_ char *dir = xasprintf("%s/pkg/%s", tops[i], name);
                _cleanup_free_ char *yml = path_join(dir, "build.yml");
                if (!file_exists(yml))
                        continue;
                if (tops[i] == shared)
                        *ret_programs = path_join(shared, "programs");
                return take(dir);
        }
        return NULL;
}

static int build_image(Bootfiles *b, const char *dir, const char *programs, Image **ret, Err *e) {
        PackageOptions o = { .cache = b->o.cache,
                             .registry = b->o.registry,
                             .locked = b->o.locked,
                             .programs = programs };
        Package *package = NULL;
        if (package_open(dir, &o, &package, e) < 0)
                return -1;
        int r = package_build(package, &o, b->o.arch, NULL, e);
        if (r == 0)
                r = image_open(b->o.cache, package_ref(package), b->o.arch, ret, e);
        package_free(package);
        return r;
}

static int open_user(Bootfiles *b, Source *s, Err *e) {
        struct stat st;
        Image *image = NULL;
        int r;
        if (stat(b->user, &st) == 0 && S_ISDIR(st.st_mode)) {
                _cleanup_free_ char *yml = path_join(b->user, "build.yml");
                if (!file_exists(yml))
                        return read_folder(s, b->user, e);
                r = build_image(b, b->user, NULL, &image, e);
        } else {
                ImageSource source = { .cache = b->o.cache,
                                       .arch = b->o.arch,
                                       .registry = b->o.registry };
                r = image_get(&source, b->user, &image, e);
        }
        return r < 0 ? -1 : read_image(b, s, image, e);
}

static int open_package(Bootfiles *b, Source *s, Err *e) {
        _cleanup_free_ char *programs = NULL;
        _cleanup_free_ char *dir = find_package(s->package, &programs);
        Image *image = NULL;
        if (!dir)
                return err_set(e, ERR_NOT_FOUND, 0,
                               "the component pkg/%s is not beside the program", s->package);
        if (build_image(b, dir, programs, &image, e) < 0)
                return -1;
        return read_image(b, s, image, e);
}

static int name_cmp(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static void hint(const Bootfiles *b, const Source *s, Err *e) {
        if (str_eq(s->package, "raspi-firmware"))
                err_hint(e,
                         "Debian has it in the section non-free-firmware: add that to the sources "
                         "of apt, or name a folder with the files in %s",
                         b->variable);
        else if (b->option)
                err_hint(e, "%s REF|DIR or %s names another place for it", b->option, b->variable);
        else
                err_hint(e, "%s names another place for it", b->variable);
}

static int open_source(Bootfiles *b, Source *s, Err *e) {
        if (s->opened)
                return 0;
        if ((*s->package ? open_package(b, s, e) : open_user(b, s, e)) < 0) {
                if (*s->package)
                        hint(b, s, e);
                else
                        err_wrap(e, "%s", b->user);
                return -1;
        }
        if (s->n)
                qsort(s->files, s->n, sizeof(*s->files), name_cmp);
        s->opened = true;
        return 0;
}

static const Content *find(const Source *s, const char *name) {
        const void *key = &name;
        __typeof__(s->files) f =
                s->n ? bsearch(key, s->files, s->n, sizeof(*s->files), name_cmp) : NULL;
        return f ? &f->content : NULL;
}

static bool may_have(const Source *s, const char *name) {
        for (const char *const *n = s->names; n && *n; n++)
                if (str_eq(*n, name))
                        return true;
        return !s->names;
}

int bootfiles_get(Bootfiles *b, const char *name, Content *ret, Err *e) {
        Source *s = &b->sources[0];
        while (s + 1 < b->sources + b->n_sources && !may_have(s, name))
                s++;
        if (open_source(b, s, e) < 0)
                return err_wrap(e, "boot file %s for %s", name, b->o.arch);
        const Content *c = find(s, name);
        if (!c) {
                err_set(e, ERR_NOT_FOUND, 0, "boot file %s for %s: %s%s has none", name, b->o.arch,
                        *s->package ? "pkg/" : "", *s->package ? s->package : b->user);
                hint(b, s, e);
                return -1;
        }
        *ret = *c;
        return 0;
}

int bootfiles_each(Bootfiles *b, int (*fn)(void *ctx, const char *name, const Content *c, Err *e),
                   void *ctx, Err *e) {
        for (size_t i = 0; i < b->n_sources; i++) {
                Source *s = &b->sources[i];
                if (open_source(b, s, e) < 0)
                        return -1;
                for (size_t k = 0; k < s->n; k++)
                        if (fn(ctx, s->files[k].name, &s->files[k].content, e) < 0)
                                return -1;
        }
        return 0;
}
