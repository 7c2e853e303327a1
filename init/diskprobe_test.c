/* diskprobe_test.c - super blocks made by hand, and disks that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/mman.h>

#include "init/diskprobe.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { DISK = 128 << 10 };

static uint8_t disk[DISK];
static int fd = -1;

static int setup(void **state) {
        (void)state;
        fd = memfd_create("disk", MFD_CLOEXEC);
        return fd < 0 ? -1 : 0;
}

static void blank(void) {
        memset(disk, 0, sizeof disk);
}

static void at(size_t offset, const void *p, size_t n) {
        memcpy(disk + offset, p, n);
}

static void store(size_t n) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, disk, n, 0), n);
}

static void expect(const char *type, const char *label, const char *uuid) {
        DiskProbe got;
        store(sizeof disk);
        diskprobe_file_system(fd, &got);
        assert_string_equal(got.type ? got.type : "", type);
        assert_string_equal(got.label, label);
        assert_string_equal(got.uuid, uuid);
}

#define UUID     "\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff\x01"
#define UUIDTEXT "11223344-5566-7788-99aa-bbccddeeff01"

static void linux_file_systems(void **state) {
        (void)state;
        blank();
        expect("", "", "");
        at(1024 + 56, "\x53\xef", 2);
        expect("ext", "", "");
        at(1024 + 104, UUID, 16);
        at(1024 + 120, "sixteen letters!next field", 26);
        expect("ext", "sixteen letters!", UUIDTEXT);
        blank();
        at(0, "XFSB", 4);
        at(32, UUID, 16);
        at(108, "xfs label", 9);
        expect("xfs", "xfs label", UUIDTEXT);
        blank();
        at(65536 + 64, "_BHRfS_M", 8);
        at(65536 + 32, UUID, 16);
        memset(disk + 65536 + 299, 'b', 256);
        char longest[257] = { 0 };
        memset(longest, 'b', 256);
        expect("btrfs", longest, UUIDTEXT);
        blank();
        at(1024, "\xe2\xe1\xf5\xe0", 4);
        at(1024 + 48, UUID, 16);
        at(1024 + 64, "erofs", 5);
        expect("erofs", "erofs", UUIDTEXT);
        static const size_t pages[] = { 4096, 65536 };
        for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
                blank();
                at(pages[i] - 10, "SWAPSPACE2", 10);
                at(1024 + 12, UUID, 16);
                at(1024 + 28, "swap", 4);
                expect("swap", "swap", UUIDTEXT);
        }
}

static void luks_of_both_versions(void **state) {
        (void)state;
        blank();
        at(0, "LUKS\xba\xbe\0\1", 8);
        at(168, UUIDTEXT, 36);
        expect("luks", "", UUIDTEXT);
        at(7, "\2", 1);
        at(24, "secret", 6);
        expect("luks", "secret", UUIDTEXT);
        memset(disk + 168, 'x', 1000); /* without an end */
        expect("luks", "secret", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        at(7, "\3", 1);
        expect("", "", "");
}

static void fat(bool is32) {
        blank();
        at(510, "\x55\xaa", 2);
        at(11, "\0\2\1\1\0\1", 6); /* sectors of 512, clusters of one, one reserved, one FAT */
        if (is32) {
                at(36, "\1\0\0\0", 4);
                at(44, "\2\0\0\0", 4);
                at(67, "\x44\x33\x22\x11NO NAME    FAT32   ", 23);
        } else {
                at(17, "\x10\0", 2);
                at(22, "\1\0", 2);
                at(39, "\x44\x33\x22\x11OLD        FAT16   ", 23);
        }
}

static void fat_file_systems(void **state) {
        (void)state;
        fat(false);
        expect("vfat", "OLD", "1122-3344");
        at(1024, "LONGNAME   \x0f", 12);
        at(1056,
           "\xe5"
           "ELETED    \x08",
           12);
        at(1088, "NEW LABEL  \x08", 12);
        expect("vfat", "NEW LABEL", "1122-3344");
        fat(true);
        expect("vfat", "", "1122-3344");
        at(1024, "EFI SYSTEM \x08", 12);
        expect("vfat", "EFI SYSTEM", "1122-3344");
        disk[13] = 3; /* no power of two */
        expect("", "", "");
        fat(false);
        at(54, "NTFS    ", 8);
        expect("", "", "");
}

static void iso_images(void **state) {
        (void)state;
        blank();
        at(32768, "\1CD001", 6);
        at(32768 + 40, "MY CD                           ", 32);
        at(32768 + 813, "2024010203040506", 16);
        expect("iso9660", "MY CD", "2024-01-02-03-04-05-06");
        at(32768 + 830, "2025010203040599", 16);
        expect("iso9660", "MY CD", "2025-01-02-03-04-05-99");
        at(32768 + 830, "20250102../../xx", 16);
        expect("iso9660", "MY CD", "");
}

