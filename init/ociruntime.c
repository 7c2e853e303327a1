/* ociruntime.c - see ociruntime.h. */
#include "init/ociruntime.h"

#include <limits.h>
#include <unistd.h>

#include "init/cmdline.h"
#include "init/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

static const char *const known[] = { "runc", "crun" };

char *ociruntime_find(const char *cmdline, const char *dir) {
        char word[PATH_MAX];
        if (cmdline_last(cmdline, "linuxkit.runtime", word, sizeof word) && word[0]) {
                char *path = path_join(dir, word); /* an absolute word stays as it is */
                if (access(path, X_OK) == 0)
                        return path;
                log_init("linuxkit.runtime=%s: no program %s", word, path);
                free(path);
        }
        for (size_t i = 0; i < ARRAY_LEN(known); i++) {
                char *path = path_join(dir, known[i]);
                if (access(path, X_OK) == 0)
                        return path;
                free(path);
        }
        return xstrdup("");
}

const char *ociruntime_path(void) {
        static char *path;
        if (!path)
                path = ociruntime_find(cmdline_text(), "/usr/bin");
        return path;
}
