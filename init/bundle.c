/* bundle.c - the actions of a runtime.json.
 *
 * Relative paths are below the container's rootfs, absolute ones belong to the machine.  Symlinks
 * of the image are followed as the reference does: whoever wrote the image owns the machine. */
#include "init/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "init/log.h"
#include "init/mountopt.h"
#include "init/net.h"
#include "init/runtime.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { MAX_RUNTIME = 1 << 20 };

static const char cgroup_root[] = "/sys/fs/cgroup";

struct Bundle {
        Arena *arena;
        const char *path, *rootfs;
        Runtime rt;
        size_t mounted; /* the first so many entries of rt.mounts are in place */
};

int bundle_open(const char *path, Bundle **ret, Err *e) {
        _cleanup_arena_ Arena *arena = arena_new();
        Bundle *b = arena_alloc(arena, sizeof(*b));
        b->path = arena_strdup(arena, path);
        b->rootfs = arena_printf(arena, "%s/rootfs", path);

        _cleanup_free_ char *file = path_join(path, "runtime.json");
        _cleanup_free_ char *text = NULL;
        Err local = ERR_INIT;
        if (sys_read_file(file, MAX_RUNTIME, &text, &local) < 0) {
                if (local.kind != ERR_NOT_FOUND) {
                        err_move(e, &local);
                        return -1;
                }
                err_clear(&local);
        }
        if (runtime_parse(text ? text : "{}", arena, &b->rt, e) < 0)
                return err_wrap(e, "%s", file);
        b->arena = take(arena);
        *ret = b;
        return 0;
}

void bundle_free(Bundle *b) {
        if (b)
                arena_free(b->arena);
}

static int do_mount(Bundle *b, const RuntimeMount *m, Err *e) {
        _cleanup_free_ char *target = path_join(b->rootfs, m->destination);
        _cleanup_(mountopt_done) MountOpts o = { 0 };
        if (mountopt_parse(m->options, m->n_options, &o, e) < 0 ||
            sys_mkdir_p(target, 0755, e) < 0 ||
            (o.upperdir && sys_mkdir_p(o.upperdir, 0755, e) < 0) ||
            (o.workdir && sys_mkdir_p(o.workdir, 0755, e) < 0))
                return -1;
        return mountopt_mount(m->source, target, m->type, &o, e);
}

static void make_cgroup(const char *name) {
        _cleanup_err_ Err e = ERR_INIT;
        struct stat st;
        if (stat("/sys/fs/cgroup/cgroup.controllers", &st) == 0) {
                _cleanup_free_ char *dir = path_join(cgroup_root, name + strspn(name, "/"));
                if (sys_mkdir_p(dir, 0755, &e) < 0)
                        log_init("cgroup \"%s\": %s", name, e.text);
                return;
        }
        char **controllers;
        size_t n;
        if (sys_list(cgroup_root, &controllers, &n, &e) < 0) {
                log_init("cgroup \"%s\": %s", name, e.text);
                return;
        }
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *dir = xasprintf("%s/%s/%s", cgroup_root, controllers[i], name);
                if (sys_mkdir_p(dir, 0755, &e) < 0)
                        log_init("cgroup \"%s\": %s", name, e.text);
        }
        sys_free_names(controllers, n);
}

int bundle_prepare(Bundle *b, Err *e) {
        for (size_t i = 0; i < b->rt.n_mounts; i++) {
                if (do_mount(b, &b->rt.mounts[i], e) < 0)
                        return err_wrap(e, "mounts[%zu]", i);
                b->mounted = i + 1;
        }
        for (size_t i = 0; i < b->rt.n_mkdir; i++) {
                _cleanup_free_ char *dir = path_join(b->rootfs, b->rt.mkdir[i]);
                if (sys_mkdir_p(dir, 0755, e) < 0)
                        return err_wrap(e, "mkdir[%zu]", i);
        }
        for (size_t i = 0; i < b->rt.n_cgroups; i++)
                make_cgroup(b->rt.cgroups[i]);
        return 0;
}

