/* unitprep.c - see unitprep.h. */
#include "init/unitprep.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>

#include "init/ocispec.h"
#include "init/shutdown.h"
#include "init/sys.h"
#include "lib/base/mem.h"

#define SPEC_MAX      (4u << 20)
#define MOUNTINFO_MAX (16u << 20)

static int write_dump(const char *path, const Buf *spec, Err *e) {
        _cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0 || write(fd, spec->data, spec->len) != (ssize_t)spec->len)
                return err_set(e, ERR_IO, errno, "write %s", path);
        return 0;
}

int unitprep_spec(const char *path, const char *dump, Buf *ret, Err *e) {
        _cleanup_free_ char *file = path_join(path, "config.json");
        _cleanup_free_ char *root = path_join(path, "rootfs");
        _cleanup_free_ char *text = NULL;
        if (sys_read_file(file, SPEC_MAX, &text, e) < 0)
                return -1;
        if (ocispec_set_root(text, strlen(text), root, ret, e) < 0)
                return err_wrap(e, "%s", file);
        return dump ? write_dump(dump, ret, e) : 0;
}

int unitprep_log(const char *path, bool keep, Err *e) {
        int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
        _cleanup_fd_ int fd = open(path, flags | (keep ? 0 : O_TRUNC), 0640);
        return fd < 0 ? err_set(e, ERR_IO, errno, "open %s", path) : 0;
}

/* The fifth field of a mountinfo line, NULL when there is none. */
static char *mount_point(char *line) {
        char *field = NULL, *rest = line;
        for (int i = 0; i < 5; i++)
                field = strsep(&rest, " ");
        if (field)
                shutdown_unescape(field);
        return field;
}

void unitprep_unmount(const char *path) {
        _cleanup_free_ char *text = NULL, **points = NULL;
        size_t n = 0, cap = 0, len = strlen(path);
        if (sys_read_file("/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL) < 0)
                return;
        for (char *line, *rest = text; (line = strsep(&rest, "\n"));) {
                char *point = mount_point(line);
                if (point && str_has_prefix(point, path) && point[len] == '/')
                        *vec_push(points, n, cap) = point;
        }
        while (n > 0)
                umount2(points[--n], UMOUNT_NOFOLLOW | MNT_DETACH);
}
