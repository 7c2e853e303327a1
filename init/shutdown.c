/* shutdown.c - the last steps before reboot(2).
 *
 * /proc/self/mountinfo lists mounts in the order they were made; nested ones must go first, so it
 * is read backwards, and again as long as that changes anything. */
#include "init/shutdown.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/loop.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "init/log.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

typedef struct Mounts {
        char **targets;
        char **types;
        size_t n;
} Mounts;

void shutdown_unescape(char *path) {
        char *out = path;
        for (const char *p = path; *p; p++) {
                if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
                    p[3] >= '0' && p[3] <= '7') {
                        *out++ = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
                        p += 3;
                } else {
                        *out++ = *p;
                }
        }
        *out = 0;
}

static void read_mounts(Mounts *m) {
        size_t cap = 0, n_types = 0, cap_types = 0;
        *m = (Mounts){ 0 };
        _cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        while (f && getline(&line, &size, f) > 0) {
                char target[4096], type[64];
                /* proc_pid_mountinfo(5): id parent dev root TARGET options [fields] - TYPE ... */
                const char *dash = strstr(line, " - ");
                if (sscanf(line, "%*s %*s %*s %*s %4095s", target) != 1 || !dash ||
                    sscanf(dash, " - %63s", type) != 1)
                        continue;
                shutdown_unescape(target);
                *vec_push(m->targets, m->n, cap) = xstrdup(target);
                *vec_push(m->types, n_types, cap_types) = xstrdup(type);
        }
}

static void free_mounts(Mounts *m) {
        sys_free_names(m->targets, m->n);
        sys_free_names(m->types, m->n);
}

/* What we need to the end, and what holds nothing. */
static bool stays(const char *target) {
        static const char *const keep[] = { "/", "/proc", "/sys", "/dev", "/run" };
        for (size_t i = 0; i < ARRAY_LEN(keep); i++)
                if (str_eq(target, keep[i]))
                        return true;
        return str_has_prefix(target, "/proc/") || str_has_prefix(target, "/sys/") ||
               str_has_prefix(target, "/dev/");
}

static bool on_network(const char *type) {
        static const char *const types[] = { "nfs", "nfs4", "cifs", "smb3", "9p", "ceph" };
        for (size_t i = 0; i < ARRAY_LEN(types); i++)
                if (str_eq(type, types[i]))
                        return true;
        return false;
}

static bool on_disk(const char *type) {
        static const char *const types[] = { "ext2", "ext3",  "ext4",  "btrfs", "xfs",
                                             "vfat", "msdos", "exfat", "f2fs" };
        for (size_t i = 0; i < ARRAY_LEN(types); i++)
                if (str_eq(type, types[i]))
                        return true;
        return false;
}

/* True when something was unmounted. */
static bool unmount_pass(void) {
        Mounts m;
        bool progress = false;
        read_mounts(&m);
        for (size_t i = m.n; i-- > 0;) {
                int flags = UMOUNT_NOFOLLOW | (on_network(m.types[i]) ? MNT_DETACH : 0);
                if (!stays(m.targets[i]) && umount2(m.targets[i], flags) == 0)
                        progress = true;
        }
        free_mounts(&m);
        return progress;
}

static void detach_loops(void) {
        char **names;
        size_t n;
        if (sys_list("/sys/block", &names, &n, NULL) < 0)
                return;
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *backing =
                        xasprintf("/sys/block/%s/loop/backing_file", names[i]);
                _cleanup_free_ char *device = path_join("/dev", names[i]);
                if (access(backing, F_OK) < 0)
                        continue;
                _cleanup_fd_ int fd = open(device, O_RDONLY | O_CLOEXEC);
                if (fd >= 0)
                        ioctl(fd, LOOP_CLR_FD, 0);
        }
        sys_free_names(names, n);
}

/* Devices in use, such as a verity root, refuse and stay. */
static void detach_mapper(void) {
        struct stat st;
        if (stat("/dev/dm-0", &st) < 0)
                return;
        _cleanup_fd_ int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
        struct dm_ioctl request = { .version = { DM_VERSION_MAJOR, 0, 0 },
                                    .data_size = sizeof(request) };
        if (fd >= 0)
                ioctl(fd, DM_REMOVE_ALL, &request);
}

/* A disk that is still busy at least becomes consistent. */
static void freeze_rest(void) {
        Mounts m;
        read_mounts(&m);
        for (size_t i = m.n; i-- > 0;) {
                if (!on_disk(m.types[i]))
                        continue;
                if (mount(NULL, m.targets[i], NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
                        log_init("%s stays mounted: %s", m.targets[i], strerror(errno));
        }
        free_mounts(&m);
}

void shutdown_storage(void) {
        enum { PASSES = 4 };
        if (chdir("/") < 0)
                log_init("chdir /: %s", strerror(errno));
        sync(); /* whatever happens next, this much is safe */
        for (int i = 0; i < PASSES && unmount_pass(); i++) {
                detach_loops();
                detach_mapper();
        }
        freeze_rest();
        sync();
}
