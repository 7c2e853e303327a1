/* syslinux.c - see syslinux.h.  ldlinux.sys does not look itself up in the FAT: the boot sector has
 * the number of its first sector, and that one has a list of where the others are.  Structures:
 * "patch area" and "extended patch area" of SYSLINUX 6, found through a magic number. */
#include "lib/base/bytes.h"
#include "lib/disk/syslinux.h"
#include "lib/base/mem.h"

enum {
        SECTOR_SIZE = FAT_SECTOR,
        INSTALLER_LIMIT = 4 << 20,
        ALIGNMENT = 32, /* of the arrays in the program's data section */
        MAGIC_AT = 504, /* in the boot sector */
        EXTENT = 10,    /* u64 sector, u16 length */
        ADV_SECTORS = 2,
        ELF_HEADER = 52,
        COMMAND_LINE = 2047, /* SYSLINUX: MAX_CMDLINE_LEN without its NUL */
};
static const uint32_t magic = 0x3eb202fe;
/* An auxiliary data vector with nothing in it: head, checksum, zeros, tail. */
static const uint32_t adv_head = 0x5a2d2fa5, adv_sum = 0xa3041767, adv_tail = 0xdd28bf64;

/* The patch area lies at `at` and has: magic, instance, u16 data sectors, u16 vector sectors, u32
 * double words, u32 checksum, u16 sectors per transfer, u16 position of the extended area. */
enum { PATCH_DATA = 8, PATCH_ADV = 10, PATCH_WORDS = 12, PATCH_SUM = 16, PATCH_MORE = 22 };

typedef struct Areas {
        size_t at;
        size_t adv_pointers;          /* two u64 */
        size_t extents, n_extents;    /* room for the list */
        size_t first_low, first_high; /* u32 each, in the boot sector */
} Areas;

/* --- taking the installer apart ------------------------------------------------------------- */

static bool find_areas(const Syslinux *s, Areas *ret) {
        size_t at = 0;
        while (at + 24 <= SECTOR_SIZE && get_le(s->sys + at, 4) != magic)
                at += 4;
        if (at + 24 > SECTOR_SIZE)
                return false;
        size_t more = get_le(s->sys + at + PATCH_MORE, 2);
        if (more < at + 24 || more + 20 > s->sys_size)
                return false;
        const uint8_t *p = s->sys + more;
        *ret = (Areas){ .at = at,
                        .adv_pointers = get_le(p, 2),
                        .extents = get_le(p + 10, 2),
                        .n_extents = get_le(p + 12, 2),
                        .first_low = get_le(p + 14, 2),
                        .first_high = get_le(p + 16, 2) };
        return ret->adv_pointers + 16 <= s->sys_size &&
               ret->extents + ret->n_extents * EXTENT <= s->sys_size &&
               s->sys_size / SECTOR_SIZE + ADV_SECTORS <= ret->n_extents &&
               ret->first_low + 4 <= SECTOR_SIZE && ret->first_high + 4 <= SECTOR_SIZE;
}

static const uint8_t *find_boot_sector(const uint8_t *p, size_t n) {
        for (size_t at = 0; at + SECTOR_SIZE <= n; at += 4)
                if (!memcmp(p + at, "\xeb\x58\x90SYSLINUX", 11) &&
                    get_le(p + at + MAGIC_AT, 4) == magic && !memcmp(p + at + 510, "\x55\xaa", 2))
                        return p + at;
        return NULL;
}

/* ldlinux.sys has no length of its own; what follows it is ldlinux.c32, which is ELF. */
static bool find_c32(const uint8_t *p, size_t n, size_t from, Syslinux *s) {
        for (size_t at = from; at + ELF_HEADER <= n; at += 4) {
                if (memcmp(p + at,
                           "\x7f"
                           "ELF\1\1\1",
                           7) != 0 ||
                    get_le(p + at + 16, 2) != 3 ||
                    get_le(p + at + 18, 2) != 3) /* shared object, i386 */
                        continue;
                uint64_t size =
                        get_le(p + at + 32, 4) + get_le(p + at + 46, 2) * get_le(p + at + 48, 2);
                if (size < ELF_HEADER || size > n - at)
                        continue;
                s->c32 = p + at;
                s->c32_size = (size_t)size;
                s->sys_size = (at - from) / SECTOR_SIZE * SECTOR_SIZE;
                if (at - from - s->sys_size >= ALIGNMENT)
                        continue;
                return true;
        }
        return false;
}

