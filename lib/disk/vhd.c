/* vhd.c - see vhd.h.  Everything is big endian.  The creator is "win ": with most others QEMU cuts
 * the disk to its cylinders (formats.md 3.7). */
#include "lib/base/bytes.h"
#include "lib/disk/vhd.h"
#include "lib/base/str.h"
#include "lib/disk/clusters.h"

enum {
        FOOTER = 512,
        HEADER = 1024,
        BAT_AT = FOOTER + HEADER,
        BLOCK = 2 << 20,
        BITMAP = 512,
        UNIT = 512,
        FIXED = 2,
        DYNAMIC = 3,
};
enum { EPOCH_2000 = 946684800 };
/* The limit that Microsoft documents for VHDs of either kind. */
#define MAX_SIZE (2040ull << 30)

static uint32_t checksum(const uint8_t *p, size_t n) {
        uint32_t sum = 0;
        for (size_t i = 0; i < n; i++)
                sum += p[i];
        return ~sum;
}

/* Cylinders, heads and sectors of a disk ("CHS Calculation" of the specification). */
static void put_geometry(uint8_t *p, uint64_t bytes) {
        uint64_t total = MIN(bytes / UNIT, (uint64_t)65535 * 16 * 255);
        uint64_t sectors = 17, heads, tracks;
        if (total >= (uint64_t)65535 * 16 * 63) {
                sectors = 255;
                heads = 16;
                tracks = total / sectors;
        } else {
                tracks = total / sectors;
                heads = MAX((tracks + 1023) / 1024, (uint64_t)4);
                if (tracks >= heads * 1024 || heads > 16) {
                        sectors = 31;
                        heads = 16;
                        tracks = total / sectors;
                }
                if (tracks >= heads * 1024) {
                        sectors = 63;
                        heads = 16;
                        tracks = total / sectors;
                }
        }
        put_be(p, (uint32_t)(tracks / heads), 2);
        p[2] = (uint8_t)heads;
        p[3] = (uint8_t)sectors;
}

static void fill_footer(const VhdOptions *o, uint64_t size, uint8_t f[FOOTER]) {
        memset(f, 0, FOOTER);
        memcpy(f, "conectix", 8);
        put_be(f + 8, 2, 4);
        put_be(f + 12, 0x00010000, 4);
        put_be(f + 16, o->dynamic ? (uint64_t)FOOTER : UINT64_MAX, 8);
        put_be(f + 24, o->time > EPOCH_2000 ? (uint32_t)(o->time - EPOCH_2000) : 0, 4);
        memcpy(f + 28, "win ", 4);
        put_be(f + 32, 0x00010000, 4);
        memcpy(f + 36, "Wi2k", 4);
        put_be(f + 40, size, 8);
        put_be(f + 48, size, 8);
        put_geometry(f + 56, size);
        put_be(f + 60, o->dynamic ? DYNAMIC : FIXED, 4);
        memcpy(f + 68, o->uuid.b, sizeof o->uuid.b);
        put_be(f + 64, checksum(f, FOOTER), 4);
}

static void fill_header(uint32_t entries, uint8_t h[HEADER]) {
        memset(h, 0, HEADER);
        memcpy(h, "cxsparse", 8);
        memset(h + 8, 0xff, 8);
        put_be(h + 16, BAT_AT, 8);
        put_be(h + 24, 0x00010000, 4);
        put_be(h + 28, entries, 4);
        put_be(h + 32, BLOCK, 4);
        put_be(h + 36, checksum(h, HEADER), 4);
}

/* --- blocks --------------------------------------------------------------------------------- */

static int write_block(const Extents *disk, uint32_t i, uint8_t *buf, uint8_t *bat, Sink *out,
                       Err *e) {
        uint64_t at = (uint64_t)i * BLOCK, n = MIN((uint64_t)BLOCK, extents_size(disk) - at);
        if (extents_hole(disk, at) >= n)
                return 0;
        memset(buf, 0xff, BITMAP);
        if (extents_read(disk, at, buf + BITMAP, (size_t)n, e) < 0)
                return -1;
        memset(buf + BITMAP + n, 0, BLOCK - (size_t)n);
        if (bytes_are_zero(buf + BITMAP, (size_t)n))
                return 0;
        put_be(bat + 4 * (size_t)i, (uint32_t)(out->written / UNIT), 4);
        return sink_write(out, buf, BITMAP + BLOCK, e);
}

static int write_dynamic(const Extents *disk, const uint8_t footer[FOOTER], Sink *out, Progress *p,
                         Err *e) {
        uint32_t entries = (uint32_t)((extents_size(disk) + BLOCK - 1) / BLOCK);
        size_t bat_size = ((size_t)entries * 4 + UNIT - 1) & ~(size_t)(UNIT - 1);
        _cleanup_free_ uint8_t *bat = xmalloc(bat_size), *buf = xmalloc(BITMAP + BLOCK);
        uint8_t header[HEADER];
        fill_header(entries, header);
        memset(bat, 0xff, bat_size);
        if (out->written)
                return err_set(e, ERR_INTERNAL, 0, "a VHD starts at the start of its file");
        if (sink_write(out, footer, FOOTER, e) < 0 || sink_write(out, header, HEADER, e) < 0 ||
            sink_write(out, bat, bat_size, e) < 0)
                return -1;
        for (uint32_t i = 0; i < entries; i++) {
                if (write_block(disk, i, buf, bat, out, e) < 0)
                        return -1;
                progress_add(p, MIN((uint64_t)BLOCK, extents_size(disk) - (uint64_t)i * BLOCK));
        }
        if (sink_patch(out, BAT_AT, bat, bat_size, e) < 0)
                return -1;
        return sink_write(out, footer, FOOTER, e);
}

int vhd_write(const Extents *disk, const VhdOptions *o, Sink *out, Progress *p, Err *e) {
        uint8_t footer[FOOTER];
        uint64_t size = extents_size(disk);
        if (size % (1 << 20))
                return err_set(e, ERR_INTERNAL, 0, "the size of a VHD is a multiple of 1 MiB");
        if (size > MAX_SIZE)
                return err_set(e, ERR_USAGE, 0, "a VHD has at most 2040 GiB");
        fill_footer(o, size, footer);
        if (o->dynamic)
                return write_dynamic(disk, footer, out, p, e);
        if (extents_write(disk, out, p, e) < 0)
                return -1;
        return sink_write(out, footer, FOOTER, e);
}
