/* main.c - first process of a small initramfs: loads the drivers that the kernel does not have
 * built in, finds and mounts the root file system that `root=` names, and hands over to its init.
 *
 * It copies nothing: a squashfs or erofs image is mounted where it lies, on a partition, in a file
 * on an ISO 9660 medium (root=iso:/PATH) or in a file of the initramfs itself (root=file:/PATH).
 * When it fails it says why and exits, which is a kernel panic that obeys `panic=`. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pkg/bootloader/console.h"
#include "pkg/bootloader/disks.h"
#include "pkg/bootloader/drivers.h"
#include "pkg/bootloader/place.h"
#include "pkg/bootloader/words.h"

static char cmdline[64 << 10];
static Words words;

static __attribute__((noreturn)) void die(void) {
        console_say("giving up after %u modules; command line: %.800s", drivers_loaded(), cmdline);
        sync();
        _exit(1);
}

static void mount_kernel(const char *type, const char *target, unsigned long flags) {
        mkdir(target, 0755);
        /* busy: the kernel has done it already */
        if (mount(type, target, type, flags, NULL) < 0 && errno != EBUSY)
                console_say("mount %s: %s", target, strerror(errno));
}

static void open_console(void) {
        int fd = open("/dev/console", O_RDWR | O_NOCTTY);
        if (fd < 0)
                return;
        for (int i = 0; i < 3; i++)
                if (fd != i)
                        dup2(fd, i);
        if (fd > 2)
                close(fd);
}

static void read_cmdline(void) {
        int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return;
        ssize_t n = read(fd, cmdline, sizeof(cmdline) - 1);
        close(fd);
        cmdline[n < 0 ? 0 : n] = 0;
        cmdline[strcspn(cmdline, "\n")] = 0;
}

static double now(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Events of the kernel about devices; -1 when it has no sockets. */
static int open_events(void) {
        struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
        int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                        NETLINK_KOBJECT_UEVENT);
        if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
                close(fd);
                return -1;
        }
        return fd;
}

/* Until something happens to a device, a tenth of a second at most: not every medium is announced.
 */
static void wait_event(int fd) {
        char text[4096];
        struct pollfd p = { .fd = fd, .events = POLLIN };
        poll(&p, 1, 100);
        while (fd >= 0 && recv(fd, text, sizeof(text), 0) > 0)
                continue;
}

static bool try_iso(void *ctx, const char *node) {
        return place_mount_in_iso(node, ctx, &words);
}

/* One attempt; *ret_there tells whether there was anything to mount. */
static bool mount_root(bool *ret_there) {
        char node[DISK_PATH_MAX];
        char *iso = strncmp(words.root, "iso:", 4) == 0 ? words.root + 4 : NULL;
        char *file = strncmp(words.root, "file:", 5) == 0 ? words.root + 5 : NULL;
        *ret_there = !iso;
        if (iso)
                return disks_each_iso(try_iso, iso);
        if (file) {
                const char *loop = place_loop(file);
                if (!loop)
                        console_say("loop device for %s: %s", file, strerror(errno));
                return loop && place_mount(loop, &words);
        }
        *ret_there = disks_find(words.root, node);
        return *ret_there && place_mount(node, &words);
}

static void find_root(void) {
        bool there;
        if (!words.root[0]) {
                console_say("there is no root= on the kernel command line");
                die();
        }
        if (!disks_knows(words.root) && strncmp(words.root, "iso:", 4) != 0 &&
            strncmp(words.root, "file:", 5) != 0) {
                console_say("root=%s: not one of /dev/NAME, PARTUUID=, PARTLABEL=, UUID=, LABEL=, "
                            "iso: and file:",
                            words.root);
                die();
        }
        int events = open_events();
        double end = now() + words.delay + words.wait;
        if (words.delay)
                sleep(words.delay);
        for (;;) {
                drivers_match();
                drivers_load_fixed();
                if (mount_root(&there))
                        break;
                /* it is there and does not work: waiting will not help */
                if (there)
                        die();
                if (now() >= end) {
                        char devices[700];
                        disks_describe(devices, sizeof(devices));
                        console_say("root=%s did not appear within %u seconds; block devices: %s",
                                    words.root, words.wait + words.delay, devices);
                        die();
                }
                wait_event(events);
        }
        if (events >= 0)
                close(events);
}

static void run(const char *path, char **argv, char **envp) {
        char *name = argv[0];
        argv[0] = (char *)path;
        execve(path, argv, envp);
        argv[0] = name;
        if (errno != ENOENT)
                console_say("%s: %s", path, strerror(errno));
}

int main(int argc, char **argv, char **envp) {
        if (getpid() != 1 || argc < 1) {
                fputs("stub: only for process 1 of an initramfs\n", stderr);
                return 1;
        }
        mount_kernel("devtmpfs", "/dev", MS_NOSUID);
        open_console();
        mount_kernel("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
        mount_kernel("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC);
        read_cmdline();
        words_read(cmdline, &words);
        console_debug = words.debug;
        drivers_open(cmdline);
        find_root();
        console_trace("root found at %.2fs", now());
        if (!place_enter())
                die();
        if (words.init[0]) {
                run(words.init, argv, envp);
                console_say("init=%s cannot be run", words.init);
                die();
        }
        run("/sbin/init", argv, envp);
        run("/init", argv, envp);
        console_say("the root file system has neither /sbin/init nor /init");
        die();
}