static int attach_interface(const RuntimeInterface *i, pid_t pid, Err *e) {
        if (*i->add) {
                bool veth = str_eq(i->add, "veth");
                bool in_root = veth || i->create_in_root;
                if (net_link_create(i->name, i->add, veth ? i->peer : NULL, in_root ? 0 : pid, e) <
                    0)
                        return -1;
                log_line("Created interface %s type %s", i->name, i->add);
                if (!in_root)
                        return 0;
        }
        if (net_link_move(i->name, pid, e) < 0)
                return -1;
        log_line("Moved interface %s to pid %d", i->name, (int)pid);
        return 0;
}

static int bind_namespace(const char *kind, const char *path, pid_t pid, Err *e) {
        char source[64];
        snprintf(source, sizeof(source), "/proc/%d/ns/%s", (int)pid, kind);
        _cleanup_free_ char *dir = path_dir(path);
        if (sys_mkdir_p(dir, 0755, e) < 0)
                return -1;
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0)
                return err_set(e, ERR_IO, errno, "create %s", path);
        /* of a former life of the service; binds would pile up with every restart */
        struct statfs fs;
        while (statfs(path, &fs) == 0 && fs.f_type == NSFS_MAGIC &&
               umount2(path, UMOUNT_NOFOLLOW | MNT_DETACH) == 0)
                continue;
        if (mount(source, path, "", MS_BIND, NULL) < 0)
                return err_set(e, ERR_IO, errno, "bind %s on %s", source, path);
        return 0;
}

int bundle_attach(Bundle *b, pid_t pid, Err *e) {
        for (size_t i = 0; i < b->rt.n_interfaces; i++)
                if (attach_interface(&b->rt.interfaces[i], pid, e) < 0)
                        return err_wrap(e, "interfaces[%zu]", i);
        for (size_t i = 0; i < RUNTIME_NAMESPACES; i++)
                if (*b->rt.bind_ns[i] &&
                    bind_namespace(runtime_namespaces[i], b->rt.bind_ns[i], pid, e) < 0)
                        return err_wrap(e, "bindNS");
        return 0;
}

int bundle_needs_attach(const Bundle *b) {
        if (b->rt.n_interfaces)
                return 1;
        for (size_t i = 0; i < RUNTIME_NAMESPACES; i++)
                if (*b->rt.bind_ns[i])
                        return 1;
        return 0;
}

static bool is_remount(const RuntimeMount *m) {
        for (size_t i = 0; i < m->n_options; i++)
                if (str_eq(m->options[i], "remount"))
                        return true;
        return false;
}

void bundle_cleanup(Bundle *b) {
        size_t len = strlen(b->path);
        for (; b->mounted; b->mounted--) {
                const RuntimeMount *m = &b->rt.mounts[b->mounted - 1];
                _cleanup_free_ char *target = path_join(b->rootfs, m->destination);
                bool ours = str_has_prefix(target, b->path) && target[len] == '/';
                if (ours && !is_remount(m) && umount2(target, UMOUNT_NOFOLLOW) < 0)
                        umount2(target, UMOUNT_NOFOLLOW | MNT_DETACH);
        }
}

const char *bundle_path(const Bundle *b) {
        return b->path;
}

const char *bundle_name(const Bundle *b) {
        return path_base(b->path);
}

const char *bundle_namespace(const Bundle *b) {
        return b->rt.namespace;
}

RestartPolicy bundle_restart(const Bundle *b) {
        return b->rt.restart;
}

FailPolicy bundle_fail(const Bundle *b) {
        return b->rt.fail;
}

unsigned bundle_timeout(const Bundle *b) {
        return b->rt.timeout;
}

const char *bundle_oci_runtime(const Bundle *b) {
        return b->rt.oci_runtime;
}

char *const *bundle_needs(const Bundle *b, size_t *n) {
        *n = b->rt.n_needs;
        return b->rt.needs;
}

const ProbeSpec *bundle_ready(const Bundle *b) {
        return &b->rt.ready;
}

const ProbeSpec *bundle_health(const Bundle *b) {
        return &b->rt.health;
}

unsigned bundle_restart_limit(const Bundle *b) {
        return b->rt.restart_limit;
}

unsigned bundle_stop_timeout(const Bundle *b) {
        return b->rt.stop_timeout;
}
