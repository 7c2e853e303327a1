/* iso9660_boot.c - El Torito: the boot catalogue, and the table that isolinux finds itself by.
 *
 * UEFI boots a FAT image of any size: its sector count has 16 bits, and 0 stands for what does not
 * fit, which firmware takes as "to the end" (formats.md 2.3). */
#include "lib/fs/iso9660_internal.h"

enum {
        PLATFORM_X86 = 0,
        PLATFORM_EFI = 0xef,
        LAST_HEADER = 0x91,
        BOOTABLE = 0x88,
        BIOS_SECTORS = 4, /* the first 2 KiB; isolinux loads the rest itself */
        ENTRY = 32,
        TABLE_AT = 8,
        TABLE_END = 64,
        IMAGE_MAX = 16 << 20,
};

static void put_validation(uint8_t *p, uint8_t platform) {
        p[0] = 1;
        p[1] = platform;
        p[30] = 0x55;
        p[31] = 0xaa;
        uint32_t sum = 0;
        for (size_t i = 0; i < ENTRY; i += 2)
                sum += p[i] | (uint32_t)p[i + 1] << 8;
        put_le(p + 28, -sum, 2);
}

static void put_image(uint8_t *p, uint64_t sectors, uint64_t block) {
        p[0] = BOOTABLE;
        put_le(p + 6, sectors > UINT16_MAX ? 0 : (uint32_t)sectors, 2);
        put_le(p + 8, (uint32_t)block, 4);
}

void iso_catalog_write(const IsoPlan *p) {
        uint8_t *to = (uint8_t *)p->catalog->content.bytes; /* made by iso_boot_load */
        uint64_t efi = p->o->efi_image ? extents_size(p->o->efi_image) : 0;
        put_validation(to, p->bios ? PLATFORM_X86 : PLATFORM_EFI);
        to += ENTRY;
        if (p->bios) {
                put_image(to, BIOS_SECTORS, p->bios->block);
                to += ENTRY;
        }
        if (p->bios && efi) {
                to[0] = LAST_HEADER;
                to[1] = PLATFORM_EFI;
                put_le(to + 2, 1, 2);
                to += ENTRY;
        }
        if (efi)
                put_image(to, (efi + 511) / 512, p->esp_block);
}

int iso_boot_load(IsoPlan *p, Err *e) {
        p->catalog->content = content_bytes(arena_alloc(p->kept, ISO_BLOCK), ISO_BLOCK);
        if (!p->bios)
                return 0;
        IsoFile *f = p->bios;
        if (f->content.size < TABLE_END || f->content.size > IMAGE_MAX)
                return err_set(e, ERR_SPEC, 0, "boot image %s has %llu bytes: %d to %d work",
                               p->o->bios_image, (unsigned long long)f->content.size, TABLE_END,
                               IMAGE_MAX);
        uint8_t *copy = arena_alloc(p->kept, (size_t)f->content.size);
        if (content_read(&f->content, 0, copy, (size_t)f->content.size, e) < 0)
                return err_wrap(e, "%s", p->o->bios_image);
        f->content = content_bytes(copy, f->content.size);
        return 0;
}

void iso_boot_patch(const IsoPlan *p) {
        const IsoFile *f = p->bios;
        uint8_t *b = (uint8_t *)f->content.bytes; /* made by iso_boot_load */
        uint32_t sum = 0;
        for (uint64_t i = TABLE_END; i < f->content.size; i++)
                sum += (uint32_t)b[i] << 8 * (i & 3);
        memset(b + TABLE_AT, 0, TABLE_END - TABLE_AT);
        put_le(b + 8, ISO_DESCRIPTORS, 4);
        put_le(b + 12, (uint32_t)f->block, 4);
        put_le(b + 16, (uint32_t)f->content.size, 4);
        put_le(b + 20, sum, 4);
}
