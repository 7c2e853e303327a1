/* squashfs_test.c - images against the readers of squashfs-tools and squashfs-tools-ng: what went
 * in must come out, and the bytes must not depend on threads, cache or references. */
#include "lib/fs/squashfs.h"
#include "lib/fs/inodes.h"
#include "lib/fs/inodes_test.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "lib/oci/tarscan.h"

enum { TIME = 1492533000 };

static char dir[] = "/tmp/squashfs-test-XXXXXX";

static int setup(void **state) {
        (void)state;
        return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state) {
        (void)state;
        free(shell("rm", "chmod -R u+rwx %s; rm -rf %s", dir, dir));
        return 0;
}

static const char *in_dir(const char *name) {
        static char path[100];
        snprintf(path, sizeof path, "%s/%s", dir, name);
        return path;
}

static Digest last_digest; /* what identifiers of a disk with the last image would follow from */

static void make_image(const char *name, const Tree *t, const SquashfsOptions *o, Cache *cache) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_extents_ Extents *x = extents_new();
        if (squashfs_image(t, NULL, o, cache, x, &e) < 0)
                fail_msg("%s", e.text);
        assert_int_equal(extents_size(x) % 4096, 0);
        assert_int_equal(extents_digest(x, &last_digest, NULL), 0);
        write_extents(in_dir(name), x);
}

/* --- reading back --------------------------------------------------------------------------- */

typedef struct Found {
        Arena *arena;
        Entry *items;
        size_t n, cap;
} Found;

static int find_entry(void *ctx, const Entry *entry, Err *e) {
        (void)e;
        Found *f = ctx;
        Entry *copy = vec_push(f->items, f->n, f->cap);
        *copy = *entry;
        copy->name = arena_strdup(f->arena, entry->name);
        copy->link = entry->link ? arena_strdup(f->arena, entry->link) : NULL;
        PaxRecord *pax = arena_alloc(f->arena, entry->n_pax * sizeof *pax + 1);
        for (size_t i = 0; i < entry->n_pax; i++) {
                const PaxRecord *r = &entry->pax[i];
                char *value = arena_alloc(f->arena, r->value_len + 1);
                memcpy(value, r->value, r->value_len);
                pax[i] = (PaxRecord){ arena_strdup(f->arena, r->key), value, r->value_len };
        }
        copy->pax = pax;
        return 0;
}

static Entry *leader(Found *f, Entry *entry) {
        for (size_t i = 0; entry->type == ENTRY_HARDLINK && i < f->n; i++)
                if (str_eq(f->items[i].name, entry->link))
                        return &f->items[i];
        return entry;
}

/* Names of one inode: sqfs2tar makes all but the first hard links of it. */
static const char *group_of(Found *f, Entry *of) {
        const char *smallest = of->name;
        bool linked = false;
        for (size_t i = 0; i < f->n; i++)
                if (f->items[i].type == ENTRY_HARDLINK && leader(f, &f->items[i]) == of) {
                        linked = true;
                        if (strcmp(f->items[i].name, smallest) < 0)
                                smallest = f->items[i].name;
                }
        return linked ? smallest : NULL;
}

static void assert_holds(const char *image, Lines *expected) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_lines_ Lines lines = { 0 };
        Found found = { .arena = arena_new() };
        free(shell("sqfs2tar", "sqfs2tar %s/%s > %s/back.tar 2> %s/back.err", dir, image, dir,
                   dir));
        Blob blob = { .fd = open(in_dir("back.tar"), O_RDONLY | O_CLOEXEC) };
        assert_true(blob.fd >= 0);
        assert_int_equal(hash_fd(blob.fd, &blob.id, &blob.size, &e), 0);
        Content all = { .blob = &blob, .size = blob.size };
        if (tarscan_run(&all, true, find_entry, &found, &e) < 0)
                fail_msg("%s", e.text);
        for (size_t i = 0; i < found.n; i++) {
                Entry *of = leader(&found, &found.items[i]);
                _cleanup_free_ char *name = path_clean(found.items[i].name);
                lines_add(&lines, name, of, group_of(&found, of));
        }
        lines_assert_equal(&lines, expected);
        free(found.items);
        arena_free(found.arena);
        close(blob.fd);
}

