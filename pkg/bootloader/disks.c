/* disks.c - see disks.h. */
#include "pkg/bootloader/disks.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char class_dir[] = "/sys/class/block";

static bool read_fd(const Probe *p, uint64_t at, void *buf, size_t n) {
        const int *fd = p->ctx;
        return at <= INT64_MAX && pread(*fd, buf, n, (off_t)at) == (ssize_t)n;
}

/* Fills p for a node; fd is where the descriptor is kept, for the caller to close. */
static bool open_probe(const char *node, int *fd, Probe *p) {
        int sector = 512;
        *fd = open(node, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (*fd < 0)
                return false; /* an empty drive, for one */
        ioctl(*fd, BLKSSZGET, &sector);
        *p = (Probe){ .read = read_fd, .ctx = fd, .sector = sector > 0 ? (unsigned)sector : 512 };
        return true;
}

/* A "!" in the name of sysfs is a "/" of the node. */
static void node_of(const char *name, char ret[DISK_PATH_MAX]) {
        snprintf(ret, DISK_PATH_MAX, "/dev/%s", name);
        for (char *p = ret; *p; p++)
                if (*p == '!')
                        *p = '/';
}

static bool read_line(const char *name, const char *attribute, char *ret, size_t n) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s/%s", class_dir, name, attribute);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t got = fd < 0 ? -1 : read(fd, ret, n - 1);
        if (fd >= 0)
                close(fd);
        if (got < 0)
                return false;
        ret[got] = 0;
        return true;
}

/* The disk that a partition is part of: the folder above it in sysfs. */
static bool disk_of(const char *partition, char ret[DISK_PATH_MAX]) {
        char path[512], real[PATH_MAX];
        snprintf(path, sizeof(path), "%s/%s", class_dir, partition);
        if (!realpath(path, real))
                return false;
        char *end = strrchr(real, '/');
        *end = 0;
        char *name = strrchr(real, '/');
        if (!name)
                return false;
        node_of(name + 1, ret);
        return true;
}

static bool has_partuuid(const char *name, const char *want) {
        char number[32], disk[DISK_PATH_MAX], id[PROBE_ID_MAX];
        int fd;
        Probe p;
        if (!read_line(name, "partition", number, sizeof(number)) || !disk_of(name, disk) ||
            !open_probe(disk, &fd, &p))
                return false;
        bool same = probe_partuuid(&p, (unsigned)strtoul(number, NULL, 10), id) &&
                    strcasecmp(id, want) == 0;
        close(fd);
        return same;
}

static bool has_partlabel(const char *name, const char *want) {
        char text[2048];
        if (!read_line(name, "uevent", text, sizeof(text)))
                return false;
        const char *found = strstr(text, "\nPARTNAME=");
        if (!found)
                return false;
        found += strlen("\nPARTNAME=");
        return strcspn(found, "\n") == strlen(want) && memcmp(found, want, strlen(want)) == 0;
}

static bool has_id(const char *name, const char *want, bool (*get)(const Probe *p, char *ret)) {
        char node[DISK_PATH_MAX], id[PROBE_ID_MAX];
        int fd;
        Probe p;
        node_of(name, node);
        if (!open_probe(node, &fd, &p))
                return false;
        bool same = get(&p, id) && strcasecmp(id, want) == 0;
        close(fd);
        return same;
}

static bool has_label(const char *name, const char *want) {
        return has_id(name, want, probe_label);
}

static bool has_uuid(const char *name, const char *want) {
        return has_id(name, want, probe_uuid);
}

static const struct {
        const char *prefix;
        bool (*matches)(const char *name, const char *want);
} tags[] = {
        { "PARTUUID=", has_partuuid },
        { "PARTLABEL=", has_partlabel },
        { "LABEL=", has_label },
        { "UUID=", has_uuid },
};
enum { TAGS = sizeof(tags) / sizeof(tags[0]) };

/* Memory devices never hold the root, and reading a loop device may wait. */
static bool is_disk(const char *name) {
        return name[0] != '.' && strncmp(name, "loop", 4) != 0 && strncmp(name, "ram", 3) != 0 &&
               strncmp(name, "zram", 4) != 0 && strncmp(name, "fd", 2) != 0;
}

/* The names in byte order, so that two devices of the same name always give the same answer. */
static int list_disks(struct dirent ***ret) {
        return scandir(class_dir, ret, NULL, alphasort);
}

static void free_disks(struct dirent **names, int n) {
        for (int i = 0; i < n; i++)
                free(names[i]);
        if (n >= 0)
                free(names);
}

static bool find_tag(size_t tag, const char *want, char *ret) {
        struct dirent **names;
        int n = list_disks(&names), found = -1;
        for (int i = 0; i < n && found < 0; i++)
                if (is_disk(names[i]->d_name) && tags[tag].matches(names[i]->d_name, want))
                        found = i;
        if (found >= 0)
                node_of(names[found]->d_name, ret);
        free_disks(names, n);
        return found >= 0;
}

bool disks_knows(const char *root) {
        for (size_t i = 0; i < TAGS; i++)
                if (strncmp(root, tags[i].prefix, strlen(tags[i].prefix)) == 0)
                        return true;
        return strncmp(root, "/dev/", 5) == 0;
}

bool disks_find(const char *root, char ret[DISK_PATH_MAX]) {
        struct stat st;
        for (size_t i = 0; i < TAGS; i++)
                if (strncmp(root, tags[i].prefix, strlen(tags[i].prefix)) == 0)
                        return find_tag(i, root + strlen(tags[i].prefix), ret);
        if (strlen(root) >= DISK_PATH_MAX || stat(root, &st) < 0 || !S_ISBLK(st.st_mode))
                return false;
        strcpy(ret, root);
        return true;
}

const char *disks_type(const char *node) {
        int fd;
        Probe p;
        if (!open_probe(node, &fd, &p))
                return NULL;
        const char *type = probe_type(&p);
        close(fd);
        return type;
}

bool disks_each_iso(bool (*fn)(void *ctx, const char *node), void *ctx) {
        struct dirent **names;
        int n = list_disks(&names);
        bool done = false;
        for (int i = 0; i < n && !done; i++) {
                char node[DISK_PATH_MAX];
                if (!is_disk(names[i]->d_name))
                        continue;
                node_of(names[i]->d_name, node);
                const char *type = disks_type(node);
                done = type && strcmp(type, "iso9660") == 0 && fn(ctx, node);
        }
        free_disks(names, n);
        return done;
}

void disks_describe(char *ret, size_t n) {
        struct dirent **names;
        int count = list_disks(&names);
        size_t used = 0;
        ret[0] = 0;
        for (int i = 0; i < count; i++) {
                char size[32];
                const char *name = names[i]->d_name;
                if (!is_disk(name) || !read_line(name, "size", size, sizeof(size)) || used >= n)
                        continue;
                used += (size_t)snprintf(ret + used, n - used, "%s%s %lluM", used ? ", " : "", name,
                                         strtoull(size, NULL, 10) / 2048);
        }
        free_disks(names, count);
        if (!used)
                snprintf(ret, n, "none");
}
