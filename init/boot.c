/* boot.c - the steps between the mounts and the running system.
 *
 * This is a child of pid 1, so that signals are honoured while it works.  No step stops the boot: a
 * failure is one line on the console. */
#include "init/boot.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/rtc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "init/bootlog.h"
#include "init/cmdline.h"
#include "init/devices.h"
#include "init/devlinks.h"
#include "init/hooks.h"
#include "init/log.h"
#include "init/modules.h"
#include "init/net.h"
#include "init/ociruntime.h"
#include "init/supervise.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { MAX_ISSUE = 64 << 10 };

static const char hooks_dir[] = "/etc/init.d";

void boot_limits(void) {
        struct rlimit files = { 1048576, 1048576 };
        struct rlimit processes = { RLIM_INFINITY, RLIM_INFINITY };
        if (setrlimit(RLIMIT_NOFILE, &files) < 0)
                log_init("set limit of open files: %s", strerror(errno));
        if (setrlimit(RLIMIT_NPROC, &processes) < 0)
                log_init("set limit of processes: %s", strerror(errno));
}

void boot_environment(void) {
        /* boot.md 4: what the reference's init gives its children */
        setenv("PATH", "/sbin:/usr/sbin:/bin:/usr/bin", 1);
        setenv("HOME", "/", 1);
        setenv("SHELL", "/bin/sh", 1);
        setenv("USER", "root", 1);
        if (!getenv("TERM"))
                setenv("TERM", "linux", 1);
}

/* The kernel sets the clock itself when the driver of rtc0 is built in; else it stands at 1970. */
static void set_clock(void) {
        enum { YEAR_2020 = 1577836800 };
        struct rtc_time rtc;
        if (time(NULL) > YEAR_2020)
                return;
        _cleanup_fd_ int fd = open("/dev/rtc0", O_RDONLY | O_CLOEXEC);
        if (fd < 0 || ioctl(fd, RTC_RD_TIME, &rtc) < 0) {
                log_init("read the hardware clock: %s", strerror(errno));
                return;
        }
        struct tm tm = { .tm_sec = rtc.tm_sec,
                         .tm_min = rtc.tm_min,
                         .tm_hour = rtc.tm_hour,
                         .tm_mday = rtc.tm_mday,
                         .tm_mon = rtc.tm_mon,
                         .tm_year = rtc.tm_year };
        struct timespec ts = { .tv_sec = timegm(&tm) };
        if (clock_settime(CLOCK_REALTIME, &ts) < 0)
                log_init("set the clock: %s", strerror(errno));
}

unsigned long boot_trim_hostname(const char *text, char *buf, unsigned long n) {
        while (isspace((unsigned char)*text))
                text++;
        size_t len = strlen(text);
        while (len && isspace((unsigned char)text[len - 1]))
                len--;
        if (len > n - 1)
                len = n - 1;
        memcpy(buf, text, len);
        buf[len] = 0;
        return len;
}

/* boot.md 5.7 */
static void set_hostname(void) {
        enum { HOST_NAME_BYTES = 65 }; /* __NEW_UTS_LEN and the NUL */
        char name[HOST_NAME_BYTES] = "", mac[64];
        _cleanup_free_ char *text = NULL;
        if (sys_read_file("/etc/hostname", 4096, &text, NULL) == 0)
                boot_trim_hostname(text, name, sizeof(name));
        if (!name[0] && gethostname(name, sizeof(name)) == 0 && name[0] && !str_eq(name, "(none)"))
                return;
        if ((!name[0] || str_eq(name, "(none)")) &&
            sys_read_line("/sys/class/net/eth0/address", mac, sizeof(mac))) {
                size_t n = (size_t)snprintf(name, sizeof(name), "linuxkit-");
                for (const char *p = mac; *p && n < sizeof(name) - 1; p++)
                        if (*p != ':')
                                name[n++] = *p;
                name[n] = 0;
        }
        if (name[0] && !str_eq(name, "(none)") && sethostname(name, strlen(name)) < 0)
                log_init("set host name \"%s\": %s", name, strerror(errno));
}

/* boot.md 5.8: the target is only ever written in place, so its mode must be right now. */
static void make_resolv_conf(void) {
        _cleanup_err_ Err e = ERR_INIT;
        char target[4096];
        ssize_t n = readlink("/etc/resolv.conf", target, sizeof(target) - 1);
        if (n <= 0)
                return;
        target[n] = 0;
        _cleanup_free_ char *path = path_join("/etc", target);
        _cleanup_free_ char *dir = path_dir(path);
        if (sys_mkdir_p(dir, 0755, &e) < 0) {
                log_init("resolv.conf: %s", e.text);
                return;
        }
        _cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0)
                log_init("create %s: %s", path, strerror(errno));
}

static void print_to(const char *tty, const char *text) {
        _cleanup_free_ char *path = path_join("/dev", tty);
        /* A serial line would wait for a carrier, a stopped one for somebody to let it go on. */
        _cleanup_fd_ int fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0 && isatty(fd) && write(fd, text, strlen(text)) < 0)
                log_init("write to %s: %s", path, strerror(errno));
}