static void random_trees_come_back(void **state) {
        (void)state;
        for (uint64_t seed = 1; seed <= 12; seed++) {
                SquashfsOptions o = { .compressor = seed % 3 ? "zstd" : "gzip",
                                      .level = 1,
                                      .block_size = seed % 2 ? 0 : 4096u << seed % 5,
                                      .mtime = TIME };
                RandomTree *r = random_tree_new(seed, 150);
                make_image("random", r->tree, &o, NULL);
                assert_holds("random", &r->expected);
                free(shell("unsquashfs", "unsquashfs -lls %s/random > /dev/null", dir));
                random_tree_free(r);
        }
}

static void number_of_links_is_right(void **state) {
        (void)state;
        Tree *t = tree_new();
        tree_add(t, &(Entry){ .name = "a/x", .type = ENTRY_FILE, .mode = 0644 });
        tree_add(t, &(Entry){ .name = "b/y", .type = ENTRY_HARDLINK, .link = "a/x" });
        tree_add(t, &(Entry){ .name = "b/c/z", .type = ENTRY_HARDLINK, .link = "b/y" });
        make_image("links", t, &(SquashfsOptions){ .mtime = TIME }, NULL);
        _cleanup_free_ char *out =
                shell("unsquashfs",
                      "unsquashfs -no-progress -d %s/out %s/links > /dev/null && cd %s/out && "
                      "stat -c %%h a/x b/y b/c/z | tr '\\n' ' '",
                      dir, dir, dir);
        assert_string_equal(out, "3 3 3 ");
        tree_free(t);
}

/* More names than a header run, than a metadata block and than 64 KiB of listing hold. */
static void large_directories_come_back(void **state) {
        (void)state;
        Tree *t = tree_new();
        _cleanup_lines_ Lines expected = { 0 };
        Entry d = { .name = "d", .type = ENTRY_DIR, .mode = 0755, .mtime = TIME };
        tree_add(t, &d);
        lines_add(&expected, "d", &d, NULL);
        for (int i = 0; i < 5000; i++) {
                char name[64];
                snprintf(name, sizeof name, "d/%07d-abcdefghijklmnop", (i * 7919) % 5003);
                Entry f = { .name = name,
                            .type = i % 500 ? ENTRY_FIFO : ENTRY_DIR,
                            .mode = 0600,
                            .mtime = i };
                tree_add(t, &f);
                lines_add(&expected, name, &f, NULL);
        }
        make_image("large", t, &(SquashfsOptions){ .mtime = TIME }, NULL);
        assert_holds("large", &expected);
        /* through the index of the directory */
        _cleanup_free_ char *one = shell("rdsquashfs", "rdsquashfs -s /%s %s/large",
                                         "d/0004999-abcdefghijklmnop", dir);
        assert_non_null(strstr(one, "named pipe"));
        tree_free(t);
}

/* --- same bytes ----------------------------------------------------------------------------- */

static void assert_same(const char *a, const char *b) {
        free(shell("cmp", "cmp %s/%s %s/%s", dir, a, dir, b));
}

static void bytes_do_not_depend_on_threads_or_cache(void **state) {
        (void)state;
        static const char *const threads[] = { "1", "2", "7" };
        SquashfsOptions o = { .level = 1, .block_size = 16384, .mtime = TIME };
        RandomTree *r = random_tree_new(99, 300);
        make_image("plain", r->tree, &o, NULL);
        Digest plain = last_digest;
        for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
                setenv("LINUXKIT_THREADS", threads[i], 1);
                make_image("threads", r->tree, &o, NULL);
                assert_same("plain", "threads");
        }
        unsetenv("LINUXKIT_THREADS");
        Cache *cache = NULL;
        assert_int_equal(cache_open(in_dir("cache"), &cache, NULL), 0);
        make_image("cold", r->tree, &o, cache);
        assert_same("plain", "cold");
        assert_string_equal(last_digest.text, plain.text);
        make_image("warm", r->tree, &o, cache);
        assert_same("plain", "warm");
        assert_string_equal(last_digest.text, plain.text);
        free(shell("rm", "rm -r %s/cache/derived/squashfs", dir));
        make_image("pieces", r->tree, &o, cache);
        assert_same("plain", "pieces");
        assert_string_equal(last_digest.text, plain.text);
        /* damaged pieces are made again */
        free(shell("rm",
                   "rm -r %s/cache/derived/squashfs; for f in %s/cache/derived/squashfs-blocks/*; "
                   "do printf x | dd of=$f bs=1 seek=50 conv=notrunc status=none; done",
                   dir, dir));
        make_image("damaged", r->tree, &o, cache);
        assert_same("plain", "damaged");
        cache_free(cache);
        random_tree_free(r);
}

