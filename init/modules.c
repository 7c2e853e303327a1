/* modules.c - kernel modules from modules.alias and modules.dep.
 *
 * modules.dep lists the dependencies of a module in an order nobody should rely on; every one of
 * them has its own line, so we walk the graph.  Order matters: a module whose symbols are missing
 * fails with ENOENT and is not tried again by the kernel. */
#include "init/modules.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "init/cmdline.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { MODULE_COMPRESSED = 4 /* MODULE_INIT_COMPRESSED_FILE of finit_module(2) */ };
enum { MAX_CONFIG = 1 << 20 };

typedef enum EntryState { ENTRY_NEW, ENTRY_VISITING, ENTRY_LOADED, ENTRY_FAILED } EntryState;

typedef struct Entry {
        const char *path; /* in the text of modules.dep, path_len bytes */
        const char *deps; /* rest of the line after the colon */
        uint32_t path_len, deps_len;
        uint32_t name_off, name_len; /* base name without ".ko*" inside path */
        uint32_t next;               /* index + 1 of the next entry in the bucket */
        bool blacklisted;
        EntryState state;
        char *params; /* owned; NULL for none */
} Entry;

enum { BUCKETS = 1024 };

struct Modules {
        const char *alias_text, *dep_text;
        size_t alias_len, dep_len;
        bool mapped;
        int dir_fd; /* of the real insert function; -1 in tests */
        ModuleInsert insert;
        void *ctx;
        Entry *entries;
        size_t n, cap;
        uint32_t bucket[BUCKETS];
};

static char fold(char c) {
        return c == '-' ? '_' : c;
}

static uint32_t name_hash(const char *s, size_t n) {
        uint32_t h = 2166136261u; /* FNV-1a */
        for (size_t i = 0; i < n; i++)
                h = (h ^ (unsigned char)fold(s[i])) * 16777619u;
        return h % BUCKETS;
}

static Entry *find(Modules *m, const char *name, size_t n) {
        for (uint32_t i = m->bucket[name_hash(name, n)]; i; i = m->entries[i - 1].next) {
                Entry *x = &m->entries[i - 1];
                if (x->name_len != n)
                        continue;
                const char *own = x->path + x->name_off;
                size_t k = 0;
                while (k < n && fold(own[k]) == fold(name[k]))
                        k++;
                if (k == n)
                        return x;
        }
        return NULL;
}

/* Where the name of "kernel/fs/overlayfs/overlay.ko.xz" starts and how long it is. */
static void name_of_path(const char *path, size_t len, uint32_t *off, uint32_t *n) {
        const char *slash = memrchr(path, '/', len);
        size_t start = slash ? (size_t)(slash - path) + 1 : 0;
        const char *dot = memchr(path + start, '.', len - start);
        *off = (uint32_t)start;
        *n = (uint32_t)(dot ? (size_t)(dot - path) - start : len - start);
}

static void index_dep(Modules *m) {
        const char *p = m->dep_text, *end = p + m->dep_len;
        while (p < end) {
                const char *eol = memchr(p, '\n', (size_t)(end - p));
                if (!eol)
                        eol = end;
                const char *colon = memchr(p, ':', (size_t)(eol - p));
                if (colon && colon > p && eol - p < 1 << 20) {
                        Entry x = { .path = p, .deps = colon + 1 };
                        x.path_len = (uint32_t)(colon - p);
                        x.deps_len = (uint32_t)(eol - colon - 1);
                        name_of_path(p, x.path_len, &x.name_off, &x.name_len);
                        uint32_t h = name_hash(p + x.name_off, x.name_len);
                        x.next = m->bucket[h];
                        *vec_push(m->entries, m->n, m->cap) = x;
                        m->bucket[h] = (uint32_t)m->n;
                }
                p = eol + 1;
        }
}

Modules *modules_new(const char *alias_text, size_t alias_len, const char *dep_text, size_t dep_len,
                     ModuleInsert insert, void *ctx) {
        Modules *m = xcalloc(1, sizeof(*m));
        m->alias_text = alias_text;
        m->alias_len = alias_len;
        m->dep_text = dep_text;
        m->dep_len = dep_len;
        m->insert = insert;
        m->ctx = ctx;
        m->dir_fd = -1;
        index_dep(m);
        return m;
}

void modules_free(Modules *m) {
        if (!m)
                return;
        for (size_t i = 0; i < m->n; i++)
                free(m->entries[i].params);
        free(m->entries);
        if (m->mapped && m->alias_len)
                munmap((void *)m->alias_text, m->alias_len);
        if (m->mapped && m->dep_len)
                munmap((void *)m->dep_text, m->dep_len);
        if (m->dir_fd >= 0)
                close(m->dir_fd);
        free(m);
}

