/* devlinks.c - see devlinks.h.
 *
 * "First wins" needs no memory: the links themselves tell who was first.  A whole disk comes before
 * its partitions, but one that has partitions has no file system of its own, whatever an earlier
 * life has left on it; only ISO images for sticks are both. */
#include "init/devlinks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/cdrom.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "init/devnames.h"
#include "init/log.h"
#include "init/diskprobe.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { DEVICES_MAX = 4096 };

typedef struct Link {
        char *path;   /* below /dev: disk/by-label/root */
        char *target; /* ../../sda1 */
        size_t order; /* of the device */
} Link;

typedef struct Pass {
        const char *sys, *dev;
        int watch;
        Link *v;
        size_t n, cap;
        char **names; /* of all block devices, as in /dev */
        size_t n_names, cap_names;
} Pass;

typedef struct Device {
        const char *name;        /* in sysfs: "sda1", "cciss!c0d0" */
        char node[NAME_MAX + 1]; /* below /dev: "cciss/c0d0" */
        char disk[NAME_MAX + 1]; /* of a partition: name of its disk in sysfs; else "" */
        uint64_t number, start;  /* of a partition; start in bytes */
} Device;

/* --- wishes --------------------------------------------------------------------------------- */

static void add_link(Pass *p, const Device *d, const char *dir, const char *name) {
        if (!*name || strlen(name) > NAME_MAX || str_eq(name, ".") || str_eq(name, ".."))
                return;
        const char *up = str_has_prefix(dir, "disk/") ? "../../" : "../";
        size_t order = p->n;
        *vec_push(p->v, p->n, p->cap) = (Link){ .path = xasprintf("%s/%s", dir, name),
                                                .target = xasprintf("%s%s", up, d->node),
                                                .order = order };
}

static void add_encoded(Pass *p, const Device *d, const char *dir, const char *text) {
        _cleanup_buf_ Buf name = { 0 };
        if (devnames_encode(text, &name))
                add_link(p, d, dir, name.data);
}

/* --- identities ----------------------------------------------------------------------------- */

/* Attribute of a device in sysfs; returns its length, 0 when there is none. */
static size_t attribute(const Pass *p, const char *device, const char *name, char *buf, size_t n) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/class/block/%s/%s", p->sys, device, name);
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t got = fd < 0 ? -1 : read(fd, buf, n - 1);
        got = got < 0 ? 0 : got;
        buf[got] = 0;
        return (size_t)got;
}

static uint64_t attribute_number(const Pass *p, const char *device, const char *name) {
        char text[32];
        uint64_t v = 0;
        attribute(p, device, name, text, sizeof text);
        text[strcspn(text, "\n")] = 0;
        return str_to_u64(text, &v) ? v : 0;
}

/* "PREFIX" and the cleaned attributes with '_' between them; nothing when one is missing. */
static void add_attribute_id(const Pass *p, const char *disk, const char *prefix, const char *first,
                             const char *second, Buf *ret) {
        char a[256], b[256] = "";
        _cleanup_buf_ Buf x = { 0 }, y = { 0 };
        devnames_clean(a, attribute(p, disk, first, a, sizeof a), &x);
        if (second)
                devnames_clean(b, attribute(p, disk, second, b, sizeof b), &y);
        if (x.len && (!second || y.len))
                buf_addf(ret, "%s%s%s%s\n", prefix, x.data, second ? "_" : "",
                         second ? y.data : "");
}

