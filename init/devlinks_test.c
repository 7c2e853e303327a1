/* devlinks_test.c - names of devices, and the links that a made-up /sys and /dev lead to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/stat.h>

#include "init/devlinks.h"
#include "init/devnames.h"
#include "init/sys.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

static char top[] = "/tmp/devlinks_test.XXXXXX";

static int setup(void **state) {
        (void)state;
        return mkdtemp(top) && chdir(top) == 0 ? 0 : -1;
}

static int teardown(void **state) {
        (void)state;
        _cleanup_free_ char *command = xasprintf("rm -rf %s", top);
        return chdir("/") == 0 ? system(command) : -1;
}

static void put(const char *path, const void *p, size_t n) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *dir = path_dir(path);
        if (sys_mkdir_p(dir, 0755, &e) < 0 || file_write(path, p, n, 0644, &e) < 0)
                fail_msg("%s", e.text);
}

static void put_text(const char *path, const char *text) {
        put(path, text, strlen(text));
}

/* An ext file system of this label; all bytes of its UUID are fill. */
static void put_ext(const char *node, const char *label, int fill) {
        static char disk[4096];
        memset(disk, 0, sizeof disk);
        disk[1024 + 56] = 0x53;
        disk[1024 + 57] = (char)0xef;
        memset(disk + 1024 + 104, fill, 16);
        strncpy(disk + 1024 + 120, label, 16);
        put(node, disk, sizeof disk);
}

static void add_disk(const char *name) {
        char path[256], target[256];
        _cleanup_err_ Err e = ERR_INIT;
        snprintf(path, sizeof path, "sys/devices/%s/size", name);
        put_text(path, "2048\n");
        if (sys_mkdir_p("sys/class/block", 0755, &e) < 0)
                fail_msg("%s", e.text);
        snprintf(path, sizeof path, "sys/class/block/%s", name);
        snprintf(target, sizeof target, "../../devices/%s", name);
        assert_int_equal(symlink(target, path), 0);
}

static void expect_link(const char *path, const char *want) {
        char got[256] = "";
        ssize_t n = readlink(path, got, sizeof got - 1);
        if (!want) {
                if (n >= 0)
                        fail_msg("%s is there and says %s", path, got);
                return;
        }
        if (n < 0)
                fail_msg("%s is missing", path);
        assert_string_equal(got, want);
}

static void update(void) {
        devlinks_update("sys", "dev", -1);
}

