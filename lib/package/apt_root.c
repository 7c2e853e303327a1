/* apt_root.c - see apt_root.h.  The host's configuration is not read by our apt, because it may
 * hold hooks that need root; only its settings for the transport (proxies, retries) are carried
 * over. */
#include "lib/package/apt_root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/package/sources.h"

enum {
        LISTS_AGE = 3600,       /* seconds before package lists are fetched again */
        CONFIG_LIMIT = 1 << 20, /* bytes of one file below /etc/apt */
        SPACE_NEEDED = 1 << 16, /* bytes; a file system with less is full */
        PATIENCE = 6,           /* ticks of half a second */
};

void apt_root_leave(Apt **a) {
        close((*a)->lock);
        (*a)->lock = -1;
}

static int run(const char *const *argv, const ProcOptions *o, char **ret_out, Err *e) {
        if (proc_run(argv, o, ret_out, NULL, NULL, e) == 0)
                return 0;
        if (e && e->kind == ERR_NOT_FOUND)
                err_hint(e, "Debian packages are resolved by apt, which this machine lacks");
        return -1;
}

int apt_run(Apt *a, const char *const *argv, char **ret_out, Err *e) {
        const ProcOptions o = { .env = (const char *const *)a->env, .output_limit = 64 << 20 };

        return run(argv, &o, ret_out, e);
}

/* --- fetching ------------------------------------------------------------------------------- */

typedef struct Watch {
        const char *dir;
        uint64_t seen;
        unsigned quiet; /* ticks since anything grew */
        Progress *progress;
} Watch;

/* On a full disk apt hangs, or names any reason but this one. */
static int check_space(const char *dir, Err *e) {
        struct statvfs fs;

        if (statvfs(dir, &fs) < 0 || (uint64_t)fs.f_bavail * fs.f_frsize >= SPACE_NEEDED)
                return 0;
        return err_set(e, ERR_IO, ENOSPC, "%s", dir);
}

/* apt tells nobody how far it is, but its files grow. One that was complete and moved away makes
 * the sum smaller; then the line stands still for a moment. */
static int watch_tick(void *ctx, Err *e) {
        Watch *w = ctx;
        DIR *d = opendir(w->dir);
        uint64_t sum = 0;
        struct stat st;

        if (!d)
                return 0;
        for (struct dirent *de; (de = readdir(d));)
                if (fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                    S_ISREG(st.st_mode))
                        sum += (uint64_t)st.st_size;
        closedir(d);
        w->quiet = sum > w->seen ? 0 : w->quiet + 1;
        progress_add(w->progress, sum > w->seen ? sum - w->seen : 0);
        w->seen = MAX(sum, w->seen);
        return w->quiet < PATIENCE ? 0 : check_space(w->dir, e);
}

int apt_fetch(Apt *a, const char *const *argv, const char *what, const char *watch, const char *cwd,
              Err *e) {
        Watch w = { .dir = watch, .progress = progress_start(what, 0) };
        const ProcOptions o = {
                .env = (const char *const *)a->env, .cwd = cwd, .tick = watch_tick, .tick_ctx = &w
        };
        int r = run(argv, &o, NULL, e);

        progress_end(w.progress);
        return r < 0 && check_space(watch, NULL) < 0 ? check_space(watch, e) : r;
}

/* --- sources and configuration -------------------------------------------------------------- */

static void read_sources(const char *path, bool list, const SourcesOptions *o, Buf *out) {
        _cleanup_free_ char *text = NULL;

        if (file_read(path, CONFIG_LIMIT, &text, NULL, NULL) == 0)
                sources_convert(text, list, o, out);
}

static int wanted_file(const struct dirent *d) {
        return d->d_name[0] != '.' &&
               (str_has_suffix(d->d_name, ".list") || str_has_suffix(d->d_name, ".sources"));
}

