/* erofs_test.c - images against fsck.erofs, and against a small reader of the format written for
 * this test from the kernel's erofs_fs.h, because erofs-utils 1.5 reads no extended attributes. */
#include "lib/fs/erofs.h"
#include "lib/fs/inodes_test.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { TIME = 1492533000, BLOCK = 4096 };

static char dir[] = "/tmp/erofs-test-XXXXXX";

static int setup(void **state) {
        (void)state;
        return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state) {
        (void)state;
        free(shell("rm", "chmod -R u+rwx %s; rm -rf %s", dir, dir));
        return 0;
}

static void make_image(const char *name, const Tree *t) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_extents_ Extents *x = extents_new();
        _cleanup_free_ char *path = path_join(dir, name);
        if (erofs_image(t, NULL, &(ErofsOptions){ .mtime = TIME }, x, &e) < 0)
                fail_msg("%s", e.text);
        write_extents(path, x);
}

/* --- a reader ------------------------------------------------------------------------------- */

typedef struct Image {
        unsigned char *bytes;
        size_t size;
        Arena *arena;
        struct {
                char *path;
                uint64_t nid;
                Entry entry;
                uint32_t links;
        } names[8192];
        size_t n;
} Image;

static uint64_t get(const unsigned char *p, size_t n) {
        uint64_t v = 0;
        for (size_t i = n; i-- > 0;)
                v = v << 8 | p[i];
        return v;
}

typedef struct Node {
        const unsigned char *p;
        uint32_t mode, links, head, icount, address;
        uint64_t size;
        bool inside;
        Entry entry;
} Node;

static void read_xattrs(Image *im, const Node *n, size_t from, Entry *entry) {
        static const char *const prefixes[] = { "", "user.", "", "", "trusted.", "", "security." };
        const unsigned char *p = n->p + from + 12, *end = n->p + n->head;
        PaxRecord *pax = arena_alloc(im->arena, 64 * sizeof *pax);
        assert_int_equal(n->p[from + 4], 0); /* no shared ones */
        while (p < end) {
                size_t len = p[0], value = get(p + 2, 2);
                assert_true(p[1] == 1 || p[1] == 4 || p[1] == 6);
                char *bytes = arena_alloc(im->arena, value + 1);
                memcpy(bytes, p + 4 + len, value);
                pax[entry->n_pax++] =
                        (PaxRecord){ arena_printf(im->arena, "SCHILY.xattr.%s%.*s", prefixes[p[1]],
                                                  (int)len, (const char *)p + 4),
                                     bytes, value };
                p += (4 + len + value + 3) / 4 * 4;
        }
        assert_ptr_equal(p, end);
        entry->pax = pax;
}

static Node read_node(Image *im, uint64_t nid) {
        assert_true(nid * 32 + 32 <= im->size);
        Node n = { .p = im->bytes + nid * 32 };
        const unsigned char *p = n.p;
        unsigned format = (unsigned)get(p, 2);
        bool extended = format & 1;
        assert_true(format >> 1 == 0 || format >> 1 == 2);
        n.inside = format >> 1 == 2;
        n.icount = (uint32_t)get(p + 2, 2);
        n.mode = (uint32_t)get(p + 4, 2);
        n.links = (uint32_t)(extended ? get(p + 44, 4) : get(p + 6, 2));
        n.size = extended ? get(p + 8, 8) : get(p + 8, 4);
        n.address = (uint32_t)get(p + 16, 4);
        n.head = (extended ? 64 : 32) + (n.icount ? 12 + 4 * (n.icount - 1) : 0);
        n.entry.uid = (uint32_t)(extended ? get(p + 24, 4) : get(p + 24, 2));
        n.entry.gid = (uint32_t)(extended ? get(p + 28, 4) : get(p + 26, 2));
        n.entry.mtime = extended ? (int64_t)get(p + 32, 8) : TIME;
        n.entry.mode = n.mode & 07777;
        if (n.icount)
                read_xattrs(im, &n, extended ? 64 : 32, &n.entry);
        return n;
}

