/* syslinux_test.c - our installer against SYSLINUX's own, on the same volume. */
#include "lib/base/file.h"
#include "lib/disk/syslinux.h"
#include "test/scratch.h"

enum { MIB = 1 << 20, MTIME = 1492533000, START = 2048 };
static const char program[] = "/usr/bin/syslinux";
static char *installer;
static size_t installer_size;

static uint8_t *load(const char *name, size_t *n) {
        _cleanup_free_ char *path = path_join(scratch, name);
        char *p = NULL;
        assert_int_equal(file_read(path, 1 << 28, &p, n, NULL), 0);
        return (uint8_t *)p;
}

static Extents *bytes(const void *p, size_t n) {
        Extents *x = extents_new();
        Content c = content_bytes(p, n);
        extents_add(x, &c);
        return x;
}

/* The installer gets an empty volume of our writer, and puts its two files where our writer would:
 * nothing but folder entries (times, case of names), the copy of the boot sector, which it forgets,
 * and its hint where to look for free space may differ. */
static void equals_the_installer(void **state) {
        (void)state;
        static const struct {
                uint64_t size;
                int bits;
        } cases[] = { { 2 * MIB, 12 }, { 20 * MIB, 16 }, { 40 * MIB, 32 }, { 200 * MIB, 32 } };
        Syslinux s;
        assert_int_equal(syslinux_extract(installer, installer_size, &s, NULL), 0);
        size_t size = syslinux_installed_size(&s);
        _cleanup_free_ uint8_t *sys = xcalloc(1, size);
        _cleanup_extents_ Extents *a = bytes(sys, size), *b = bytes(s.c32, s.c32_size);
        /* the installer writes ldlinux.sys before ldlinux.c32 */
        const uint8_t hidden = FAT_READ_ONLY | FAT_HIDDEN | FAT_SYSTEM | FAT_ARCHIVE;
        FatFile files[] = { { "ldlinux.sys", a, hidden, true },
                            { "ldlinux.c32", b, hidden, false } };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                FatOptions o = { .size = cases[i].size, .mtime = MTIME, .hidden_sectors = START };
                uint8_t boot[FAT_SECTOR];
                uint32_t sectors[2];
                FatLayout l = { .file_sectors = sectors };
                _cleanup_extents_ Extents *empty = extents_new(), *ours = extents_new();
                assert_int_equal(fat_image(NULL, 0, &o, empty, NULL, NULL), 0);
                scratch_save("theirs", empty);
                scratch_run("syslinux --install theirs");
                assert_int_equal(fat_plan(files, 2, &o, &l, NULL), 0);
                assert_int_equal(l.bits, cases[i].bits);
                assert_int_equal(syslinux_patch(&s, sectors[0], sys, boot, NULL), 0);
                o.boot_sector = boot;
                assert_int_equal(fat_image(files, 2, &o, ours, NULL, NULL), 0);
                scratch_save("ours", ours);
                scratch_run("fsck.vfat -n ours");
                size_t n, m;
                _cleanup_free_ uint8_t *x = load("ours", &n), *y = load("theirs", &m);
                assert_int_equal(n, m);
                assert_memory_equal(x, y, FAT_SECTOR);
                uint64_t fats = l.reserved_sectors * FAT_SECTOR;
                uint64_t root = fats + 2ull * l.fat_sectors * FAT_SECTOR;
                uint64_t data = cases[i].bits == 32 ? root + l.sectors_per_cluster * FAT_SECTOR
                                                    : (uint64_t)l.data_sector * FAT_SECTOR;
                assert_memory_equal(x + fats, y + fats, root - fats);
                assert_memory_equal(x + data, y + data, n - data);
                if (cases[i].bits == 32) /* free clusters */
                        assert_memory_equal(x + FAT_SECTOR, y + FAT_SECTOR, 492);
                scratch_run("mdir -a -b -i ours | sort >x; mdir -a -b -i theirs | sort | cmp - x");
                scratch_run("mattrib -i theirs ::ldlinux.sys ::ldlinux.c32 >x; "
                            "mattrib -i ours ::ldlinux.sys ::ldlinux.c32 | cmp - x");
        }
}

