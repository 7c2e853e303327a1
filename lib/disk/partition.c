/* partition.c - see partition.h.  Layouts are those of formats.md 3.1, whose figures come from the
 * UEFI specification 2.10, 5.2 and 5.3; sfdisk writes the same bytes. */
#include "lib/base/bytes.h"
#include "lib/disk/partition.h"
#include "lib/base/str.h"

enum { FIRST_USABLE = 2048 }; /* what sfdisk takes for a disk whose partitions are aligned */

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

static int fill_mbr(const DiskLayout *d, uint64_t disk_sectors, uint8_t *p, Err *e) {
        if (d->boot_code && content_read(d->boot_code, 0, p, (size_t)d->boot_code->size, e) < 0)
                return err_wrap(e, "boot code");
        mbr_sign(d->signature, p);
        if (d->gpt)
                mbr_protective(disk_sectors, p + MBR_TABLE_AT);
        for (size_t i = 0; !d->gpt && i < d->n; i++)
                put_mbr_entry(p + MBR_TABLE_AT + 16 * i, &d->partitions[i],
                              partition_start(d, i) / SECTOR,
                              aligned(extents_size(d->partitions[i].data)) / SECTOR);
        return 0;
}

/* --- GPT ------------------------------------------------------------------------------------ */

static void fill_entries(const DiskLayout *d, uint8_t *p) {
        for (size_t i = 0; i < d->n; i++, p += GPT_ENTRY) {
                const Partition *part = &d->partitions[i];
                uint64_t start = partition_start(d, i) / SECTOR;
                GptEntry entry = { .type = part->type,
                                   .id = part->uuid,
                                   .first = start,
                                   .last = start + aligned(extents_size(part->data)) / SECTOR - 1,
                                   .attributes = part->attributes,
                                   .name = part->name };
                gpt_entry(&entry, p);
        }
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
        uint8_t *mbr = arena_alloc(extents_arena(out), SECTOR), *head = NULL, *tail = NULL;
        if (fill_mbr(d, sectors, mbr, e) < 0)
                return -1;
        add_table(out, mbr, SECTOR);
        if (d->gpt) {
                head = arena_alloc(extents_arena(out), SECTOR + GPT_ENTRIES);
                tail = arena_alloc(extents_arena(out), GPT_ENTRIES + SECTOR);
                fill_entries(d, head + SECTOR);
                memcpy(tail, head + SECTOR, GPT_ENTRIES);
                GptHeader header = { d->guid, sectors, FIRST_USABLE, tail };
                gpt_header(&header, false, head);
                gpt_header(&header, true, tail + GPT_ENTRIES);
                add_table(out, head, SECTOR + GPT_ENTRIES);
        }
        for (size_t i = 0; i < d->n; i++) {
                extents_zero(out, base + partition_start(d, i) - extents_size(out));
                extents_append(out, d->partitions[i].data);
        }
        uint64_t end = base + size - (d->gpt ? GPT_ENTRIES + SECTOR : 0);
        extents_zero(out, end - extents_size(out));
        if (d->gpt)
                add_table(out, tail, GPT_ENTRIES + SECTOR);
        return 0;
}