static void host_sources(const SourcesOptions *o, Buf *out) {
        struct dirent **names = NULL;
        int n;

        read_sources("/etc/apt/sources.list", true, o, out);
        n = scandir("/etc/apt/sources.list.d", &names, wanted_file, alphasort);
        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *path =
                        xasprintf("/etc/apt/sources.list.d/%s", names[i]->d_name);

                read_sources(path, str_has_suffix(path, ".list"), o, out);
                free(names[i]);
        }
        free(names);
}

/* A mirror for a suite that the host does not use itself: signed by whatever Debian keys the host
 * has. */
static void mirror_sources(const SourcesOptions *o, Buf *out) {
        static const char keyring[] = "/usr/share/keyrings/debian-archive-keyring.gpg";
        _cleanup_buf_ Buf text = { 0 };

        buf_addf(&text,
                 "Types: deb\nURIs: -\nSuites: %s %s-updates %s-security\nComponents: main\n",
                 o->suite, o->suite, o->suite);
        if (file_exists(keyring))
                buf_addf(&text, "Signed-By: %s\n", keyring);
        sources_convert(text.data, false, o, out);
}

static int make_sources(Apt *a, Buf *out, Err *e) {
        const SourcesOptions o = { .suite = a->suite, .arch = a->arch, .mirror = a->mirror };

        host_sources(&o, out);
        if (out->len == 0 && a->mirror)
                mirror_sources(&o, out);
        if (out->len)
                return 0;
        err_set(e, ERR_NOT_FOUND, 0, "the apt sources of this machine have no suite %s for %s",
                a->suite, a->arch);
        return err_hint(e, "set LINUXKIT_DEBIAN_MIRROR to the address of a Debian mirror");
}

/* Proxies, retries and the like of the host, as configuration lines. */
static int transport_settings(Buf *out, Err *e) {
        static const char *const keep[] = {
                "Acquire::http::",         "Acquire::https::", "Acquire::ftp::",
                "Acquire::Retries ",       "Acquire::ForceIP", "Acquire::Check-Valid-Until ",
                "Acquire::Max-FutureTime "
        };
        const char *const argv[] = { "apt-config", "dump", NULL };
        _cleanup_free_ char *dump = NULL;

        if (proc_run(argv, NULL, &dump, NULL, NULL, e) < 0)
                return err_hint(e, "Debian packages are resolved by apt, which this machine lacks");
        for (char *line = dump, *next; line && *line; line = next) {
                next = strchr(line, '\n');
                if (next)
                        *next++ = '\0';
                for (size_t i = 0; i < ARRAY_LEN(keep); i++)
                        if (str_has_prefix(line, keep[i]))
                                buf_addf(out, "%s\n", line);
        }
        return 0;
}

static int make_config(Apt *a, Buf *out, Err *e) {
        if (strpbrk(a->dir, "\"\n"))
                return err_set(e, ERR_USAGE, 0, "cache directory \"%s\" has a quote in its name",
                               a->dir);
        if (transport_settings(out, e) < 0)
                return -1;
        buf_addf(out,
                 "Dir::State \"%s/state\";\nDir::State::status \"%s/status\";\n"
                 "Dir::Cache \"%s/cache\";\nDir::Etc \"%s/etc\";\nDir::Log \"%s/log\";\n"
                 "Dir::Etc::trusted \"/etc/apt/trusted.gpg\";\n"
                 "Dir::Etc::trustedparts \"/etc/apt/trusted.gpg.d\";\n"
                 "Dir::Etc::netrc \"/etc/apt/auth.conf\";\n"
                 "Dir::Etc::netrcparts \"/etc/apt/auth.conf.d\";\n",
                 a->dir, a->dir, a->dir, a->dir, a->dir);
        buf_addf(
                out,
                "APT::Architecture \"%s\";\nAPT::Architectures { \"%s\"; };\n"
                "APT::Sandbox::User \"\";\nAPT::Install-Recommends \"false\";\n"
                "APT::Install-Suggests \"false\";\nAPT::Get::Show-User-Simulation-Note \"false\";\n"
                "Acquire::Languages \"none\";\n",
                a->arch, a->arch);
        return 0;
}

