/* fat_test.c - FAT volumes: fsck.vfat judges their tables, mtools reads the files back. */
#include "lib/base/str.h"
#include "lib/fs/fat.h"
#include "test/scratch.h"

#include <sys/stat.h>

enum { MIB = 1 << 20, MTIME = 1492533000 };

/* --- trees ---------------------------------------------------------------------------------- */

typedef struct Files {
        Arena *arena;
        FatFile *v;
        size_t n, cap;
} Files;

static Files files_new(void) {
        return (Files){ .arena = arena_new() };
}

static void files_free(Files *f) {
        for (size_t i = 0; i < f->n; i++)
                extents_free((Extents *)f->v[i].data);
        free(f->v);
        arena_free(f->arena);
}
#define _cleanup_files_ __attribute__((cleanup(files_free)))

/* Bytes that say where they belong. */
static void add(Files *f, const char *path, size_t size) {
        Extents *x = extents_new();
        uint32_t *p = arena_alloc(extents_arena(x), size + 4);
        for (size_t i = 0; i < size / 4 + 1; i++)
                p[i] = (uint32_t)(i * 2654435761u + f->n);
        Content c = content_bytes(p, size);
        extents_add(x, &c);
        *vec_push(f->v, f->n, f->cap) =
                (FatFile){ .path = arena_strdup(f->arena, path), .data = x };
}

/* A large file that costs nothing. */
static void add_hole(Files *f, const char *path, uint64_t size) {
        Extents *x = extents_new();
        extents_zero(x, size);
        *vec_push(f->v, f->n, f->cap) =
                (FatFile){ .path = arena_strdup(f->arena, path), .data = x };
}

static Extents *volume(const Files *f, FatOptions o, FatLayout *layout) {
        _cleanup_err_ Err e = ERR_INIT;
        Extents *out = extents_new();
        o.mtime = MTIME;
        o.volume_id = 0x4c4b4954;
        if (fat_image(f->v, f->n, &o, out, layout, &e) < 0)
                fail_msg("%s", e.text);
        return out;
}

/* The files of the volume in `image` are those of f, no more and no fewer. */
static void check_files(const Files *f, const char *image) {
        scratch_run("rm -rf want got && mkdir want got");
        for (size_t i = 0; i < f->n; i++) {
                _cleanup_free_ char *name = xasprintf("want/%s", f->v[i].path),
                                    *folder = path_dir(name);
                scratch_run("mkdir -p '%s'", folder);
                scratch_save(name, f->v[i].data);
        }
        scratch_run("mcopy -s -n -i %s '::*' got", image);
        scratch_run("diff -r want got");
}

static void check(const Files *f, FatOptions o, int bits) {
        FatLayout layout = { 0 };
        _cleanup_extents_ Extents *x = volume(f, o, &layout);
        assert_int_equal(layout.bits, bits);
        assert_true(!o.size || extents_size(x) == o.size);
        scratch_save("image", x);
        scratch_run("fsck.vfat -n image");
        check_files(f, "image");
}

/* --- tests ---------------------------------------------------------------------------------- */

static void each_type_holds_a_tree(void **state) {
        (void)state;
        static const struct {
                uint64_t size;
                int forced, want;
        } cases[] = {
                { 1 * MIB, 0, 12 },   { 3 * MIB, 0, 16 },   { 32 * MIB, 0, 16 },
                { 33 * MIB, 0, 32 },  { 34 * MIB, 0, 32 },  { 64 * MIB, 0, 32 },
                { 64 * MIB, 16, 16 }, { 0, 32, 32 },        { 0, 16, 16 },
                { 64 * MIB, 12, 12 }, { 200 * MIB, 0, 32 }, { 600 * MIB, 0, 32 },
        };
        _cleanup_files_ Files f = files_new();
        add(&f, "EFI/BOOT/BOOTX64.EFI", 83297);
        add(&f, "loader/loader.conf", 10);
        add(&f, "loader/entries/a long name, with blanks.conf", 512);
        add(&f, "empty", 0);
        add(&f, "gr\xc3\xbc\xc3\x9f \xe4\xb8\xad.txt", 513);
        add(&f, ".config.d", 1);
        add(&f, "KERNEL", 300000);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                check(&f,
                      (FatOptions){ .size = cases[i].size,
                                    .bits = cases[i].forced,
                                    .label = i % 2 ? "ESP" : NULL },
                      cases[i].want);
}

