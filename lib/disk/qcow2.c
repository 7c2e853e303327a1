/* qcow2.c - see qcow2.h.  One pass: header cluster, data in guest order, L2 tables, L1 table,
 * refcount blocks, refcount table; the header is filled in last. */
#include "lib/base/bytes.h"
#include "lib/disk/qcow2.h"
#include "lib/base/str.h"
#include "lib/disk/clusters.h"

enum {
        CLUSTER_BITS = 16,
        CLUSTER = 1 << CLUSTER_BITS,
        L2_ENTRIES = CLUSTER / 8,
        REFCOUNTS = CLUSTER / 2, /* 16-bit counters of a refcount block */
        HEADER = 112,
        VERSION = 3,
        REFCOUNT_ORDER = 4,
        WINDOW_BITS = -12, /* what QEMU inflates with */
        UNIT = 512,        /* of a compressed cluster's length */
};
#define COPIED     (1ull << 63) /* refcount is exactly one */
#define COMPRESSED (1ull << 62)
/* Bits 0 to 53 of a compressed entry are the offset: 62 - (cluster_bits - 8). */
enum { COMPRESSED_OFFSET_BITS = 54 };

typedef struct Writer {
        Sink *out;
        uint64_t **tables; /* L2, one per 512 MiB of the disk; NULL: nothing in it */
        size_t n_tables;
        uint16_t *counts; /* of every host cluster */
        size_t n_counts, cap_counts;
} Writer;

/* One more reference to each host cluster that the range touches. */
static void count(Writer *w, uint64_t at, uint64_t n) {
        for (uint64_t i = at / CLUSTER; i <= (at + n - 1) / CLUSTER; i++) {
                while (w->n_counts <= i)
                        *vec_push(w->counts, w->n_counts, w->cap_counts) = 0;
                w->counts[i]++;
        }
}

static void set_entry(Writer *w, uint64_t index, uint64_t entry) {
        uint64_t **table = &w->tables[index / L2_ENTRIES];
        if (!*table)
                *table = xcalloc(L2_ENTRIES, sizeof **table);
        (*table)[index % L2_ENTRIES] = entry;
}

static int add_cluster(void *ctx, const Cluster *c, Err *e) {
        Writer *w = ctx;
        if (!c->compressed && sink_pad(w->out, CLUSTER, e) < 0)
                return -1;
        uint64_t at = w->out->written;
        if (c->compressed) {
                uint64_t units = ((at & (UNIT - 1)) + c->n - 1) / UNIT;
                set_entry(w, c->index, COMPRESSED | units << COMPRESSED_OFFSET_BITS | at);
                count(w, at & ~(uint64_t)(UNIT - 1), (units + 1) * UNIT);
        } else {
                set_entry(w, c->index, COPIED | at);
                count(w, at, CLUSTER);
        }
        return sink_write(w->out, c->data, c->n, e);
}

/* Big-endian words at the next cluster boundary, padded to whole clusters. */
static int write_words(Writer *w, const uint64_t *words, size_t n, uint64_t *ret_at, Err *e) {
        if (sink_pad(w->out, CLUSTER, e) < 0)
                return -1;
        *ret_at = w->out->written;
        _cleanup_free_ uint8_t *bytes = xcalloc(n, 8);
        for (size_t i = 0; i < n; i++)
                put_be(bytes + 8 * i, words[i], 8);
        if (sink_write(w->out, bytes, n * 8, e) < 0 || sink_pad(w->out, CLUSTER, e) < 0)
                return -1;
        count(w, *ret_at, w->out->written - *ret_at);
        return 0;
}

static int write_tables(Writer *w, uint64_t *ret_l1, Err *e) {
        _cleanup_free_ uint64_t *l1 = xcalloc(w->n_tables + 1, sizeof *l1);
        for (size_t i = 0; i < w->n_tables; i++) {
                uint64_t at;
                if (!w->tables[i])
                        continue;
                if (write_words(w, w->tables[i], L2_ENTRIES, &at, e) < 0)
                        return -1;
                l1[i] = COPIED | at;
        }
        /* a disk of no size still has a table to point to */
        return write_words(w, l1, MAX(w->n_tables, (size_t)1), ret_l1, e);
}

