/* inodes.c - see inodes.h.  Names are found through one hash table over (directory, component), so
 * a directory of any size costs the same per name. */
#include "lib/fs/inodes.h"
#include "lib/base/str.h"

#include <sys/stat.h>

enum {
        MAX_NAME = 255,   /* NAME_MAX of Linux: no system could open a longer one */
        MAX_PATH = 4095,  /* PATH_MAX without its NUL; of a symlink's target too */
        MAX_DEPTH = 1024, /* lets the walk recurse */
        MAX_FOLLOW = 40,  /* symlinks in one path, as Linux has it */
        MAX_IMPLIED = 1 << 20,
        MAX_NAMES = 1 << 30, /* numbers of inodes stay within 32 bits */
        MAX_MAJOR = 0xfff,
        MAX_MINOR = 0xfffff,
        FIRST_SLOTS = 1024 /* a power of two */
};

typedef struct Slot {
        Inode *dir;
        const char *name;
        Inode *inode;
} Slot;

typedef struct Builder {
        Inodes *out;
        Inode *root;
        int64_t mtime;
        size_t n_implied; /* directories without an entry */
        Slot *slots;      /* in the order of their making */
        size_t n_slots, cap_slots;
        uint32_t *table; /* open addressing; index into slots plus one */
        size_t table_size;
} Builder;

/* --- names ---------------------------------------------------------------------------------- */

static uint64_t name_hash(const Inode *dir, const char *name, size_t n) {
        uint64_t h = 0xcbf29ce484222325u ^ (uintptr_t)dir; /* FNV-1a; never reaches the output */
        for (size_t i = 0; i < n; i++)
                h = (h ^ (unsigned char)name[i]) * 0x100000001b3u;
        return h ^ h >> 29;
}

static uint32_t *table_place(Builder *b, const Inode *dir, const char *name, size_t n) {
        for (size_t i = name_hash(dir, name, n);; i++) {
                uint32_t *place = &b->table[i & (b->table_size - 1)];
                if (!*place)
                        return place;
                const Slot *s = &b->slots[*place - 1];
                if (s->dir == dir && strncmp(s->name, name, n) == 0 && !s->name[n])
                        return place;
        }
}

static void table_grow(Builder *b) {
        b->table_size = b->table_size ? 2 * b->table_size : FIRST_SLOTS;
        free(b->table);
        b->table = xcalloc(b->table_size, sizeof *b->table);
        for (size_t i = 0; i < b->n_slots; i++) {
                const Slot *s = &b->slots[i];
                *table_place(b, s->dir, s->name, strlen(s->name)) = (uint32_t)i + 1;
        }
}

static Slot *find(Builder *b, const Inode *dir, const char *name, size_t n) {
        uint32_t *place = table_place(b, dir, name, n);
        return *place ? &b->slots[*place - 1] : NULL;
}

static void enter(Builder *b, Inode *dir, const char *name, size_t n, Inode *inode) {
        if (2 * (b->n_slots + 1) > b->table_size)
                table_grow(b);
        uint32_t *place = table_place(b, dir, name, n);
        if (*place) {
                b->slots[*place - 1].inode = inode;
                return;
        }
        *vec_push(b->slots, b->n_slots, b->cap_slots) =
                (Slot){ dir, arena_strndup(b->out->arena, name, n), inode };
        *place = (uint32_t)b->n_slots;
        dir->n_children++;
}

static Inode *new_inode(Builder *b, const Entry *entry, const char *name) {
        Inode *i = arena_alloc(b->out->arena, sizeof *i);
        i->entry = *entry;
        i->entry.name = name;
        i->original = i;
        return i;
}

static void put_path(Buf *b, const Inode *dir) {
        if (dir->parent == dir)
                return;
        put_path(b, dir->parent);
        buf_addf(b, "%s%s", b->len ? "/" : "", path_base(dir->entry.name));
}

/* The full name of what stands in dir (n 0: of dir). */
static int full_path(Builder *b, const Inode *dir, const char *name, size_t n, char **ret, Err *e) {
        _cleanup_buf_ Buf path = { 0 };
        put_path(&path, dir);
        if (n)
                buf_addf(&path, "%s%.*s", path.len ? "/" : "", (int)n, name);
        if (path.len > MAX_PATH)
                return err_set(e, ERR_SPEC, 0, "\"%.40s...\": a name longer than %d bytes",
                               path.data, MAX_PATH);
        *ret = arena_strndup(b->out->arena, path.data ? path.data : "", path.len);
        return 0;
}

