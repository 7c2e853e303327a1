/* elf_test.c - a hand-made shared object: what is read from it, and that no damage to it crashes
 * the reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>

#include "lib/base/str.h"
#include "lib/package/elf.h"

/* Segments: PT_INTERP, PT_LOAD of everything at address 0x1000, PT_DYNAMIC. */
typedef struct Image {
        Elf64_Ehdr h;
        Elf64_Phdr p[3];
        Elf64_Dyn d[6];
        char interp[8];
        char strings[32];
} Image;

static Image make_image(void) {
        static const char strings[32] = "\0libc.so.6\0libm.so.6\0$ORIGIN/x";
        Image i = { 0 };

        memcpy(i.h.e_ident, ELFMAG, SELFMAG);
        i.h.e_ident[EI_CLASS] = ELFCLASS64;
        i.h.e_ident[EI_DATA] = ELFDATA2LSB;
        i.h.e_type = ET_DYN;
        i.h.e_machine = EM_X86_64;
        i.h.e_phoff = offsetof(Image, p);
        i.h.e_phentsize = sizeof(Elf64_Phdr);
        i.h.e_phnum = 3;
        i.p[0] = (Elf64_Phdr){ .p_type = PT_INTERP,
                               .p_offset = offsetof(Image, interp),
                               .p_filesz = 8 };
        i.p[1] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_vaddr = 0x1000, .p_filesz = sizeof(i) };
        i.p[2] = (Elf64_Phdr){ .p_type = PT_DYNAMIC,
                               .p_offset = offsetof(Image, d),
                               .p_filesz = sizeof(i.d) };
        i.d[0] = (Elf64_Dyn){ .d_tag = DT_NEEDED, .d_un.d_val = 1 };
        i.d[1] = (Elf64_Dyn){ .d_tag = DT_NEEDED, .d_un.d_val = 11 };
        i.d[2] = (Elf64_Dyn){ .d_tag = DT_RUNPATH, .d_un.d_val = 21 };
        i.d[3] = (Elf64_Dyn){ .d_tag = DT_STRTAB, .d_un.d_ptr = 0x1000 + offsetof(Image, strings) };
        i.d[4] = (Elf64_Dyn){ .d_tag = DT_STRSZ, .d_un.d_val = sizeof(i.strings) };
        strcpy(i.interp, "/ld.so");
        memcpy(i.strings, strings, sizeof(strings));
        return i;
}

static int read_bytes(const void *p, size_t n, Arena *arena, Elf *ret) {
        const Content c = content_bytes(p, n);

        return elf_read(&c, arena, ret, NULL);
}

static void reads_needs_and_paths(void **state) {
        _cleanup_arena_ Arena *arena = arena_new();
        Image image = make_image();
        Elf elf;

        (void)state;
        assert_int_equal(read_bytes(&image, sizeof(image), arena, &elf), 1);
        assert_int_equal(elf.machine, EM_X86_64);
        assert_string_equal(elf.interp, "/ld.so");
        assert_int_equal(elf.n_needed, 2);
        assert_string_equal(elf.needed[0], "libc.so.6");
        assert_string_equal(elf.needed[1], "libm.so.6");
        assert_string_equal(elf.runpath, "$ORIGIN/x");
        assert_null(elf.rpath);
}

static void other_files_are_no_elf(void **state) {
        _cleanup_arena_ Arena *arena = arena_new();
        Image image = make_image();
        Elf elf;

        (void)state;
        assert_int_equal(read_bytes("#!/bin/sh\n", 10, arena, &elf), 0);
        image.h.e_ident[EI_CLASS] = ELFCLASS32;
        assert_int_equal(read_bytes(&image, sizeof(image), arena, &elf), 0);
}

static void contradictions_are_refused(void **state) {
        static const struct {
                size_t offset;
                uint64_t value;
        } t[] = {
                { offsetof(Image, h.e_phoff), UINT64_MAX },
                { offsetof(Image, p[0].p_offset), sizeof(Image) },
                { offsetof(Image, p[0].p_filesz), 6 }, /* no NUL */
                { offsetof(Image, p[2].p_offset), UINT64_MAX - 8 },
                { offsetof(Image, p[2].p_filesz), UINT64_MAX },
                { offsetof(Image, d[0].d_un), 32 },
                { offsetof(Image, d[3].d_un), 0x10 },
                { offsetof(Image, d[4].d_un), UINT64_MAX },
                { offsetof(Image, p[1].p_offset), UINT64_MAX },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_arena_ Arena *arena = arena_new();
                _cleanup_err_ Err e = ERR_INIT;
                Image image = make_image();
                const Content c = content_bytes(&image, sizeof(image));
                Elf elf;

                memcpy((char *)&image + t[i].offset, &t[i].value, 8);
                if (elf_read(&c, arena, &elf, &e) != -1)
                        fail_msg("case %zu was accepted", i);
                assert_int_equal(e.kind, ERR_VERIFY);
        }
}

/* Exact-size allocations, so that the sanitizers see every byte too many. */
static void damage_never_crashes(void **state) {
        Image image = make_image();

        (void)state;
        for (size_t n = 0; n <= sizeof(image); n++) {
                _cleanup_arena_ Arena *arena = arena_new();
                _cleanup_free_ char *copy = xmalloc(n + 1);
                Elf elf;

                memcpy(copy, &image, n);
                (void)read_bytes(copy, n, arena, &elf);
        }
        for (size_t at = 0; at < sizeof(image); at++) {
                _cleanup_arena_ Arena *arena = arena_new();
                _cleanup_free_ unsigned char *copy = xmalloc(sizeof(image));
                Elf elf;

                memcpy(copy, &image, sizeof(image));
                copy[at] ^= 0xff;
                (void)read_bytes(copy, sizeof(image), arena, &elf);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_needs_and_paths),
                cmocka_unit_test(other_files_are_no_elf),
                cmocka_unit_test(contradictions_are_refused),
                cmocka_unit_test(damage_never_crashes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
