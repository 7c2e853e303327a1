/* gpt.h - GUID partition tables (UEFI specification 2.10, 5.2.3 and 5.3), as bytes for whoever lays
 * out a disk: where sectors go and what is in them is the caller's.
 *
 * Sectors have 512 bytes.  All functions fill only the fields that they name, in memory that was
 * zero before. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/uuid.h"

enum {
        GPT_SECTOR = 512,
        GPT_PARTITIONS = 128, /* what every writer has: 5.3.1 asks for at least 16 KiB of entries */
        GPT_ENTRY = 128,      /* bytes */
        GPT_ENTRIES = GPT_PARTITIONS * GPT_ENTRY,
        GPT_NAME = 36, /* characters */
};

/* Where things stand in the first sector (table 5.1). */
enum { MBR_SIGNATURE_AT = 440, MBR_TABLE_AT = 446 };

/* Partition type GUIDs: UEFI specification 2.10, table 5.7; Discoverable Partitions Specification;
 * basic data is Microsoft's. */
#define GPT_ESP        "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define GPT_BASIC_DATA "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"
#define GPT_LINUX      "0fc63daf-8483-4772-8e79-3d69d8477de4"
#define GPT_ROOT_AMD64 "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
#define GPT_ROOT_ARM64 "b921b045-1df0-41c3-af44-4c6f280d3fae"
/* UEFI specification 2.10, table 5.8; Discoverable Partitions Specification, "Partition Flags". */
#define GPT_REQUIRED             (1ull << 0)
#define GPT_LEGACY_BIOS_BOOTABLE (1ull << 2)
#define GPT_READ_ONLY            (1ull << 60)

typedef struct GptEntry {
        const char *type; /* printed form of its GUID */
        Uuid id;
        uint64_t first, last; /* sectors; the last one belongs to the partition */
        uint64_t attributes;
        const char *name; /* ASCII, at most GPT_NAME characters; the rest is cut off */
} GptEntry;

typedef struct GptHeader {
        Uuid disk;
        uint64_t sectors;       /* of the disk */
        uint64_t first_usable;  /* sector; 34 or more */
        const uint8_t *entries; /* GPT_ENTRIES bytes, complete */
} GptHeader;

/* The 16 bytes of a GUID: its first three fields are little endian (appendix A). */
void gpt_guid(const Uuid *u, uint8_t *to);
/* One of the GPT_PARTITIONS entries, GPT_ENTRY bytes (5.3.3, table 5.6). */
void gpt_entry(const GptEntry *g, uint8_t *to);
/* A sector with the header (5.3.2, table 5.5) and its checksums.  The primary one is sector 1 with
 * the entries behind it, the backup the disk's last sector with the entries in front. */
void gpt_header(const GptHeader *h, bool backup, uint8_t *to);
/* The 16 bytes of the DOS entry that claims the disk for programs which know no GPT (5.2.3, table
 * 5.4). */
void mbr_protective(uint64_t disk_sectors, uint8_t *to);
/* The disk signature and the mark that makes the first sector an MBR (5.2.1, table 5.1). */
void mbr_sign(uint32_t signature, uint8_t *sector);
