/* iso9660_hybrid.c - the system area: what makes the image a disk as well as a CD.
 *
 * BIOS only: a DOS table with one active partition over the whole image, in the geometry of 64
 * heads and 32 sectors that isohybrid chose.  With an ESP: a GPT whose partition 1 is the file
 * system without its first 32 KiB.  The boot code finds isolinux by the number at 432, whatever
 * the tables say. */
#include "lib/base/gpt.h"
#include "lib/fs/iso9660_internal.h"

enum {
        LOADER_AT = 432,
        HEADS = 64,
        TRACK = 32,
        CYLINDERS_MAX = 1024,
        HIDDEN_NTFS = 0x17, /* what isohybrid calls it; Linux mounts it all the same */
        FIRST_USABLE = 2 + GPT_ENTRIES / GPT_SECTOR,
};

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

/* --- GPT --------------------------------------------------------------------------------- */

static void put_entries(const IsoPlan *p, uint8_t *to) {
        uint64_t esp_end = p->esp_block + iso_blocks(extents_size(p->o->efi_image));
        GptEntry iso = { .type = GPT_BASIC_DATA,
                         .id = p->o->iso_guid,
                         .first = ISO_PARTITION * ISO_SECTORS,
                         .last = p->iso_end * ISO_SECTORS - 1,
                         .attributes = GPT_READ_ONLY | GPT_REQUIRED,
                         .name = "ISO9660" };
        GptEntry esp = { .type = GPT_ESP,
                         .id = p->o->esp_guid,
                         .first = p->esp_block * ISO_SECTORS,
                         .last = esp_end * ISO_SECTORS - 1,
                         .name = "EFI System" };
        gpt_entry(&iso, to);
        gpt_entry(&esp, to + GPT_ENTRY);
}

static void put_header(const IsoPlan *p, const uint8_t *entries, bool backup, uint8_t *to) {
        GptHeader header = { p->o->disk_guid, p->total * ISO_SECTORS, FIRST_USABLE, entries };
        gpt_header(&header, backup, to);
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
        mbr_sign(o->mbr_signature, to);
        if (!o->efi_image) {
                put_dos_entry(to + MBR_TABLE_AT, p->total * ISO_SECTORS);
                return;
        }
        mbr_protective(p->total * ISO_SECTORS, to + MBR_TABLE_AT);
        put_entries(p, to + 2 * GPT_SECTOR);
        put_header(p, to + 2 * GPT_SECTOR, false, to + GPT_SECTOR);
}

void iso_gpt_tail_write(const IsoPlan *p, uint8_t *to) {
        put_entries(p, to);
        put_header(p, to, true, to + GPT_ENTRIES);
}
