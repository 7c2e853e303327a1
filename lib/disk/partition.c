/* partition.c - see partition.h.  Layouts are those of formats.md 3.1, whose figures come from the
 * UEFI specification 2.10, 5.2 and 5.3; sfdisk writes the same bytes. */
#include "lib/base/bytes.h"
#include "lib/disk/partition.h"
#include "lib/base/str.h"

#include <zlib.h>

enum {
        GPT_ENTRY = 128,
        GPT_ENTRY_SECTORS = GPT_PARTITIONS * GPT_ENTRY / SECTOR,
        GPT_HEADER = 92,
        GPT_NAME = 36,
        GPT_FIRST_USABLE = 2048, /* what sfdisk takes for a disk whose partitions are aligned */
        MBR_PROTECTIVE = 0xee,
};

static uint64_t aligned(uint64_t n) {
        return (n + PARTITION_ALIGN - 1) & ~(uint64_t)(PARTITION_ALIGN - 1);
}

uint64_t partition_start(const DiskLayout *d, size_t i) {
        uint64_t at = PARTITION_ALIGN;
        for (size_t k = 0; k < i; k++)
                at += aligned(extents_size(d->partitions[k].data));
        return at;
}

uint64_t disk_size_needed(const DiskLayout *d) {
        return partition_start(d, d->n) + (d->gpt ? PARTITION_ALIGN : 0);
}

/* --- DOS ------------------------------------------------------------------------------------ */

/* Cylinder, head and sector of 255 heads and 63 sectors; the highest values when out of reach. */
static void put_chs(uint8_t *p, uint64_t lba) {
        uint64_t cylinder = lba / (255 * 63);
        uint32_t head = (uint32_t)(lba / 63 % 255), sector = (uint32_t)(lba % 63 + 1);
        if (cylinder > 1023) {
                memcpy(p, "\xfe\xff\xff", 3);
                return;
        }
        p[0] = (uint8_t)head;
        p[1] = (uint8_t)((cylinder >> 2 & 0xc0) | sector);
        p[2] = (uint8_t)cylinder;
}

static void put_mbr_entry(uint8_t *p, const Partition *part, uint64_t start, uint64_t sectors) {
        p[0] = part->active ? 0x80 : 0;
        put_chs(p + 1, start);
        p[4] = part->mbr_type;
        put_chs(p + 5, start + sectors - 1);
        put_le(p + 8, (uint32_t)start, 4);
        put_le(p + 12, (uint32_t)sectors, 4);
}

static void put_protective(uint8_t *p, uint64_t disk_sectors) {
        memcpy(p + 1, "\0\2\0", 3);
        p[4] = MBR_PROTECTIVE;
        memcpy(p + 5, "\xff\xff\xff", 3);
        put_le(p + 8, 1, 4);
        put_le(p + 12, (uint32_t)MIN(disk_sectors - 1, (uint64_t)UINT32_MAX), 4);
}

static int fill_mbr(const DiskLayout *d, uint64_t disk_sectors, uint8_t *p, Err *e) {
        if (d->boot_code && content_read(d->boot_code, 0, p, (size_t)d->boot_code->size, e) < 0)
                return err_wrap(e, "boot code");
        put_le(p + 440, d->signature, 4);
        if (d->gpt)
                put_protective(p + 446, disk_sectors);
        for (size_t i = 0; !d->gpt && i < d->n; i++)
                put_mbr_entry(p + 446 + 16 * i, &d->partitions[i], partition_start(d, i) / SECTOR,
                              aligned(extents_size(d->partitions[i].data)) / SECTOR);
        p[510] = 0x55;
        p[511] = 0xaa;
        return 0;
}

/* --- GPT ------------------------------------------------------------------------------------ */

/* A GUID on disk: the first three fields little endian (UEFI specification 2.10, appendix A). */
static void put_guid(uint8_t *p, const Uuid *u) {
        static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
        for (size_t i = 0; i < 16; i++)
                p[i] = u->b[order[i]];
}

static void fill_entries(const DiskLayout *d, uint8_t *p) {
        for (size_t i = 0; i < d->n; i++, p += GPT_ENTRY) {
                const Partition *part = &d->partitions[i];
                Uuid type = uuid_parse(part->type);
                uint64_t start = partition_start(d, i) / SECTOR;
                put_guid(p, &type);
                put_guid(p + 16, &part->uuid);
                put_le(p + 32, start, 8);
                put_le(p + 40, start + aligned(extents_size(part->data)) / SECTOR - 1, 8);
                put_le(p + 48, part->attributes, 8);
                for (size_t k = 0; part->name[k]; k++)
                        put_le(p + 56 + 2 * k, (uint8_t)part->name[k], 2);
        }
}