static void labels_become_file_names(void **state) {
        (void)state;
        static const struct {
                const char *text, *want; /* NULL: refused */
        } t[] = {
                { "root", "root" },
                { "my disk", "my\\x20disk" },
                { "a/b", "a\\x2fb" },
                { "../../etc", "..\\x2f..\\x2fetc" },
                { "\\x2f", "\\x5cx2f" },
                { "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
                { "\xff\xc3", "\\xff\\xc3" },
                { "\xe0\x80\x80", "\\xe0\\x80\\x80" },
                { "\x1b[2J", "\\x1b\\x5b2J" },
                { "#+-.:=@_", "#+-.:=@_" },
                { "", NULL },
                { ".", NULL },
                { "..", NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_buf_ Buf b = { 0 };
                bool ok = devnames_encode(t[i].text, &b);
                assert_int_equal(ok, t[i].want != NULL);
                if (ok)
                        assert_string_equal(b.data, t[i].want);
        }
        char longest[300];
        _cleanup_buf_ Buf b = { 0 };
        memset(longest, 'x', sizeof longest - 1);
        longest[sizeof longest - 1] = 0;
        assert_false(devnames_encode(longest, &b));
}

static void serial_numbers_are_cleaned(void **state) {
        (void)state;
        static const char *const t[][2] = {
                { "  S3Z 9NB\t 1 \n", "S3Z_9NB_1" },
                { "a/b\\c", "a_b_c" },
                { "", "" },
                { "   ", "" },
                { "\xc3\xbc", "__" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_buf_ Buf b = { 0 };
                buf_adds(&b, "");
                devnames_clean(t[i][0], 100, &b);
                assert_string_equal(b.data ? b.data : "", t[i][1]);
        }
}

/* type and data of one designator */
static void add_designator(Buf *b, unsigned char code, unsigned char type, const void *p,
                           size_t n) {
        buf_addc(b, (char)code);
        buf_addc(b, (char)type);
        buf_addc(b, 0);
        buf_addc(b, (char)n);
        buf_add(b, p, n);
}

static char *scsi_ids(const Buf *designators, size_t cut) {
        _cleanup_buf_ Buf page = { 0 };
        Buf ret = { 0 };
        buf_addc(&page, 0);
        buf_addc(&page, (char)0x83);
        buf_addc(&page, (char)(designators->len >> 8));
        buf_addc(&page, (char)designators->len);
        buf_add(&page, designators->data, designators->len);
        devnames_scsi_ids((unsigned char *)page.data, page.len - cut, "QEMU    ",
                          "QEMU HARDDISK   ", &ret);
        return buf_steal(&ret);
}

static void scsi_identities(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        add_designator(&b, 2, 0, "disk 0", 6);
        _cleanup_free_ char *vendor = scsi_ids(&b, 0);
        assert_string_equal(vendor, "scsi-0QEMU_QEMU_HARDDISK_disk_0\n");

        add_designator(&b, 1, 0x13, "\x60\0\0\0\0\0\0\0", 8); /* of a port: not the disk's */
        add_designator(&b, 1, 3, "\x50\x01\x02\x03\x04\x05\x06\x07", 8);
        _cleanup_free_ char *naa = scsi_ids(&b, 0);
        assert_string_equal(naa, "scsi-35001020304050607\nwwn-0x5001020304050607\n");

        buf_clear(&b);
        char ata[68];
        memset(ata, ' ', sizeof ata);
        memcpy(ata, "ATA", 3);
        memcpy(ata + 8, "Fast SSD", 8);
        memcpy(ata + 60, "SN 42", 5);
        add_designator(&b, 2, 1, ata, sizeof ata);
        _cleanup_free_ char *disk = scsi_ids(&b, 0);
        assert_string_equal(disk, "ata-Fast_SSD_SN_42\nscsi-1ATA_Fast_SSD_SN_42\n");
}

/* Every length, and lengths that lie. */
static void damaged_scsi_pages_are_harmless(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        add_designator(&b, 1, 3, "\x50\x01\x02\x03\x04\x05\x06\x07", 8);
        add_designator(&b, 2, 1, "ATA     x", 9);
        for (size_t cut = 0; cut <= b.len + 4; cut++)
                free(scsi_ids(&b, cut));
        b.data[3] = (char)255;
        _cleanup_free_ char *none = scsi_ids(&b, 0);
        assert_string_equal(none, "");
}

static void disks_come_and_go(void **state) {
        (void)state;
        add_disk("vda");
        put_text("sys/devices/vda/serial", "first disk");
        put_ext("dev/vda", "root", 0xab);
        add_disk("vdb");
        put_ext("dev/vdb", "root", 0xcd);
        update();
        expect_link("dev/disk/by-label/root", "../../vda");
        expect_link("dev/disk/by-uuid/abababab-abab-abab-abab-abababababab", "../../vda");
        expect_link("dev/disk/by-uuid/cdcdcdcd-cdcd-cdcd-cdcd-cdcdcdcdcdcd", "../../vdb");
        expect_link("dev/disk/by-id/virtio-first_disk", "../../vda");
        assert_int_equal(access("dev/.linuxkit-link", F_OK), -1);

        /* written to: the other one has the name now, and the first does not get it back */
        put_ext("dev/vda", "", 0xab);
        update();
        expect_link("dev/disk/by-label/root", "../../vdb");
        put_ext("dev/vda", "root", 0xab);
        update();
        expect_link("dev/disk/by-label/root", "../../vdb");

        /* a name that somebody else made for a living disk stays */
        assert_int_equal(symlink("../../vdb", "dev/disk/by-id/google-data"), 0);
        unlink("sys/class/block/vda");
        update();
        expect_link("dev/disk/by-uuid/abababab-abab-abab-abab-abababababab", NULL);
        expect_link("dev/disk/by-id/virtio-first_disk", NULL);
        expect_link("dev/disk/by-id/google-data", "../../vdb");
        unlink("sys/class/block/vdb");
        update();
        expect_link("dev/disk/by-label/root", NULL);
        expect_link("dev/disk/by-id/google-data", NULL);
}

static void put_gpt(char *disk) {
        memcpy(disk + 512, "EFI PART", 8);
        disk[512 + 72] = 2;
        disk[512 + 80] = (char)128;
        disk[512 + 84] = (char)128;
        memcpy(disk + 1024, "typetypetypetype", 16);
        memcpy(disk + 1024 + 16, "\x44\x33\x22\x11\x66\x55\x88\x77\x99\xaa\xbb\xcc\xdd\xee\xff\x01",
               16);
        disk[1024 + 32] = 6; /* sector */
        memcpy(disk + 1024 + 56, "d\0a\0t\0a\0 \0\xfc\0", 12);
}

/* The disk carries what is left of an older file system as well. */
static void partitions(void **state) {
        (void)state;
        char disk[4096] = { 0 };
        add_disk("sdx");
        put_text("sys/devices/sdx/queue/logical_block_size", "512\n");
        put_text("sys/devices/sdx/sdx1/partition", "1\n");
        put_text("sys/devices/sdx/sdx1/start", "6\n");
        put_text("sys/devices/sdx/sdx1/size", "8\n");
        assert_int_equal(symlink("../../devices/sdx/sdx1", "sys/class/block/sdx1"), 0);
        put_gpt(disk);
        put("dev/sdx", disk, sizeof disk);
        put_ext("dev/sdx1", "inside", 1);
        update();
        expect_link("dev/disk/by-partuuid/11223344-5566-7788-99aa-bbccddeeff01", "../../sdx1");
        expect_link("dev/disk/by-partlabel/data\\x20\xc3\xbc", "../../sdx1");
        expect_link("dev/disk/by-label/inside", "../../sdx1");

        put_text("sys/devices/sdx/sdx1/start", "7\n"); /* not this entry */
        update();
        expect_link("dev/disk/by-partuuid/11223344-5566-7788-99aa-bbccddeeff01", NULL);

        memset(disk, 0, sizeof disk);
        memcpy(disk + 440, "\xef\xbe\xad\xde", 4);
        disk[446 + 8] = 7;
        disk[510] = 0x55;
        disk[511] = (char)0xaa;
        disk[1024 + 56] = 0x53;
        disk[1024 + 57] = (char)0xef;
        memcpy(disk + 1024 + 120, "older", 5);
        put("dev/sdx", disk, sizeof disk);
        update();
        expect_link("dev/disk/by-partuuid/deadbeef-01", "../../sdx1");
        expect_link("dev/disk/by-label/older", NULL);
        expect_link("dev/disk/by-label/inside", "../../sdx1");
        unlink("sys/class/block/sdx1");
        unlink("sys/class/block/sdx");
        update();
}

static void nodes_in_folders(void **state) {
        (void)state;
        add_disk("cciss!c0d0");
        put_ext("dev/cciss/c0d0", "raid", 2);
        update();
        expect_link("dev/disk/by-label/raid", "../../cciss/c0d0");
        unlink("sys/class/block/cciss!c0d0");
        update();
}

static void ports(void **state) {
        (void)state;
        put_text("sys/class/virtio-ports/vport0p1/name", "org.qemu.guest_agent.0\n");
        put_text("sys/class/virtio-ports/vport0p2/name", "../x\n");
        put_text("sys/class/virtio-ports/vport0p3/name", "\n");
        update();
        expect_link("dev/virtio-ports/org.qemu.guest_agent.0", "../vport0p1");
        expect_link("dev/virtio-ports/..\\x2fx", "../vport0p2");
        unlink("sys/class/virtio-ports/vport0p1/name");
        update();
        expect_link("dev/virtio-ports/org.qemu.guest_agent.0", NULL);
}

static void loops_are_no_reason_to_wait(void **state) {
        (void)state;
        assert_false(devlinks_expected("nowhere"));
        put_text("sys2/class/block/loop0", "");
        put_text("sys2/class/block/ram1", "");
        assert_false(devlinks_expected("sys2"));
        put_text("sys2/class/virtio-ports/vport0p1", "");
        assert_true(devlinks_expected("sys2"));
        put_text("sys3/class/block/sr0", "");
        assert_true(devlinks_expected("sys3"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(labels_become_file_names),
                cmocka_unit_test(serial_numbers_are_cleaned),
                cmocka_unit_test(scsi_identities),
                cmocka_unit_test(damaged_scsi_pages_are_harmless),
                cmocka_unit_test(disks_come_and_go),
                cmocka_unit_test(partitions),
                cmocka_unit_test(nodes_in_folders),
                cmocka_unit_test(ports),
                cmocka_unit_test(loops_are_no_reason_to_wait),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
