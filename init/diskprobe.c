/* diskprobe.c - see diskprobe.h.  Offsets are those of the formats' own descriptions; the order of
 * the table matters where one format leaves the traces of another in place. */
#include "init/diskprobe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"

static bool get(int fd, uint64_t at, void *p, size_t n) {
        ssize_t got;
        if (at > INT64_MAX - n)
                return false;
        do
                got = pread(fd, p, n, (off_t)at);
        while (got < 0 && errno == EINTR);
        return got == (ssize_t)n;
}

static uint16_t le16(const uint8_t *p) {
        return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t le32(const uint8_t *p) {
        return (uint32_t)le16(p) | (uint32_t)le16(p + 2) << 16;
}

static uint64_t le64(const uint8_t *p) {
        return (uint64_t)le32(p) | (uint64_t)le32(p + 4) << 32;
}

/* Up to a NUL, without blanks at the end. */
static void set_label(DiskProbe *r, const uint8_t *p, size_t n) {
        n = strnlen((const char *)p, MIN(n, (size_t)PROBE_LABEL_BYTES - 1));
        while (n > 0 && p[n - 1] == ' ')
                n--;
        memcpy(r->label, p, n);
        r->label[n] = 0;
}

static bool is_zero(const uint8_t *p, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (p[i])
                        return false;
        return true;
}

static void set_uuid(DiskProbe *r, const uint8_t *b) {
        if (is_zero(b, 16))
                return;
        snprintf(r->uuid, sizeof r->uuid,
                 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
                 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
                 b[15]);
}

/* --- file systems --------------------------------------------------------------------------- */

/* Most disks of ours are this: nothing more of them is read. */
static bool diskprobe_squashfs(int fd, DiskProbe *r) {
        uint8_t b[4];
        (void)r; /* it has neither label nor UUID */
        return get(fd, 0, b, sizeof b) && memcmp(b, "hsqs", 4) == 0;
}

static bool diskprobe_luks(int fd, DiskProbe *r) {
        uint8_t b[208];
        if (!get(fd, 0, b, sizeof b) || memcmp(b, "LUKS\xba\xbe\0", 7) != 0 || b[7] < 1 || b[7] > 2)
                return false;
        /* text in both versions, 40 bytes with its NUL */
        size_t n = strnlen((char *)b + 168, PROBE_UUID_BYTES - 1);
        memcpy(r->uuid, b + 168, n);
        r->uuid[n] = 0;
        if (b[7] == 2)
                set_label(r, b + 24, 48);
        return true;
}

static bool diskprobe_xfs(int fd, DiskProbe *r) {
        uint8_t b[120];
        if (!get(fd, 0, b, sizeof b) || memcmp(b, "XFSB", 4) != 0)
                return false;
        set_uuid(r, b + 32);
        set_label(r, b + 108, 12);
        return true;
}

static bool diskprobe_ext(int fd, DiskProbe *r) {
        uint8_t b[136];
        if (!get(fd, 1024, b, sizeof b) || le16(b + 56) != 0xef53)
                return false;
        set_uuid(r, b + 104);
        set_label(r, b + 120, 16);
        return true;
}

static bool diskprobe_btrfs(int fd, DiskProbe *r) {
        uint8_t b[555];
        if (!get(fd, 65536, b, sizeof b) || memcmp(b + 64, "_BHRfS_M", 8) != 0)
                return false;
        set_uuid(r, b + 32);
        set_label(r, b + 299, 256);
        return true;
}

static bool diskprobe_erofs(int fd, DiskProbe *r) {
        uint8_t b[80];
        if (!get(fd, 1024, b, sizeof b) || le32(b) != 0xe0f5e1e2)
                return false;
        set_uuid(r, b + 48);
        set_label(r, b + 64, 16);
        return true;
}

/* The mark stands at the end of the first page, of whatever size that was. */
static bool diskprobe_swap(int fd, DiskProbe *r) {
        static const unsigned pages[] = { 4096, 8192, 16384, 65536 };
        uint8_t mark[10], b[44];
        for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
                if (!get(fd, pages[i] - sizeof mark, mark, sizeof mark) ||
                    memcmp(mark, "SWAPSPACE2", sizeof mark) != 0 || !get(fd, 1024, b, sizeof b))
                        continue;
                set_uuid(r, b + 12);
                set_label(r, b + 28, 16);
                return true;
        }
        return false;
}