/* All identities of a whole disk, each ended by a newline. */
static void disk_ids(const Pass *p, const char *disk, Buf *ret) {
        if (str_has_prefix(disk, "vd")) {
                add_attribute_id(p, disk, "virtio-", "serial", NULL, ret);
        } else if (str_has_prefix(disk, "nvme")) {
                add_attribute_id(p, disk, "nvme-", "wwid", NULL, ret);
                add_attribute_id(p, disk, "nvme-", "device/model", "device/serial", ret);
        } else if (str_has_prefix(disk, "mmcblk")) {
                add_attribute_id(p, disk, "mmc-", "device/name", "device/serial", ret);
        } else if (str_has_prefix(disk, "dm-")) {
                add_attribute_id(p, disk, "dm-name-", "dm/name", NULL, ret);
                add_attribute_id(p, disk, "dm-uuid-", "dm/uuid", NULL, ret);
        } else if (str_has_prefix(disk, "sd") || str_has_prefix(disk, "sr")) {
                char page[4096], vendor[64], model[64];
                size_t n = attribute(p, disk, "device/vpd_pg83", page, sizeof page);
                attribute(p, disk, "device/vendor", vendor, sizeof vendor);
                attribute(p, disk, "device/model", model, sizeof model);
                vendor[strcspn(vendor, "\n")] = model[strcspn(model, "\n")] = 0;
                devnames_scsi_ids((unsigned char *)page, n, vendor, model, ret);
        }
}

static void add_ids(Pass *p, const Device *d) {
        _cleanup_buf_ Buf ids = { 0 };
        disk_ids(p, *d->disk ? d->disk : d->name, &ids);
        for (char *rest = ids.data, *id; rest && (id = strsep(&rest, "\n"));) {
                char name[NAME_MAX + 32];
                if (!*id || strlen(id) > NAME_MAX)
                        continue;
                if (*d->disk)
                        snprintf(name, sizeof name, "%s-part%llu", id,
                                 (unsigned long long)d->number);
                else
                        snprintf(name, sizeof name, "%s", id);
                add_link(p, d, "disk/by-id", name);
        }
}

/* --- devices -------------------------------------------------------------------------------- */

/* What the kernel calls "cciss!c0d0" is /dev/cciss/c0d0. */
static void node_of(const char *name, char *node) {
        snprintf(node, NAME_MAX + 1, "%s", name);
        for (char *s = node; *s; s++)
                if (*s == '!')
                        *s = '/';
}

/* The node, which must be that of the device and not what somebody put in its place.  A tree of a
 * test has no numbers, and files for nodes. */
static int open_node(const Pass *p, const char *name, const char *node) {
        char text[32];
        unsigned major, minor;
        struct stat st;
        _cleanup_free_ char *path = path_join(p->dev, node);
        attribute(p, name, "dev", text, sizeof text);
        bool numbered = sscanf(text, "%u:%u", &major, &minor) == 2;
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 ||
            (numbered ? !S_ISBLK(st.st_mode) || st.st_rdev != makedev(major, minor)
                      : !S_ISREG(st.st_mode)))
                return -1;
        /* a drive without a medium would only fill the kernel's log */
        if (str_has_prefix(name, "sr") &&
            ioctl(fd, CDROM_DRIVE_STATUS, CDSL_CURRENT) != CDS_DISC_OK)
                return -1;
        if (p->watch >= 0)
                inotify_add_watch(p->watch, path, IN_CLOSE_WRITE | IN_DONT_FOLLOW);
        return fd_take(&fd);
}

static bool has_partitions(const Pass *p, const char *disk) {
        char path[PATH_MAX];
        bool found = false;
        snprintf(path, sizeof path, "%s/class/block/%s/", p->sys, disk);
        DIR *d = opendir(path);
        for (struct dirent *de; d && !found && (de = readdir(d));) {
                char name[2 * NAME_MAX + 2];
                snprintf(name, sizeof name, "%s/partition", de->d_name);
                found = faccessat(dirfd(d), name, F_OK, 0) == 0;
        }
        if (d)
                closedir(d);
        return found;
}

static void add_partition(Pass *p, const Device *d) {
        char node[NAME_MAX + 1];
        DiskProbe probe;
        node_of(d->disk, node);
        _cleanup_fd_ int fd = open_node(p, d->disk, node);
        uint64_t sector = attribute_number(p, d->disk, "queue/logical_block_size");
        if (fd < 0 || !diskprobe_partition(fd, (unsigned)d->number, d->start, sector, &probe))
                return;
        add_encoded(p, d, "disk/by-partuuid", probe.uuid);
        add_encoded(p, d, "disk/by-partlabel", probe.label);
}

