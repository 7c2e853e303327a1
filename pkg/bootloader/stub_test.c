/* stub_test.c - what the stub reads from the command line and from strange disks, without a
 * machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "pkg/bootloader/probe.c"
#include "pkg/bootloader/words.c"

static void reads_the_root_words(void **state) {
        (void)state;
        Words w;
        words_read(
                "BOOT_IMAGE=x root=/dev/sda  rw quiet root=PARTUUID=4c4b4954-01\tro rootflags=a,b "
                "rootfstype=squashfs,erofs init=/bin/x rootdelay=2 rootwait debug\n",
                &w);
        assert_string_equal(w.root, "PARTUUID=4c4b4954-01");
        assert_string_equal(w.flags, "a,b");
        assert_string_equal(w.types, "squashfs,erofs");
        assert_string_equal(w.init, "/bin/x");
        assert_int_equal(w.delay, 2);
        assert_int_equal(w.wait, WORDS_WAIT);
        assert_false(w.writable);
        assert_true(w.debug);
        words_read("rootwait=3 rw xroot=/dev/a root roots=1 rootdelay=99999999999", &w);
        assert_string_equal(w.root, "");
        assert_int_equal(w.wait, 3);
        assert_int_equal(w.delay, 3600);
        assert_true(w.writable);
        words_read("", &w);
        assert_string_equal(w.root, "");
}

static void long_value_counts_as_absent(void **state) {
        (void)state;
        char text[WORD_MAX * 2];
        Words w;
        memset(text, 'a', sizeof(text));
        memcpy(text, "root=", 5);
        text[sizeof(text) - 1] = 0;
        words_read(text, &w);
        assert_string_equal(w.root, "");
        text[WORD_MAX + 4] = 0; /* one byte less than fits */
        words_read(text, &w);
        assert_int_equal(strlen(w.root), WORD_MAX - 1);
}

static void parameters_go_to_their_module(void **state) {
        (void)state;
        char got[64];
        static const char text[] =
                "usb-storage.quirks=a:b:c quiet usb_storage.delay_use=1 loop.max=4 x.y";
        words_parameters(text, "usb_storage", got, sizeof(got));
        assert_string_equal(got, "quirks=a:b:c delay_use=1");
        words_parameters(text, "usb-storage", got, 14); /* room for the first only */
        assert_string_equal(got, "quirks=a:b:c");
        words_parameters(text, "loop", got, sizeof(got));
        assert_string_equal(got, "max=4");
        words_parameters(text, "usb", got, sizeof(got));
        assert_string_equal(got, "");
}

static void blacklists_by_either_spelling(void **state) {
        (void)state;
        static const char text[] = "modprobe.blacklist=a,usb-storage modprobe.blacklist=nvme";
        assert_true(words_blacklisted(text, "usb_storage"));
        assert_true(words_blacklisted(text, "nvme"));
        assert_true(words_blacklisted(text, "a"));
        assert_false(words_blacklisted(text, "usb"));
        assert_false(words_blacklisted("", "a"));
}

/* --- disks ---------------------------------------------------------------------------------- */

enum { DISK_SIZE = 128 << 10 };

typedef struct Disk {
        unsigned char bytes[DISK_SIZE];
        Probe probe;
} Disk;

static bool read_disk(const Probe *p, uint64_t at, void *buf, size_t n) {
        if (at > DISK_SIZE || n > DISK_SIZE - at)
                return false;
        memcpy(buf, (const unsigned char *)p->ctx + at, n);
        return true;
}

static Disk *empty_disk(void) {
        static Disk d;
        memset(&d, 0, sizeof(d));
        d.probe = (Probe){ .read = read_disk, .ctx = d.bytes, .sector = 512 };
        return &d;
}

static void finds_mbr_partition(void **state) {
        (void)state;
        char id[PROBE_ID_MAX];
        Disk *d = empty_disk();
        assert_false(probe_partuuid(&d->probe, 1, id));
        memcpy(d->bytes + 440, "\x54\x49\x4b\x4c", 4);
        assert_false(probe_partuuid(&d->probe, 1, id)); /* no boot signature */
        memcpy(d->bytes + 510, "\x55\xaa", 2);
        assert_true(probe_partuuid(&d->probe, 2, id));
        assert_string_equal(id, "4c4b4954-02");
        assert_true(probe_partuuid(&d->probe, 171, id));
        assert_string_equal(id, "4c4b4954-ab");
        assert_false(probe_partuuid(&d->probe, 0, id));
        assert_false(probe_partuuid(&d->probe, 256, id));
}

