/* elf.h - what the dynamic loader would read of a file: interpreter, needed libraries, search
 * paths.
 *
 * 64-bit little-endian only (amd64, arm64, riscv64).  Section headers are never looked at: stripped
 * files may have none, and the loader does not use them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/content.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

typedef struct Elf {
        uint16_t machine;   /* ELF header, e_machine */
        const char *interp; /* NULL: none, the file is static or a library */
        const char **needed;
        size_t n_needed;
        const char *rpath, *runpath; /* colon lists, NULL: none */
} Elf;

/* Returns 1 and fills *ret (strings live in arena), 0 when c is no 64-bit little-endian ELF file,
 * -1 (ERR_VERIFY) when it claims to be one and contradicts itself. */
int elf_read(const Content *c, Arena *arena, Elf *ret, Err *e);

/* e_machine of a Go architecture name; 0: unknown. */
uint16_t elf_machine(const char *arch);
