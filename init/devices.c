/* devices.c - coldplug and uevents.
 *
 * Loading a bus driver (virtio_pci) makes new devices (virtio0) that need further modules, so one
 * pass is never enough. */
#include "init/devices.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "init/modules.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { EVENT_BUFFER = 1 << 20 };

int devices_open_uevents(void) {
        int fd =
                socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
        if (fd < 0)
                return -1;
        int size = EVENT_BUFFER;
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
        struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 /* kernel events */ };
        if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
                close(fd);
                return -1;
        }
        return fd;
}

void devices_parse_uevent(const char *msg, size_t len, DeviceNews *news) {
        bool add = false, modalias = false, input = false, links = false;
        uint64_t seq = 0;
        for (size_t i = 0; i < len;) {
                size_t n = strnlen(msg + i, len - i);
                if (i + n == len)
                        break;
                const char *s = msg + i;
                add |= str_eq(s, "ACTION=add");
                modalias |= str_has_prefix(s, "MODALIAS=");
                input |= str_has_prefix(s, "DEVNAME=input/event");
                links |= str_eq(s, "SUBSYSTEM=block") || str_eq(s, "SUBSYSTEM=virtio-ports");
                if (str_has_prefix(s, "SEQNUM="))
                        str_to_u64(s + 7, &seq);
                i += n + 1;
        }
        if (add && modalias && seq > news->driver)
                news->driver = seq;
        news->input |= add && input;
        news->links |= links;
}

void devices_drain_uevents(int fd, DeviceNews *news) {
        enum { AT_A_TIME = 1024 };
        for (int i = 0; i < AT_A_TIME; i++) {
                char msg[8192]; /* UEVENT_BUFFER_SIZE is 2048 */
                struct sockaddr_nl from = { 0 };
                socklen_t from_len = sizeof(from);
                ssize_t n = recvfrom(fd, msg, sizeof(msg), 0, (struct sockaddr *)&from, &from_len);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == ENOBUFS) {
                        *news = (DeviceNews){ .driver = UINT64_MAX, .input = true, .links = true };
                        continue;
                }
                if (n < 0)
                        return;
                if (from.nl_pid == 0) /* only the kernel is believed */
                        devices_parse_uevent(msg, (size_t)n, news);
        }
}

typedef struct Aliases {
        char **v;
        size_t n, cap;
} Aliases;

static bool known(const Aliases *a, const char *s) {
        return a->n && bsearch(&s, a->v, a->n, sizeof(*a->v), sys_by_bytes);
}

/* Adds the modaliases of the devices in a directory that are not in seen to fresh. */
static void collect_dir(int base_fd, const char *path, const Aliases *seen, Aliases *fresh) {
        int dir_fd = openat(base_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = dir_fd < 0 ? NULL : fdopendir(dir_fd);
        if (!d)
                return;
        for (struct dirent *de; (de = readdir(d));) {
                char name[300], alias[4096];
                if (de->d_name[0] == '.')
                        continue;
                snprintf(name, sizeof(name), "%s/modalias", de->d_name);
                _cleanup_fd_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
                ssize_t n = fd < 0 ? -1 : read(fd, alias, sizeof(alias) - 1);
                if (n <= 1)
                        continue;
                alias[n] = 0;
                alias[strcspn(alias, "\n")] = 0;
                if (alias[0] && !known(seen, alias))
                        *vec_push(fresh->v, fresh->n, fresh->cap) = xstrdup(alias);
        }
        closedir(d);
}

/* Sorts and removes doubles: a machine has many equal ports and processors. */
static void unique(Aliases *a) {
        if (a->n)
                qsort(a->v, a->n, sizeof(*a->v), sys_by_bytes);
        size_t n = 0;
        for (size_t i = 0; i < a->n; i++) {
                if (n && str_eq(a->v[n - 1], a->v[i]))
                        free(a->v[i]);
                else
                        a->v[n++] = a->v[i];
        }
        a->n = n;
}

static void collect(const Aliases *seen, Aliases *fresh) {
        DIR *d = opendir("/sys/bus");
        if (!d)
                return;
        for (struct dirent *de; (de = readdir(d));) {
                if (de->d_name[0] == '.')
                        continue;
                _cleanup_free_ char *path = xasprintf("%s/devices", de->d_name);
                collect_dir(dirfd(d), path, seen, fresh);
        }
        closedir(d);
        /* on no bus: evdev, without which nobody sees the power button */
        collect_dir(AT_FDCWD, "/sys/class/input", seen, fresh);
        unique(fresh);
}

unsigned devices_coldplug(ModuleSet set, volatile uint64_t *seen_event) {
        Modules *m = modules_open_system();
        Aliases seen = { 0 };
        size_t total = 0, loaded = 1;
        while (loaded) {
                char line[32];
                uint64_t seq = 0;
                if (sys_read_line("/sys/kernel/uevent_seqnum", line, sizeof(line)))
                        str_to_u64(line, &seq);

                Aliases fresh = { 0 };
                collect(&seen, &fresh);
                loaded = modules_load_aliases(m, fresh.v, fresh.n, set);
                total += loaded;

                for (size_t i = 0; i < fresh.n; i++)
                        *vec_push(seen.v, seen.n, seen.cap) = fresh.v[i];
                free(fresh.v);
                unique(&seen);
                *seen_event = seq;
        }
        sys_free_names(seen.v, seen.n);
        modules_free(m);
        return (unsigned)total;
}
