/* iso9660_test.c - reads images back with a small reader of its own, which follows the
 * specifications and Linux rather than the writer. */
#include "lib/fs/iso9660.h"
#include "lib/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/mman.h>

#include <cmocka.h>

enum { BLOCK = 2048, T0 = 1492533000 };

/* --- making ------------------------------------------------------------------------------ */

static void put(Tree *t, EntryType type, const char *name, const char *text) {
        Entry x = { .name = name, .type = type, .mode = 0644, .mtime = T0 };
        if (type == ENTRY_FILE)
                x.content = content_bytes(text, strlen(text));
        else
                x.link = text;
        if (type == ENTRY_DIR)
                x.mode = 0755;
        tree_add(t, &x);
}

static Extents *make(const Tree *t, bool joliet) {
        IsoOptions o = { .volume_id = "TEST", .mtime = T0, .joliet = joliet };
        Extents *x = extents_new();
        Err e = ERR_INIT;
        if (iso9660_image(t, &o, x, &e) < 0)
                fail_msg("%s", e.text);
        assert_int_equal(extents_size(x) % BLOCK, 0);
        return x;
}

/* --- reading ----------------------------------------------------------------------------- */

typedef struct Reader {
        const Extents *x;
        bool joliet;
        uint64_t size;
        Arena *arena;
        Buf list; /* a line for each name */
        unsigned n_dirs;
} Reader;

