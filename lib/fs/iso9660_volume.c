/* iso9660_volume.c - the volume descriptors (ECMA-119, 8; Joliet; El Torito 2.0) and dates.
 *
 * Texts that nobody reads stay blank: whatever names a tool or a version would change the bytes. */
#include "lib/fs/iso9660_internal.h"

#include <time.h>

/* --- dates ------------------------------------------------------------------------------- */

static struct tm clamped(int64_t t) {
        const int64_t first = -2208988800, last = 5869583999; /* 1900-01-01, 2155-12-31 23:59:59 */
        time_t inside = (time_t)MAX(first, MIN(last, t));
        struct tm tm;
        gmtime_r(&inside, &tm);
        return tm;
}

void iso_date(uint8_t *p, int64_t t) {
        struct tm tm = clamped(t);
        p[0] = (uint8_t)tm.tm_year;
        p[1] = (uint8_t)(tm.tm_mon + 1);
        p[2] = (uint8_t)tm.tm_mday;
        p[3] = (uint8_t)tm.tm_hour;
        p[4] = (uint8_t)tm.tm_min;
        p[5] = (uint8_t)tm.tm_sec;
        p[6] = 0;
}

void iso_long_date(uint8_t *p, int64_t t) {
        struct tm tm = clamped(t);
        char text[ISO_LONG_DATE];
        strftime(text, sizeof text, "%Y%m%d%H%M%S00", &tm);
        memcpy(p, text, ISO_LONG_DATE - 1);
        p[ISO_LONG_DATE - 1] = 0;
}

/* --- primary and supplementary ----------------------------------------------------------- */

static void put_header(uint8_t *p, uint8_t type) {
        p[0] = type;
        memcpy(p + 1, "CD001\1", 6);
}

static void put_text(uint8_t *p, IsoView v, const char *text, size_t size) {
        if (v == ISO_PRIMARY) {
                memset(p, ' ', size);
                memcpy(p, text, MIN(strlen(text), size));
                return;
        }
        uint16_t units[16];
        size_t n = iso_joliet_units(text, units, MIN(size / 2, ARRAY_LEN(units)));
        for (size_t i = 0; i < size / 2; i++)
                put_be(p + 2 * i, i < n ? units[i] : ' ', 2);
}

static void put_volume(const IsoPlan *p, IsoView v, size_t set, uint8_t *d) {
        /* system, set, publisher, preparer, application; copyright, abstract, bibliography */
        static const uint16_t blank[][2] = {
                { 8, 32 },    { 190, 128 }, { 318, 128 }, { 446, 128 },
                { 574, 128 }, { 702, 37 },  { 739, 37 },  { 776, 37 }
        };
        put_header(d, v == ISO_PRIMARY ? 1 : 2);
        for (size_t i = 0; i < ARRAY_LEN(blank); i++)
                put_text(d + blank[i][0], v, "", blank[i][1]);
        put_text(d + 40, v, p->o->volume_id, 32);
        iso_both32(d + 80, (uint32_t)(set ? p->iso_end - ISO_PARTITION : p->total));
        if (v == ISO_JOLIET)
                memcpy(d + 88, "%/E", 3); /* UCS-2, level 3 */
        iso_both16(d + 120, 1);
        iso_both16(d + 124, 1);
        iso_both16(d + 128, ISO_BLOCK);
        uint64_t blocks = iso_blocks(p->table_size[v]);
        iso_both32(d + 132, (uint32_t)p->table_size[v]);
        put_le(d + 140, iso_structure_block(p, p->tables[v], set), 4);
        put_be(d + 148, iso_structure_block(p, p->tables[v] + blocks, set), 4);
        iso_root_record(p, v, set, d + 156);
        iso_long_date(d + 813, p->o->mtime);
        iso_long_date(d + 830, p->o->mtime);
        memset(d + 847, '0', ISO_LONG_DATE - 1); /* expires never */
        memset(d + 864, '0', ISO_LONG_DATE - 1); /* effective at once */
        d[881] = 1;
}

static void put_boot_record(const IsoPlan *p, uint8_t *d) {
        put_header(d, 0);
        memcpy(d + 7, "EL TORITO SPECIFICATION", 23);
        put_le(d + 71, (uint32_t)p->catalog->block, 4);
}

/* Firmware looks at the whole image only: the partition's set has no boot record. */
static bool has_boot_record(const IsoPlan *p, size_t set) {
        return p->catalog && set == 0;
}

size_t iso_descriptors(const IsoPlan *p, size_t set) {
        return 2u + has_boot_record(p, set) + p->o->joliet;
}

void iso_descriptors_write(const IsoPlan *p, size_t set, uint8_t *to) {
        put_volume(p, ISO_PRIMARY, set, to);
        to += ISO_BLOCK;
        if (has_boot_record(p, set)) {
                put_boot_record(p, to);
                to += ISO_BLOCK;
        }
        if (p->o->joliet) {
                put_volume(p, ISO_JOLIET, set, to);
                to += ISO_BLOCK;
        }
        put_header(to, 0xff);
}
