/* drivers.c - see drivers.h. */
#include "pkg/bootloader/drivers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pkg/bootloader/console.h"
#include "pkg/bootloader/words.h"

enum { MAX_MODULES = 512, MAX_ALIASES = 8192, MAX_LIST = 4 << 20, ALIAS_LEN = 512 };

typedef struct Module {
        const char *file;
        char *needs;  /* files, separated by blanks */
        bool tried;   /* set before its dependencies, which ends a cycle */
        bool working; /* went in, or is part of the kernel */
} Module;

typedef struct Alias {
        const char *pattern;
        Module *module;
} Alias;

static struct {
        const char *cmdline;
        Module modules[MAX_MODULES];
        Alias aliases[MAX_ALIASES];
        Module *fixed[MAX_MODULES];
        size_t n_modules, n_aliases, n_fixed;
        unsigned loaded;
} list;

static char *read_list(const char *path) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;
        if (fd < 0)
                return NULL;
        char *text = NULL;
        ssize_t n = -1;
        if (fstat(fd, &st) == 0 && st.st_size < MAX_LIST && (text = malloc((size_t)st.st_size + 1)))
                n = read(fd, text, (size_t)st.st_size);
        close(fd);
        if (text)
                text[n < 0 ? 0 : n] = 0;
        return text;
}

static Module *find(const char *file) {
        for (size_t i = 0; i < list.n_modules; i++)
                if (strcmp(list.modules[i].file, file) == 0)
                        return &list.modules[i];
        return NULL;
}

static void read_line(char *line) {
        char *rest = line;
        const char *verb = strsep(&rest, " "), *first = rest ? strsep(&rest, " ") : NULL;
        if (!first)
                return;
        if (strcmp(verb, "module") == 0 && list.n_modules < MAX_MODULES) {
                list.modules[list.n_modules++] = (Module){ .file = first, .needs = rest };
        } else if (strcmp(verb, "alias") == 0 && rest && list.n_aliases < MAX_ALIASES) {
                Module *m = find(rest);
                if (m)
                        list.aliases[list.n_aliases++] = (Alias){ first, m };
        } else if (strcmp(verb, "load") == 0 && list.n_fixed < MAX_MODULES) {
                Module *m = find(first);
                if (m)
                        list.fixed[list.n_fixed++] = m;
        }
}

void drivers_open(const char *cmdline) {
        list.cmdline = cmdline;
        char *text = read_list("/modules"); /* the lists point into it for good */
        while (text && *text)
                read_line(strsep(&text, "\n"));
}

/* "virtio_blk.ko" -> "virtio_blk" */
static void name_of(const char *file, char *ret, size_t n) {
        snprintf(ret, n, "%.*s", (int)strcspn(file, "."), file);
}

static void insert(Module *m) {
        char path[256], name[128], params[1024];
        name_of(m->file, name, sizeof(name));
        if (words_blacklisted(list.cmdline, name)) {
                console_trace("module %s: blacklisted", name);
                return;
        }
        words_parameters(list.cmdline, name, params, sizeof(params));
        snprintf(path, sizeof(path), "/lib/modules/%s", m->file);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        long r = fd < 0 ? -1 : syscall(SYS_finit_module, fd, params, 0);
        int errnum = errno;
        if (fd >= 0)
                close(fd);
        m->working = r == 0 || errnum == EEXIST;
        list.loaded += r == 0;
        if (r == 0)
                console_trace("module %s", name);
        else if (errnum == ENODEV || errnum == EEXIST) /* no such hardware; part of the kernel */
                console_trace("module %s: %s", name, strerror(errnum));
        else
                console_say("module %s: %s", name, strerror(errnum));
}

static void load(Module *m) {
        if (m->tried)
                return;
        m->tried = true;
        for (char *p = m->needs; p && *p;) {
                Module *need = find(strsep(&p, " "));
                if (need)
                        load(need);
        }
        insert(m);
}

void drivers_load_fixed(void) {
        for (size_t i = 0; i < list.n_fixed; i++)
                load(list.fixed[i]);
}

static bool serve(const char *alias) {
        bool new = false;
        for (size_t i = 0; i < list.n_aliases; i++) {
                Module *m = list.aliases[i].module;
                if (m->tried || fnmatch(list.aliases[i].pattern, alias, 0) != 0)
                        continue;
                load(m);
                new = true;
        }
        return new;
}

/* One bus: every device tells in a line what would drive it. */
static bool serve_bus(const char *bus) {
        char path[512];
        snprintf(path, sizeof(path), "/sys/bus/%s/devices", bus);
        DIR *dir = opendir(path);
        bool new = false;
        for (struct dirent *d; dir && (d = readdir(dir));) {
                char alias[ALIAS_LEN], file[1024];
                if (d->d_name[0] == '.')
                        continue;
                snprintf(file, sizeof(file), "%s/%s/modalias", path, d->d_name);
                int fd = open(file, O_RDONLY | O_CLOEXEC);
                if (fd < 0)
                        continue;
                ssize_t n = read(fd, alias, sizeof(alias) - 1);
                close(fd);
                if (n <= 0)
                        continue;
                alias[n] = 0;
                alias[strcspn(alias, "\n")] = 0;
                new |= serve(alias);
        }
        if (dir)
                closedir(dir);
        return new;
}

static bool serve_all(void) {
        DIR *dir = opendir("/sys/bus");
        bool new = false;
        for (struct dirent *d; dir && (d = readdir(dir));)
                if (d->d_name[0] != '.')
                        new |= serve_bus(d->d_name);
        if (dir)
                closedir(dir);
        return new;
}

void drivers_match(void) {
        while (list.n_aliases && serve_all())
                continue;
}

unsigned drivers_loaded(void) {
        return list.loaded;
}
