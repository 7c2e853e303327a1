/* mounts.c - the file systems of the machine.
 *
 * A container runtime calls pivot_root(2), which refuses the initial root because that has no
 * parent mount.  A bind mount of / moved over / has one; it costs a millisecond, where copying the
 * tree costs its size in memory. */
#include "init/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "init/cmdline.h"
#include "init/log.h"
#include "init/rootcopy.h"
#include "lib/base/mem.h"

/* The command line can only be read through /proc, which is not mounted yet; it stays mounted when
 * the answer is yes, because copying needs it too. */
static bool wants_copy(void) {
        if (mount("proc", "/proc", "proc", MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL) < 0)
                return false;
        if (cmdline_has(cmdline_text(), "linuxkit.root=copy"))
                return true;
        umount2("/proc", MNT_DETACH);
        return false;
}

/* boot.md 2.2: the way of the reference, for whoever cannot have the initial file system as root.
 * Leaves the copy on /mnt.  Nothing can be taken back, so after a failure the boot goes on with
 * what there is. */
static bool copy_root(void) {
        _cleanup_err_ Err e = ERR_INIT;
        if (mount("rootfs", "/mnt", "tmpfs", 0, "mode=755") < 0) {
                log_init("mount a tmpfs on /mnt: %s", strerror(errno));
                return false;
        }
        if (rootcopy_move("/", "/mnt", &e) < 0)
                log_init("copy the root file system: %s", e.text);
        umount2("/proc", MNT_DETACH);
        return true;
}

void mounts_move_root(void) {
        struct statfs fs;
        if (statfs("/", &fs) < 0 || (fs.f_type != RAMFS_MAGIC && fs.f_type != TMPFS_MAGIC))
                return;
        if (mkdir("/mnt", 0755) < 0 && errno != EEXIST) {
                log_init("make /mnt: %s", strerror(errno));
                return;
        }
        bool copied = wants_copy() && copy_root();
        if ((!copied && mount("/", "/mnt", NULL, MS_BIND | MS_REC, NULL) < 0) ||
            chdir("/mnt") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
                log_init("move the root file system: %s", strerror(errno));
        if (chdir("/") < 0)
                log_init("chdir /: %s", strerror(errno));
}

/* /dev/console is mostly there already: the kernel opened it for us.  On a read-only root without
 * device nodes it only comes with devtmpfs; until then the descriptors hold the root directory. */
void mounts_open_console(void) {
        struct stat st;
        for (int want = 0; want < 3; want++) {
                if (fstat(want, &st) == 0 && !S_ISDIR(st.st_mode))
                        continue;
                int fd = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);
                if (fd < 0)
                        fd = open("/", O_PATH | O_CLOEXEC);
                if (fd < 0)
                        return;
                dup2(fd, want); /* without O_CLOEXEC when the number changes */
                if (fd == want)
                        fcntl(fd, F_SETFD, 0);
                else
                        close(fd);
        }
}

#define SAFE (MS_NODEV | MS_NOSUID | MS_NOEXEC)

typedef struct TableMount {
        const char *source, *target, *type;
        unsigned long flags;
        const char *data;
        bool silent;
} TableMount;

/* boot.md 5.1, up to /var: what the skeleton of /var and /dev need */
static const TableMount base_mounts[] = {
        { "proc", "/proc", "proc", SAFE | MS_RELATIME, NULL, false },
        { "", "/", "", MS_REMOUNT | MS_BIND | MS_RDONLY, NULL, true },
        { "tmpfs", "/run", "tmpfs", SAFE | MS_RELATIME, "size=10%,mode=755", false },
        { "tmpfs", "/tmp", "tmpfs", SAFE | MS_RELATIME, "size=10%,mode=1777", false },
        { "tmpfs", "/var", "tmpfs", SAFE | MS_RELATIME, "size=50%,mode=755", false },
        { "dev", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC | MS_RELATIME,
          "size=10m,nr_inodes=248418,mode=755", false },
};

static const TableMount more_mounts[] = {
        { "mqueue", "/dev/mqueue", "mqueue", SAFE, NULL, false },
        { "shm", "/dev/shm", "tmpfs", SAFE, "mode=1777", false },
        { "devpts", "/dev/pts", "devpts", MS_NOEXEC | MS_NOSUID, "gid=5,mode=0620", false },
        { "sysfs", "/sys", "sysfs", SAFE, NULL, false },
        { "securityfs", "/sys/kernel/security", "securityfs", SAFE, NULL, true },
        { "debugfs", "/sys/kernel/debug", "debugfs", SAFE, NULL, true },
        { "configfs", "/sys/kernel/config", "configfs", SAFE, NULL, true },
        { "fusectl", "/sys/fs/fuse/connections", "fusectl", SAFE, NULL, true },
        { "selinuxfs", "/sys/fs/selinux", "selinuxfs", MS_NOEXEC | MS_NOSUID, NULL, true },
        { "pstore", "/sys/fs/pstore", "pstore", SAFE, NULL, true },
        { "bpffs", "/sys/fs/bpf", "bpf", MS_NODEV, NULL, true },
        { "efivarfs", "/sys/firmware/efi/efivars", "efivarfs", SAFE, NULL, true },
        { "binfmt_misc", "/proc/sys/fs/binfmt_misc", "binfmt_misc", SAFE, NULL, true },
};

