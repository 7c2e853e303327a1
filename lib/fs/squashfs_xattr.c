/* squashfs_xattr.c - extended attributes: sets of (prefix, name, value), each stored once; inodes
 * name a set by number.  They come from the pax records that GNU tar and containers use for them.
 */
#include "lib/fs/squashfs_parts.h"

typedef struct Set {
        uint64_t hash;
        char *bytes;
        size_t len;
        uint32_t n_pairs;
} Set;

struct SquashfsXattrs {
        SquashfsMeta values;
        Set *sets;
        size_t n, cap;
        uint32_t *table; /* open addressing; number of a set plus one */
        size_t table_size;
        Buf records;
};

SquashfsXattrs *squashfs_xattrs_new(SquashfsCodec *codec) {
        SquashfsXattrs *x = xcalloc(1, sizeof *x);
        x->values.codec = codec;
        return x;
}

void squashfs_xattrs_free(SquashfsXattrs *x) {
        if (!x)
                return;
        for (size_t i = 0; i < x->n; i++)
                free(x->sets[i].bytes);
        free(x->sets);
        free(x->table);
        buf_done(&x->values.out);
        buf_done(&x->records);
        free(x);
}

/* The number that stands for the prefix, and the name behind it; -1: not a name for squashfs. */
static int prefix_of(const char *name, const char **ret_rest) {
        static const char *const prefixes[] = { "user.", "trusted.", "security." };
        for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
                if (str_has_prefix(name, prefixes[i]) && name[strlen(prefixes[i])]) {
                        *ret_rest = name + strlen(prefixes[i]);
                        return (int)i;
                }
        return -1;
}

static uint32_t serialize(const Entry *entry, Buf *b) {
        uint32_t n = 0;
        for (size_t i = 0; i < entry->n_pax; i++) {
                const PaxRecord *p = &entry->pax[i];
                const char *name = inode_xattr_name(p), *rest;
                int prefix = name ? prefix_of(name, &rest) : -1;
                if (prefix < 0)
                        continue;
                buf_add_le(b, (uint64_t)prefix, 2);
                buf_add_le(b, strlen(rest), 2);
                buf_adds(b, rest);
                buf_add_le(b, p->value_len, 4);
                buf_add(b, p->value, p->value_len);
                n++;
        }
        return n;
}

static uint32_t *place(SquashfsXattrs *x, const Set *set) {
        for (size_t i = set->hash;; i++) {
                uint32_t *p = &x->table[i & (x->table_size - 1)];
                const Set *s = *p ? &x->sets[*p - 1] : NULL;
                if (!s || (s->hash == set->hash && s->len == set->len &&
                           memcmp(s->bytes, set->bytes, set->len) == 0))
                        return p;
        }
}

static void grow(SquashfsXattrs *x) {
        x->table_size = x->table_size ? 2 * x->table_size : 64;
        free(x->table);
        x->table = xcalloc(x->table_size, sizeof *x->table);
        for (size_t i = 0; i < x->n; i++)
                *place(x, &x->sets[i]) = (uint32_t)i + 1;
}

static uint64_t hash_set(const char *p, size_t n) {
        uint64_t h = 0xcbf29ce484222325u; /* FNV-1a; never reaches the image */
        for (size_t i = 0; i < n; i++)
                h = (h ^ (unsigned char)p[i]) * 0x100000001b3u;
        return h ^ h >> 29;
}

uint32_t squashfs_xattrs_add(SquashfsXattrs *x, const Entry *entry) {
        _cleanup_buf_ Buf b = { 0 };
        Set set = { .n_pairs = serialize(entry, &b) };
        if (!set.n_pairs)
                return SQUASHFS_NONE;
        set.hash = hash_set(b.data, b.len);
        set.bytes = b.data;
        set.len = b.len;
        if (2 * (x->n + 1) > x->table_size)
                grow(x);
        uint32_t *p = place(x, &set);
        if (*p)
                return *p - 1;
        buf_add_le(&x->records, squashfs_meta_position(&x->values), 8);
        buf_add_le(&x->records, set.n_pairs, 4);
        buf_add_le(&x->records, set.len, 4);
        squashfs_meta_add(&x->values, set.bytes, set.len);
        set.bytes = buf_steal(&b);
        *vec_push(x->sets, x->n, x->cap) = set;
        *p = (uint32_t)x->n;
        return *p - 1;
}

int squashfs_xattrs_write(SquashfsXattrs *x, Sink *out, uint64_t *ret_start, Err *e) {
        *ret_start = UINT64_MAX;
        if (!x->n)
                return 0;
        squashfs_meta_flush(&x->values);
        uint64_t values = out->written;
        if (sink_write(out, x->values.out.data, x->values.out.len, e) < 0)
                return -1;
        _cleanup_buf_ Buf head = { 0 };
        buf_add_le(&head, values, 8);
        buf_add_le(&head, x->n, 4);
        buf_add_le(&head, 0, 4);
        return squashfs_write_indexed(out, x->values.codec, &head, &x->records, ret_start, e);
}