bool modules_match(const char *pattern, size_t pattern_len, const char *text) {
        const char *p = pattern, *end = pattern + pattern_len;
        const char *star = NULL, *retry = NULL;
        while (*text) {
                if (p < end && *p == '*') {
                        star = ++p;
                        retry = text;
                        continue;
                }
                if (p < end && *p == '[') {
                        const char *q = p + 1, *close = memchr(q, ']', (size_t)(end - q));
                        bool hit = false;
                        for (; close && q < close; q++) {
                                if (q + 2 < close && q[1] == '-') {
                                        hit |= *text >= q[0] && *text <= q[2];
                                        q += 2;
                                } else {
                                        hit |= *text == *q;
                                }
                        }
                        if (hit) {
                                p = close + 1;
                                text++;
                                continue;
                        }
                } else if (p < end && (*p == '?' || fold(*p) == fold(*text))) {
                        p++;
                        text++;
                        continue;
                }
                if (!star)
                        return false;
                p = star;
                text = ++retry;
        }
        while (p < end && *p == '*')
                p++;
        return p == end;
}

/* Loads x after everything it needs.  Returns how many modules went in. */
static size_t load_entry(Modules *m, Entry *x) {
        if (x->state != ENTRY_NEW)
                return 0;
        x->state = ENTRY_VISITING; /* a cycle in a broken index ends here */
        size_t loaded = 0;
        const char *p = x->deps, *end = p + x->deps_len;
        while (p < end) {
                while (p < end && isspace((unsigned char)*p))
                        p++;
                const char *start = p;
                while (p < end && !isspace((unsigned char)*p))
                        p++;
                uint32_t off, n;
                name_of_path(start, (size_t)(p - start), &off, &n);
                Entry *dep = n ? find(m, start + off, n) : NULL;
                if (dep)
                        loaded += load_entry(m, dep);
        }
        _cleanup_free_ char *path = xstrndup(x->path, x->path_len);
        int r = m->insert(m->ctx, path, x->params ? x->params : "");
        x->state = r == 0 || r == -EEXIST ? ENTRY_LOADED : ENTRY_FAILED;
        return loaded + (r == 0);
}

/* By folder of the kernel tree, so that new modules fall into place.  They are slow to start
 * (crypto tests itself, cpufreq and ACPI probe firmware) and many. */
static bool can_wait(const Entry *x) {
        static const char *const folders[] = {
                "kernel/arch/x86/crypto/",
                "kernel/arch/arm64/crypto/",
                "kernel/arch/x86/kvm/",
                "kernel/arch/x86/events/",
                "kernel/crypto/",
                "kernel/drivers/crypto/",
                "kernel/drivers/acpi/ac.",
                "kernel/drivers/acpi/battery.",
                "kernel/drivers/acpi/button.",
                "kernel/drivers/acpi/fan.",
                "kernel/drivers/acpi/thermal.",
                "kernel/drivers/acpi/video.",
                "kernel/drivers/cpufreq/",
                "kernel/drivers/gpu/",
                "kernel/drivers/hwmon/",
                "kernel/drivers/input/",
                "kernel/drivers/powercap/",
                "kernel/drivers/thermal/",
                "kernel/sound/",
        };
        for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
                size_t n = strlen(folders[i]);
                if (x->path_len > n && memcmp(x->path, folders[i], n) == 0)
                        return true;
        }
        return false;
}

size_t modules_load_aliases(Modules *m, char *const *aliases, size_t n, ModuleSet set) {
        size_t loaded = 0;
        const char *p = m->alias_text, *end = p + m->alias_len;
        while (p < end && n) {
                const char *eol = memchr(p, '\n', (size_t)(end - p));
                if (!eol)
                        eol = end;
                const char *line = p;
                p = eol + 1;
                if (eol - line < 9 || memcmp(line, "alias ", 6) != 0)
                        continue;
                /* The pattern may hold no blank, so the last one parts it from the name. */
                const char *pattern = line + 6;
                const char *blank = memrchr(pattern, ' ', (size_t)(eol - pattern));
                if (!blank)
                        continue;
                for (size_t i = 0; i < n; i++) {
                        if (aliases[i][0] != *pattern && *pattern != '*')
                                continue;
                        if (!modules_match(pattern, (size_t)(blank - pattern), aliases[i]))
                                continue;
                        Entry *x = find(m, blank + 1, (size_t)(eol - blank - 1));
                        if (x && !x->blacklisted && (set == MODULES_ALL || !can_wait(x)))
                                loaded += load_entry(m, x);
                        break;
                }
        }
        return loaded;
}

