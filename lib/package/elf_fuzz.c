/* elf_fuzz.c - any bytes as a program. */
#include <stdint.h>

#include "lib/package/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_arena_ Arena *arena = arena_new();
        _cleanup_err_ Err e = ERR_INIT;
        Content c = content_bytes(data, size);
        Elf elf;
        int r = elf_read(&c, arena, &elf, &e);
        if (r <= 0)
                return 0;
        volatile size_t sum = elf.interp ? strlen(elf.interp) : 0;
        for (size_t i = 0; i < elf.n_needed; i++)
                sum += strlen(elf.needed[i]);
        sum += elf.rpath ? strlen(elf.rpath) : 0;
        sum += elf.runpath ? strlen(elf.runpath) : 0;
        (void)sum; /* read so that every pointer is followed */
        return 0;
}
