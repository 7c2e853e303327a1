/* partition_test.c - against the tables that sfdisk(8) writes: the oracle of formats.md. */
#include "lib/disk/partition.h"
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "test/scratch.h"

#include <unistd.h>

/* All of a disk below 1 GiB; of a larger one the start, which is where a DOS table is. */
static void expect_sfdisk(const Extents *x, const char *script) {
        uint64_t n = MIN(extents_size(x), (uint64_t)1 << 30);
        _cleanup_free_ char *command = xasprintf(
                "cd %s && rm -f want && truncate -s %llu want && printf '%s' | sfdisk -q "
                "--no-reread --no-tell-kernel want >/dev/null && cmp -n %llu want got",
                scratch, (unsigned long long)extents_size(x), script, (unsigned long long)n);
        scratch_save("got", x);
        assert_int_equal(system(command), 0);
}

static Extents *volume(uint64_t n) {
        Extents *x = extents_new();
        extents_zero(x, n);
        return x;
}

static void gpt_equals_sfdisk(void **state) {
        (void)state;
        _cleanup_extents_ Extents *a = volume(34 << 20), *b = volume((5 << 20) + 4096),
                                  *disk = extents_new();
        Partition parts[] = {
                { .data = a,
                  .type = GPT_ESP,
                  .name = "EFI System",
                  .uuid = uuid_parse("01234567-89ab-8def-8123-456789abcdef"),
                  .attributes = GPT_LEGACY_BIOS_BOOTABLE },
                { .data = b,
                  .type = GPT_ROOT_AMD64,
                  .name = "root",
                  .uuid = uuid_parse("11111111-2222-8333-8444-555555555555") },
        };
        DiskLayout d = { .gpt = true,
                         .guid = uuid_parse("0f0e0d0c-0b0a-8908-8706-050403020100"),
                         .partitions = parts,
                         .n = 2 };
        assert_int_equal(disk_image(&d, disk, NULL), 0);
        assert_int_equal(extents_size(disk), 42 << 20);
        expect_sfdisk(disk, "label: gpt\\nlabel-id: 0f0e0d0c-0b0a-8908-8706-050403020100\\n"
                            "first-lba: 2048\\n"
                            "start=2048, size=69632, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, "
                            "uuid=01234567-89ab-8def-8123-456789abcdef, name=\"EFI System\", "
                            "attrs=LegacyBIOSBootable\\n"
                            "start=71680, size=12288, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, "
                            "uuid=11111111-2222-8333-8444-555555555555, name=\"root\"\\n");
}

static void dos_equals_sfdisk(void **state) {
        (void)state;
        _cleanup_extents_ Extents *a = volume(64 << 20), *b = volume(9000ull << 20),
                                  *disk = extents_new();
        Partition parts[] = { { .data = a, .mbr_type = MBR_FAT32_LBA, .active = true },
                              { .data = b, .mbr_type = MBR_LINUX } };
        DiskLayout d = {
                .signature = 0x4c4b4954, .partitions = parts, .n = 2, .size = 9100ull << 20
        };
        assert_int_equal(disk_image(&d, disk, NULL), 0);
        expect_sfdisk(disk, "label: dos\\nlabel-id: 0x4c4b4954\\n"
                            "start=2048, size=131072, type=c, bootable\\n"
                            "start=133120, size=18432000, type=83\\n");
}

static void boot_code_stays_in_its_place(void **state) {
        (void)state;
        char code[441];
        memset(code, 0x90, sizeof code);
        _cleanup_extents_ Extents *a = volume(1 << 20), *disk = extents_new(), *no = extents_new();
        Partition part = { .data = a, .mbr_type = MBR_LINUX };
        Content c = content_bytes(code, MBR_CODE);
        DiskLayout d = { .signature = 1, .boot_code = &c, .partitions = &part, .n = 1 };
        assert_int_equal(disk_image(&d, disk, NULL), 0);
        unsigned char sector[SECTOR];
        assert_int_equal(extents_read(disk, 0, sector, SECTOR, NULL), 0);
        assert_memory_equal(sector, code, MBR_CODE);
        assert_int_equal(sector[440], 1);
        assert_int_equal(sector[511], 0xaa);
        c.size = 441;
        assert_int_equal(disk_image(&d, no, NULL), -1);
        assert_int_equal(extents_size(no), 0);
}

static void too_small_is_said_with_the_size(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_extents_ Extents *a = volume(64 << 20), *disk = extents_new();
        Partition part = { .data = a, .type = GPT_LINUX, .name = "root" };
        DiskLayout d = { .gpt = true, .partitions = &part, .n = 1, .size = 65 << 20 };
        assert_int_equal(disk_image(&d, disk, &e), -1);
        assert_string_equal(e.text, "the disk needs 66 MiB, more than its size of 65 MiB");
        assert_int_equal(extents_size(disk), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(gpt_equals_sfdisk),
                cmocka_unit_test(dos_equals_sfdisk),
                cmocka_unit_test(boot_code_stays_in_its_place),
                cmocka_unit_test(too_small_is_said_with_the_size),
        };
        return cmocka_run_group_tests(tests, scratch_set_up, scratch_tear_down);
}
