/* depmod.c - see depmod.h.  Debian calls depmod in a maintainer script, which never runs here;
 * hence packages come without modules.dep. */
#include "lib/package/depmod.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"

enum { INDEX_LIMIT = 64 << 20 }; /* bytes of one modules.* file */

static const char modules_dir[] = "lib/modules/";

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        (void)st, (void)flag, (void)ftw;
        return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

static void remove_tree(char **dir) {
        if (*dir)
                nftw(*dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(*dir);
}

static char *find_depmod(void) {
        static const char *const places[] = { "/usr/sbin/depmod", "/sbin/depmod" };
        char *path = proc_find("depmod");

        for (size_t i = 0; i < ARRAY_LEN(places) && !path; i++)
                if (access(places[i], X_OK) == 0) /* an ordinary user's PATH lacks sbin */
                        path = xstrdup(places[i]);
        return path;
}

/* VERSION of "lib/modules/VERSION/...", malloc'ed; NULL for other names. */
static char *version_of(const char *name) {
        if (!str_has_prefix(name, modules_dir))
                return NULL;
        name += strlen(modules_dir);

        size_t n = strcspn(name, "/");

        return n && name[n] ? xstrndup(name, n) : NULL;
}

static int write_out(const char *root, const Entry *entry, Err *e) {
        _cleanup_free_ char *path = path_join(root, entry->name), *dir = path_dir(path);
        _cleanup_sink_ Sink *sink = NULL;
        _cleanup_fd_ int fd = -1;

        if (dir_make(dir, e) < 0)
                return -1;
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0)
                return err_set(e, ERR_IO, errno, "create %s", path);
        sink = sink_fd(fd, path);
        if (sink_content(sink, &entry->content, e) < 0)
                return -1;
        return sink_finish(sink, e);
}

typedef struct Versions {
        char **v;
        size_t n, cap;
} Versions;

static void versions_done(Versions *versions) {
        for (size_t i = 0; i < versions->n; i++)
                free(versions->v[i]);
        free(versions->v);
}

static void versions_add(Versions *versions, char *version) {
        for (size_t i = 0; i < versions->n; i++) {
                if (str_eq(versions->v[i], version)) {
                        free(version);
                        return;
                }
        }
        *vec_push(versions->v, versions->n, versions->cap) = version;
}

static int write_modules(Stage *s, const char *root, Versions *versions, Err *e) {
        for (size_t i = 0; i < stage_slots(s); i++) {
                const Entry *entry = stage_slot(s, i);
                char *version = entry && entry->type == ENTRY_FILE ? version_of(entry->name) : NULL;

                if (!version)
                        continue;
                versions_add(versions, version);
                if (write_out(root, entry, e) < 0)
                        return -1;
        }
        return 0;
}

static int is_index(const struct dirent *d) {
        return str_has_prefix(d->d_name, "modules.");
}

static int add_index(Stage *s, Spool *spool, const char *dir, const char *version, const char *file,
                     int64_t mtime, Err *e) {
        _cleanup_free_ char *path = path_join(dir, file), *data = NULL;
        _cleanup_free_ char *name = xasprintf("%s%s/%s", modules_dir, version, file);
        Entry entry = { .type = ENTRY_FILE, .mode = 0644, .mtime = mtime };
        uint64_t start = spool->blob.size;
        size_t len;

        if (stage_find(s, name))
                return 0; /* came with the modules: modules.order, modules.builtin */
        if (file_read(path, INDEX_LIMIT, &data, &len, e) < 0 || spool_add(spool, data, len, e) < 0)
                return -1;
        entry.content = spool_since(spool, start);
        return stage_add(s, name, &entry, e);
}

static int run_depmod(Stage *s, Spool *spool, const char *depmod, const char *root,
                      const char *version, int64_t mtime, Err *e) {
        const char *const argv[] = { depmod, "-b", root, version, NULL };
        _cleanup_free_ char *dir = xasprintf("%s/%s%s", root, modules_dir, version);
        struct dirent **names = NULL;
        int n, r = 0;

        if (proc_run(argv, NULL, NULL, NULL, NULL, e) < 0)
                return err_wrap(e, "modules of kernel %s", version);
        n = scandir(dir, &names, is_index, alphasort);
        for (int i = 0; i < n; i++) {
                if (r == 0)
                        r = add_index(s, spool, dir, version, names[i]->d_name, mtime, e);
                free(names[i]);
        }
        free(names);
        return r;
}

int depmod_add(Stage *s, Spool *spool, const char *scratch, int64_t mtime, Err *e) {
        _cleanup_free_ char *depmod = find_depmod();
        _cleanup_(remove_tree) char *root = xasprintf("%s/depmod-XXXXXX", scratch);
        _cleanup_(versions_done) Versions versions = { 0 };

        if (!mkdtemp(root))
                return err_set(e, ERR_IO, errno, "directory %s", root);
        if (write_modules(s, root, &versions, e) < 0)
                return -1;
        if (versions.n == 0)
                return err_set(e, ERR_SPEC, 0, "depmod: the image has no kernel modules");
        if (!depmod) {
                err_set(e, ERR_NOT_FOUND, 0, "there is no depmod on this machine");
                return err_hint(e, "install the package kmod");
        }
        for (size_t i = 0; i < versions.n; i++)
                if (run_depmod(s, spool, depmod, root, versions.v[i], mtime, e) < 0)
                        return -1;
        return 0;
}
