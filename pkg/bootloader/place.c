/* place.c - see place.h. */
#include "pkg/bootloader/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "pkg/bootloader/console.h"
#include "pkg/bootloader/disks.h"

static const char medium[] = "/medium";

/* LOOP_CONFIGURE came with Linux 5.8; older kernels want two calls. */
static int attach(int loop, int file) {
        struct loop_config config = {
                .fd = (unsigned)file,
                .info = { .lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR },
        };
        if (ioctl(loop, LOOP_CONFIGURE, &config) == 0)
                return 0;
        if (errno == EBUSY || ioctl(loop, LOOP_SET_FD, file) < 0)
                return -1;
        return ioctl(loop, LOOP_SET_STATUS64, &config.info);
}

const char *place_loop(const char *file) {
        static char node[32];
        static int loop = -1; /* stays open until the mount holds the device */
        int backing = open(file, O_RDONLY | O_CLOEXEC);
        int control = backing < 0 ? -1 : open("/dev/loop-control", O_RDWR | O_CLOEXEC);
        int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
        bool good = false;
        if (number >= 0) {
                snprintf(node, sizeof(node), "/dev/loop%d", number);
                if (loop >= 0)
                        close(loop);
                loop = open(node, O_RDONLY | O_CLOEXEC);
                good = loop >= 0 && attach(loop, backing) == 0;
        }
        int errnum = errno;
        if (control >= 0)
                close(control);
        if (backing >= 0)
                close(backing);
        errno = errnum;
        return good ? node : NULL;
}

static bool mount_as(const char *node, const char *type, const Words *w) {
        unsigned long flags = w->writable ? 0 : MS_RDONLY;
        const char *data = w->flags[0] ? w->flags : NULL;
        if (mount(node, PLACE_ROOT, type, flags, data) == 0)
                return true;
        /* as the kernel does it: a medium that cannot be written is mounted read-only */
        return (errno == EACCES || errno == EROFS) && !(flags & MS_RDONLY) &&
               mount(node, PLACE_ROOT, type, MS_RDONLY, data) == 0;
}

bool place_mount(const char *node, const Words *w) {
        char types[WORD_MAX], *rest = types, *type;
        const char *found = disks_type(node);
        if (!w->types[0] && !found) {
                console_say("%s: holds no file system known here; rootfstype= can name it", node);
                return false;
        }
        strcpy(types, w->types[0] ? w->types : found);
        mkdir(PLACE_ROOT, 0755);
        while ((type = strsep(&rest, ","))) {
                if (mount_as(node, type, w)) {
                        console_trace("mounted %s as %s", node, type);
                        return true;
                }
                console_say("mount %s as %s: %s%s", node, type, strerror(errno),
                            errno == ENODEV ? " (the kernel lacks this file system)" : "");
        }
        return false;
}

bool place_mount_in_iso(const char *node, const char *file, const Words *w) {
        char path[WORD_MAX + sizeof(medium)];
        mkdir(medium, 0755);
        if (mount(node, medium, "iso9660", MS_RDONLY, NULL) < 0) {
                console_say("mount %s as iso9660: %s", node, strerror(errno));
                return false;
        }
        snprintf(path, sizeof(path), "%s%s%s", medium, file[0] == '/' ? "" : "/", file);
        const char *loop = NULL;
        if (access(path, F_OK) == 0 && !(loop = place_loop(path)))
                console_say("loop device for %s on %s: %s", file, node, strerror(errno));
        bool good = loop && place_mount(loop, w);
        /* the loop device keeps the file system in use; nobody need see it */
        umount2(medium, MNT_DETACH);
        return good;
}

/* Removes everything below the directory fd (which is closed) on the same file system. */
static void empty(int fd, dev_t dev) {
        DIR *dir = fdopendir(fd);
        if (!dir) {
                close(fd);
                return;
        }
        for (struct dirent *d; (d = readdir(dir));) {
                struct stat st;
                if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
                    fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                    st.st_dev != dev)
                        continue;
                if (S_ISDIR(st.st_mode)) {
                        int sub = openat(dirfd(dir), d->d_name,
                                         O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                        if (sub >= 0)
                                empty(sub, dev);
                }
                unlinkat(dirfd(dir), d->d_name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
        }
        closedir(dir);
}

/* An image file that a loop device has open stays until the device goes. */
static void free_initramfs(void) {
        struct statfs fs;
        struct stat st;
        if (statfs("/", &fs) < 0 || (fs.f_type != RAMFS_MAGIC && fs.f_type != TMPFS_MAGIC) ||
            stat("/", &st) < 0)
                return; /* not what we think it is: touch nothing */
        int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
                empty(fd, st.st_dev);
}

bool place_enter(void) {
        /* /dev goes along, as if the kernel had mounted it (DEVTMPFS_MOUNT), so that the console
         * keeps its name.  The others must not: an init that finds /proc takes itself for one in a
         * container (boot.md 5). */
        if (mount("/dev", PLACE_ROOT "/dev", NULL, MS_MOVE, NULL) < 0)
                umount2("/dev", MNT_DETACH);
        umount2("/proc", MNT_DETACH);
        umount2("/sys", MNT_DETACH);
        if (chdir(PLACE_ROOT) < 0) {
                console_say("%s: %s", PLACE_ROOT, strerror(errno));
                return false;
        }
        free_initramfs();
        if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0) {
                console_say("move into the root file system: %s", strerror(errno));
                return false;
        }
        return true;
}