static void add_file_system(Pass *p, const Device *d) {
        DiskProbe probe;
        _cleanup_fd_ int fd = open_node(p, d->name, d->node);
        if (fd < 0)
                return;
        diskprobe_file_system(fd, &probe);
        if (!probe.type ||
            (!*d->disk && !str_eq(probe.type, "iso9660") && has_partitions(p, d->name)))
                return;
        add_encoded(p, d, "disk/by-uuid", probe.uuid);
        add_encoded(p, d, "disk/by-label", probe.label);
}

/* In sysfs a partition is a directory inside that of its disk. */
static bool find_disk(const Pass *p, Device *d) {
        char path[PATH_MAX], target[PATH_MAX];
        snprintf(path, sizeof path, "%s/class/block/%s", p->sys, d->name);
        ssize_t n = readlink(path, target, sizeof target - 1);
        if (n <= 0)
                return false;
        target[n] = 0;
        char *slash = strrchr(target, '/');
        if (!slash)
                return false;
        *slash = 0;
        const char *disk = path_base(target);
        if (!*disk || strlen(disk) > NAME_MAX || *disk == '.')
                return false;
        snprintf(d->disk, sizeof d->disk, "%s", disk);
        return true;
}

static void add_block(Pass *p, const char *name) {
        Device d = { .name = name };
        node_of(name, d.node);
        *vec_push(p->names, p->n_names, p->cap_names) = xstrdup(d.node);
        if (str_has_prefix(name, "ram") || str_has_prefix(name, "fd"))
                return;
        d.number = attribute_number(p, name, "partition");
        d.start = attribute_number(p, name, "start") * 512;
        if (d.number && (d.number > UINT32_MAX || !find_disk(p, &d)))
                return;
        add_ids(p, &d);
        if (attribute_number(p, name, "size") == 0)
                return;
        if (d.number)
                add_partition(p, &d);
        add_file_system(p, &d);
}

static int by_length(const void *a, const void *b) {
        const char *x = *(char *const *)a, *y = *(char *const *)b;
        size_t nx = strlen(x), ny = strlen(y);
        return nx != ny ? (nx < ny ? -1 : 1) : strcmp(x, y);
}

static void collect_blocks(Pass *p) {
        _cleanup_free_ char *dir = path_join(p->sys, "class/block");
        char **names;
        size_t n;
        if (sys_list(dir, &names, &n, NULL) < 0)
                return;
        if (n)
                qsort(names, n, sizeof *names, by_length);
        for (size_t i = 0; i < MIN(n, (size_t)DEVICES_MAX); i++)
                add_block(p, names[i]);
        sys_free_names(names, n);
}

static void collect_ports(Pass *p) {
        _cleanup_free_ char *dir = path_join(p->sys, "class/virtio-ports");
        char **names;
        size_t n;
        if (sys_list(dir, &names, &n, NULL) < 0)
                return;
        if (n)
                qsort(names, n, sizeof *names, by_length);
        for (size_t i = 0; i < MIN(n, (size_t)DEVICES_MAX); i++) {
                char text[256];
                Device d = { .name = names[i] };
                _cleanup_free_ char *path = xasprintf("%s/%s/name", dir, names[i]);
                node_of(names[i], d.node);
                if (sys_read_line(path, text, sizeof text))
                        add_encoded(p, &d, "virtio-ports", text);
        }
        sys_free_names(names, n);
}

/* --- links ---------------------------------------------------------------------------------- */

static int by_path(const void *a, const void *b) {
        const Link *x = a, *y = b;
        int r = strcmp(x->path, y->path);
        return r ? r : x->order < y->order ? -1 : x->order > y->order;
}

static bool read_target(const char *path, char *target, size_t n) {
        ssize_t got = readlink(path, target, n - 1);
        if (got < 0)
                return false;
        target[got] = 0;
        return true;
}