/* The date of the last change, else that of the making, is the UUID, as with everybody else. */
static bool diskprobe_iso9660(int fd, DiskProbe *r) {
        uint8_t b[848];
        if (!get(fd, 32768, b, sizeof b) || memcmp(b, "\1CD001", 6) != 0)
                return false;
        set_label(r, b + 40, 32);
        const uint8_t *d = b + 830;
        if (is_zero(d, 16) || memcmp(d, "0000000000000000", 16) == 0)
                d = b + 813;
        for (int i = 0; i < 16; i++)
                if (d[i] < '0' || d[i] > '9')
                        return true;
        snprintf(r->uuid, sizeof r->uuid, "%.4s-%.2s-%.2s-%.2s-%.2s-%.2s-%.2s", (const char *)d,
                 (const char *)d + 4, (const char *)d + 6, (const char *)d + 8,
                 (const char *)d + 10, (const char *)d + 12, (const char *)d + 14);
        return true;
}

/* The entry of the root directory that is a volume label, in what one read holds of it. */
static void find_fat_label(int fd, uint64_t at, size_t n, DiskProbe *r) {
        enum { ENTRY = 32, VOLUME = 8, LONG_NAME = 15, DELETED = 0xe5, E5 = 5 };
        uint8_t dir[16384];
        n = MIN(n, sizeof dir) / ENTRY * ENTRY;
        if (!get(fd, at, dir, n))
                return;
        for (size_t i = 0; i < n && dir[i]; i += ENTRY) {
                uint8_t attributes = dir[i + 11] & 0x3f;
                if (dir[i] == DELETED || attributes == LONG_NAME || !(attributes & VOLUME))
                        continue;
                if (dir[i] == E5)
                        dir[i] = DELETED;
                set_label(r, dir + i, 11);
                return;
        }
}

static bool diskprobe_fat(int fd, DiskProbe *r) {
        uint8_t b[512];
        if (!get(fd, 0, b, sizeof b) || b[510] != 0x55 || b[511] != 0xaa)
                return false;
        bool is32 = memcmp(b + 82, "FAT32   ", 8) == 0;
        unsigned sector = le16(b + 11), cluster = b[13], reserved = le16(b + 14), fats = b[16];
        if ((!is32 && memcmp(b + 54, "FAT1", 4) != 0) || sector < 512 || sector > 4096 ||
            (sector & (sector - 1)) || !cluster || (cluster & (cluster - 1)) || !reserved || !fats)
                return false;
        const uint8_t *id = b + (is32 ? 67 : 39);
        if (!is_zero(id, 4))
                snprintf(r->uuid, sizeof r->uuid, "%02X%02X-%02X%02X", id[3], id[2], id[1], id[0]);
        if (memcmp(id + 4, "NO NAME    ", 11) != 0)
                set_label(r, id + 4, 11);
        /* the directory wins: that is what other systems change */
        uint64_t fat_sectors = is32 ? le32(b + 36) : le16(b + 22);
        uint64_t data = (reserved + fats * fat_sectors) * sector, root = data;
        size_t n = (size_t)le16(b + 17) * 32;
        if (is32) {
                uint32_t first = le32(b + 44);
                if (first < 2)
                        return true;
                root = data + (uint64_t)(first - 2) * cluster * sector;
                n = (size_t)cluster * sector;
        }
        find_fat_label(fd, root, n, r);
        return true;
}