int modules_load_name(Modules *m, const char *name, Err *e) {
        Entry *x = find(m, name, strlen(name));
        if (!x)
                return err_set(e, ERR_NOT_FOUND, 0, "module \"%s\" is not in modules.dep", name);
        size_t loaded = load_entry(m, x);
        if (x->state != ENTRY_LOADED)
                return err_set(e, ERR_IO, 0, "module \"%s\" cannot be loaded", name);
        return (int)loaded;
}

void modules_configure(Modules *m, const char *text) {
        _cleanup_free_ char *copy = xstrdup(text);
        char *save = NULL;
        for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char *rest = line;
                const char *verb = strsep(&rest, " \t");
                while (rest && isblank((unsigned char)*rest))
                        rest++;
                const char *name = rest ? strsep(&rest, " \t") : NULL;
                Entry *x = name ? find(m, name, strlen(name)) : NULL;
                if (!x)
                        continue;
                if (str_eq(verb, "blacklist"))
                        x->blacklisted = true;
                else if (str_eq(verb, "options") && !str_is_empty(rest)) {
                        char *both = xasprintf("%s%s%s", x->params ? x->params : "",
                                               x->params ? " " : "", rest);
                        free(x->params);
                        x->params = both;
                }
        }
}

void modules_mark_loaded(Modules *m, const char *proc_modules) {
        for (const char *p = proc_modules; *p;) {
                Entry *x = find(m, p, strcspn(p, " \n"));
                if (x)
                        x->state = ENTRY_LOADED;
                p += strcspn(p, "\n");
                if (*p)
                        p++;
        }
}

static int insert_system(void *ctx, const char *path, const char *params) {
        const Modules *m = ctx;
        _cleanup_fd_ int fd = openat(m->dir_fd, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        int flags = str_has_suffix(path, ".ko") ? 0 : MODULE_COMPRESSED;
        return syscall(SYS_finit_module, fd, params, flags) < 0 ? -errno : 0;
}

static const char *map_file(int dir_fd, const char *name, size_t *len) {
        *len = 0;
        _cleanup_fd_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= 0)
                return "";
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
        if (p == MAP_FAILED)
                return "";
        *len = (size_t)st.st_size;
        return p;
}

static void configure_directory(Modules *m, const char *dir) {
        char **names;
        size_t n;
        if (sys_list(dir, &names, &n, NULL) < 0)
                return;
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *path = path_join(dir, names[i]);
                _cleanup_free_ char *text = NULL;
                if (str_has_suffix(path, ".conf") &&
                    sys_read_file(path, MAX_CONFIG, &text, NULL) == 0)
                        modules_configure(m, text);
        }
        sys_free_names(names, n);
}

static void configure_cmdline(Modules *m) {
        char value[512];
        size_t pos = 0;
        while (cmdline_next(cmdline_text(), "modprobe.blacklist", &pos, value, sizeof(value))) {
                char *save = NULL;
                for (char *s = strtok_r(value, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
                        Entry *x = find(m, s, strlen(s));
                        if (x)
                                x->blacklisted = true;
                }
        }
}

bool modules_exist(void) {
        struct utsname u;
        uname(&u);
        _cleanup_free_ char *index = xasprintf("/lib/modules/%s/modules.alias", u.release);
        return access(index, F_OK) == 0;
}

Modules *modules_open_system(void) {
        struct utsname u;
        uname(&u);
        _cleanup_free_ char *dir = xasprintf("/lib/modules/%s", u.release);
        int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        size_t alias_len = 0, dep_len = 0;
        const char *alias = dir_fd < 0 ? "" : map_file(dir_fd, "modules.alias", &alias_len);
        const char *dep = dir_fd < 0 ? "" : map_file(dir_fd, "modules.dep", &dep_len);
        Modules *m = modules_new(alias, alias_len, dep, dep_len, insert_system, NULL);
        m->ctx = m;
        m->mapped = true;
        m->dir_fd = dir_fd;

        _cleanup_free_ char *loaded = NULL;
        if (sys_read_file("/proc/modules", MAX_CONFIG, &loaded, NULL) == 0)
                modules_mark_loaded(m, loaded);
        configure_directory(m, "/lib/modprobe.d");
        configure_directory(m, "/etc/modprobe.d");
        configure_cmdline(m);
        return m;
}

size_t modules_load_system(const char *name_or_alias) {
        Modules *m = modules_open_system();
        int r = modules_load_name(m, name_or_alias, NULL);
        char *alias = (char *)name_or_alias;
        size_t loaded = r >= 0 ? (size_t)r : modules_load_aliases(m, &alias, 1, MODULES_ALL);
        modules_free(m);
        return loaded;
}