/* Sizes around every cluster boundary that there is. */
static void sizes_at_cluster_boundaries(void **state) {
        (void)state;
        static const uint64_t sizes[] = { 2 * MIB, 40 * MIB, 130 * MIB, 260 * MIB, 520 * MIB };
        _cleanup_files_ Files f = files_new();
        for (size_t cluster = 512; cluster <= 4096; cluster *= 2)
                for (int d = -1; d <= 1; d++) {
                        _cleanup_free_ char *name = xasprintf("D%zu/F%d", cluster, d + 1);
                        add(&f, name, cluster + (size_t)d);
                }
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
                check(&f, (FatOptions){ .size = sizes[i] }, sizes[i] == 2 * MIB ? 12 : 32);
}

static void folder_of_many_clusters(void **state) {
        (void)state;
        _cleanup_files_ Files f = files_new();
        for (size_t i = 0; i < 1500; i++) {
                char name[64];
                snprintf(name, sizeof name, "many/a file with number %zu", i);
                add(&f, name, i % 3);
                snprintf(name, sizeof name, "U%zu", i); /* in a root that grows beyond 512 */
                add(&f, name, 1);
        }
        FatLayout layout = { 0 };
        for (int bits = 16; bits <= 32; bits += 16) {
                _cleanup_extents_ Extents *x =
                        volume(&f, (FatOptions){ .bits = bits, .label = "MANY" }, &layout);
                scratch_save("image", x);
                scratch_run("fsck.vfat -n image");
                scratch_run("test $(mdir -/ -b -i image | grep -c '[0-9]$') = 3000");
                scratch_run("mtype -i image '::many/a file with number 1499' | wc -c | grep -qx 2");
        }
}

/* The volume is as small as a whole number of MiB can be, and said so exactly. */
static void smallest_size_is_exact(void **state) {
        (void)state;
        static const uint64_t sizes[] = { 0,        1,        900000,   1040000,   2 * MIB,
                                          31 << 20, 33030144, 34 << 20, 127 << 20, 255 << 20 };
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                _cleanup_files_ Files f = files_new();
                _cleanup_err_ Err e = ERR_INIT;
                add_hole(&f, "a/data", sizes[i]);
                FatOptions o = { .label = "X" };
                uint64_t size = 0;
                assert_int_equal(fat_size_needed(f.v, f.n, &o, &size, NULL), 0);
                assert_true(size % MIB == 0 && size >= sizes[i]);
                _cleanup_extents_ Extents *x = volume(&f, o, NULL);
                assert_int_equal(extents_size(x), size);
                scratch_save("image", x);
                scratch_run("fsck.vfat -n image");
                o.size = size - MIB;
                if (!o.size)
                        continue;
                _cleanup_extents_ Extents *none = extents_new();
                assert_int_equal(fat_image(f.v, f.n, &o, none, NULL, &e), -1);
                assert_int_equal(e.kind, ERR_USAGE);
                assert_non_null(strstr(e.text, "the FAT volume needs"));
                assert_int_equal(extents_size(none), 0);
        }
}

/* Every size in steps of a sector around the limits between the types. */
static void limits_between_the_types(void **state) {
        (void)state;
        static const uint64_t around[] = { 4085, 65525 };
        _cleanup_files_ Files f = files_new();
        add(&f, "A", 1000);
        for (size_t i = 0; i < ARRAY_LEN(around); i++)
                for (uint64_t sectors = around[i] - 40; sectors < around[i] + 1200; sectors++) {
                        FatLayout l = { 0 };
                        FatOptions o = { .size = sectors * FAT_SECTOR };
                        assert_int_equal(fat_plan(f.v, f.n, &o, &l, NULL), 0);
                        /* fatgen103, "FAT Type Determination": by nothing but this number */
                        int bits = l.clusters < 4085 ? 12 : l.clusters < 65525 ? 16 : 32;
                        assert_int_equal(l.bits, bits);
                        assert_true(l.data_sector + l.clusters * l.sectors_per_cluster <= sectors);
                        assert_true((uint64_t)l.fat_sectors * FAT_SECTOR * 8 >=
                                    ((uint64_t)l.clusters + 2) * (unsigned)bits);
                }
}