/* The same bytes out of a blob and out of memory: the image is the same. */
static void bytes_do_not_depend_on_references(void **state) {
        (void)state;
        enum { N = 300000 };
        char *bytes = xmalloc(2 * N);
        for (size_t i = 0; i < N; i++)
                bytes[i] = bytes[N + i] = (char)(i * i >> 7);
        int fd = open(in_dir("blob"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(fd_write_all(fd, bytes, 2 * N, "blob", NULL), 0);
        Blob blob = { .fd = fd, .size = 2 * N };
        Digest digests[2];
        hash_bytes(bytes, 2 * N, &blob.id);
        for (int i = 0; i < 2; i++) {
                Tree *t = tree_new();
                Entry a = { .name = "a", .type = ENTRY_FILE, .mode = 0644 }, b = a;
                b.name = "b";
                a.content = content_bytes(bytes, N);
                b.content = i ? a.content : (Content){ .blob = &blob, .offset = N, .size = N };
                tree_add(t, &a);
                tree_add(t, &b);
                make_image(i ? "one" : "two", t, &(SquashfsOptions){ .mtime = TIME }, NULL);
                digests[i] = last_digest;
                tree_free(t);
        }
        assert_same("one", "two");
        assert_string_equal(digests[0].text, digests[1].text);
        close(fd);
        free(bytes);
}

/* --- limits --------------------------------------------------------------------------------- */

static void assert_refused(const Entry *entry, const SquashfsOptions *o, const char *text) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_extents_ Extents *x = extents_new();
        Tree *t = tree_new();
        tree_add(t, entry);
        assert_int_equal(squashfs_image(t, NULL, o, NULL, x, &e), -1);
        if (!strstr(e.text, text))
                fail_msg("\"%s\" does not say \"%s\"", e.text, text);
        assert_int_equal(extents_size(x), 0);
        tree_free(t);
}

static void what_does_not_fit_is_refused(void **state) {
        (void)state;
        static char target[4097];
        memset(target, 't', sizeof target - 1);
        const Entry fine = { .name = "f", .type = ENTRY_FILE };
        const SquashfsOptions o = { .mtime = TIME };
        assert_refused(&(Entry){ .name = "early", .type = ENTRY_FILE, .mtime = -1 }, &o,
                       "\"early\": squashfs cannot hold its time");
        assert_refused(&(Entry){ .name = "late", .type = ENTRY_DIR, .mtime = 1ll << 32 }, &o,
                       "\"late\": squashfs cannot hold its time");
        assert_refused(&(Entry){ .name = "l", .type = ENTRY_SYMLINK, .link = target }, &o,
                       "longer than 4095");
        assert_refused(&fine, &(SquashfsOptions){ .compressor = "rar" }, "unknown compressor");
        assert_refused(&fine, &(SquashfsOptions){ .level = 23 }, "levels 1 to 22");
        assert_refused(&fine, &(SquashfsOptions){ .block_size = 5000 }, "no power of two");
        assert_refused(&fine, &(SquashfsOptions){ .mtime = -5 }, "cannot hold the time");
        Tree *t = tree_new();
        _cleanup_extents_ Extents *x = extents_new();
        _cleanup_err_ Err e = ERR_INIT;
        for (uint32_t i = 0; i < 65600; i++) {
                char name[16];
                snprintf(name, sizeof name, "%u", i);
                tree_add(t, &(Entry){ .name = name, .type = ENTRY_FIFO, .uid = i });
        }
        assert_int_equal(squashfs_image(t, NULL, &o, NULL, x, &e), -1);
        assert_non_null(strstr(e.text, "65600 users and groups"));
        tree_free(t);
}

/* A layer that is shorter than its index says: an error, whatever else was written. */
static void unreadable_content_is_an_error(void **state) {
        (void)state;
        int fd = open(in_dir("short"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        Blob blob = { .fd = fd, .size = 1 << 20 };
        hash_bytes("", 0, &blob.id);
        static const uint64_t sizes[] = { 100, 1 << 20 };
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                Entry entry = { .name = "f",
                                .type = ENTRY_FILE,
                                .content = { .blob = &blob, .size = sizes[i] } };
                assert_refused(&entry, &(SquashfsOptions){ .mtime = TIME }, "shorter than");
        }
        close(fd);
}

static void skipped_files_are_left_out(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_extents_ Extents *x = extents_new();
        Tree *t = tree_new();
        tree_add(t, &(Entry){ .name = "boot/kernel", .type = ENTRY_FILE });
        tree_add(t, &(Entry){ .name = "init", .type = ENTRY_FILE });
        assert_int_equal(squashfs_image(t, inodes_skip_boot, &(SquashfsOptions){ .mtime = TIME },
                                        NULL, x, &e),
                         0);
        write_extents(in_dir("skipped"), x);
        _cleanup_free_ char *out =
                shell("unsquashfs", "unsquashfs -l -d '' %s/skipped | tr '\\n' ' '", dir);
        assert_string_equal(out, " /boot /init ");
        tree_free(t);
}

static bool put(const char *path, const char *text) {
        _cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);
        return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Who is not root becomes it in a namespace with one user, or nothing could be mounted. */
static bool unshare_mounts(void) {
        if (unshare(CLONE_NEWNS) == 0)
                return true;
        _cleanup_free_ char *users = xasprintf("0 %u 1", getuid());
        _cleanup_free_ char *groups = xasprintf("0 %u 1", getgid());
        return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && put("/proc/self/setgroups", "deny") &&
               put("/proc/self/uid_map", users) && put("/proc/self/gid_map", groups);
}

/* A file system of its own, which has room for the cache but not for the image. */
static bool mount_small(const char *at) {
        return unshare_mounts() && mkdir(at, 0700) == 0 &&
               mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
               mount("none", at, "tmpfs", 0, "size=1m,mode=700") == 0;
}

/* The last test: what follows would see another file system. */
static void a_full_cache_does_not_stop_it(void **state) {
        (void)state;
        enum { SIZE = 3 << 20 };
        Cache *cache = NULL;
        Tree *t = tree_new();
        SquashfsOptions o = { .mtime = TIME, .level = 1 };
        _cleanup_free_ uint32_t *noise = xmalloc(SIZE);
        uint32_t seed = 1;
        for (size_t i = 0; i < SIZE / sizeof *noise; i++)
                noise[i] = seed = seed * 1664525 + 1013904223;
        tree_add(t, &(Entry){ .name = "f",
                              .type = ENTRY_FILE,
                              .content = content_bytes((char *)noise, SIZE) });
        make_image("roomy", t, &o, NULL);
        Digest roomy = last_digest;
        _cleanup_free_ char *small = xstrdup(in_dir("small"));
        if (!mount_small(small)) {
                tree_free(t);
                skip();
        }
        assert_int_equal(cache_open(small, &cache, NULL), 0);
        o.progress = progress_start("image", SIZE);
        make_image("full", t, &o, cache);
        progress_end(o.progress);
        assert_same("roomy", "full");
        assert_string_equal(last_digest.text, roomy.text);
        cache_free(cache);
        tree_free(t);
        /* nothing of the image is left in the cache */
        free(shell("find", "test -z \"$(find %s/derived/squashfs -type f)\"", small));
        assert_int_equal(umount2(small, MNT_DETACH), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(random_trees_come_back),
                cmocka_unit_test(number_of_links_is_right),
                cmocka_unit_test(large_directories_come_back),
                cmocka_unit_test(bytes_do_not_depend_on_threads_or_cache),
                cmocka_unit_test(bytes_do_not_depend_on_references),
                cmocka_unit_test(what_does_not_fit_is_refused),
                cmocka_unit_test(unreadable_content_is_an_error),
                cmocka_unit_test(skipped_files_are_left_out),
                cmocka_unit_test(a_full_cache_does_not_stop_it),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