void diskprobe_file_system(int fd, DiskProbe *ret) {
        static const struct {
                const char *type;
                bool (*probe)(int fd, DiskProbe *r);
        } types[] = {
                { "squashfs", diskprobe_squashfs }, { "luks", diskprobe_luks },
                { "xfs", diskprobe_xfs },           { "ext", diskprobe_ext },
                { "btrfs", diskprobe_btrfs },       { "erofs", diskprobe_erofs },
                { "swap", diskprobe_swap },         { "vfat", diskprobe_fat },
                { "iso9660", diskprobe_iso9660 },
        };
        *ret = (DiskProbe){ 0 };
        for (size_t i = 0; i < ARRAY_LEN(types) && !ret->type; i++)
                if (types[i].probe(fd, ret))
                        ret->type = types[i].type;
}

/* --- partitions ----------------------------------------------------------------------------- */

/* A GUID's first three fields are little-endian (UEFI 2.10, appendix A). */
static void set_guid(DiskProbe *r, const uint8_t *b) {
        const uint8_t swapped[16] = { b[3], b[2], b[1],  b[0],  b[5],  b[4],  b[7],  b[6],
                                      b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15] };
        set_uuid(r, swapped);
}

/* UTF-16LE to UTF-8; a half of a pair becomes '?'. */
static void set_name(DiskProbe *r, const uint8_t *p, size_t units) {
        size_t n = 0;
        for (size_t i = 0; i < units && n + 4 < sizeof r->label; i++) {
                uint32_t c = le16(p + 2 * i);
                if (!c)
                        break;
                uint32_t low = i + 1 < units ? le16(p + 2 * i + 2) : 0;
                if (c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
                        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                        i++;
                } else if (c >= 0xd800 && c < 0xe000) {
                        c = '?';
                }
                if (c < 0x80) {
                        r->label[n++] = (char)c;
                        continue;
                }
                if (c >= 0x10000) {
                        r->label[n++] = (char)(0xf0 | c >> 18);
                        r->label[n++] = (char)(0x80 | (c >> 12 & 0x3f));
                } else if (c >= 0x800) {
                        r->label[n++] = (char)(0xe0 | c >> 12);
                }
                r->label[n++] = (char)(c >= 0x800 ? 0x80 | (c >> 6 & 0x3f) : 0xc0 | c >> 6);
                r->label[n++] = (char)(0x80 | (c & 0x3f));
        }
        r->label[n] = 0;
}

/* UEFI 2.10, 5.3.  The kernel has checked the sums, or there would be no partition; that the entry
 * begins where the kernel says shows that we read the same table. */
static bool diskprobe_gpt(int disk, unsigned number, uint64_t start, uint64_t sector,
                          DiskProbe *r) {
        uint8_t h[92], entry[128];
        if (!get(disk, sector, h, sizeof h) || memcmp(h, "EFI PART", 8) != 0)
                return false;
        uint64_t lba = le64(h + 72), count = le32(h + 80), size = le32(h + 84);
        if (number < 1 || number > count || size < sizeof entry || size > 4096 ||
            lba > (uint64_t)INT64_MAX / 2 / sector ||
            !get(disk, lba * sector + (number - 1) * size, entry, sizeof entry))
                return false;
        uint64_t first = le64(entry + 32);
        if (is_zero(entry, 16) || first > UINT64_MAX / sector || first * sector != start)
                return false;
        set_guid(r, entry + 16);
        set_name(r, entry + 56, 36);
        return true;
}

static bool diskprobe_mbr(int disk, unsigned number, uint64_t start, uint64_t sector,
                          DiskProbe *r) {
        uint8_t b[512];
        if (!get(disk, 0, b, sizeof b) || b[510] != 0x55 || b[511] != 0xaa || number < 1)
                return false;
        /* those from number 5 on stand in a chain of further tables */
        if (number <= 4 && le32(b + 446 + 16 * (number - 1) + 8) * sector != start)
                return false;
        uint32_t id = le32(b + 440);
        if (id)
                snprintf(r->uuid, sizeof r->uuid, "%08x-%02x", id, number);
        return true;
}

bool diskprobe_partition(int disk, unsigned number, uint64_t start, uint64_t sector,
                         DiskProbe *ret) {
        *ret = (DiskProbe){ 0 };
        if (sector < 512 || sector > 65536)
                sector = 512;
        return diskprobe_gpt(disk, number, start, sector, ret) ||
               diskprobe_mbr(disk, number, start, sector, ret);
}