static void files_lie_where_asked(void **state) {
        (void)state;
        _cleanup_files_ Files f = files_new();
        add(&f, "a", 5000);
        add(&f, "nothing", 0);
        add(&f, "z/first", 70000);
        add(&f, "m", 100);
        f.v[2].first = true;
        for (int bits = 12; bits <= 32; bits += bits == 12 ? 4 : 16) {
                uint32_t sectors[4];
                FatLayout planned = { .file_sectors = sectors };
                FatOptions o = { .bits = bits, .align = 4096, .mtime = MTIME };
                assert_int_equal(fat_plan(f.v, f.n, &o, &planned, NULL), 0);
                assert_true(sectors[2] < sectors[0] && sectors[0] < sectors[3]);
                assert_int_equal(sectors[1], 0);
                _cleanup_extents_ Extents *x = volume(&f, o, NULL);
                for (size_t i = 0; i < 4; i++) {
                        char want[70000], got[70000];
                        size_t n = extents_size(f.v[i].data);
                        assert_int_equal(sectors[i] % 8, 0);
                        extents_read(f.v[i].data, 0, want, n, NULL);
                        extents_read(x, (uint64_t)sectors[i] * FAT_SECTOR, got, n, NULL);
                        assert_true(!n || memcmp(want, got, n) == 0);
                }
                scratch_save("image", x);
                scratch_run("fsck.vfat -n image");
                check_files(&f, "image");
        }
}

static void short_names_are_unique(void **state) {
        (void)state;
        _cleanup_files_ Files f = files_new();
        add(&f, "LONGNA~1.TXT", 1); /* taken by a name of its own */
        for (int i = 0; i < 120; i++) {
                char name[64];
                snprintf(name, sizeof name, "longname number %d.text", i);
                add(&f, name, 1);
                snprintf(name, sizeof name, "longnamf+%d.text", i);
                add(&f, name, 1);
        }
        add(&f, "+", 1);
        add(&f, "...x", 1);
        add(&f, "\xc3\xa4\xc3\xb6", 1);
        check(&f, (FatOptions){ .size = 0 }, 12);
        scratch_run("mdir -i image ::'longname number 7.text' | grep -i 'LONGN.*~'");
}

static void times_and_label(void **state) {
        (void)state;
        _cleanup_files_ Files f = files_new();
        add(&f, "A", 1);
        _cleanup_extents_ Extents *x = volume(&f, (FatOptions){ .label = "linuxkit 1" }, NULL);
        scratch_save("image", x);
        scratch_run("mdir -i image | grep -q 'A *1 *2017-04-18 *16:30'");
        scratch_run("mdir -i image | grep -q 'Volume in drive : is LINUXKIT 1'");
        scratch_run("mdir -i image | grep -q 'Serial Number is 4C4B-4954'");
        scratch_run("fsck.vfat -n image");
}

/* mtools does not know characters beyond 16 bits, Linux and Windows do. */
static void surrogates(void **state) {
        (void)state;
        _cleanup_files_ Files f = files_new();
        add(&f, "\xf0\x9f\x90\xa7", 0);
        FatLayout l = { 0 };
        _cleanup_extents_ Extents *x = volume(&f, (FatOptions){ 0 }, &l);
        uint8_t entry[32];
        uint64_t root = l.data_sector - l.root_entries / 16;
        extents_read(x, root * FAT_SECTOR, entry, sizeof entry, NULL);
        assert_memory_equal(entry, "\x41\x3d\xd8\x27\xdc\0\0\xff\xff\xff\xff\x0f", 12);
}

static void the_same_twice(void **state) {
        (void)state;
        _cleanup_files_ Files f = files_new(), g = files_new();
        add(&f, "a/b", 5);
        add(&f, "c", 6);
        add(&g, "a/b", 5);
        add(&g, "c", 6);
        FatFile swapped = g.v[0]; /* the order in which they are given does not matter */
        g.v[0] = g.v[1];
        g.v[1] = swapped;
        _cleanup_extents_ Extents *x = volume(&f, (FatOptions){ 0 }, NULL),
                                  *y = volume(&g, (FatOptions){ 0 }, NULL);
        scratch_save("x", x);
        scratch_save("y", y);
        scratch_run("cmp x y");
}