/* entry NULL: one that is not mentioned. Those do not keep their full names, and are counted: a
 * small archive could fill the memory with them. */
static int new_dir(Builder *b, Inode *parent, const char *name, size_t n, const Entry *entry,
                   Inode **ret, Err *e) {
        Entry plain = { .type = ENTRY_DIR, .mode = 0755, .mtime = b->mtime };
        uint32_t depth = parent->links + 1; /* `links` is the depth until `number` */
        char *path = NULL;
        if (depth > MAX_DEPTH || (!entry && ++b->n_implied > MAX_IMPLIED))
                return err_set(e, ERR_SPEC, 0, "\"%.*s\": %s", (int)n, name,
                               depth > MAX_DEPTH ? "nested deeper than 1024 directories"
                                                 : "too many directories without an entry");
        if (!entry)
                path = arena_strndup(b->out->arena, name, n);
        else if (full_path(b, parent, name, n, &path, e) < 0)
                return -1;
        Inode *dir = new_inode(b, entry ? entry : &plain, path);
        dir->parent = parent;
        dir->links = depth;
        enter(b, parent, name, n, dir);
        *ret = dir;
        return 0;
}

/* --- paths ---------------------------------------------------------------------------------- */

/* The next component of *path, empty ones and "." left out; 0 at the end. */
static size_t next_component(const char **path, const char **ret) {
        const char *p = *path;
        for (;;) {
                p += strspn(p, "/");
                size_t n = strcspn(p, "/");
                *path = p + n;
                if (n == 1 && *p == '.') {
                        p++;
                        continue;
                }
                *ret = p;
                return n;
        }
}

typedef struct Walk {
        bool make;       /* directories that are not there; else the way ends at them */
        unsigned follow; /* symlinks so far */
} Walk;

/* As what calls it: 1 where the way ends. */
static int walk(Builder *b, Inode **dir, const char *path, bool last_too, Walk *w,
                const char **ret_last, size_t *ret_n, Err *e);

static int step(Builder *b, Inode **dir, const char *name, size_t n, Walk *w, Err *e) {
        if (n == 2 && memcmp(name, "..", 2) == 0) {
                *dir = (*dir)->parent;
                return 0;
        }
        Slot *s = find(b, *dir, name, n);
        if (!s)
                return w->make ? new_dir(b, *dir, name, n, NULL, dir, e) : 1;
        if (inode_is_dir(s->inode)) {
                *dir = s->inode;
                return 0;
        }
        if (s->inode->entry.type != ENTRY_SYMLINK)
                return err_set(e, ERR_SPEC, 0, "\"%s\" is not a directory, yet has files in it",
                               s->inode->entry.name);
        const char *target = s->inode->entry.link;
        if (++w->follow > MAX_FOLLOW)
                return err_set(e, ERR_SPEC, 0, "\"%s\": too many symbolic links",
                               s->inode->entry.name);
        if (*target == '/')
                *dir = b->root;
        return walk(b, dir, target, true, w, NULL, NULL, e);
}

/* Goes down path from *dir; the last component is handed out instead unless last_too (an empty one:
 * path is *dir itself). */
static int walk(Builder *b, Inode **dir, const char *path, bool last_too, Walk *w,
                const char **ret_last, size_t *ret_n, Err *e) {
        const char *name, *next;
        size_t n = next_component(&path, &name), next_n;
        for (; n; name = next, n = next_n) {
                if (n > MAX_NAME)
                        return err_set(e, ERR_SPEC, 0, "\"%.*s...\": a name longer than %d bytes",
                                       40, name, MAX_NAME);
                next_n = next_component(&path, &next);
                if (!next_n && !last_too)
                        break;
                int r = step(b, dir, name, n, w, e);
                if (r)
                        return r;
        }
        if (!last_too) {
                *ret_last = name;
                *ret_n = n;
        }
        return 0;
}

/* The directory that path's last component stands in, and that component. make: that directory and
 * those above it come into being; else 1: it is not there. */