int syslinux_extract(const void *installer, size_t n, Syslinux *ret, Err *e) {
        const uint8_t *p = installer;
        Syslinux s = { .boot_sector = find_boot_sector(p, n) };
        Areas areas;
        if (!s.boot_sector)
                return err_set(e, ERR_VERIFY, 0, "no boot sector of SYSLINUX 6 in its installer");
        size_t at = (size_t)(s.boot_sector - p) + SECTOR_SIZE;
        while (at + SECTOR_SIZE <= n && memcmp(p + at, "\r\nSYSLINUX ", 11) != 0)
                at += 4;
        if (at + SECTOR_SIZE > n || !find_c32(p, n, at, &s))
                return err_set(e, ERR_VERIFY, 0,
                               "no ldlinux.sys and ldlinux.c32 in the installer of SYSLINUX");
        s.sys = p + at;
        if (!s.sys_size || !find_areas(&s, &areas))
                return err_set(e, ERR_VERIFY, 0, "ldlinux.sys is of an unknown version");
        *ret = s;
        return 0;
}

/* --- installing ----------------------------------------------------------------------------- */

size_t syslinux_installed_size(const Syslinux *s) {
        return s->sys_size + ADV_SECTORS * SECTOR_SIZE;
}

/* n sectors from `sector` on, in pieces of less than 64 KiB: what a BIOS reads in one call. */
static void put_extents(uint8_t *list, uint32_t sector, uint32_t n) {
        for (; n; list += EXTENT) {
                uint32_t len = MIN(n, (uint32_t)UINT16_MAX / SECTOR_SIZE);
                put_le(list, sector, 4);
                put_le(list + 8, len, 2);
                sector += len;
                n -= len;
        }
}

int syslinux_patch(const Syslinux *s, uint32_t sector, uint8_t *sys, uint8_t *boot_sector, Err *e) {
        Areas a;
        if (!find_areas(s, &a))
                return err_set(e, ERR_VERIFY, 0, "ldlinux.sys is of an unknown version");
        uint32_t sectors = (uint32_t)(s->sys_size / SECTOR_SIZE);
        memcpy(boot_sector, s->boot_sector, SECTOR_SIZE);
        put_le(boot_sector + a.first_low, sector, 4);
        put_le(boot_sector + a.first_high, 0, 4);
        memcpy(sys, s->sys, s->sys_size);
        put_le(sys + a.at + PATCH_DATA, sectors, 2);
        put_le(sys + a.at + PATCH_ADV, ADV_SECTORS, 2);
        put_le(sys + a.at + PATCH_WORDS, (uint32_t)(s->sys_size / 4), 4);
        memset(sys + a.extents, 0, a.n_extents * EXTENT);
        put_extents(sys + a.extents, sector + 1, sectors - 1);
        memset(sys + a.adv_pointers, 0, 16);
        put_le(sys + a.adv_pointers, sector + sectors, 4);
        put_le(sys + a.adv_pointers + 8, sector + sectors + 1, 4);
        put_le(sys + a.at + PATCH_SUM, 0, 4);
        uint32_t sum = magic;
        for (size_t i = 0; i < s->sys_size; i += 4)
                sum -= get_le(sys + i, 4);
        put_le(sys + a.at + PATCH_SUM, sum, 4);
        for (int i = 0; i < ADV_SECTORS; i++) {
                uint8_t *adv = sys + s->sys_size + (size_t)i * SECTOR_SIZE;
                memset(adv, 0, SECTOR_SIZE);
                put_le(adv, adv_head, 4);
                put_le(adv + 4, adv_sum, 4);
                put_le(adv + SECTOR_SIZE - 4, adv_tail, 4);
        }
        return 0;
}

/* --- the configuration ---------------------------------------------------------------------- */

static int add_path(Buf *out, const char *path, Err *e) {
        for (const char *c = path; *c; c++)
                if ((uint8_t)*c <= ' ' || *c == ',' || *c == 0x7f)
                        return err_set(e, ERR_USAGE, 0, "SYSLINUX cannot read a file named \"%s\"",
                                       path);
        buf_addf(out, "/%s", path);
        return 0;
}

static int add_command_line(Buf *out, const char *line, size_t others, Err *e) {
        for (const char *c = line; *c; c++)
                if (((uint8_t)*c < ' ' && *c != '\t') || *c == 0x7f)
                        return err_set(e, ERR_USAGE, 0,
                                       "the kernel command line holds a control character");
        if (str_eq(line, "-"))
                return err_set(e, ERR_USAGE, 0, "SYSLINUX takes the command line \"-\" for none");
        if (strlen(line) + others > COMMAND_LINE)
                return err_set(e, ERR_USAGE, 0,
                               "the kernel command line has %zu bytes; SYSLINUX passes on %zu",
                               strlen(line), COMMAND_LINE - others);
        buf_addf(out, "    APPEND %s\n", line);
        return 0;
}

