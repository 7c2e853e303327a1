/* mountopt.c - fstab words to mount(2) flags.
 *
 * mount(2) ignores MS_PRIVATE beside MS_REMOUNT and MS_RDONLY beside MS_BIND without an error, so
 * one request of a runtime.json may need up to three calls. */
#include "init/mountopt.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/mount.h>

#include "init/modules.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { PAGE = 4096 }; /* mount(2): data is at most one page, the NUL included */

/* boot.md 9.1 */
static const struct {
        const char *word;
        bool clear;
        unsigned long flag;
} words_table[] = {
        { "bind", false, MS_BIND },
        { "rbind", false, MS_BIND | MS_REC },
        { "dirsync", false, MS_DIRSYNC },
        { "mand", false, MS_MANDLOCK },
        { "noatime", false, MS_NOATIME },
        { "nodev", false, MS_NODEV },
        { "nodiratime", false, MS_NODIRATIME },
        { "noexec", false, MS_NOEXEC },
        { "nosuid", false, MS_NOSUID },
        { "private", false, MS_PRIVATE },
        { "relatime", false, MS_RELATIME },
        { "remount", false, MS_REMOUNT },
        { "ro", false, MS_RDONLY },
        { "shared", false, MS_SHARED },
        { "slave", false, MS_SLAVE },
        { "strictatime", false, MS_STRICTATIME },
        { "sync", false, MS_SYNCHRONOUS },
        { "unbindable", false, MS_UNBINDABLE },
        { "async", true, MS_SYNCHRONOUS },
        { "atime", true, MS_NOATIME },
        { "dev", true, MS_NODEV },
        { "diratime", true, MS_NODIRATIME },
        { "exec", true, MS_NOEXEC },
        { "nomand", true, MS_MANDLOCK },
        { "norelatime", true, MS_RELATIME },
        { "nostrictatime", true, MS_STRICTATIME },
        { "rw", true, MS_RDONLY },
        { "suid", true, MS_NOSUID },
};

static const unsigned long propagation_mask = MS_PRIVATE | MS_SHARED | MS_SLAVE | MS_UNBINDABLE;
static const unsigned long bind_mask =
        MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME;

static bool take_flag(const char *word, unsigned long *flags) {
        for (size_t i = 0; i < ARRAY_LEN(words_table); i++) {
                if (!str_eq(word, words_table[i].word))
                        continue;
                if (words_table[i].clear)
                        *flags &= ~words_table[i].flag;
                else
                        *flags |= words_table[i].flag;
                return true;
        }
        return false;
}

static void keep_value(const char *word, const char *prefix, char **slot) {
        if (!str_has_prefix(word, prefix))
                return;
        free(*slot);
        *slot = xstrdup(word + strlen(prefix));
}

int mountopt_parse(char *const *words, size_t n, MountOpts *ret, Err *e) {
        unsigned long flags = 0;
        MountOpts o = { 0 };
        Buf data = { 0 };
        buf_adds(&data, "");
        for (size_t i = 0; i < n; i++) {
                if (take_flag(words[i], &flags))
                        continue;
                if (data.len)
                        buf_addc(&data, ',');
                buf_adds(&data, words[i]);
                keep_value(words[i], "upperdir=", &o.upperdir);
                keep_value(words[i], "workdir=", &o.workdir);
        }
        o.propagation = flags & propagation_mask;
        o.flags = flags & ~propagation_mask;
        size_t len = data.len;
        o.data = buf_steal(&data);
        if (len >= PAGE) {
                mountopt_done(&o);
                return err_set(e, ERR_SPEC, 0, "mount options are longer than %d bytes", PAGE - 1);
        }
        *ret = o;
        return 0;
}

void mountopt_done(MountOpts *o) {
        free(o->data);
        free(o->upperdir);
        free(o->workdir);
        *o = (MountOpts){ 0 };
}

/* mount(2); when the driver is missing it is loaded first, because kernels without a modprobe
 * program in the image cannot do it themselves. */
static int mount_load(const char *source, const char *target, const char *type, unsigned long flags,
                      const char *data) {
        if (mount(source, target, type, flags, data) == 0)
                return 0;
        if (errno != ENODEV || str_is_empty(type))
                return -1;
        _cleanup_free_ char *alias = xasprintf("fs-%s", type);
        modules_load_system(alias); /* or another process has just done it */
        return mount(source, target, type, flags, data);
}

int mountopt_mount(const char *source, const char *target, const char *type, const MountOpts *o,
                   Err *e) {
        /* "remount,private" and plain "shared" only change the propagation. */
        bool only_propagation = o->propagation && !*o->data && str_is_empty(type) &&
                                (o->flags & ~(unsigned long)(MS_REMOUNT | MS_REC)) == 0;
        if (!only_propagation && mount_load(source, target, type, o->flags, o->data) < 0)
                return err_set(e, ERR_IO, errno, "mount %s on %s", source, target);

        if ((o->flags & MS_BIND) && !(o->flags & MS_REMOUNT) && (o->flags & bind_mask) &&
            mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | (o->flags & bind_mask), NULL) < 0)
                return err_set(e, ERR_IO, errno, "set flags of bind mount %s", target);

        if (o->propagation &&
            mount(NULL, target, NULL, o->propagation | (o->flags & MS_REC), NULL) < 0)
                return err_set(e, ERR_IO, errno, "set propagation of %s", target);
        return 0;
}