/* Writes path when it has other contents; *ret_changed tells. */
static int write_if_changed(const char *path, const Buf *text, bool *ret_changed, Err *e) {
        _cleanup_free_ char *old = NULL;

        if (file_read(path, CONFIG_LIMIT, &old, NULL, NULL) == 0 && str_eq(old, text->data))
                return 0;
        *ret_changed = true;
        return file_write(path, text->data, text->len, 0644, e);
}

static int make_dirs(Apt *a, Err *e) {
        static const char *const dirs[] = {
                "state/lists/partial", "cache/archives/partial", "log",     "etc/apt.conf.d",
                "etc/preferences.d",   "etc/sources.list.d",     "download"
        };

        for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
                _cleanup_free_ char *path = path_join(a->dir, dirs[i]);

                if (dir_make(path, e) < 0)
                        return -1;
        }
        return 0;
}

int apt_root_enter(Apt *a, Err *e) {
        _cleanup_buf_ Buf sources = { 0 }, config = { 0 };
        _cleanup_free_ char *lock_path = path_join(a->dir, "lock");
        _cleanup_free_ char *sources_path = path_join(a->dir, "etc/sources.list.d/host.sources");
        _cleanup_free_ char *config_path = path_join(a->dir, "apt.conf");
        _cleanup_free_ char *status_path = path_join(a->dir, "status");
        _cleanup_free_ char *stamp = path_join(a->dir, "updated");
        _cleanup_fd_ int fd = -1;
        bool changed = false;

        if (make_dirs(a, e) < 0)
                return -1;
        fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0)
                return err_set(e, ERR_IO, errno, "open %s", lock_path);
        while (flock(fd, LOCK_EX) < 0)
                if (errno != EINTR)
                        return err_set(e, ERR_IO, errno, "lock %s", lock_path);
        if (make_sources(a, &sources, e) < 0 || make_config(a, &config, e) < 0)
                return -1;
        if (write_if_changed(sources_path, &sources, &changed, e) < 0)
                return -1;
        if (changed)
                unlink(stamp); /* the lists are those of other sources */
        if (write_if_changed(config_path, &config, &changed, e) < 0 ||
            (!file_exists(status_path) && file_write(status_path, "", 0, 0644, e) < 0))
                return -1;
        a->lock = fd_take(&fd);
        return 0;
}

/* --- package lists -------------------------------------------------------------------------- */

int apt_root_fetch_lists(Apt *a, Err *e) {
        const char *const argv[] = { "apt-get", "-qq", "-o", "APT::Update::Error-Mode=any",
                                     "update",  NULL };
        _cleanup_free_ char *stamp = path_join(a->dir, "updated");
        _cleanup_free_ char *lists = path_join(a->dir, "state/lists/partial");

        if (a->fresh)
                return 0;
        log_info("fetching the package lists of %s for %s", a->suite, a->arch);
        if (apt_fetch(a, argv, "package lists", lists, NULL, e) < 0) {
                err_wrap(e, "package lists of %s for %s", a->suite, a->arch);
                if (e && e->errnum == ENOSPC)
                        return -1;
                if (e && e->kind == ERR_IO)
                        e->kind = ERR_NETWORK;
                return err_hint(e,
                                "check the network, the proxy and the apt sources of this machine");
        }
        a->fresh = true;
        return file_write(stamp, "", 0, 0644, e);
}

int apt_root_refresh_lists(Apt *a, Err *e) {
        _cleanup_free_ char *stamp = path_join(a->dir, "updated");
        _cleanup_err_ Err why = ERR_INIT;
        struct stat st;
        bool have = stat(stamp, &st) == 0;

        if (have && time(NULL) - st.st_mtime < LISTS_AGE)
                return 0;
        if (apt_root_fetch_lists(a, &why) == 0)
                return 0;
        if (have && why.kind == ERR_NETWORK) {
                log_warn("%s; using the old ones", why.text);
                return 0;
        }
        err_move(e, &why);
        return -1;
}