static int locate(Builder *b, const char *path, bool make, Inode **ret_dir, const char **ret_name,
                  size_t *ret_n, Err *e) {
        Walk w = { .make = make };
        *ret_dir = b->root;
        if (strlen(path) > MAX_PATH)
                return err_set(e, ERR_SPEC, 0, "\"%.40s...\": a name longer than %d bytes", path,
                               MAX_PATH);
        int r = walk(b, ret_dir, path, false, &w, ret_name, ret_n, e);
        if (r)
                return r;
        if (*ret_n == 2 && memcmp(*ret_name, "..", 2) == 0)
                return err_set(e, ERR_SPEC, 0, "\"%s\" ends in \"..\"", path);
        return 0;
}

/* --- entries -------------------------------------------------------------------------------- */

static int set_attributes(Builder *b, Inode *dir, const Entry *entry, Err *e) {
        char *path = NULL;
        if (full_path(b, dir, NULL, 0, &path, e) < 0)
                return -1;
        dir->entry = *entry;
        dir->entry.name = path;
        return 0;
}

static int add_link(Builder *b, const Entry *entry, Inode **ret, Err *e) {
        Inode *dir;
        const char *name;
        size_t n;
        int r = locate(b, entry->link, false, &dir, &name, &n, e);
        if (r < 0)
                return err_wrap(e, "\"%s\"", entry->name);
        Slot *s = r == 0 && n ? find(b, dir, name, n) : NULL;
        bool is_dir = r == 0 && (!n || (s && inode_is_dir(s->inode)));
        if (!s || is_dir)
                return err_set(e, ERR_SPEC, 0, "\"%s\" is a hard link to \"%s\", which is %s",
                               entry->name, entry->link, is_dir ? "a directory" : "not there");
        *ret = s->inode;
        return 0;
}

/* What Linux could not have made, and does not read back whole from any of the file systems. */
static int check_target(const Entry *entry, Err *e) {
        size_t n = entry->link ? strlen(entry->link) : 0;
        if (!n)
                return err_set(e, ERR_SPEC, 0, "\"%s\" is a symbolic link without a target",
                               entry->name);
        if (n > MAX_PATH)
                return err_set(e, ERR_SPEC, 0, "\"%s\": its target is longer than %d bytes",
                               entry->name, MAX_PATH);
        return 0;
}

static int add(Builder *b, const Entry *entry, Err *e) {
        Inode *dir, *made = NULL;
        const char *name;
        char *path = NULL;
        size_t n;
        if (b->n_slots > MAX_NAMES)
                return err_set(e, ERR_SPEC, 0, "more than %d names", MAX_NAMES);
        if (locate(b, entry->name, true, &dir, &name, &n, e) < 0)
                return -1;
        if (entry->dev_major > MAX_MAJOR || entry->dev_minor > MAX_MINOR)
                return err_set(e, ERR_SPEC, 0, "\"%s\": Linux has no device %u:%u", entry->name,
                               entry->dev_major, entry->dev_minor);
        if (entry->type == ENTRY_SYMLINK && check_target(entry, e) < 0)
                return -1;
        Slot *old = n ? find(b, dir, name, n) : NULL;
        bool is_dir = !n || (old && inode_is_dir(old->inode));
        if (entry->type == ENTRY_DIR) {
                if (!is_dir)
                        return new_dir(b, dir, name, n, entry, &made, e);
                return set_attributes(b, n ? old->inode : dir, entry, e);
        }
        if (is_dir && (!n || old->inode->n_children))
                return err_set(e, ERR_SPEC, 0,
                               "\"%s\" is a directory with files, and something else", entry->name);
        if (entry->type == ENTRY_HARDLINK) {
                if (add_link(b, entry, &made, e) < 0)
                        return -1;
        } else {
                if (full_path(b, dir, name, n, &path, e) < 0)
                        return -1;
                made = new_inode(b, entry, path);
        }
        enter(b, dir, name, n, made);
        return 0;
}

/* --- the result ----------------------------------------------------------------------------- */

static int compare_dirents(const void *a, const void *b) {
        return strcmp(((const Dirent *)a)->name, ((const Dirent *)b)->name);
}

