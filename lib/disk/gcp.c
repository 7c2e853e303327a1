/* gcp.c - see gcp.h.  The header is GNU tar's (its manual, "Basic Tar Format" and "Storing Sparse
 * Files"): four ranges in it, 21 in each block that follows. */
#include "lib/disk/gcp.h"
#include "lib/base/str.h"
#include "lib/disk/clusters.h"
#include "lib/fs/gzip.h"

enum {
        BLOCK = 512,
        UNIT = 4096,
        READ = 1 << 20,
        IN_HEADER = 4,
        IN_BLOCK = 21,
        PAIR = 24,
        GZIP_LEVEL = 6,
};

typedef struct Range {
        uint64_t at, n;
} Range;

typedef struct Map {
        Range *ranges;
        size_t n, cap;
        uint64_t stored;
} Map;

static void map_done(Map *m) {
        free(m->ranges);
}

static void map_add(Map *m, uint64_t at, uint64_t n) {
        m->stored += n;
        if (m->n && m->ranges[m->n - 1].at + m->ranges[m->n - 1].n == at)
                m->ranges[m->n - 1].n += n;
        else
                *vec_push(m->ranges, m->n, m->cap) = (Range){ at, n };
}

static int map_make(const Extents *disk, Map *m, Err *e) {
        _cleanup_free_ char *buf = xmalloc(READ);
        uint64_t size = extents_size(disk);
        for (uint64_t at = 0; at < size;) {
                uint64_t hole = extents_hole(disk, at) & ~(uint64_t)(UNIT - 1);
                if (hole) {
                        at += hole;
                        continue;
                }
                size_t n = (size_t)MIN((uint64_t)READ, size - at);
                if (extents_read(disk, at, buf, n, e) < 0)
                        return -1;
                for (size_t i = 0; i < n; i += UNIT) {
                        size_t unit = MIN((size_t)UNIT, n - i);
                        if (!bytes_are_zero(buf + i, unit))
                                map_add(m, at + i, unit);
                }
                at += n;
        }
        /* the file ends with a hole, or has nothing else */
        const Range *last = m->n ? &m->ranges[m->n - 1] : NULL;
        if (!last || last->at + last->n < size)
                *vec_push(m->ranges, m->n, m->cap) = (Range){ size, 0 };
        return 0;
}

/* Octal with a NUL behind it; binary, marked by the first bit, where it does not fit. */
static void put_number(char *field, size_t width, uint64_t v) {
        if (v >> (3 * (width - 1)) == 0) {
                field[width - 1] = 0;
                for (size_t i = width - 1; i-- > 0; v >>= 3)
                        field[i] = (char)('0' + (v & 7));
                return;
        }
        for (size_t i = width; i-- > 1; v >>= 8)
                field[i] = (char)v;
        field[0] = (char)0x80;
}

static size_t put_ranges(const Map *m, size_t from, size_t most, char *at) {
        size_t n = MIN(m->n - from, most);
        for (size_t i = 0; i < n; i++) {
                put_number(at + PAIR * i, 12, m->ranges[from + i].at);
                put_number(at + PAIR * i + 12, 12, m->ranges[from + i].n);
        }
        return from + n;
}

static int write_header(const Map *m, uint64_t size, int64_t mtime, Sink *out, Err *e) {
        char h[BLOCK] = "disk.raw";
        unsigned sum = 0;
        put_number(h + 100, 8, 0644);
        put_number(h + 108, 8, 0);
        put_number(h + 116, 8, 0);
        put_number(h + 124, 12, m->stored);
        put_number(h + 136, 12, (uint64_t)mtime);
        h[156] = 'S';
        memcpy(h + 257, "ustar  ", 8);
        size_t done = put_ranges(m, 0, IN_HEADER, h + 386);
        h[482] = done < m->n;
        put_number(h + 483, 12, size);
        memset(h + 148, ' ', 8);
        for (size_t i = 0; i < sizeof h; i++)
                sum += (unsigned char)h[i];
        put_number(h + 148, 7, sum);
        if (sink_write(out, h, sizeof h, e) < 0)
                return -1;
        while (done < m->n) {
                char more[BLOCK] = { 0 };
                done = put_ranges(m, done, IN_BLOCK, more);
                more[504] = done < m->n;
                if (sink_write(out, more, sizeof more, e) < 0)
                        return -1;
        }
        return 0;
}

static int write_tar(const Extents *disk, const Map *m, int64_t mtime, Sink *out, Progress *p,
                     Err *e) {
        if (write_header(m, extents_size(disk), mtime, out, e) < 0)
                return -1;
        uint64_t done = 0;
        for (size_t i = 0; i < m->n; i++) {
                const Range *r = &m->ranges[i];
                progress_add(p, r->at - done); /* a hole */
                if (extents_write_range(disk, r->at, r->n, out, p, e) < 0)
                        return -1;
                done = r->at + r->n;
        }
        if (sink_pad(out, BLOCK, e) < 0)
                return -1;
        return sink_zero(out, 2 * BLOCK, e);
}

int gcp_write(const Extents *disk, int64_t mtime, Cache *cache, Sink *out, Progress *p, Err *e) {
        __attribute__((cleanup(map_done))) Map m = { 0 };
        _cleanup_sink_ Sink *gz = NULL;
        if (map_make(disk, &m, e) < 0 || gzip_sink(out, cache, GZIP_LEVEL, &gz, e) < 0 ||
            write_tar(disk, &m, mtime, gz, p, e) < 0)
                return -1;
        return sink_finish(gz, e);
}