static uint32_t le32(const uint8_t *p) {
        return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t be32(const uint8_t *p) {
        return p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[0] << 24;
}

static uint32_t both32(const uint8_t *p) {
        assert_int_equal(le32(p), be32(p + 4));
        return le32(p);
}

static uint8_t *load(Reader *r, uint64_t block, uint64_t n) {
        assert_true(block * BLOCK + n <= r->size);
        uint8_t *p = arena_alloc(r->arena, n + 1);
        assert_int_equal(extents_read(r->x, block * BLOCK, p, n, NULL), 0);
        return p;
}

typedef struct Rock {
        char name[512], target[8192];
        uint32_t mode, links, inode, device[2];
        bool name_goes_on;
} Rock;

/* As Linux puts a target together (fs/isofs/rock.c). */
static void read_target(Rock *k, const uint8_t *p) {
        char *to = k->target + strlen(k->target);
        for (const uint8_t *c = p + 5; c < p + p[2]; c += 2 + c[1]) {
                if (c[0] & 2)
                        to = stpcpy(to, ".");
                else if (c[0] & 4)
                        to = stpcpy(to, "..");
                else if (c[0] & 8)
                        to = stpcpy(to, "/");
                else
                        to = stpncpy(to, (const char *)c + 2, c[1]);
                bool last = c + 2 + c[1] >= p + p[2] && !(p[4] & 1);
                if (!last && !(c[0] & 9))
                        to = stpcpy(to, "/");
        }
        *to = 0;
}

static void read_entries(Reader *r, const uint8_t *p, const uint8_t *end, Rock *k) {
        const uint8_t *more = NULL;
        for (; p + 4 <= end && p[2] >= 4; p += p[2]) {
                assert_true(p + p[2] <= end);
                if (memcmp(p, "CE", 2) == 0)
                        more = p;
                if (memcmp(p, "PX", 2) == 0) {
                        k->mode = both32(p + 4);
                        k->links = both32(p + 12);
                        k->inode = both32(p + 36);
                }
                if (memcmp(p, "PN", 2) == 0) {
                        uint32_t high = both32(p + 4), low = both32(p + 12);
                        bool one = !high && low > 0xff;
                        k->device[0] = one ? low >> 8 : high;
                        k->device[1] = one ? low & 0xff : low;
                }
                if (memcmp(p, "NM", 2) == 0) {
                        assert_true(!*k->name || k->name_goes_on);
                        strncat(k->name, (const char *)p + 5, p[2] - 5u);
                        k->name_goes_on = p[4] & 1;
                }
                if (memcmp(p, "SL", 2) == 0)
                        read_target(k, p);
        }
        assert_true(p == end || !*p); /* a record's length is even */
        if (!more)
                return;
        uint32_t offset = both32(more + 12), n = both32(more + 20);
        assert_true(offset + n <= BLOCK); /* Linux refuses others */
        const uint8_t *area = load(r, both32(more + 4), BLOCK);
        read_entries(r, area + offset, area + offset + n, k);
}

static void read_joliet_name(const uint8_t *d, char *to) {
        for (size_t i = 0; i < d[32]; i += 2) {
                unsigned c = (unsigned)d[33 + i] << 8 | d[34 + i];
                to += sprintf(to, c < 0x7f ? "%c" : "\\%04x", c);
        }
}

static void read_directory(Reader *r, uint32_t block, uint32_t size, const char *path);

/* What is told about a record, and the directory below it. */
static void read_record(Reader *r, const uint8_t *d, uint64_t whole, const char *path) {
        Rock k = { 0 };
        if (r->joliet)
                read_joliet_name(d, k.name);
        else
                read_entries(r, d + ((33 + d[32] + 1) & ~1), d + d[0], &k);
        char *full = arena_printf(r->arena, "%s/%s", path, k.name);
        bool dir = d[25] & 2;
        buf_addf(&r->list, "%s", full);
        if (!r->joliet)
                buf_addf(&r->list, " %o %u #%u", k.mode, k.links, k.inode);
        if (S_ISCHR(k.mode) || S_ISBLK(k.mode))
                buf_addf(&r->list, " %u:%u", k.device[0], k.device[1]);
        if (*k.target)
                buf_addf(&r->list, " -> %s", k.target);
        if (!dir && whole)
                buf_addf(&r->list, " %llu @%u", (unsigned long long)whole, both32(d + 2));
        buf_addc(&r->list, '\n');
        if (dir)
                read_directory(r, both32(d + 2), both32(d + 10), full);
}

/* Identifiers ascend: as bytes that is right for both views where no '.' takes part. */
static void check_order(const uint8_t *before, const uint8_t *d) {
        if (!before || memchr(before + 33, '.', before[32]) || memchr(d + 33, '.', d[32]))
                return;
        int c = memcmp(before + 33, d + 33, MIN(before[32], d[32]));
        assert_true(c < 0 || (c == 0 && before[32] < d[32]));
}

static void read_directory(Reader *r, uint32_t block, uint32_t size, const char *path) {
        const uint8_t *start = load(r, block, size), *before = NULL;
        uint64_t whole = 0;
        unsigned index = 0;
        r->n_dirs++;
        for (const uint8_t *d = start, *next; d < start + size; d = next) {
                uint64_t left = BLOCK - (uint64_t)(d - start) % BLOCK;
                next = d + (d[0] ? d[0] : left); /* the rest of a block is empty */
                if (!d[0])
                        continue;
                assert_true(d[0] >= 34 && d[0] % 2 == 0 && d[0] <= left);
                if (index++ == 0)
                        assert_int_equal(both32(d + 2), block);
                if (index <= 2)
                        continue;
                if (!whole)
                        check_order(before, d);
                before = d;
                whole += both32(d + 10);
                if (d[25] & 0x80) {
                        assert_int_equal(both32(d + 10) % BLOCK, 0);
                        continue;
                }
                read_record(r, d, whole, path);
                whole = 0;
        }
}

/* Every directory's place stands in the path table, with its parent's number. */
static void check_path_table(Reader *r, const uint8_t *volume) {
        uint32_t size = both32(volume + 132);
        const uint8_t *l = load(r, le32(volume + 140), size),
                      *m = load(r, be32(volume + 148), size);
        uint32_t blocks[1024] = { 0 };
        unsigned n = 0;
        for (uint32_t at = 0; at < size; at += 8 + (((uint32_t)l[at] + 1) & ~1u)) {
                blocks[++n] = le32(l + at + 2);
                assert_int_equal(be32(m + at + 2), blocks[n]);
                unsigned parent = l[at + 6] | (unsigned)l[at + 7] << 8;
                assert_in_range(parent, 1, n);
                const uint8_t *self = load(r, blocks[n], BLOCK), *up = self + self[0];
                assert_int_equal(both32(self + 2), blocks[n]);
                assert_int_equal(both32(up + 2), blocks[parent]);
        }
        assert_int_equal(n, r->n_dirs);
}

/* The names of the image, whose first block is `base`, in the order of its records. */
static char *names(Arena *arena, const Extents *x, bool joliet) {
        Reader r = { .x = x, .joliet = joliet, .size = extents_size(x), .arena = arena };
        unsigned type = joliet ? 2 : 1;
        for (uint32_t block = 16;; block++) {
                const uint8_t *v = load(&r, block, BLOCK);
                assert_memory_equal(v + 1, "CD001\1", 6);
                assert_int_not_equal(v[0], 0xff);
                if (v[0] != type)
                        continue;
                assert_int_equal(both32(v + 80), r.size / BLOCK);
                read_directory(&r, both32(v + 158), both32(v + 166), "");
                check_path_table(&r, v);
                break;
        }
        char *text = arena_strndup(arena, r.list.data ? r.list.data : "", r.list.len);
        buf_done(&r.list);
        return text;
}

/* --- tests ------------------------------------------------------------------------------- */

static void holds_every_type(void **state) {
        (void)state;
        _cleanup_arena_ Arena *a = arena_new();
        Tree *t = tree_new();
        put(t, ENTRY_DIR, "bin", NULL);
        put(t, ENTRY_FILE, "bin/a", "alpha");
        put(t, ENTRY_HARDLINK, "b", "bin/a");
        put(t, ENTRY_FILE, "copy", "alpha");
        put(t, ENTRY_FILE, "empty", "");
        put(t, ENTRY_SYMLINK, "link", "../x/./y//z/");
        put(t, ENTRY_SYMLINK, "root", "/");
        put(t, ENTRY_FIFO, "pipe", NULL);
        tree_add(t, &(Entry){ .name = "null", .type = ENTRY_CHAR, .dev_major = 1, .dev_minor = 3 });
        tree_add(t, &(Entry){ .name = "nvme",
                              .type = ENTRY_BLOCK,
                              .mode = 0600,
                              .dev_major = 259,
                              .dev_minor = 300 });
        _cleanup_extents_ Extents *x = make(t, true);
        assert_string_equal(names(a, x, false), "/b 100644 2 #2 5 @28\n"
                                                "/bin 40755 2 #3\n"
                                                "/bin/a 100644 2 #2 5 @28\n"
                                                "/copy 100644 1 #4 5 @28\n"
                                                "/empty 100644 1 #5\n"
                                                "/link 120644 1 #6 -> ../x/./y//z/\n"
                                                "/null 20000 1 #7 1:3\n"
                                                "/nvme 60600 1 #8 259:300\n"
                                                "/pipe 10644 1 #9\n"
                                                "/root 120644 1 #10 -> /\n");
        assert_string_equal(names(a, x, true), "/b 5 @28\n"
                                               "/bin\n"
                                               "/bin/a 5 @28\n"
                                               "/copy 5 @28\n"
                                               "/empty\n");
        tree_free(t);
}

/* A name of n bytes that only its last ones tell from others. */
static char *long_name(Arena *a, const char *dir, char c, int n, unsigned i) {
        char *name = arena_printf(a, "%s%0*u", dir, n, i);
        memset(name + strlen(dir), c, (size_t)n - 4);
        return name;
}

static void long_names_and_targets_survive(void **state) {
        (void)state;
        _cleanup_arena_ Arena *a = arena_new();
        _cleanup_buf_ Buf wanted = { 0 };
        Tree *t = tree_new();
        char *target = arena_alloc(a, 4096);
        for (unsigned i = 0; i < 40; i++) {
                char *name = long_name(a, "", 'n', 255, i);
                size_t n = 100 * (i + 1) + (i == 39 ? 95 : 0);
                for (size_t k = 0; k < n; k++)
                        target[k] = (k + 1) % (7 * i + 2) ? (char)('a' + k % 26) : '/';
                target[n] = 0;
                put(t, ENTRY_SYMLINK, name, target);
                buf_addf(&wanted, "/%s 120644 1 #%u -> %s\n", name, i + 2, target);
        }
        _cleanup_extents_ Extents *x = make(t, true);
        char *got = names(a, x, false);
        assert_int_equal(strlen(got), wanted.len);
        for (char *line = strtok(wanted.data, "\n"); line; line = strtok(NULL, "\n"))
                assert_non_null(strstr(got, line));
        assert_string_equal(names(a, x, true), "");
        tree_free(t);
}

static void poor_names_stay_apart(void **state) {
        (void)state;
        _cleanup_arena_ Arena *a = arena_new();
        Tree *t = tree_new();
        for (unsigned i = 0; i < 1500; i++) {
                put(t, ENTRY_FILE, long_name(a, "d/", 'x', 120, i), "");
                put(t, ENTRY_DIR, long_name(a, "e/", 'y', 110, i % 300), NULL);
        }
        static const char *const alike[] = { "a:b",
                                             "a*b",
                                             "A_B",
                                             "a b",
                                             "a\xff"
                                             "b",
                                             "a\xf0\x9f\x98\x80"
                                             "b",
                                             ".a.b",
                                             "_a.b",
                                             "a.b.c",
                                             "a_b.c",
                                             "\xc3\xa4" };
        for (size_t i = 0; i < ARRAY_LEN(alike); i++)
                put(t, ENTRY_FILE, alike[i], "");
        _cleanup_extents_ Extents *x = make(t, true);
        /* the reader checks that neighbours differ; here: that none is lost */
        for (int joliet = 0; joliet < 2; joliet++) {
                char *got = names(a, x, joliet);
                size_t lines = 0;
                for (const char *p = got; (p = strchr(p, '\n')); p++)
                        lines++;
                assert_int_equal(lines, 1500 + 300 + 2 + ARRAY_LEN(alike));
        }
        assert_non_null(strstr(names(a, x, true), "/\\00e4\n"));
        assert_non_null(strstr(names(a, x, true), "/a_b1\n"));
        tree_free(t);
}

static void deep_and_wide_directories(void **state) {
        (void)state;
        _cleanup_arena_ Arena *a = arena_new();
        _cleanup_buf_ Buf path = { 0 };
        Tree *t = tree_new();
        for (unsigned i = 0; i < 60; i++) {
                buf_addf(&path, "%sd%u", i ? "/" : "", i);
                put(t, ENTRY_DIR, arena_printf(a, "wide%u", i), NULL);
        }
        put(t, ENTRY_DIR, path.data, NULL);
        _cleanup_extents_ Extents *x = make(t, true);
        const char *line = arena_printf(a, "/%s 40755 2 #", path.data);
        assert_non_null(strstr(names(a, x, false), line));
        tree_free(t);
}

static void large_files_have_several_extents(void **state) {
        (void)state;
        _cleanup_arena_ Arena *a = arena_new();
        _cleanup_fd_ int fd = memfd_create("large", MFD_CLOEXEC);
        Blob blob = { .fd = fd, .size = (9ull << 30) + 5 };
        assert_int_equal(ftruncate(fd, (off_t)blob.size), 0);
        Tree *t = tree_new();
        Entry entry = { .name = "large", .type = ENTRY_FILE, .mode = 0600 };
        entry.content = (Content){ .blob = &blob, .size = blob.size };
        tree_add(t, &entry);
        put(t, ENTRY_FILE, "next", "n");
        entry.name = "edge"; /* the largest file in one extent */
        entry.content.size = UINT32_MAX;
        tree_add(t, &entry);
        _cleanup_extents_ Extents *x = make(t, true);
        char *got = names(a, x, false);
        assert_non_null(strstr(got, "/edge 100600 1 #2 4294967295 @26\n"));
        /* the third extent, 2097151 blocks each after the first */
        assert_non_null(strstr(got, "/large 100600 1 #3 9663676421 @6291480\n"));
        assert_non_null(strstr(got, "/next 100644 1 #4 1 @6815771\n"));
        tree_free(t);
}

static void holds_files_made_of_extents(void **state) {
        (void)state;
        _cleanup_arena_ Arena *a = arena_new();
        _cleanup_extents_ Extents *root = extents_new();
        Content text = content_bytes("root", 4);
        extents_zero(root, 5ull << 30);
        extents_add(root, &text);
        Tree *t = tree_new();
        put(t, ENTRY_FILE, "dir/root", "");
        put(t, ENTRY_FILE, "next", "n");
        IsoData data = { "dir/root", root };
        IsoOptions o = { .volume_id = "", .mtime = T0, .data = &data, .n_data = 1 };
        _cleanup_extents_ Extents *x = extents_new();
        assert_int_equal(iso9660_image(t, &o, x, NULL), 0);
        char *got = names(a, x, false);
        /* two extents from block 23 on */
        assert_non_null(strstr(got, "/dir/root 100644 1 #3 5368709124 @2097174\n"));
        assert_non_null(strstr(got, "/next 100644 1 #4 1 @2621464\n"));
        char found[5] = "";
        assert_int_equal(extents_read(x, 23 * BLOCK + (5ull << 30), found, 4, NULL), 0);
        assert_string_equal(found, "root");
        data.path = "dir";
        _cleanup_err_ Err e = ERR_INIT;
        assert_int_equal(iso9660_image(t, &o, x, &e), -1);
        assert_int_equal(e.kind, ERR_NOT_FOUND);
        tree_free(t);
}

static bool without_boot(const char *path) {
        return str_eq(path, "boot/kernel");
}

static void leaves_out_what_is_skipped(void **state) {
        (void)state;
        _cleanup_arena_ Arena *a = arena_new();
        Tree *t = tree_new();
        put(t, ENTRY_FILE, "boot/kernel", "k");
        put(t, ENTRY_FILE, "boot/other", "o");
        IsoOptions o = { .volume_id = "", .mtime = T0, .skip = without_boot };
        _cleanup_extents_ Extents *x = extents_new();
        assert_int_equal(iso9660_image(t, &o, x, NULL), 0);
        char *got = names(a, x, false);
        assert_non_null(strstr(got, "/boot/other"));
        assert_null(strstr(got, "/boot/kernel"));
        tree_free(t);
}

static void dates_stay_inside_the_format(void **state) {
        (void)state;
        static const struct {
                int64_t t;
                uint8_t date[7];
        } cases[] = {
                { T0, { 117, 4, 18, 16, 30, 0, 0 } },
                { -1, { 69, 12, 31, 23, 59, 59, 0 } },
                { INT64_MIN, { 0, 1, 1, 0, 0, 0, 0 } },
                { INT64_MAX, { 255, 12, 31, 23, 59, 59, 0 } },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                Tree *t = tree_new();
                tree_add(t, &(Entry){ .name = ".", .type = ENTRY_DIR, .mtime = cases[i].t });
                _cleanup_extents_ Extents *x = make(t, false);
                uint8_t pvd[BLOCK];
                assert_int_equal(extents_read(x, 16 * BLOCK, pvd, BLOCK, NULL), 0);
                assert_memory_equal(pvd + 156 + 18, cases[i].date, 7);
                assert_memory_equal(pvd + 813, "2017041816300000\0", 17);
                tree_free(t);
        }
}

static void refuses_what_does_not_fit(void **state) {
        (void)state;
        Blob blob = { .fd = -1, .size = 9ull << 40 };
        static char target[4200];
        memset(target, 't', sizeof target - 1);
        const struct {
                Entry entry;
                const char *volume, *text;
        } cases[] = {
                { { .name = "x",
                    .type = ENTRY_FILE,
                    .content = { .blob = &blob, .size = 9ull << 40 } },
                  "V",
                  "too large for ISO 9660" },
                { { .name = "x", .type = ENTRY_SYMLINK, .link = target }, "V", "longer than 4095" },
                { { .name = "x", .type = ENTRY_SYMLINK, .link = "" }, "V", "without a target" },
                { { .name = "x", .type = ENTRY_DIR },
                  "a volume id of thirty-three bytes",
                  "longer" },
                { { .name = "x", .type = ENTRY_DIR }, "\xc3\xa4", "not plain ASCII" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                Tree *t = tree_new();
                tree_add(t, &cases[i].entry);
                IsoOptions o = { .volume_id = cases[i].volume };
                _cleanup_extents_ Extents *x = extents_new();
                _cleanup_err_ Err e = ERR_INIT;
                assert_int_equal(iso9660_image(t, &o, x, &e), -1);
                assert_int_equal(e.kind, ERR_SPEC);
                assert_non_null(strstr(e.text, cases[i].text));
                assert_int_equal(extents_size(x), 0);
                tree_free(t);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(holds_every_type),
                cmocka_unit_test(long_names_and_targets_survive),
                cmocka_unit_test(poor_names_stay_apart),
                cmocka_unit_test(deep_and_wide_directories),
                cmocka_unit_test(large_files_have_several_extents),
                cmocka_unit_test(holds_files_made_of_extents),
                cmocka_unit_test(leaves_out_what_is_skipped),
                cmocka_unit_test(dates_stay_inside_the_format),
                cmocka_unit_test(refuses_what_does_not_fit),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