static void what_fat_cannot_hold(void **state) {
        (void)state;
        static const struct {
                const char *a, *b, *text;
        } cases[] = {
                { "a:b", NULL, "FAT cannot hold the name \"a:b\"" },
                { "a//b", NULL, "FAT cannot hold the name \"\"" },
                { "../b", NULL, "FAT cannot hold the name \"..\"" },
                { "a.", NULL, "FAT cannot hold the name \"a.\"" },
                { "a\x01", NULL, "FAT cannot hold the name \"a?\"" },
                { "\xff", NULL, "FAT cannot hold the name \"\xff\"" },
                { "a/Readme", "a/README", "FAT cannot tell \"README\" from \"Readme\"" },
                { "a/x", "A/y", "FAT cannot tell \"A\" from \"a\"" },
                { "a", "a", "a: two files, or a file and a folder" },
                { "a", "a/b", "a: two files, or a file and a folder" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                _cleanup_files_ Files f = files_new();
                _cleanup_err_ Err e = ERR_INIT;
                _cleanup_extents_ Extents *out = extents_new();
                FatOptions o = { 0 };
                add(&f, cases[i].a, 1);
                if (cases[i].b)
                        add(&f, cases[i].b, 1);
                assert_int_equal(fat_image(f.v, f.n, &o, out, NULL, &e), -1);
                assert_int_equal(e.kind, ERR_USAGE);
                if (!strstr(e.text, cases[i].text))
                        fail_msg("%s, not %s", e.text, cases[i].text);
                assert_int_equal(extents_size(out), 0);
        }
        char longest[300] = "";
        memset(longest, 'x', 256);
        _cleanup_files_ Files f = files_new(), g = files_new(), h = files_new();
        add(&f, longest, 1);
        FatOptions o = { 0 };
        assert_int_equal(fat_plan(f.v, f.n, &o, NULL, NULL), -1);
        longest[255] = 0;
        add(&g, longest, 1);
        assert_int_equal(fat_plan(g.v, g.n, &o, NULL, NULL), 0);
        /* 4 GiB - 1 is the last that fits */
        add_hole(&h, "large", UINT32_MAX);
        assert_int_equal(fat_plan(h.v, h.n, &o, NULL, NULL), 0);
        o.bits = 16;
        _cleanup_err_ Err e = ERR_INIT;
        assert_int_equal(fat_plan(h.v, h.n, &o, NULL, &e), -1);
        assert_string_equal(e.text, "the files do not fit on any FAT16 volume");
        o.bits = 0;
        add_hole(&h, "larger", 1ull << 32);
        assert_int_equal(fat_plan(h.v, h.n, &o, NULL, &e), -1);
        assert_non_null(strstr(e.text, "larger: a file on FAT is smaller than 4 GiB"));
}

/* Whatever tree there is, fsck agrees and every byte comes back. */
static void random_trees(void **state) {
        (void)state;
        static const char *const alphabet[] = { "a", "B",  "9", " b",       "~1", "-",
                                                "_", ".c", "+", "\xc3\xb6", "K.", "\xe4\xb8\xad" };
        srand(5);
        for (int round = 0; round < 25; round++) {
                _cleanup_files_ Files f = files_new();
                FatOptions o = { .label = round % 3 ? "RANDOM" : NULL,
                                 .align = round % 4 ? 0 : 2048,
                                 .bits = (const int[]){ 0, 0, 12, 16, 32 }[round % 5] };
                for (int i = 0, n = rand() % 60; i < n; i++) {
                        _cleanup_buf_ Buf path = { 0 };
                        for (int depth = rand() % 4; depth; depth--)
                                buf_addf(&path, "d%d%s/", rand() % 3, rand() % 2 ? "" : ".long1");
                        for (int k = rand() % 20 + 1; k; k--)
                                buf_adds(&path, alphabet[(size_t)rand() % ARRAY_LEN(alphabet)]);
                        buf_addf(&path, "%d", i); /* no two are the same */
                        add(&f, path.data,
                            (size_t)(rand() % 3 ? rand() % 5000 : 512 * (rand() % 9)));
                }
                FatLayout layout = { 0 };
                _cleanup_extents_ Extents *x = volume(&f, o, &layout);
                scratch_save("image", x);
                scratch_run("fsck.vfat -n image");
                if (f.n)
                        check_files(&f, "image");
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_type_holds_a_tree),
                cmocka_unit_test(sizes_at_cluster_boundaries),
                cmocka_unit_test(folder_of_many_clusters),
                cmocka_unit_test(smallest_size_is_exact),
                cmocka_unit_test(limits_between_the_types),
                cmocka_unit_test(files_lie_where_asked),
                cmocka_unit_test(short_names_are_unique),
                cmocka_unit_test(times_and_label),
                cmocka_unit_test(surrogates),
                cmocka_unit_test(the_same_twice),
                cmocka_unit_test(what_fat_cannot_hold),
                cmocka_unit_test(random_trees),
        };
        return cmocka_run_group_tests(tests, scratch_set_up, scratch_tear_down);
}