/* The blocks count themselves and the table that lists them; how many that takes is the smallest
 * number that suffices. */
static int write_refcounts(Writer *w, uint64_t *ret_table, uint32_t *ret_clusters, Err *e) {
        uint64_t used = w->out->written / CLUSTER, blocks = 0, table = 0;
        for (;;) {
                uint64_t need = (used + blocks + table + REFCOUNTS - 1) / REFCOUNTS;
                uint64_t room = (need * 8 + CLUSTER - 1) / CLUSTER;
                if (need == blocks && room == table)
                        break;
                blocks = need;
                table = room;
        }
        count(w, used * CLUSTER, (blocks + table) * CLUSTER);
        _cleanup_free_ uint64_t *words = xcalloc(table * CLUSTER, 1);
        _cleanup_free_ uint8_t *block = xmalloc(CLUSTER);
        for (uint64_t i = 0; i < blocks; i++) {
                words[i] = w->out->written;
                memset(block, 0, CLUSTER);
                for (size_t k = 0; k < REFCOUNTS && i * REFCOUNTS + k < w->n_counts; k++) {
                        uint16_t v = w->counts[i * REFCOUNTS + k];
                        block[2 * k] = (uint8_t)(v >> 8);
                        block[2 * k + 1] = (uint8_t)v;
                }
                if (sink_write(w->out, block, CLUSTER, e) < 0)
                        return -1;
        }
        *ret_table = w->out->written;
        *ret_clusters = (uint32_t)table;
        for (uint64_t i = 0; i < blocks; i++) {
                uint8_t word[8];
                put_be(word, words[i], 8);
                if (sink_write(w->out, word, 8, e) < 0)
                        return -1;
        }
        return sink_pad(w->out, CLUSTER, e);
}

static int write_all(Writer *w, const Extents *disk, Progress *p, Err *e) {
        static const ClusterOptions options = { .size = CLUSTER, .window_bits = WINDOW_BITS };
        uint64_t l1, table, base = w->out->written;
        uint32_t table_clusters;
        uint8_t h[HEADER + 8] = { 'Q', 'F', 'I', 0xfb };
        if (base)
                return err_set(e, ERR_INTERNAL, 0, "a qcow2 image starts at the start of its file");
        count(w, 0, CLUSTER);
        if (sink_zero(w->out, CLUSTER, e) < 0 ||
            clusters_each(disk, &options, add_cluster, w, p, e) < 0 ||
            write_tables(w, &l1, e) < 0 || write_refcounts(w, &table, &table_clusters, e) < 0)
                return -1;
        put_be(h + 4, VERSION, 4);
        put_be(h + 20, CLUSTER_BITS, 4);
        put_be(h + 24, extents_size(disk), 8);
        put_be(h + 36, (uint32_t)w->n_tables, 4);
        put_be(h + 40, l1, 8);
        put_be(h + 48, table, 8);
        put_be(h + 56, table_clusters, 4);
        put_be(h + 96, REFCOUNT_ORDER, 4);
        put_be(h + 100, HEADER, 4);
        return sink_patch(w->out, 0, h, sizeof h, e);
}

int qcow2_write(const Extents *disk, Sink *out, Progress *p, Err *e) {
        uint64_t per_table = (uint64_t)L2_ENTRIES * CLUSTER;
        Writer w = { .out = out,
                     .n_tables = (size_t)((extents_size(disk) + per_table - 1) / per_table) };
        w.tables = xcalloc(w.n_tables + 1, sizeof *w.tables);
        int r = write_all(&w, disk, p, e);
        for (size_t i = 0; i < w.n_tables; i++)
                free(w.tables[i]);
        free(w.tables);
        free(w.counts);
        return r;
}
