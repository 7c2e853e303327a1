/* iso9660_hybrid.c - the system area: what makes the image a disk as well as a CD.
 *
 * BIOS only: a DOS table with one active partition over the whole image, in the geometry of 64
 * heads and 32 sectors that isohybrid chose.  With an ESP: a GPT whose partition 1 is the file
 * system without its first 32 KiB.  The boot code finds isolinux by the number at 432, whatever
 * the tables say. */
#include "lib/fs/iso9660_internal.h"

#include <zlib.h>

enum {
        LOADER_AT = 432,
        SIGNATURE_AT = 440,
        TABLE_AT = 446,
        HEADS = 64,
        TRACK = 32,
        CYLINDERS_MAX = 1024,
        HIDDEN_NTFS = 0x17, /* what isohybrid calls it; Linux mounts it all the same */
        PROTECTIVE = 0xee,
        SECTOR = 512,
        GPT_ENTRIES = 128,
        GPT_ENTRY = 128,
        GPT_TABLE = GPT_ENTRIES * GPT_ENTRY,
        GPT_HEADER = 92,
        GPT_FIRST_USABLE = 2 + GPT_TABLE / SECTOR,
};
#define BASIC_DATA "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"
#define EFI_SYSTEM "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
/* Required by the platform, read-only (UEFI specification 2.10, 5.3.3). */
static const uint64_t ISO_ATTRIBUTES = 1ull << 60 | 1;

/* --- DOS --------------------------------------------------------------------------------- */

static void put_dos_entry(uint8_t *p, uint64_t sectors) {
        uint64_t cylinders = sectors / (HEADS * TRACK);
        uint32_t last = (uint32_t)MIN(cylinders, (uint64_t)CYLINDERS_MAX) - 1;
        p[0] = 0x80;
        p[2] = 1; /* sectors count from 1 */
        p[4] = HIDDEN_NTFS;
        p[5] = HEADS - 1;
        p[6] = (uint8_t)(TRACK | (last >> 2 & 0xc0));
        p[7] = (uint8_t)last;
        put_le(p + 12, (uint32_t)MIN(sectors, (uint64_t)UINT32_MAX), 4);
}

static void put_protective(uint8_t *p, uint64_t sectors) {
        memcpy(p + 1, "\0\2\0", 3);
        p[4] = PROTECTIVE;
        memcpy(p + 5, "\xff\xff\xff", 3);
        put_le(p + 8, 1, 4);
        put_le(p + 12, (uint32_t)MIN(sectors - 1, (uint64_t)UINT32_MAX), 4);
}

/* --- GPT (UEFI specification 2.10, 5.3) -------------------------------------------------- */

static void put_guid(uint8_t *p, const Uuid *u) {
        static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
        for (size_t i = 0; i < 16; i++)
                p[i] = u->b[order[i]];
}

static void put_entry(uint8_t *p, const char *type, const Uuid *id, uint64_t first_block,
                      uint64_t end_block, const char *name) {
        Uuid t = uuid_parse(type);
        put_guid(p, &t);
        put_guid(p + 16, id);
        put_le(p + 32, first_block * ISO_SECTORS, 8);
        put_le(p + 40, end_block * ISO_SECTORS - 1, 8);
        for (size_t i = 0; name[i]; i++)
                p[56 + 2 * i] = (uint8_t)name[i];
}

static void put_entries(const IsoPlan *p, uint8_t *to) {
        uint64_t esp_end = p->esp_block + iso_blocks(extents_size(p->o->efi_image));
        put_entry(to, BASIC_DATA, &p->o->iso_guid, ISO_PARTITION, p->iso_end, "ISO9660");
        put_le(to + 48, ISO_ATTRIBUTES, 8);
        put_entry(to + GPT_ENTRY, EFI_SYSTEM, &p->o->esp_guid, p->esp_block, esp_end, "EFI System");
}

static void put_header(const IsoPlan *p, const uint8_t *entries, bool backup, uint8_t *to) {
        uint64_t last = p->total * ISO_SECTORS - 1, tail = last - GPT_TABLE / SECTOR;
        memcpy(to, "EFI PART", 8);
        put_le(to + 8, 0x00010000, 4);
        put_le(to + 12, GPT_HEADER, 4);
        put_le(to + 24, backup ? last : 1, 8);
        put_le(to + 32, backup ? 1 : last, 8);
        put_le(to + 40, GPT_FIRST_USABLE, 8);
        put_le(to + 48, tail - 1, 8);
        put_guid(to + 56, &p->o->disk_guid);
        put_le(to + 72, backup ? tail : 2, 8);
        put_le(to + 80, GPT_ENTRIES, 4);
        put_le(to + 84, GPT_ENTRY, 4);
        put_le(to + 88, (uint32_t)crc32(0, entries, GPT_TABLE), 4);
        put_le(to + 16, (uint32_t)crc32(0, to, GPT_HEADER), 4);
}

/* --- the whole --------------------------------------------------------------------------- */

void iso_system_area_write(const IsoPlan *p, uint8_t *to) {
        const IsoOptions *o = p->o;
        if (!o->hybrid_mbr && !o->efi_image)
                return;
        if (o->hybrid_mbr) {
                memcpy(to, o->hybrid_mbr->bytes, o->hybrid_mbr->size);
                put_le(to + LOADER_AT, p->bios->block * ISO_SECTORS, 8);
        }
        put_le(to + SIGNATURE_AT, o->mbr_signature, 4);
        to[510] = 0x55;
        to[511] = 0xaa;
        if (!o->efi_image) {
                put_dos_entry(to + TABLE_AT, p->total * ISO_SECTORS);
                return;
        }
        put_protective(to + TABLE_AT, p->total * ISO_SECTORS);
        put_entries(p, to + 2 * SECTOR);
        put_header(p, to + 2 * SECTOR, false, to + SECTOR);
}

void iso_gpt_tail_write(const IsoPlan *p, uint8_t *to) {
        put_entries(p, to);
        put_header(p, to, true, to + GPT_TABLE);
}
