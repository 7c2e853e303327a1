/* unitstate.c - see unitstate.h.  A file is written under another name and renamed, so that a
 * supervisor killed in between leaves the old word or the new one.  What a container that has /run
 * puts there, a FIFO say, is never opened for writing. */
#include "init/unitstate.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "init/sys.h"
#include "lib/base/mem.h"

static bool file_name(char *dst, const char *dir, const char *name, const char *suffix) {
        return dir && snprintf(dst, PATH_MAX, "%s/%s%s", dir, name, suffix) < PATH_MAX;
}

void unitstate_save(const char *dir, const char *name, const char *word) {
        char path[PATH_MAX], tmp[PATH_MAX];
        if (!file_name(path, dir, name, "") || !file_name(tmp, dir, name, "~"))
                return;
        unlink(tmp);
        _cleanup_fd_ int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0 || dprintf(fd, "%s\n", word) < 0 || rename(tmp, path) < 0)
                unlink(tmp);
}

void unitstate_clear(const char *dir, const char *name) {
        char path[PATH_MAX];
        if (file_name(path, dir, name, ""))
                unlink(path);
}

bool unitstate_load(const char *dir, const char *name, char *ret, size_t size) {
        char path[PATH_MAX];
        return file_name(path, dir, name, "") && sys_read_line(path, ret, size) && ret[0];
}