int syslinux_config(const SyslinuxBoot *boot, Buf *out, Err *e) {
        _cleanup_buf_ Buf text = { 0 };
        buf_adds(&text, "DEFAULT linux\nLABEL linux\n    LINUX ");
        if (add_path(&text, boot->kernel, e) < 0)
                return -1;
        /* SYSLINUX puts these in front of what is appended */
        size_t others = strlen("BOOT_IMAGE=/ ") + strlen(boot->kernel);
        size_t start = text.len;
        for (size_t i = 0; i < boot->n_initrds; i++) {
                buf_adds(&text, i ? "," : "\n    INITRD ");
                if (add_path(&text, boot->initrds[i], e) < 0)
                        return -1;
        }
        if (boot->n_initrds)
                others += text.len - start - strlen("\n    INITRD ") + strlen("initrd= ");
        buf_addc(&text, '\n');
        if (!str_is_empty(boot->cmdline) && add_command_line(&text, boot->cmdline, others, e) < 0)
                return -1;
        if (others > COMMAND_LINE)
                return err_set(e, ERR_USAGE, 0,
                               "the names of the initrds are too long for "
                               "SYSLINUX");
        buf_add(out, text.data, text.len);
        return 0;
}

/* --- the volume ----------------------------------------------------------------------------- */

enum { OWN_FILES = 3 };

static int load(const Content *installer, Arena *a, Syslinux *ret, Err *e) {
        if (installer->size > INSTALLER_LIMIT)
                return err_set(e, ERR_VERIFY, 0, "the installer of SYSLINUX is larger than %d MiB",
                               INSTALLER_LIMIT >> 20);
        size_t n = (size_t)installer->size;
        char *p = arena_alloc(a, n + 1);
        if (content_read(installer, 0, p, n, e) < 0 || syslinux_extract(p, n, ret, e) < 0)
                return -1;
        return 0;
}

static Extents *bytes_new(const void *p, size_t n) {
        Extents *x = extents_new();
        Content c = content_bytes(p, n);
        extents_add(x, &c);
        return x;
}

/* all holds the callers' files; ldlinux.sys is behind them. */
static int install(const Syslinux *s, const FatFile *all, size_t n, uint8_t *sys,
                   const FatOptions *o, Extents *out, FatLayout *layout, Err *e) {
        _cleanup_free_ uint32_t *sectors = xcalloc(n + OWN_FILES, sizeof *sectors);
        FatLayout plan = { .file_sectors = sectors };
        uint8_t boot_sector[SECTOR_SIZE];
        FatOptions options = *o;
        if (fat_plan(all, n + OWN_FILES, o, &plan, e) < 0 ||
            syslinux_patch(s, sectors[n], sys, boot_sector, e) < 0)
                return -1;
        options.boot_sector = boot_sector;
        if (fat_image(all, n + OWN_FILES, &options, out, NULL, e) < 0)
                return -1;
        if (!layout)
                return 0;
        if (layout->file_sectors)
                memcpy(layout->file_sectors, sectors, n * sizeof *sectors);
        plan.file_sectors = layout->file_sectors;
        *layout = plan;
        return 0;
}

int syslinux_volume(const Content *installer, const SyslinuxBoot *boot, const FatFile *files,
                    size_t n, const FatOptions *o, Extents *out, FatLayout *layout, Err *e) {
        Arena *a = extents_arena(out);
        Syslinux s;
        _cleanup_buf_ Buf text = { 0 };
        if (syslinux_config(boot, &text, e) < 0 || load(installer, a, &s, e) < 0)
                return -1;
        size_t size = syslinux_installed_size(&s);
        uint8_t *sys = arena_alloc(a, size);
        _cleanup_extents_ Extents *loader = bytes_new(sys, size),
                                  *c32 = bytes_new(s.c32, s.c32_size),
                                  *config = bytes_new(arena_strdup(a, text.data), text.len);
        _cleanup_free_ FatFile *all = xcalloc(n + OWN_FILES, sizeof *all);
        if (n)
                memcpy(all, files, n * sizeof *all);
        /* the attributes that the installer sets */
        const uint8_t hidden = FAT_READ_ONLY | FAT_HIDDEN | FAT_SYSTEM | FAT_ARCHIVE;
        all[n] = (FatFile){ "ldlinux.sys", loader, hidden, true };
        all[n + 1] = (FatFile){ "ldlinux.c32", c32, hidden, true };
        all[n + 2] = (FatFile){ .path = "syslinux.cfg", .data = config };
        return install(&s, all, n, sys, o, out, layout, e);
}
