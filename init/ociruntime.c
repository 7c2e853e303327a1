/* ociruntime.c - see ociruntime.h. */
#include "init/ociruntime.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "init/cmdline.h"
#include "init/log.h"
#include "init/ocispec.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#define SPEC_MAX (4u << 20)

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

int ociruntime_named(const char *word, char **ret, Err *e) {
        static const char *const dirs[] = { "/usr/bin", "/usr/sbin",       "/usr/local/bin",
                                            "/bin",     "/usr/local/sbin", "/sbin" };
        *ret = NULL;
        if (!*word)
                return 0;
        if (*word != '/' && strchr(word, '/'))
                return err_set(e, ERR_SPEC, 0,
                               "\"ociRuntime\" is \"%s\", neither a name nor an absolute path",
                               word);
        for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
                char *path = path_join(dirs[i], word); /* an absolute word stays as it is */
                if (access(path, X_OK) == 0 && !sys_is_dir(path)) {
                        *ret = path;
                        return 0;
                }
                free(path);
        }
        return err_set(e, ERR_NOT_FOUND, 0, "the image has no OCI runtime \"%s\"", word);
}

const char *ociruntime_for_shim(const char *program) {
        if (program)
                return str_eq(program, "/usr/bin/runc") ? NULL : program;
        if (access("/usr/bin/runc", X_OK) == 0 || access("/usr/bin/crun", X_OK) < 0)
                return NULL;
        return "/usr/bin/crun";
}

/* By name, because asking the program costs a start of it.  crun refused everything but 1.0.x up to
 * version 1.8 (Debian 12); later ones, and all others, take any 1.x.  The
 * version is all that it looks at: members of 1.1 and 1.2 that it knows have their effect. */
const char *ociruntime_spec_version(const char *program) {
        const char *name = path_base(program);
        return str_has_prefix(name, "crun") || str_eq(name, "krun") ? "1.0.2" : NULL;
}

static int write_all(const char *path, const Buf *b, Err *e) {
        unlink(path);
        _cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        for (size_t done = 0; fd >= 0 && done < b->len;) {
                ssize_t n = write(fd, b->data + done, b->len - done);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        err_set(e, ERR_IO, errno, "write %s", path);
                        unlink(path);
                        return -1;
                }
                done += (size_t)n;
        }
        return fd < 0 ? err_set(e, ERR_IO, errno, "create %s", path) : 0;
}

int ociruntime_write_spec(const char *program, const char *bundle, const char *text, size_t n,
                          const char *path, bool *written, Err *e) {
        const char *version = ociruntime_spec_version(program);
        _cleanup_free_ char *file = path_join(bundle, "config.json");
        _cleanup_free_ char *own = NULL;
        _cleanup_buf_ Buf spec = { 0 };
        *written = false;
        if (!version)
                return 0;
        if (!text) {
                if (sys_read_file(file, SPEC_MAX, &own, e) < 0)
                        return -1;
                text = own;
                n = strlen(own);
        }
        if (ocispec_set_version(text, n, version, &spec, e) < 0)
                return err_wrap(e, "%s", file);
        if (spec.len == n && memcmp(spec.data, text, n) == 0)
                return 0; /* "1.0.2" in place of "1.2.1" has the same length, but not the bytes */
        if (write_all(path, &spec, e) < 0)
                return -1;
        *written = true;
        return 0;
}
