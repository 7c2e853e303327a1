/* pvh_test.c - which kernels are entered by their PVH note, and when one is unpacked again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <sys/stat.h>
#include <zlib.h>

#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/platform/pvh.h"

static char top[] = "/tmp/pvh_test.XXXXXX";

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
        if (file_write(path, p, n, 0644, &e) < 0)
                fail_msg("%s", e.text);
}

typedef struct Kernel {
        Elf64_Ehdr h;
        Elf64_Phdr p[2];
        struct {
                Elf64_Nhdr h;
                char name[4], text[4];
        } other;
        struct {
                Elf64_Nhdr h;
                char name[4];
                uint32_t entry[2];
        } note;
} Kernel;

static Kernel kernel(void) {
        return (Kernel){
                .h = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64 },
                       .e_machine = EM_X86_64,
                       .e_phoff = offsetof(Kernel, p),
                       .e_phentsize = sizeof(Elf64_Phdr),
                       .e_phnum = 2 },
                .p = { { .p_type = PT_LOAD },
                       { .p_type = PT_NOTE,
                         .p_offset = offsetof(Kernel, other),
                         .p_filesz = sizeof(Kernel) - offsetof(Kernel, other) } },
                .other = { .h = { 3, 4, 1 }, .name = "ab", .text = "abc" },
                .note = { .h = { 4, 8, 18 }, .name = "Xen", .entry = { 0x1000000 } },
        };
}

static bool has_entry(const Kernel *k, size_t n) {
        put("elf", k, n);
        return pvh_has_entry("elf");
}

static void entry_is_found_among_notes(void **state) {
        (void)state;
        Kernel k = kernel();
        assert_true(has_entry(&k, sizeof k));
        k.note.h.n_type = 17;
        assert_false(has_entry(&k, sizeof k));
        k = kernel();
        k.note.name[0] = 'x';
        assert_false(has_entry(&k, sizeof k));
        k = kernel();
        k.h.e_machine = EM_AARCH64;
        assert_false(has_entry(&k, sizeof k));
        assert_false(pvh_has_entry("nowhere"));
}

/* Cut at every length, and numbers that point anywhere. */
static void damaged_files_have_none(void **state) {
        (void)state;
        Kernel k = kernel();
        for (size_t n = 0; n < sizeof k; n++)
                assert_false(has_entry(&k, n));
        static const uint32_t big[] = { 0x7fffffff, 0xfffffffc, 0xffffffff };
        for (size_t i = 0; i < ARRAY_LEN(big); i++) {
                k = kernel();
                k.other.h.n_namesz = big[i];
                assert_false(has_entry(&k, sizeof k));
                k = kernel();
                k.other.h.n_descsz = big[i];
                assert_false(has_entry(&k, sizeof k));
                k = kernel();
                k.p[1].p_filesz = big[i];
                assert_false(has_entry(&k, sizeof k));
                k = kernel();
                k.p[1].p_offset = UINT64_MAX - big[i];
                assert_false(has_entry(&k, sizeof k));
                k = kernel();
                k.h.e_phoff = UINT64_MAX - big[i];
                assert_false(has_entry(&k, sizeof k));
        }
}

static void put_compressed(const char *path, const void *p, size_t n) {
        gzFile f = gzopen(path, "wb");
        assert_int_equal(gzwrite(f, p, (unsigned)n), n);
        assert_int_equal(gzclose(f), Z_OK);
}

static ino_t inode(const char *path) {
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        return st.st_ino;
}

static void kernel_is_unpacked_once(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *got = NULL;
        size_t n;
        Kernel k = kernel();
        put_compressed("kernel", &k, sizeof k);
        assert_true(pvh_unpack("kernel", "out", "key"));
        assert_int_equal(file_read("out", 1 << 20, &got, &n, &e), 0);
        assert_int_equal(n, sizeof k);
        assert_memory_equal(got, &k, sizeof k);
        ino_t first = inode("out");
        assert_true(pvh_unpack("kernel", "out", "key"));
        assert_int_equal(inode("out"), first);

        /* another kernel under the same name, one without the entry, one that is none */
        k.note.entry[0]++;
        put_compressed("kernel", &k, sizeof k);
        assert_true(pvh_unpack("kernel", "out", "key"));
        free(take(got));
        assert_int_equal(file_read("out", 1 << 20, &got, &n, &e), 0);
        assert_memory_equal(got, &k, sizeof k);
        k.note.h.n_type = 0;
        put_compressed("kernel", &k, sizeof k);
        for (int i = 0; i < 2; i++) {
                assert_false(pvh_unpack("kernel", "out", "key"));
                assert_false(file_exists("out"));
        }
        put("kernel", "no kernel", 9);
        assert_false(pvh_unpack("kernel", "out", "key"));
        assert_false(file_exists("out"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(entry_is_found_among_notes),
                cmocka_unit_test(damaged_files_have_none),
                cmocka_unit_test(kernel_is_unpacked_once),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