static uint32_t next_random(uint32_t *seed) {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 17;
        *seed ^= *seed << 5;
        return *seed;
}

/* Nothing to compare with: the sanitizers look on.  All of it is bounded. */
static void lies_are_harmless(void **state) {
        (void)state;
        static const struct {
                size_t at;
                const char *magic;
                size_t n;
        } magics[] = {
                { 0, "LUKS\xba\xbe\0\2", 8 },
                { 0, "XFSB", 4 },
                { 1080, "\x53\xef", 2 },
                { 65600, "_BHRfS_M", 8 },
                { 1024, "\xe2\xe1\xf5\xe0", 4 },
                { 4086, "SWAPSPACE2", 10 },
                { 32768, "\1CD001", 6 },
                { 82, "FAT32   ", 8 },
                { 54, "FAT1", 4 },
                { 512, "EFI PART", 8 },
        };
        uint32_t seed = 42;
        for (int round = 0; round < 300; round++) {
                for (size_t i = 0; i < sizeof disk; i += 4)
                        memcpy(disk + i, &(uint32_t){ next_random(&seed) }, 4);
                size_t k = next_random(&seed) % ARRAY_LEN(magics);
                at(magics[k].at, magics[k].magic, magics[k].n);
                at(510, "\x55\xaa", 2);
                if (round & 1)
                        at(11, "\0\2\1\1\0\1", 6);
                store(round % 3 ? sizeof disk : next_random(&seed) % sizeof disk);
                DiskProbe got;
                diskprobe_file_system(fd, &got);
                assert_true(strlen(got.label) < sizeof got.label);
                assert_true(strlen(got.uuid) < sizeof got.uuid);
                diskprobe_partition(fd, next_random(&seed) % 200, next_random(&seed),
                                    1u << next_random(&seed) % 32, &got);
                assert_true(strlen(got.label) < sizeof got.label);
        }
}

static void partition_tables(void **state) {
        (void)state;
        DiskProbe got;
        blank();
        at(4096, "EFI PART", 8); /* blocks of 4096 */
        disk[4096 + 72] = 2;
        disk[4096 + 80] = 2;
        disk[4096 + 84] = (uint8_t)128;
        at(8192 + 128, UUID, 16); /* type */
        at(8192 + 128 + 16, "\x44\x33\x22\x11\x66\x55\x88\x77\x99\xaa\xbb\xcc\xdd\xee\xff\x01", 16);
        disk[8192 + 128 + 32] = 5;
        at(8192 + 128 + 56, "a\0\x3d\xd8\x00\xde\x00\xd8z\0", 10); /* a pair and half of one */
        store(sizeof disk);
        assert_true(diskprobe_partition(fd, 2, 5 * 4096, 4096, &got));
        assert_string_equal(got.uuid, UUIDTEXT);
        assert_string_equal(got.label, "a\xf0\x9f\x98\x80?z");
        assert_false(diskprobe_partition(fd, 2, 6 * 4096, 4096, &got)); /* elsewhere */
        assert_false(diskprobe_partition(fd, 1, 0, 4096, &got));        /* no entry */
        assert_false(diskprobe_partition(fd, 3, 0, 4096, &got));        /* not in the table */
        assert_false(diskprobe_partition(fd, 0, 0, 4096, &got));
        memset(disk + 8192 + 128 + 56, 0xff, 72); /* without an end */
        store(sizeof disk);
        assert_true(diskprobe_partition(fd, 2, 5 * 4096, 4096, &got));
        assert_int_equal(strlen(got.label), 36 * 3);
        memset(disk + 4096 + 72, 0xff, 8);
        store(sizeof disk);
        assert_false(diskprobe_partition(fd, 2, 5 * 4096, 4096, &got));

        blank();
        at(440, "\x78\x56\x34\x12", 4);
        at(510, "\x55\xaa", 2);
        disk[446 + 8] = 9;
        store(sizeof disk);
        assert_true(diskprobe_partition(fd, 1, 9 * 512, 512, &got));
        assert_string_equal(got.uuid, "12345678-01");
        assert_false(diskprobe_partition(fd, 2, 9 * 512, 512, &got));
        assert_true(diskprobe_partition(fd, 5, 77 * 512, 512, &got)); /* in the chain */
        assert_string_equal(got.uuid, "12345678-05");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(linux_file_systems), cmocka_unit_test(luks_of_both_versions),
                cmocka_unit_test(fat_file_systems),   cmocka_unit_test(iso_images),
                cmocka_unit_test(lies_are_harmless),  cmocka_unit_test(partition_tables),
        };
        return cmocka_run_group_tests(tests, setup, NULL);
}