static void make_link(const Pass *p, const Link *l) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *path = path_join(p->dev, l->path);
        _cleanup_free_ char *tmp = path_join(p->dev, ".linuxkit-link"), *dir = path_dir(path);
        if (sys_mkdir_p(dir, 0755, &e) < 0) {
                log_init("%s", e.text);
                return;
        }
        /* nobody ever sees the name without a device */
        unlink(tmp);
        if (symlink(l->target, tmp) < 0 || rename(tmp, path) < 0)
                log_init("make link %s: %s", path, strerror(errno));
}

/* v[from] to v[to - 1] want the same name: who has it keeps it. */
static void settle(const Pass *p, size_t from, size_t to) {
        char target[PATH_MAX];
        _cleanup_free_ char *path = path_join(p->dev, p->v[from].path);
        if (read_target(path, target, sizeof target))
                for (size_t i = from; i < to; i++)
                        if (str_eq(p->v[i].target, target))
                                return;
        make_link(p, &p->v[from]);
}

static bool is_wanted(const Pass *p, const char *path) {
        size_t lo = 0, hi = p->n;
        while (lo < hi) {
                size_t mid = lo + (hi - lo) / 2;
                int r = strcmp(path, p->v[mid].path);
                if (r == 0)
                        return true;
                if (r < 0)
                        hi = mid;
                else
                        lo = mid + 1;
        }
        return false;
}

static bool is_block(const Pass *p, const char *node) {
        for (size_t i = 0; i < p->n_names; i++)
                if (str_eq(p->names[i], node))
                        return true;
        return false;
}

/* A link that is not ours to judge stays: an identity that some program made for a living device.
 */
static bool is_stale(const Pass *p, const char *dir, const char *target) {
        if (!str_has_prefix(dir, "disk/"))
                return true;
        if (!str_has_prefix(target, "../../"))
                return false;
        return !str_eq(dir, "disk/by-id") || !is_block(p, target + strlen("../../"));
}

static void remove_stale(const Pass *p, const char *dir) {
        _cleanup_free_ char *path = path_join(p->dev, dir);
        char **names;
        size_t n;
        if (sys_list(path, &names, &n, NULL) < 0)
                return;
        for (size_t i = 0; i < n; i++) {
                char target[PATH_MAX];
                _cleanup_free_ char *link = xasprintf("%s/%s", dir, names[i]);
                _cleanup_free_ char *full = path_join(p->dev, link);
                if (!is_wanted(p, link) && read_target(full, target, sizeof target) &&
                    is_stale(p, dir, target))
                        unlink(full);
        }
        sys_free_names(names, n);
}

bool devlinks_expected(const char *sys) {
        static const char *const classes[] = { "class/block", "class/virtio-ports" };
        bool found = false;
        for (size_t i = 0; i < ARRAY_LEN(classes) && !found; i++) {
                _cleanup_free_ char *path = path_join(sys, classes[i]);
                DIR *d = opendir(path);
                for (struct dirent *de; d && !found && (de = readdir(d));)
                        found = de->d_name[0] != '.' && !str_has_prefix(de->d_name, "loop") &&
                                !str_has_prefix(de->d_name, "ram");
                if (d)
                        closedir(d);
        }
        return found;
}

void devlinks_update(const char *sys, const char *dev, int watch) {
        static const char *const dirs[] = { "disk/by-id",        "disk/by-label",
                                            "disk/by-partlabel", "disk/by-partuuid",
                                            "disk/by-uuid",      "virtio-ports" };
        Pass p = { .sys = sys, .dev = dev, .watch = watch };
        collect_blocks(&p);
        collect_ports(&p);
        if (p.n)
                qsort(p.v, p.n, sizeof *p.v, by_path);
        for (size_t i = 0, j; i < p.n; i = j) {
                for (j = i + 1; j < p.n && str_eq(p.v[i].path, p.v[j].path);)
                        j++;
                settle(&p, i, j);
        }
        for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
                remove_stale(&p, dirs[i]);
        for (size_t i = 0; i < p.n; i++) {
                free(p.v[i].path);
                free(p.v[i].target);
        }
        free(p.v);
        sys_free_names(p.names, p.n_names);
}
