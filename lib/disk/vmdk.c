/* vmdk.c - see vmdk.h.  In a stream the tables follow what they point to, each behind a marker, and
 * the header's copy at the end says where the directory is. */
#include "lib/base/bytes.h"
#include "lib/disk/vmdk.h"
#include "lib/base/str.h"
#include "lib/disk/clusters.h"

enum {
        UNIT = 512,
        GRAIN_UNITS = 128,
        GRAIN = GRAIN_UNITS * UNIT,
        TABLE = 512, /* grains of a grain table */
        DESCRIPTOR_UNITS = 20,
        OVERHEAD_UNITS = 128,
        VERSION = 3,
        FLAGS = 0x30001, /* newline test, compressed grains, markers */
        DEFLATE = 1,
};
#define DIRECTORY_AT_END UINT64_MAX

typedef enum Marker { END_OF_STREAM, GRAIN_TABLE, GRAIN_DIRECTORY, FOOTER } Marker;

typedef struct Writer {
        Sink *out;
        uint64_t table_index; /* of the table that is being filled */
        uint32_t table[TABLE];
        bool any; /* grain in it */
        uint32_t *directory;
        size_t n_tables;
} Writer;

static int write_header(Sink *out, uint64_t units, uint64_t directory, Err *e) {
        uint8_t h[UNIT] = "KDMV";
        put_le(h + 4, VERSION, 4);
        put_le(h + 8, FLAGS, 4);
        put_le(h + 12, units, 8);
        put_le(h + 20, GRAIN_UNITS, 8);
        put_le(h + 28, 1, 8);
        put_le(h + 36, DESCRIPTOR_UNITS, 8);
        put_le(h + 44, TABLE, 4);
        put_le(h + 56, directory, 8);
        put_le(h + 64, OVERHEAD_UNITS, 8);
        memcpy(h + 73, "\n \r\n", 4);
        h[77] = DEFLATE;
        return sink_write(out, h, sizeof h, e);
}

static int write_descriptor(Sink *out, uint64_t units, uint32_t cid, Err *e) {
        enum { HEADS = 255, SECTORS = 63 };
        uint64_t cylinders = MIN(units / (HEADS * SECTORS), (uint64_t)65535);
        _cleanup_buf_ Buf text = { 0 };
        buf_addf(&text,
                 "# Disk DescriptorFile\nversion=1\nCID=%08x\nparentCID=ffffffff\n"
                 "createType=\"streamOptimized\"\n\n# Extent description\n"
                 "RW %llu SPARSE \"disk.vmdk\"\n\n# The Disk Data Base\n#DDB\n\n"
                 "ddb.virtualHWVersion = \"6\"\nddb.geometry.cylinders = \"%llu\"\n"
                 "ddb.geometry.heads = \"%d\"\nddb.geometry.sectors = \"%d\"\n"
                 "ddb.adapterType = \"lsilogic\"\nddb.toolsVersion = \"2147483647\"\n",
                 cid, (unsigned long long)units, (unsigned long long)cylinders, HEADS, SECTORS);
        if (sink_write(out, text.data, text.len, e) < 0)
                return -1;
        return sink_zero(out, (uint64_t)OVERHEAD_UNITS * UNIT - UNIT - text.len, e);
}

static int write_marker(Sink *out, uint64_t units, Marker type, Err *e) {
        uint8_t m[UNIT] = { 0 };
        put_le(m, units, 8);
        put_le(m + 12, type, 4);
        return sink_write(out, m, sizeof m, e);
}

static int write_words(Sink *out, const uint32_t *words, size_t n, Err *e) {
        _cleanup_free_ uint8_t *bytes = xcalloc(n + 1, 4);
        for (size_t i = 0; i < n; i++)
                put_le(bytes + 4 * i, words[i], 4);
        if (sink_write(out, bytes, 4 * n, e) < 0)
                return -1;
        return sink_pad(out, UNIT, e);
}

/* A table without grains is left out; its place in the directory stays 0. */
static int end_table(Writer *w, Err *e) {
        if (!w->any)
                return 0;
        if (write_marker(w->out, TABLE * 4 / UNIT, GRAIN_TABLE, e) < 0)
                return -1;
        w->directory[w->table_index] = (uint32_t)(w->out->written / UNIT);
        w->any = false;
        int r = write_words(w->out, w->table, TABLE, e);
        memset(w->table, 0, sizeof w->table);
        return r;
}

static int add_grain(void *ctx, const Cluster *c, Err *e) {
        Writer *w = ctx;
        uint8_t head[12];
        if (c->index / TABLE != w->table_index && end_table(w, e) < 0)
                return -1;
        w->table_index = c->index / TABLE;
        w->table[c->index % TABLE] = (uint32_t)(w->out->written / UNIT);
        w->any = true;
        put_le(head, c->index * GRAIN_UNITS, 8);
        put_le(head + 8, (uint32_t)c->n, 4);
        if (sink_write(w->out, head, sizeof head, e) < 0 ||
            sink_write(w->out, c->data, c->n, e) < 0)
                return -1;
        return sink_pad(w->out, UNIT, e);
}

static int write_end(Writer *w, uint64_t units, Err *e) {
        uint64_t directory_units = (w->n_tables * 4 + UNIT - 1) / UNIT;
        if (end_table(w, e) < 0 || write_marker(w->out, directory_units, GRAIN_DIRECTORY, e) < 0)
                return -1;
        uint64_t directory = w->out->written / UNIT;
        if (write_words(w->out, w->directory, w->n_tables, e) < 0 ||
            write_marker(w->out, 1, FOOTER, e) < 0 || write_header(w->out, units, directory, e) < 0)
                return -1;
        return write_marker(w->out, 0, END_OF_STREAM, e);
}

int vmdk_write(const Extents *disk, uint32_t cid, Sink *out, Progress *p, Err *e) {
        static const ClusterOptions options = { .size = GRAIN,
                                                .window_bits = 15,
                                                .only_deflated = true };
        uint64_t units = extents_size(disk) / UNIT;
        if (units > UINT32_MAX)
                return err_set(e, ERR_USAGE, 0, "a VMDK of one extent has at most 2 TiB");
        Writer w = { .out = out,
                     .n_tables = (size_t)((units + (uint64_t)TABLE * GRAIN_UNITS - 1) /
                                          ((uint64_t)TABLE * GRAIN_UNITS)) };
        w.directory = xcalloc(w.n_tables + 1, sizeof *w.directory);
        int r = write_header(out, units, DIRECTORY_AT_END, e);
        if (r == 0)
                r = write_descriptor(out, units, cid, e);
        if (r == 0)
                r = clusters_each(disk, &options, add_grain, &w, p, e);
        if (r == 0)
                r = write_end(&w, units, e);
        free(w.directory);
        return r;
}
