/* filter.c - see filter.h. */
#include "lib/rootfs/filter.h"

#include "lib/base/str.h"

static const char hosts[] = "127.0.0.1       localhost\n"
                            "::1     localhost ip6-localhost ip6-loopback\n"
                            "fe00::0 ip6-localnet\n"
                            "ff00::0 ip6-mcastprefix\n"
                            "ff02::1 ip6-allnodes\n"
                            "ff02::2 ip6-allrouters\n";
static const char resolv[] = "\n# no resolv.conf configured\n";
static const char resolv_link[] = "/run/resolvconf/resolv.conf";

_Static_assert(sizeof(hosts) - 1 == 160, "yaml.md 8: HOSTS is 160 bytes");
_Static_assert(sizeof(resolv) - 1 == 29, "yaml.md 8: RESOLV is 29 bytes");

/* Appended to every image, in this order, with etc/hosts and the other files behind etc. */
static const char *const dirs[] = { "dev", "dev/pts", "dev/shm", "etc", "proc", "sys" };
enum { N_DIRS_BEFORE_FILES = 4 };

static bool skips_exported(const char *name) {
        static const char *const dropped[] = { ".dockerenv", "Dockerfile", "dev/console",
                                               "etc/hostname" };
        for (size_t i = 0; i < ARRAY_LEN(dropped); i++)
                if (str_eq(name, dropped[i]))
                        return true;
        return false;
}

bool filter_skips(const char *name) {
        return skips_exported(name) || str_eq(name, "dev/pts") || str_eq(name, "dev/shm");
}

FilterSkipFn filter_skip(const Filter *f) {
        return f->exported ? skips_exported : filter_skips;
}

/* The image's own mtime goes; mode, owner and records stay. A link has no mode of its own worth
 * keeping. */
static void replace_content(const Filter *f, Entry *entry, const char *text, size_t n) {
        if (entry->type != ENTRY_FILE)
                entry->mode = 0644;
        entry->type = ENTRY_FILE;
        entry->link = NULL;
        entry->content = content_bytes(text, n);
        entry->mtime = f->maker.mtime;
        entry->mtime_nsec = 0;
}

static void replace_resolv(const Filter *f, Entry *entry) {
        if (f->container) {
                replace_content(f, entry, resolv, sizeof(resolv) - 1);
                return;
        }
        entry->type = ENTRY_SYMLINK;
        entry->link = resolv_link;
        entry->content = (Content){ 0 };
        entry->mtime = f->maker.mtime;
        entry->mtime_nsec = 0;
}

static const char *prefixed(const Filter *f, const char *name) {
        if (*f->prefix == '\0')
                return name;
        size_t a = strlen(f->prefix), b = strlen(name);
        char *s = arena_alloc(tree_arena(f->maker.tree), a + b + 1);
        memcpy(s, f->prefix, a);
        memcpy(s + a, name, b);
        return s;
}

/* The engine made these directories itself, a moment ago: their time says nothing. */
static void touch_dir(Filter *f, Entry *entry) {
        for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
                if (!str_eq(entry->name, dirs[i]))
                        continue;
                f->has_dirs |= 1u << i;
                entry->mtime = f->maker.mtime;
                entry->mtime_nsec = 0;
        }
}

int filter_entry(void *ctx, const Entry *original, Err *e) {
        (void)e;
        Filter *f = ctx;
        Entry entry = *original;
        if (filter_skip(f)(entry.name))
                return 0;
        if (f->exported && entry.type == ENTRY_DIR)
                touch_dir(f, &entry);
        if (str_eq(entry.name, "etc/hosts"))
                replace_content(f, &entry, hosts, sizeof(hosts) - 1);
        else if (str_eq(entry.name, "etc/resolv.conf"))
                replace_resolv(f, &entry);
        else if (str_eq(entry.name, "etc/mtab")) {
                f->has_mtab = true;
                entry.mtime = f->maker.mtime;
                entry.mtime_nsec = 0;
        }
        entry.name = prefixed(f, entry.name);
        if (entry.type == ENTRY_HARDLINK)
                entry.link = prefixed(f, entry.link);
        entry.location = f->maker.location;
        entry.source = f->maker.source;
        tree_add_borrowed(f->maker.tree, &entry);
        return 0;
}

static void append_dirs(const Filter *f, size_t from, size_t to) {
        for (size_t i = from; i < to; i++)
                if (!(f->has_dirs & 1u << i))
                        make_dir(&f->maker, prefixed(f, dirs[i]), 0755);
}

void filter_end(Filter *f) {
        const Maker *m = &f->maker;
        append_dirs(f, 0, N_DIRS_BEFORE_FILES);
        make_file(m, prefixed(f, "etc/hosts"), 0644, content_bytes(hosts, sizeof(hosts) - 1));
        if (!f->has_mtab)
                make_symlink(m, prefixed(f, "etc/mtab"), 0755, "/proc/mounts");
        if (f->container)
                make_file(m, prefixed(f, "etc/resolv.conf"), 0644,
                          content_bytes(resolv, sizeof(resolv) - 1));
        else
                make_symlink(m, prefixed(f, "etc/resolv.conf"), 0644, resolv_link);
        append_dirs(f, N_DIRS_BEFORE_FILES, ARRAY_LEN(dirs));
}
