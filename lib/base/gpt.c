/* gpt.c - see gpt.h.  sfdisk(8) and sgdisk(8) judge the bytes: lib/disk/partition_test.c and
 * test/check/iso9660.sh. */
#include "lib/base/gpt.h"
#include "lib/base/bytes.h"
#include "lib/base/mem.h"

#include <zlib.h>

enum {
        REVISION = 0x00010000, /* 1.0 */
        HEADER = 92,           /* bytes that are in use and checked */
        ENTRY_SECTORS = GPT_ENTRIES / GPT_SECTOR,
        PROTECTIVE = 0xee,
};

void gpt_guid(const Uuid *u, uint8_t *to) {
        static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
        for (size_t i = 0; i < 16; i++)
                to[i] = u->b[order[i]];
}

void gpt_entry(const GptEntry *g, uint8_t *to) {
        Uuid type = uuid_parse(g->type);
        gpt_guid(&type, to);
        gpt_guid(&g->id, to + 16);
        put_le(to + 32, g->first, 8);
        put_le(to + 40, g->last, 8);
        put_le(to + 48, g->attributes, 8);
        for (size_t i = 0; i < GPT_NAME && g->name[i]; i++)
                put_le(to + 56 + 2 * i, (uint8_t)g->name[i], 2);
}

void gpt_header(const GptHeader *h, bool backup, uint8_t *to) {
        uint64_t last = h->sectors - 1, backup_entries = last - ENTRY_SECTORS;
        memcpy(to, "EFI PART", 8);
        put_le(to + 8, REVISION, 4);
        put_le(to + 12, HEADER, 4);
        put_le(to + 24, backup ? last : 1, 8);
        put_le(to + 32, backup ? 1 : last, 8);
        put_le(to + 40, h->first_usable, 8);
        put_le(to + 48, backup_entries - 1, 8);
        gpt_guid(&h->disk, to + 56);
        put_le(to + 72, backup ? backup_entries : 2, 8);
        put_le(to + 80, GPT_PARTITIONS, 4);
        put_le(to + 84, GPT_ENTRY, 4);
        put_le(to + 88, (uint32_t)crc32(0, h->entries, GPT_ENTRIES), 4);
        /* over the header with this field zero */
        put_le(to + 16, (uint32_t)crc32(0, to, HEADER), 4);
}

void mbr_protective(uint64_t disk_sectors, uint8_t *to) {
        memcpy(to + 1, "\0\2\0", 3);
        to[4] = PROTECTIVE;
        memcpy(to + 5, "\xff\xff\xff", 3);
        put_le(to + 8, 1, 4);
        put_le(to + 12, MIN(disk_sectors - 1, (uint64_t)UINT32_MAX), 4);
}

void mbr_sign(uint32_t signature, uint8_t *sector) {
        put_le(sector + MBR_SIGNATURE_AT, signature, 4);
        sector[510] = 0x55;
        sector[511] = 0xaa;
}
