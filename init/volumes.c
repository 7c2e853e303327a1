/* volumes.c - the volumes of the image.
 *
 * The build binds volumes by the path of `merged`, so a volume that fails is seen again as an error
 * of every container that wants it. */
#include "init/volumes.h"

#include "init/log.h"
#include "init/mountopt.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

static int do_mount(const char *source, const char *target, const char *type, char *const *words,
                    size_t n, Err *e) {
        _cleanup_(mountopt_done) MountOpts o = { 0 };
        if (mountopt_parse(words, n, &o, e) < 0)
                return -1;
        return mountopt_mount(source, target, type, &o, e);
}

static int make_writable(const char *lower, const char *tmp, const char *merged, Err *e) {
        char relatime[] = "relatime";
        _cleanup_free_ char *upper = path_join(tmp, "upper");
        _cleanup_free_ char *work = path_join(tmp, "work");
        _cleanup_free_ char *lower_opt = xasprintf("lowerdir=%s", lower);
        _cleanup_free_ char *upper_opt = xasprintf("upperdir=%s", upper);
        _cleanup_free_ char *work_opt = xasprintf("workdir=%s", work);
        char *words[] = { relatime, lower_opt, upper_opt, work_opt };
        if (do_mount("tmpfs", tmp, "tmpfs", words, 1, e) < 0 || sys_mkdir_p(upper, 0755, e) < 0 ||
            sys_mkdir_p(work, 0755, e) < 0)
                return -1;
        return do_mount("overlay", merged, "overlay", words, ARRAY_LEN(words), e);
}

static int make_volume(const char *path, Err *e) {
        _cleanup_free_ char *lower = path_join(path, "lower");
        _cleanup_free_ char *tmp = path_join(path, "tmp");
        _cleanup_free_ char *merged = path_join(path, "merged");
        _cleanup_free_ char *mark = path_join(path, "readonly");
        if (!sys_is_dir(lower))
                return err_set(e, ERR_NOT_FOUND, 0, "no directory %s", lower);
        if (!sys_is_dir(merged))
                return err_set(e, ERR_NOT_FOUND, 0, "no directory %s", merged);
        if (sys_is_dir(tmp) && access(mark, F_OK) < 0)
                return make_writable(lower, tmp, merged, e);
        char bind[] = "bind", ro[] = "ro";
        return do_mount(lower, merged, "", (char *[]){ bind, ro }, 2, e);
}

int volumes_main(const char *dir) {
        _cleanup_err_ Err e = ERR_INIT;
        char **names;
        size_t n, failed = 0;
        if (sys_list(dir, &names, &n, &e) < 0) {
                if (e.kind != ERR_NOT_FOUND)
                        log_init("volumes: %s", e.text);
                return 1;
        }
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *path = path_join(dir, names[i]);
                err_clear(&e);
                if (sys_is_dir(path) && make_volume(path, &e) < 0) {
                        log_line("volume %s: %s", names[i], e.text);
                        failed++;
                }
        }
        sys_free_names(names, n);
        return failed ? 1 : 0;
}
