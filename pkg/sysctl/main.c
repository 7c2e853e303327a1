/* main.c - sysctl: applies every file of a directory to /proc/sys, once, at boot.
 *
 * Not procps: the flags are those of LinuxKit's component (-configDir, -sysctlDir), and nothing
 * that goes wrong with a single line stops the boot: it is reported as "WARN: ..." and the exit
 * status stays 0.  Only a directory that cannot be read is an error. */
#include "pkg/sysctl/parse.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int write_setting(int sysctl_dir, const SysctlLine *l) {
        int fd = openat(sysctl_dir, l->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        /* One write for value and newline: the kernel parses each write by itself. */
        char *text = NULL;
        int n = asprintf(&text, "%s\n", l->value);
        int r = n < 0 ? -ENOMEM : write(fd, text, (size_t)n) < 0 ? -errno : 0;
        if (n >= 0)
                free(text);
        close(fd);
        return r;
}

static void apply_file(int config_dir, const char *name, int sysctl_dir) {
        int fd = openat(config_dir, name, O_RDONLY | O_CLOEXEC);
        FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
        if (!f) {
                fprintf(stderr, "WARN: %s: %s\n", name, strerror(errno));
                if (fd >= 0)
                        close(fd);
                return;
        }

        char *line = NULL;
        size_t size = 0;
        for (unsigned number = 1; getline(&line, &size, f) >= 0; number++) {
                SysctlLine l;
                SysctlKind kind = sysctl_parse(line, &l);
                if (kind == SYSCTL_BAD)
                        fprintf(stderr, "WARN: %s:%u: not a line of the form key = value\n", name,
                                number);
                if (kind != SYSCTL_SETTING)
                        continue;
                int r = write_setting(sysctl_dir, &l);
                if (r < 0 && !l.optional)
                        fprintf(stderr, "WARN: %s:%u: %s = %s: %s\n", name, number, l.path, l.value,
                                strerror(-r));
        }
        if (ferror(f))
                fprintf(stderr, "WARN: %s: read error\n", name);
        free(line);
        fclose(f);
}

static int not_hidden(const struct dirent *d) {
        return d->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int open_dir(const char *path) {
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                fprintf(stderr, "sysctl: %s: %s\n", path, strerror(errno));
        return fd;
}

int main(int argc, char **argv) {
        static const struct option options[] = {
                { "configDir", required_argument, NULL, 'c' },
                { "sysctlDir", required_argument, NULL, 's' },
                { 0 },
        };
        const char *config_path = "/etc/sysctl.d", *sysctl_path = "/proc/sys";
        for (int c; (c = getopt_long_only(argc, argv, "", options, NULL)) != -1;) {
                if (c == 'c')
                        config_path = optarg;
                else if (c == 's')
                        sysctl_path = optarg;
                else
                        return 2;
        }
        if (optind < argc) {
                fprintf(stderr, "usage: sysctl [-configDir DIR] [-sysctlDir DIR]\n");
                return 2;
        }

        int config_dir = open_dir(config_path), sysctl_dir = open_dir(sysctl_path);
        if (config_dir < 0 || sysctl_dir < 0)
                return 1;

        struct dirent **names;
        int n = scandir(config_path, &names, not_hidden, by_bytes);
        if (n < 0) {
                fprintf(stderr, "sysctl: %s: %s\n", config_path, strerror(errno));
                return 1;
        }
        for (int i = 0; i < n; i++) {
                apply_file(config_dir, names[i]->d_name, sysctl_dir);
                free(names[i]);
        }
        free(names);
        return 0;
}