static void a_complete_volume(void **state) {
        (void)state;
        Content c = content_bytes(installer, installer_size);
        _cleanup_extents_ Extents *kernel = bytes(installer, 100000),
                                  *initrd = bytes(installer + 7, 50000), *out = extents_new();
        FatFile files[] = { { .path = "kernel", .data = kernel },
                            { .path = "initrd.img", .data = initrd } };
        const char *initrds[] = { "initrd.img" };
        SyslinuxBoot boot = { "kernel", initrds, 1,
                              "console=ttyS0 a=\"b  %s\\ c\" 'x' # -- \xc3\xa4" };
        FatOptions o = { .hidden_sectors = START, .mtime = MTIME, .label = "BOOT" };
        uint32_t sectors[2];
        FatLayout l = { .file_sectors = sectors };
        assert_int_equal(syslinux_volume(&c, &boot, files, 2, &o, out, &l, NULL), 0);
        assert_int_equal(extents_size(out) % MIB, 0);
        char got[100000];
        extents_read(out, (uint64_t)sectors[0] * FAT_SECTOR, got, sizeof got, NULL);
        assert_memory_equal(got, installer, sizeof got);
        scratch_save("image", out);
        scratch_run("fsck.vfat -n image");
        scratch_run("mtype -i image ::syslinux.cfg > cfg");
        size_t n;
        _cleanup_free_ uint8_t *cfg = load("cfg", &n);
        assert_string_equal((char *)cfg, "DEFAULT linux\nLABEL linux\n    LINUX /kernel\n"
                                         "    INITRD /initrd.img\n    APPEND console=ttyS0 "
                                         "a=\"b  %s\\ c\" 'x' # -- \xc3\xa4\n");
        scratch_run("mattrib -i image ::ldlinux.sys | grep -q 'SHR'");
}

static int config(const char *kernel, const char *initrd, const char *line, Buf *out, Err *e) {
        SyslinuxBoot boot = { kernel, &initrd, initrd != NULL, line };
        return syslinux_config(&boot, out, e);
}

static void command_lines(void **state) {
        (void)state;
        _cleanup_buf_ Buf out = { 0 };
        _cleanup_err_ Err e = ERR_INIT;
        char line[2100];
        memset(line, 'x', sizeof line);
        /* "BOOT_IMAGE=/kernel initrd=/initrd.img " and this are 2047 */
        line[2047 - 38] = 0;
        assert_int_equal(config("kernel", "initrd.img", line, &out, NULL), 0);
        line[2047 - 38] = 'x';
        line[2047 - 37] = 0;
        assert_int_equal(config("kernel", "initrd.img", line, &out, &e), -1);
        assert_string_equal(e.text,
                            "the kernel command line has 2010 bytes; SYSLINUX passes on 2009");
        assert_int_equal(config("kernel", NULL, line, &out, NULL), 0);
        assert_int_equal(config("kernel", NULL, "a\nb", &out, &e), -1);
        assert_int_equal(config("kernel", NULL, "-", &out, &e), -1);
        assert_int_equal(config("a b", NULL, NULL, &out, &e), -1);
        assert_int_equal(config("kernel", "a,b", NULL, &out, &e), -1);
        buf_clear(&out);
        assert_int_equal(config("kernel", NULL, "", &out, &e), 0);
        assert_string_equal(out.data, "DEFAULT linux\nLABEL linux\n    LINUX /kernel\n");
}

/* A damaged installer is an error or is used within its bounds, never a crash. */
static void damaged_installers(void **state) {
        (void)state;
        Syslinux s;
        _cleanup_err_ Err e = ERR_INIT;
        assert_int_equal(syslinux_extract(installer, 100, &s, &e), -1);
        assert_int_equal(syslinux_extract("", 0, &s, &e), -1);
        assert_int_equal(syslinux_extract(installer, installer_size, &s, &e), 0);
        size_t boot = (size_t)(s.boot_sector - (uint8_t *)installer);
        size_t c32 = (size_t)(s.c32 - (uint8_t *)installer);
        size_t end = c32 + s.c32_size;
        for (size_t n = boot; n < end; n += 9973) { /* exact, for the sanitizer */
                _cleanup_free_ char *p = xmalloc(n);
                memcpy(p, installer, n);
                assert_int_equal(syslinux_extract(p, n, &s, NULL), -1);
        }
        srand(3);
        _cleanup_free_ char *p = xmalloc(installer_size);
        for (int round = 0; round < 300; round++) {
                memcpy(p, installer, installer_size);
                size_t at = round % 3 ? boot + 0x1e0 + (size_t)rand() % 0x60
                                      : c32 + (size_t)rand() % 52;
                p[round % 5 ? at : boot + 512 + 5190 + (size_t)rand() % 20] ^=
                        (char)(1 + rand() % 255);
                if (syslinux_extract(p, installer_size, &s, NULL) < 0)
                        continue;
                uint8_t sector[FAT_SECTOR];
                _cleanup_free_ uint8_t *sys = xmalloc(syslinux_installed_size(&s));
                (void)syslinux_patch(&s, 1234, sys, sector, NULL);
        }
}

static int set_up(void **state) {
        if (scratch_set_up(state) < 0)
                return -1;
        return file_read(program, 1 << 22, &installer, &installer_size, NULL);
}

static int tear_down(void **state) {
        free(installer);
        return scratch_tear_down(state);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(equals_the_installer),
                cmocka_unit_test(a_complete_volume),
                cmocka_unit_test(command_lines),
                cmocka_unit_test(damaged_installers),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