static unsigned char *read_data(Image *im, const Node *n) {
        unsigned char *data = arena_alloc(im->arena, n->size + 1);
        uint64_t outside = n->inside ? n->size / BLOCK * BLOCK : n->size;
        assert_true((uint64_t)n->address * BLOCK + outside <= im->size);
        if (outside)
                memcpy(data, im->bytes + (uint64_t)n->address * BLOCK, outside);
        if (n->inside) {
                const unsigned char *tail = n->p + n->head;
                uint64_t at = (uint64_t)(tail - im->bytes), rest = n->size - outside;
                assert_true(rest && at / BLOCK == (at + rest - 1) / BLOCK);
                memcpy(data + outside, tail, rest);
        }
        return data;
}

static void read_inode(Image *im, const char *path, uint64_t nid, uint64_t parent);

/* Checks what the kernel's search needs: names ascending over all blocks. */
static void read_directory(Image *im, const Node *n, const char *path, uint64_t self,
                           uint64_t parent) {
        unsigned char *data = read_data(im, n);
        _cleanup_free_ char *last = xstrdup("");
        unsigned dots = 0;
        for (uint64_t at = 0; at < n->size; at += BLOCK) {
                const unsigned char *b = data + at;
                size_t size = MIN(n->size - at, (uint64_t)BLOCK), count = get(b + 8, 2) / 12;
                for (size_t i = 0; i < count; i++) {
                        const unsigned char *d = b + 12 * i;
                        size_t from = get(d + 8, 2),
                               to = i + 1 < count
                                            ? get(d + 20, 2)
                                            : from + strnlen((const char *)b + from, size - from);
                        assert_true(from < to && to <= size);
                        char *name = xstrndup((const char *)b + from, to - from);
                        assert_true(strcmp(last, name) < 0);
                        free(last);
                        last = name;
                        uint64_t nid = get(d, 8);
                        if (str_eq(name, ".") || str_eq(name, "..")) {
                                assert_true(nid == (name[1] ? parent : self));
                                dots++;
                                continue;
                        }
                        _cleanup_free_ char *below =
                                *path ? xasprintf("%s/%s", path, name) : xstrdup(name);
                        read_inode(im, below, nid, self);
                }
        }
        assert_int_equal(dots, 2);
}

static void read_inode(Image *im, const char *path, uint64_t nid, uint64_t parent) {
        Node n = read_node(im, nid);
        Entry *entry = &n.entry;
        switch (n.mode & S_IFMT) {
        case S_IFREG:
                entry->type = ENTRY_FILE;
                entry->content = content_bytes(read_data(im, &n), n.size);
                break;
        case S_IFLNK:
                entry->type = ENTRY_SYMLINK;
                entry->link = (char *)read_data(im, &n);
                break;
        case S_IFDIR:
                entry->type = ENTRY_DIR;
                read_directory(im, &n, path, nid, parent);
                break;
        case S_IFIFO:
                entry->type = ENTRY_FIFO;
                break;
        default:
                entry->type = S_ISCHR(n.mode) ? ENTRY_CHAR : ENTRY_BLOCK;
                entry->dev_major = n.address >> 8 & 0xfff;
                entry->dev_minor = (n.address & 0xff) | (n.address >> 12 & 0xfff00);
        }
        if (!*path)
                return;
        assert_true(im->n < ARRAY_LEN(im->names));
        im->names[im->n].path = arena_strdup(im->arena, path);
        im->names[im->n].nid = nid;
        im->names[im->n].links = n.links;
        im->names[im->n++].entry = *entry;
}

static Image *read_image(const char *name) {
        Image *im = xcalloc(1, sizeof *im);
        _cleanup_free_ char *path = path_join(dir, name);
        assert_int_equal(file_read(path, 1 << 28, (char **)(void *)&im->bytes, &im->size, NULL), 0);
        im->arena = arena_new();
        const unsigned char *super = im->bytes + 1024;
        assert_int_equal(get(super, 4), 0xe0f5e1e2);
        assert_int_equal(get(super + 36, 4) * BLOCK, im->size);
        assert_int_equal(get(super + 80, 4), 0); /* nothing incompatible */
        uint64_t root = get(super + 14, 2);
        read_inode(im, "", root, root);
        return im;
}