static void fill_header(const DiskLayout *d, const uint8_t *entries, uint64_t disk_sectors,
                        bool backup, uint8_t *p) {
        uint64_t last = disk_sectors - 1;
        memcpy(p, "EFI PART", 8);
        put_le(p + 8, 0x00010000, 4);
        put_le(p + 12, GPT_HEADER, 4);
        put_le(p + 24, backup ? last : 1, 8);
        put_le(p + 32, backup ? 1 : last, 8);
        put_le(p + 40, GPT_FIRST_USABLE, 8);
        put_le(p + 48, last - GPT_ENTRY_SECTORS - 1, 8);
        put_guid(p + 56, &d->guid);
        put_le(p + 72, backup ? last - GPT_ENTRY_SECTORS : 2, 8);
        put_le(p + 80, GPT_PARTITIONS, 4);
        put_le(p + 84, GPT_ENTRY, 4);
        put_le(p + 88, (uint32_t)crc32(0, entries, GPT_PARTITIONS * GPT_ENTRY), 4);
        put_le(p + 16, (uint32_t)crc32(0, p, GPT_HEADER), 4);
}

/* --- the disk ------------------------------------------------------------------------------- */

static int check(const DiskLayout *d, Err *e) {
        uint64_t needed = disk_size_needed(d);
        if (d->n > (d->gpt ? (size_t)GPT_PARTITIONS : (size_t)MBR_PARTITIONS))
                return err_set(e, ERR_INTERNAL, 0, "%zu partitions in one table", d->n);
        if (d->boot_code && d->boot_code->size > MBR_CODE)
                return err_set(e, ERR_VERIFY, 0, "boot code of %llu bytes: at most %d fit",
                               (unsigned long long)d->boot_code->size, MBR_CODE);
        for (size_t i = 0; d->gpt && i < d->n; i++)
                if (strlen(d->partitions[i].name) > GPT_NAME)
                        return err_set(e, ERR_INTERNAL, 0, "partition name \"%s\" is too long",
                                       d->partitions[i].name);
        if (d->size && d->size % PARTITION_ALIGN)
                return err_set(e, ERR_INTERNAL, 0, "disk size is not a multiple of 1 MiB");
        if (d->size && d->size < needed) {
                err_set(e, ERR_USAGE, 0, "the disk needs %llu MiB, more than its size of %llu MiB",
                        (unsigned long long)(needed >> 20), (unsigned long long)(d->size >> 20));
                return err_hint(e, "--size %lluM makes room", (unsigned long long)(needed >> 20));
        }
        if (!d->gpt && needed / SECTOR > UINT32_MAX)
                return err_set(e, ERR_USAGE, 0,
                               "a DOS partition table reaches no further than 2 TiB");
        return 0;
}

static void add_table(Extents *out, uint8_t *p, size_t n) {
        Content c = content_bytes(p, n);
        extents_add(out, &c);
}

int disk_image(const DiskLayout *d, Extents *out, Err *e) {
        if (check(d, e) < 0)
                return -1;
        uint64_t base = extents_size(out);
        uint64_t size = d->size ? d->size : disk_size_needed(d), sectors = size / SECTOR;
        enum { ENTRIES = GPT_PARTITIONS * GPT_ENTRY };
        uint8_t *mbr = arena_alloc(extents_arena(out), SECTOR), *head = NULL, *tail = NULL;
        if (fill_mbr(d, sectors, mbr, e) < 0)
                return -1;
        add_table(out, mbr, SECTOR);
        if (d->gpt) {
                head = arena_alloc(extents_arena(out), SECTOR + ENTRIES);
                tail = arena_alloc(extents_arena(out), ENTRIES + SECTOR);
                fill_entries(d, head + SECTOR);
                memcpy(tail, head + SECTOR, ENTRIES);
                fill_header(d, tail, sectors, false, head);
                fill_header(d, tail, sectors, true, tail + ENTRIES);
                add_table(out, head, SECTOR + ENTRIES);
        }
        for (size_t i = 0; i < d->n; i++) {
                extents_zero(out, base + partition_start(d, i) - extents_size(out));
                extents_append(out, d->partitions[i].data);
        }
        uint64_t end = base + size - (d->gpt ? ENTRIES + SECTOR : 0);
        extents_zero(out, end - extents_size(out));
        if (d->gpt)
                add_table(out, tail, ENTRIES + SECTOR);
        return 0;
}