static bool skipped(const Slot *s, bool (*skip)(const char *name), Buf *scratch) {
        if (!skip)
                return false;
        buf_clear(scratch);
        put_path(scratch, s->dir);
        buf_addf(scratch, "%s%s", scratch->len ? "/" : "", s->name);
        return skip(scratch->data);
}

static void link_children(Builder *b, bool (*skip)(const char *name)) {
        _cleanup_buf_ Buf scratch = { 0 };
        _cleanup_free_ bool *drop = xcalloc(b->n_slots + 1, sizeof *drop);
        for (size_t i = 0; i < b->n_slots; i++) /* until now it counted skipped ones too */
                b->slots[i].dir->n_children = 0;
        for (size_t i = 0; i < b->n_slots; i++) {
                drop[i] = skipped(&b->slots[i], skip, &scratch);
                b->slots[i].dir->n_children += !drop[i];
        }
        for (size_t i = 0; i < b->n_slots; i++) {
                Slot *s = &b->slots[i];
                if (drop[i])
                        continue;
                if (!s->dir->children) {
                        s->dir->children =
                                arena_alloc(b->out->arena, s->dir->n_children * sizeof(Dirent));
                        s->dir->n_children = 0;
                }
                s->dir->children[s->dir->n_children++] = (Dirent){ s->name, s->inode };
        }
}

static void number(Inodes *x, size_t *cap, Inode *i) {
        if (!inode_is_dir(i) && i->number) {
                i->links++;
                return;
        }
        *vec_push(x->all, x->n, *cap) = i;
        i->number = (uint32_t)x->n;
        i->links = inode_is_dir(i) ? 2 : 1;
        if (!inode_is_dir(i))
                return;
        if (i->n_children) /* qsort must not be given NULL */
                qsort(i->children, i->n_children, sizeof *i->children, compare_dirents);
        for (size_t k = 0; k < i->n_children; k++) {
                Inode *child = i->children[k].inode;
                number(x, cap, child);
                i->links += inode_is_dir(child);
        }
}

int inodes_new(const Tree *t, bool (*skip)(const char *name), int64_t mtime, Inodes **ret, Err *e) {
        _cleanup_inodes_ Inodes *x = xcalloc(1, sizeof *x);
        x->arena = arena_new();
        Builder b = { .out = x, .mtime = mtime };
        Entry root = { .type = ENTRY_DIR, .mode = 0755, .mtime = mtime };
        b.root = new_inode(&b, &root, "");
        b.root->parent = b.root;
        table_grow(&b);
        int r = 0;
        for (size_t i = 0; r == 0 && i < tree_count(t); i++)
                r = add(&b, tree_entry(t, i), e);
        if (r == 0) {
                size_t cap = 0;
                link_children(&b, skip);
                number(x, &cap, b.root);
                *ret = take(x);
        }
        free(b.slots);
        free(b.table);
        return r;
}

void inodes_free(Inodes *x) {
        if (!x)
                return;
        free(x->all);
        arena_free(x->arena);
        free(x);
}

/* --- questions ------------------------------------------------------------------------------ */

bool inodes_skip_boot(const char *name) {
        return str_has_prefix(name, "boot/");
}

uint32_t inode_mode(const Inode *i) {
        uint32_t bits = 0;
        switch (i->entry.type) {
        case ENTRY_FILE:
        case ENTRY_HARDLINK: /* never here */
                bits = S_IFREG;
                break;
        case ENTRY_SYMLINK:
                bits = S_IFLNK;
                break;
        case ENTRY_CHAR:
                bits = S_IFCHR;
                break;
        case ENTRY_BLOCK:
                bits = S_IFBLK;
                break;
        case ENTRY_DIR:
                bits = S_IFDIR;
                break;
        case ENTRY_FIFO:
                bits = S_IFIFO;
                break;
        }
        return bits | (i->entry.mode & 07777);
}

uint32_t inode_device(const Inode *i) {
        uint32_t major = i->entry.dev_major, minor = i->entry.dev_minor;
        return (minor & 0xff) | major << 8 | (minor & 0xfff00) << 12;
}

const char *inode_xattr_name(const PaxRecord *p) {
        static const char prefix[] = "SCHILY.xattr.";
        return str_has_prefix(p->key, prefix) ? p->key + sizeof prefix - 1 : NULL;
}