static void free_image(Image *im) {
        arena_free(im->arena);
        free(im->bytes);
        free(im);
}

static void assert_holds(const char *name, Lines *expected) {
        _cleanup_lines_ Lines lines = { 0 };
        Image *im = read_image(name);
        for (size_t i = 0; i < im->n; i++) {
                const char *smallest = im->names[i].path;
                uint32_t same = 0, below = 0;
                for (size_t k = 0; k < im->n; k++) {
                        below += im->names[k].entry.type == ENTRY_DIR &&
                                 str_has_prefix(im->names[k].path, im->names[i].path) &&
                                 im->names[k].path[strlen(im->names[i].path)] == '/' &&
                                 !strchr(im->names[k].path + strlen(im->names[i].path) + 1, '/');
                        if (im->names[k].nid != im->names[i].nid)
                                continue;
                        same++;
                        if (strcmp(im->names[k].path, smallest) < 0)
                                smallest = im->names[k].path;
                }
                bool is_dir = im->names[i].entry.type == ENTRY_DIR;
                assert_int_equal(im->names[i].links, is_dir ? 2 + below : same);
                lines_add(&lines, im->names[i].path, &im->names[i].entry,
                          same > 1 ? smallest : NULL);
        }
        lines_assert_equal(&lines, expected);
        free_image(im);
}

/* --- tests ---------------------------------------------------------------------------------- */

static void random_trees_come_back(void **state) {
        (void)state;
        for (uint64_t seed = 1; seed <= 12; seed++) {
                RandomTree *r = random_tree_new(seed, 150);
                make_image("random", r->tree);
                assert_holds("random", &r->expected);
                free(shell("fsck.erofs", "fsck.erofs %s/random", dir));
                random_tree_free(r);
        }
}

static void large_directories_come_back(void **state) {
        (void)state;
        Tree *t = tree_new();
        _cleanup_lines_ Lines expected = { 0 };
        Entry d = { .name = "d", .type = ENTRY_DIR, .mode = 0755, .mtime = TIME };
        tree_add(t, &d);
        lines_add(&expected, "d", &d, NULL);
        for (int i = 0; i < 3000; i++) {
                char name[64];
                snprintf(name, sizeof name, "d/%c%07d-abcdefghijklmnop", i % 7 ? 'x' : '!', i);
                Entry f = { .name = name, .type = ENTRY_FIFO, .mode = 0600, .mtime = i };
                tree_add(t, &f);
                lines_add(&expected, name, &f, NULL);
        }
        make_image("large", t);
        assert_holds("large", &expected);
        tree_free(t);
}

/* fsck.erofs unpacks regular files, directories and links; what it writes is what we put in. */
static void fsck_unpacks_the_same_files(void **state) {
        (void)state;
        static char noise[20000];
        for (size_t i = 0; i < sizeof noise; i++)
                noise[i] = (char)(i * i >> 5);
        Tree *t = tree_new();
        for (size_t n = 0; n < sizeof noise; n += 997) {
                char name[32];
                snprintf(name, sizeof name, "dir%zu/file%zu", n % 3, n);
                tree_add(t, &(Entry){ .name = name,
                                      .type = ENTRY_FILE,
                                      .mode = 0644,
                                      .mtime = TIME + (int64_t)n % 2,
                                      .content = content_bytes(noise, n) });
        }
        make_image("files", t);
        free(shell("fsck.erofs", "fsck.erofs --extract=%s/out %s/files", dir, dir));
        for (size_t n = 0; n < sizeof noise; n += 997) {
                _cleanup_free_ char *path = xasprintf("%s/out/dir%zu/file%zu", dir, n % 3, n);
                _cleanup_free_ char *bytes = NULL;
                size_t len;
                assert_int_equal(file_read(path, sizeof noise, &bytes, &len, NULL), 0);
                assert_int_equal(len, n);
                assert_memory_equal(bytes, noise, n);
        }
        tree_free(t);
}

