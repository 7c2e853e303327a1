/* probe.c - see probe.h. */
#include "pkg/bootloader/probe.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint32_t le32(const unsigned char *p) {
        return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t le64(const unsigned char *p) {
        return le32(p) | (uint64_t)le32(p + 4) << 32;
}

static void format_uuid(const unsigned char *b, char *ret) {
        snprintf(ret, PROBE_ID_MAX,
                 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
                 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
                 b[15]);
}

/* UEFI specification 5.3.3: the first three fields of a GUID are little-endian. */
static void format_guid(const unsigned char *g, char *ret) {
        const unsigned char b[16] = { g[3], g[2], g[1],  g[0],  g[5],  g[4],  g[7],  g[6],
                                      g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15] };
        format_uuid(b, ret);
}

static bool is_zero(const unsigned char *p, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (p[i])
                        return false;
        return true;
}

static bool gpt_partuuid(const Probe *p, unsigned number, char *ret) {
        enum { ENTRY_MIN = 128, ENTRY_MAX = 4096, TYPE = 0, GUID = 16 };
        unsigned char header[92], entry[32];
        unsigned sector = p->sector ? p->sector : 512;
        if (!p->read(p, sector, header, sizeof(header)) || memcmp(header, "EFI PART", 8) != 0)
                return false;
        uint64_t first = le64(header + 72);
        uint32_t count = le32(header + 80), size = le32(header + 84);
        if (number < 1 || number > count || size < ENTRY_MIN || size > ENTRY_MAX ||
            first > UINT64_MAX / sector / 2)
                return false;
        if (!p->read(p, first * sector + (uint64_t)(number - 1) * size, entry, sizeof(entry)) ||
            is_zero(entry + TYPE, 16))
                return false;
        format_guid(entry + GUID, ret);
        return true;
}

bool probe_partuuid(const Probe *p, unsigned number, char ret[PROBE_ID_MAX]) {
        enum { SIGNATURE = 440, MAGIC = 510 };
        unsigned char mbr[512];
        if (gpt_partuuid(p, number, ret))
                return true;
        if (!p->read(p, 0, mbr, sizeof(mbr)) || mbr[MAGIC] != 0x55 || mbr[MAGIC + 1] != 0xaa ||
            !le32(mbr + SIGNATURE) || number < 1 || number > 255)
                return false;
        snprintf(ret, PROBE_ID_MAX, "%08x-%02x", (unsigned)le32(mbr + SIGNATURE), number);
        return true;
}

typedef struct Kind {
        const char *type, *magic;
        uint64_t at;
        unsigned magic_len;
        uint64_t label; /* 0: none */
        unsigned label_len;
        uint64_t uuid; /* 0: none */
} Kind;

static const Kind kinds[] = {
        { "squashfs", "hsqs", 0, 4, 0, 0, 0 },
        { "erofs", "\xe2\xe1\xf5\xe0", 1024, 4, 1024 + 64, 16, 1024 + 48 },
        { "ext4", "\x53\xef", 1024 + 56, 2, 1024 + 120, 16, 1024 + 104 },
        { "xfs", "XFSB", 0, 4, 108, 12, 32 },
        { "btrfs", "_BHRfS_M", 65536 + 64, 8, 65536 + 299, 63, 65536 + 32 },
        { "iso9660", "\1CD001", 32768, 6, 32768 + 40, 32, 0 }, /* ECMA-119 8.4.7 */
};

static const Kind *find_kind(const Probe *p) {
        for (size_t i = 0; i < COUNT(kinds); i++) {
                char b[8];
                if (p->read(p, kinds[i].at, b, kinds[i].magic_len) &&
                    memcmp(b, kinds[i].magic, kinds[i].magic_len) == 0)
                        return &kinds[i];
        }
        return NULL;
}

const char *probe_type(const Probe *p) {
        const Kind *k = find_kind(p);
        return k ? k->type : NULL;
}

bool probe_label(const Probe *p, char ret[PROBE_ID_MAX]) {
        const Kind *k = find_kind(p);
        if (!k || !k->label || !p->read(p, k->label, ret, k->label_len))
                return false;
        ret[k->label_len] = 0;
        for (size_t n = strlen(ret); n && ret[n - 1] == ' '; n--)
                ret[n - 1] = 0;
        return ret[0] != 0;
}

bool probe_uuid(const Probe *p, char ret[PROBE_ID_MAX]) {
        unsigned char b[16];
        const Kind *k = find_kind(p);
        if (!k || !k->uuid || !p->read(p, k->uuid, b, sizeof(b)) || is_zero(b, sizeof(b)))
                return false;
        format_uuid(b, ret);
        return true;
}