static void put_gpt(Disk *d, unsigned sector, uint64_t first, unsigned count, unsigned size) {
        unsigned char *h = d->bytes + sector;
        memcpy(h, "EFI PART", 8);
        for (int i = 0; i < 8; i++)
                h[72 + i] = (unsigned char)(first >> 8 * i);
        for (int i = 0; i < 4; i++) {
                h[80 + i] = (unsigned char)(count >> 8 * i);
                h[84 + i] = (unsigned char)(size >> 8 * i);
        }
}

static void finds_gpt_partition(void **state) {
        (void)state;
        static const unsigned sectors[] = { 512, 2048, 4096 };
        for (size_t i = 0; i < COUNT(sectors); i++) {
                char id[PROBE_ID_MAX];
                Disk *d = empty_disk();
                d->probe.sector = sectors[i];
                put_gpt(d, sectors[i], 2, 128, 128);
                unsigned char *entry = d->bytes + 2 * sectors[i] + 2 * 128;
                assert_false(probe_partuuid(&d->probe, 3, id)); /* unused */
                memset(entry, 1, 16);
                for (unsigned char k = 0; k < 16; k++)
                        entry[16 + k] = (unsigned char)(0xa0 + k);
                assert_true(probe_partuuid(&d->probe, 3, id));
                assert_string_equal(id, "a3a2a1a0-a5a4-a7a6-a8a9-aaabacadaeaf");
                assert_false(probe_partuuid(&d->probe, 129, id));
        }
}

/* Numbers that lead out of the disk, or wrap around. */
static void hostile_gpt_is_no_table(void **state) {
        (void)state;
        static const struct {
                uint64_t first;
                unsigned count, size;
        } t[] = {
                { UINT64_MAX, 128, 128 },
                { UINT64_MAX / 512, 128, 128 },
                { 2, UINT32_MAX, UINT32_MAX },
                { 2, 128, 0 },
                { 2, 0, 128 },
                { 1 << 20, 128, 128 },
        };
        for (size_t i = 0; i < COUNT(t); i++) {
                char id[PROBE_ID_MAX];
                Disk *d = empty_disk();
                put_gpt(d, 512, t[i].first, t[i].count, t[i].size);
                assert_false(probe_partuuid(&d->probe, 7, id));
                assert_false(probe_partuuid(&d->probe, UINT32_MAX, id));
        }
}

static void tells_file_systems_apart(void **state) {
        (void)state;
        static const struct {
                const char *type, *magic;
                size_t at;
        } t[] = {
                { "squashfs", "hsqs", 0 },    { "erofs", "\xe2\xe1\xf5\xe0", 1024 },
                { "ext4", "\x53\xef", 1080 }, { "iso9660", "\1CD001", 32768 },
                { "xfs", "XFSB", 0 },         { "btrfs", "_BHRfS_M", 65600 },
        };
        for (size_t i = 0; i < COUNT(t); i++) {
                Disk *d = empty_disk();
                assert_null(probe_type(&d->probe));
                memcpy(d->bytes + t[i].at, t[i].magic, strlen(t[i].magic));
                assert_string_equal(probe_type(&d->probe), t[i].type);
        }
}

static void reads_labels_and_uuids(void **state) {
        (void)state;
        char got[PROBE_ID_MAX];
        Disk *d = empty_disk();
        assert_false(probe_label(&d->probe, got));
        assert_false(probe_uuid(&d->probe, got));
        memcpy(d->bytes + 32768, "\1CD001", 6);
        assert_false(probe_label(&d->probe, got));
        memset(d->bytes + 32808, ' ', 32);
        memcpy(d->bytes + 32808, "MY DISC", 7);
        assert_true(probe_label(&d->probe, got));
        assert_string_equal(got, "MY DISC");
        assert_false(probe_uuid(&d->probe, got));

        d = empty_disk();
        memcpy(d->bytes + 1080, "\x53\xef", 2);
        memset(d->bytes + 1144, 'L', 16); /* all of the field: no NUL inside */
        memset(d->bytes + 1128, 0xAB, 16);
        assert_true(probe_label(&d->probe, got));
        assert_string_equal(got, "LLLLLLLLLLLLLLLL");
        assert_true(probe_uuid(&d->probe, got));
        assert_string_equal(got, "abababab-abab-abab-abab-abababababab");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_the_root_words),
                cmocka_unit_test(long_value_counts_as_absent),
                cmocka_unit_test(parameters_go_to_their_module),
                cmocka_unit_test(blacklists_by_either_spelling),
                cmocka_unit_test(finds_mbr_partition),
                cmocka_unit_test(finds_gpt_partition),
                cmocka_unit_test(hostile_gpt_is_no_table),
                cmocka_unit_test(tells_file_systems_apart),
                cmocka_unit_test(reads_labels_and_uuids),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
