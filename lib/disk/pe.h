/* pe.h - what there is to know of a PE32+ file to add sections or a signature to it (Microsoft,
 * "PE Format"; UEFI specification 2.10, 2.1.1). */
#pragma once

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/extents.h"

enum {
        PE_MACHINE_AMD64 = 0x8664,
        PE_MACHINE_ARM64 = 0xaa64,
        PE_SECTION_HEADER = 40,
        PE_HEADERS_LIMIT = 64 << 10,
};

/* Positions are in the file. */
typedef struct Pe {
        uint16_t machine, n_sections;
        uint32_t section_alignment, file_alignment, headers_size;
        uint32_t coff;         /* of the COFF header, behind the signature */
        uint32_t optional;     /* of the optional header */
        uint32_t sections;     /* of the section table */
        uint32_t checksum;     /* of the field CheckSum */
        uint32_t certificates; /* of the data directory entry "Certificate Table" */
        uint32_t data_end;     /* end of the last section's data */
        uint32_t memory_end;   /* first address behind all sections */
} Pe;

/* Reads the headers of a file of `size` bytes, of which the first n are at p (all of the headers).
 * ERR_VERIFY: not PE32+, or it does not hold together. name is for messages. */
int pe_parse(const void *p, size_t n, uint64_t size, const char *name, Pe *ret, Err *e);
/* The value of CheckSum for a file in which that field is zero. */
int pe_checksum(const Extents *file, uint32_t *ret, Err *e);