/* Busy is what stands there already: /dev comes from the kernel (DEVTMPFS_MOUNT) or from the stub
 * of a disk, with other flags than ours. */
static int mount_one(const TableMount *t) {
        int r = mount(t->source, t->target, t->type, t->flags, t->data);
        if (r < 0 && errno == EBUSY)
                r = mount(t->source, t->target, t->type, t->flags | MS_REMOUNT, t->data);
        return r;
}

static void mount_table(const TableMount *t, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (mount_one(&t[i]) < 0 && !t[i].silent)
                        log_init("mount %s on %s: %s", t[i].source, t[i].target, strerror(errno));
}

static void make_dir(const char *path, mode_t mode) {
        if (mkdir(path, mode) < 0 && errno != EEXIST)
                log_init("make directory %s: %s", path, strerror(errno));
}

static void make_link(const char *target, const char *path) {
        if (symlink(target, path) < 0 && errno != EEXIST)
                log_init("make link %s: %s", path, strerror(errno));
}

static void fill_var(void) {
        static const struct {
                const char *path;
                mode_t mode;
        } dirs[] = {
                { "/var/cache", 0755 }, { "/var/empty", 0555 }, { "/var/lib", 0755 },
                { "/var/local", 0755 }, { "/var/lock", 0755 },  { "/var/log", 0755 },
                { "/var/opt", 0755 },   { "/var/spool", 0755 }, { "/var/tmp", 01777 },
        };
        for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
                make_dir(dirs[i].path, dirs[i].mode);
        make_link("/run", "/var/run");
}

static void fill_dev(void) {
        static const struct {
                const char *path;
                mode_t mode;
                unsigned major, minor;
        } nodes[] = {
                { "/dev/console", 0600, 5, 1 }, { "/dev/tty1", 0620, 4, 1 },
                { "/dev/tty", 0666, 5, 0 },     { "/dev/null", 0666, 1, 3 },
                { "/dev/kmsg", 0660, 1, 11 },
        };
        for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
                if (mknod(nodes[i].path, S_IFCHR | nodes[i].mode,
                          makedev(nodes[i].major, nodes[i].minor)) < 0 &&
                    errno != EEXIST)
                        log_init("make device %s: %s", nodes[i].path, strerror(errno));
        make_link("/proc/self/fd", "/dev/fd");
        make_link("/proc/self/fd/0", "/dev/stdin");
        make_link("/proc/self/fd/1", "/dev/stdout");
        make_link("/proc/self/fd/2", "/dev/stderr");
        make_link("/proc/kcore", "/dev/kcore");
        make_dir("/dev/mqueue", 01777);
        make_dir("/dev/shm", 01777);
        make_dir("/dev/pts", 0755);
}

static void mount_controller(const char *name) {
        char path[128];
        snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", name);
        make_dir(path, 0555);
        if (mount(name, path, "cgroup", SAFE, name) < 0)
                log_init("mount cgroup %s: %s", name, strerror(errno));
}

/* boot.md 5.2, v1: one hierarchy for each enabled line of /proc/cgroups */
static void mount_cgroup1(void) {
        mount_table(&(TableMount){ "cgroup_root", "/sys/fs/cgroup", "tmpfs", SAFE,
                                   "mode=755,size=10m", false },
                    1);
        _cleanup_fclose_ FILE *f = fopen("/proc/cgroups", "re");
        char line[256], name[64];
        while (f && fgets(line, sizeof(line), f)) {
                int enabled;
                if (sscanf(line, "%63s %*d %*d %d", name, &enabled) == 2 && name[0] != '#' &&
                    enabled == 1)
                        mount_controller(name);
        }
        int fd = open("/sys/fs/cgroup/memory/memory.use_hierarchy", O_WRONLY | O_CLOEXEC);
        if (fd >= 0) {
                if (write(fd, "1", 1) < 0)
                        log_init("set memory.use_hierarchy: %s", strerror(errno));
                close(fd);
        }
        make_dir("/sys/fs/cgroup/systemd", 0555);
        mount_table(&(TableMount){ "cgroup", "/sys/fs/cgroup/systemd", "cgroup", SAFE,
                                   "none,name=systemd", false },
                    1);
}

void mounts_all(void) {
        umask(0); /* the modes here are meant as they stand */
        mount_table(base_mounts, ARRAY_LEN(base_mounts));
        fill_var();
        fill_dev();
        mount_table(more_mounts, ARRAY_LEN(more_mounts));
        if (cmdline_has(cmdline_text(), "linuxkit.unified_cgroup_hierarchy=0")) {
                log_init("cgroup v1 as asked for on the command line");
                mount_cgroup1();
        } else {
                mount_table(
                        &(TableMount){ "cgroup2", "/sys/fs/cgroup", "cgroup2", SAFE, NULL, false },
                        1);
        }
        if (mount("", "/", "", MS_REC | MS_SHARED, NULL) < 0)
                log_init("make mounts shared: %s", strerror(errno));
        umask(022);
}