/* The banner, on every console of the command line; without such a word on /dev/console. */
static void print_banner(void) {
        _cleanup_free_ char *text = NULL;
        if (access("/etc/init.d/000-issue", F_OK) == 0 || /* a component does it */
            sys_read_file("/etc/issue", MAX_ISSUE, &text, NULL) < 0)
                return;
        char tty[64], earlier[512] = " ";
        size_t pos = 0, count = 0;
        while (cmdline_next(cmdline_text(), "console", &pos, tty, sizeof(tty))) {
                char word[68];
                tty[strcspn(tty, ",")] = 0;
                snprintf(word, sizeof(word), " %s ", tty);
                if (!tty[0] || strstr(earlier, word))
                        continue;
                size_t used = strlen(earlier);
                snprintf(earlier + used, sizeof(earlier) - used, "%s ", tty);
                print_to(tty, text);
                count++;
        }
        if (!count && write(STDOUT_FILENO, text, strlen(text)) < 0)
                log_init("write the banner: %s", strerror(errno));
}

/* Containers with a writable root need overlay, and kernels of distributions have it as a module.
 * Most of its time is spent waiting inside the kernel, so it loads beside the drivers.  Returns the
 * process to wait for, or 0. */
static pid_t start_overlay(void) {
        _cleanup_free_ char *text = NULL;
        if (sys_read_file("/proc/filesystems", 64 << 10, &text, NULL) < 0 ||
            strstr(text, "\toverlay\n"))
                return 0;
        pid_t pid = fork();
        if (pid == 0) {
                modules_load_system("overlay");
                _exit(0);
        }
        return pid;
}

static void tell(int fd, char byte) {
        if (fd >= 0 && write(fd, &byte, 1) < 0)
                log_init("tell pid 1: %s", strerror(errno));
}

/* A container may look for its disk by label.  A disk that hangs must not hold the boot. */
static void await_links(BootShared *shared) {
        enum { PATIENCE = 2 };
        struct timespec left = { .tv_sec = PATIENCE };
        while (!__atomic_load_n(&shared->links_made, __ATOMIC_ACQUIRE))
                if (syscall(SYS_futex, &shared->links_made, FUTEX_WAIT, 0, &left, NULL, 0) < 0 &&
                    errno == ETIMEDOUT) {
                        log_init("/dev/disk: a disk does not answer");
                        return;
                }
}

typedef struct Gate {
        int fd;
        BootShared *shared;
        pid_t late; /* the slow part of coldplug; 0 when there is none */
} Gate;

/* A service may want any device, so the late drivers are waited for here. */
static void reach_services(void *ctx) {
        Gate *g = ctx;
        if (!g->shared->have_services)
                return;
        if (g->late > 0)
                sys_wait(g->late);
        g->late = 0;
        tell(g->fd, BOOT_OPEN_GATE);
}

/* Drivers that no onboot container waits for load beside it, behind it in priority.  Returns the
 * process to wait for, or 0. */
static pid_t start_late_drivers(BootShared *shared) {
        pid_t pid = shared->no_modules ? 0 : fork();
        if (pid == 0 && !shared->no_modules) {
                setpriority(PRIO_PROCESS, 0, 19);
                devices_coldplug(MODULES_ALL, &shared->seen_event);
                shared->coldplugging = false;
                _exit(0);
        }
        if (pid <= 0)
                shared->coldplugging = false;
        return pid;
}

/* Without containerd the services are run by the OCI runtime itself, and without any service there
 * is no supervisor. */
static bool have_services_without_containerd(void) {
        char **names;
        size_t n;
        if (sys_list(SUPERVISE_PATH, &names, &n, NULL) < 0)
                return false;
        bool possible = *ociruntime_path() != 0;
        if (n > 0 && !possible)
                log_init("%zu services are not started: the image has neither containerd nor runc",
                         n);
        sys_free_names(names, n);
        return n > 0 && possible;
}

static int run_hooks(Gate *g) {
        bool containerd = hooks_have_containerd(hooks_dir);
        g->shared->have_services = containerd || have_services_without_containerd();
        if (containerd && sysconf(_SC_NPROCESSORS_ONLN) > 1)
                tell(g->fd, BOOT_START_CONTAINERD);
        bool complete = hooks_run(hooks_dir, reach_services, g);
        if (g->late > 0)
                sys_wait(g->late);
        return complete ? 0 : BOOT_STOPPED;
}

int boot_machine(int fd, BootShared *shared) {
        _cleanup_err_ Err e = ERR_INIT;
        shared->coldplugging = true;
        pid_t overlay = start_overlay();
        /* With all drivers built in there is nothing to look for. */
        shared->no_modules = !modules_exist();
        unsigned loaded = 0;
        if (!shared->no_modules)
                loaded = devices_coldplug(MODULES_URGENT, &shared->seen_event);
        bool links = devlinks_expected("/sys");
        if (links)
                tell(fd, BOOT_LINK_DEVICES);
        bootlog_note(BOOTLOG_DEVICES, NULL, NULL);
        log_init("devices ready at %.2fs, %u modules", log_uptime(), loaded);
        Gate g = { .fd = fd, .shared = shared, .late = start_late_drivers(shared) };
        set_clock();
        if (net_loopback_up(&e) < 0)
                log_init("%s", e.text);
        set_hostname();
        make_resolv_conf();
        print_banner();
        if (overlay > 0)
                sys_wait(overlay);
        if (links)
                await_links(shared);
        return run_hooks(&g);
}

int boot_userspace(int fd, BootShared *shared) {
        set_hostname();
        make_resolv_conf();
        Gate g = { .fd = fd, .shared = shared };
        return run_hooks(&g);
}