static void equal_files_share_their_blocks(void **state) {
        (void)state;
        static char bytes[2][10 * BLOCK];
        memset(bytes, 'x', sizeof bytes);
        Tree *t = tree_new();
        for (int i = 0; i < 2; i++)
                tree_add(t, &(Entry){ .name = i ? "b" : "a",
                                      .type = ENTRY_FILE,
                                      .content = content_bytes(bytes[i], sizeof bytes[i]) });
        make_image("shared", t);
        Image *im = read_image("shared");
        assert_int_equal(im->size, (1 + 1 + 10) * BLOCK);
        assert_int_equal(im->n, 2);
        free_image(im);
        tree_free(t);
}

/* Times before 1970 and owners of 32 bits need the larger inode. */
static void extended_inodes_hold_large_values(void **state) {
        (void)state;
        Tree *t = tree_new();
        tree_add(t, &(Entry){ .name = "f",
                              .type = ENTRY_FILE,
                              .mode = 04755,
                              .uid = UINT32_MAX,
                              .mtime = -5 });
        make_image("extended", t);
        Image *im = read_image("extended");
        assert_int_equal(im->names[0].entry.uid, UINT32_MAX);
        assert_true(im->names[0].entry.mtime == -5);
        free_image(im);
        tree_free(t);
}

static void bytes_depend_on_content_only(void **state) {
        (void)state;
        enum { N = 300000 };
        static char bytes[2][N];
        memset(bytes, 'y', sizeof bytes);
        _cleanup_free_ char *path = path_join(dir, "blob");
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(fd_write_all(fd, bytes, sizeof bytes, "blob", NULL), 0);
        Blob blob = { .fd = fd, .size = sizeof bytes };
        hash_bytes(bytes, sizeof bytes, &blob.id);
        static const char *const names[] = { "one", "two", "three" };
        for (int i = 0; i < 3; i++) {
                Tree *t = tree_new();
                Entry a = { .name = "a", .type = ENTRY_FILE }, b = a;
                b.name = "b";
                a.content = content_bytes(bytes[0], N);
                b.content = i == 1 ? (Content){ .blob = &blob, .offset = N, .size = N } : a.content;
                if (i == 2)
                        b.content = content_bytes("other", 5);
                tree_add(t, &a);
                tree_add(t, &b);
                setenv("LINUXKIT_THREADS", i ? "5" : "1", 1);
                make_image(names[i], t);
                tree_free(t);
        }
        unsetenv("LINUXKIT_THREADS");
        close(fd);
        free(shell("cmp", "cmp %s/one %s/two", dir, dir));
        Image *one = read_image("one"), *three = read_image("three");
        assert_memory_not_equal(one->bytes + 1024 + 48, three->bytes + 1024 + 48, 16); /* UUID */
        free_image(one);
        free_image(three);
}

static void what_does_not_fit_is_refused(void **state) {
        (void)state;
        static char value[65536];
        static const PaxRecord pax = { "SCHILY.xattr.user.a", value, sizeof value };
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_extents_ Extents *x = extents_new();
        Tree *t = tree_new();
        tree_add(t, &(Entry){ .name = "f", .type = ENTRY_FILE, .pax = &pax, .n_pax = 1 });
        assert_int_equal(erofs_image(t, NULL, &(ErofsOptions){ .mtime = TIME }, x, &e), -1);
        assert_non_null(strstr(e.text, "\"f\": erofs cannot hold its extended attribute"));
        assert_int_equal(extents_size(x), 0);
        tree_free(t);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(random_trees_come_back),
                cmocka_unit_test(large_directories_come_back),
                cmocka_unit_test(fsck_unpacks_the_same_files),
                cmocka_unit_test(equal_files_share_their_blocks),
                cmocka_unit_test(extended_inodes_hold_large_values),
                cmocka_unit_test(bytes_depend_on_content_only),
                cmocka_unit_test(what_does_not_fit_is_refused),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
