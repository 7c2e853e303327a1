/* bootfiles_test.c - boot files from a folder that the user names, and what is said when there is
 * none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/build/bootfiles.h"

static char dir[] = "/tmp/bootfiles_test.XXXXXX";

static void put(const char *name, const char *text) {
        _cleanup_free_ char *path = path_join(dir, name);
        _cleanup_err_ Err e = ERR_INIT;
        if (file_write(path, text, strlen(text), 0644, &e) < 0)
                fail_msg("%s", e.text);
}

static int setup(void **state) {
        (void)state;
        if (!mkdtemp(dir))
                return -1;
        unsetenv("LINUXKIT_BOOTLOADER");
        unsetenv("LINUXKIT_RPI_FIRMWARE");
        put("stub", "the stub");
        put("mbr.bin", "");
        put(".hidden", "x");
        _cleanup_free_ char *sub = path_join(dir, "folder");
        return mkdir(sub, 0755);
}

static int teardown(void **state) {
        (void)state;
        _cleanup_free_ char *command = xasprintf("rm -rf %s", dir);
        return system(command);
}

static BootfilesOptions options(void) {
        static const RegistryOptions registry;
        return (BootfilesOptions){ .registry = &registry, .arch = "amd64" };
}

static void expect_content(Bootfiles *b, const char *name, const char *want) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *got = NULL;
        Content c;
        if (bootfiles_get(b, name, &c, &e) < 0 || content_load(&c, 1024, &got, &e) < 0)
                fail_msg("%s", e.text);
        assert_string_equal(got, want);
}

static void expect_missing(Bootfiles *b, const char *name, const char *text, const char *hint) {
        _cleanup_err_ Err e = ERR_INIT;
        Content c;
        assert_int_equal(bootfiles_get(b, name, &c, &e), -1);
        assert_string_equal(e.text, text);
        assert_non_null(e.hint);
        assert_non_null(strstr(e.hint, hint));
}

static void takes_files_of_a_folder(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        Bootfiles *b = NULL;
        BootfilesOptions o = options();
        o.override = dir;
        assert_int_equal(bootfiles_open(&o, &b, &e), 0);
        expect_content(b, "stub", "the stub");
        expect_content(b, "mbr.bin", "");
        _cleanup_free_ char *text = xasprintf("boot file isolinux.bin for amd64: %s has none", dir);
        expect_missing(b, "isolinux.bin", text, "--bootloader");
        _cleanup_free_ char *folder = xasprintf("boot file folder for amd64: %s has none", dir);
        expect_missing(b, "folder", folder, "LINUXKIT_BOOTLOADER");
        bootfiles_free(b);
}

static void variable_names_the_folder_too(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        Bootfiles *b = NULL;
        BootfilesOptions o = options();
        setenv("LINUXKIT_BOOTLOADER", dir, 1);
        assert_int_equal(bootfiles_open(&o, &b, &e), 0);
        expect_content(b, "stub", "the stub");
        bootfiles_free(b);
        /* but not for the Pi, nor does the option for boot loaders */
        o.override = dir;
        assert_int_equal(rpi_firmware_open(&o, &b, &e), 0);
        Content c;
        assert_int_equal(bootfiles_get(b, "stub", &c, &e), -1);
        bootfiles_free(b);
        unsetenv("LINUXKIT_BOOTLOADER");

        err_clear(&e);
        setenv("LINUXKIT_RPI_FIRMWARE", dir, 1);
        assert_int_equal(rpi_firmware_open(&o, &b, &e), 0);
        expect_content(b, "stub", "the stub");
        bootfiles_free(b);
        unsetenv("LINUXKIT_RPI_FIRMWARE");
}

/* This program stands in no checkout: there is nothing beside it. */
static void absent_component_is_told(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        Bootfiles *b = NULL;
        BootfilesOptions o = options();
        assert_int_equal(bootfiles_open(&o, &b, &e), 0);
        expect_missing(b, "isolinux.bin",
                       "boot file isolinux.bin for amd64: the component pkg/bootloader-bios is not "
                       "beside the program",
                       "--bootloader");
        expect_missing(
                b, "stub",
                "boot file stub for amd64: the component pkg/bootloader is not beside the program",
                "LINUXKIT_BOOTLOADER");
        bootfiles_free(b);
        assert_int_equal(rpi_firmware_open(&o, &b, &e), 0);
        expect_missing(
                b, "start.elf",
                "boot file start.elf for amd64: the component pkg/raspi-firmware is not beside "
                "the program",
                "non-free-firmware");
        bootfiles_free(b);
}

static int count(void *ctx, const char *name, const Content *c, Err *e) {
        (void)c, (void)e;
        buf_addf(ctx, "%s ", name);
        return 0;
}

static void all_files_come_sorted(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_buf_ Buf names = { 0 };
        Bootfiles *b = NULL;
        BootfilesOptions o = options();
        o.override = dir;
        assert_int_equal(bootfiles_open(&o, &b, &e), 0);
        assert_int_equal(bootfiles_each(b, count, &names, &e), 0);
        assert_string_equal(names.data, "mbr.bin stub ");
        bootfiles_free(b);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(takes_files_of_a_folder),
                cmocka_unit_test(variable_names_the_folder_too),
                cmocka_unit_test(absent_component_is_told),
                cmocka_unit_test(all_files_come_sorted),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
