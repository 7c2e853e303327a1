/* squashfs_meta.c - metadata blocks: up to 8192 bytes, compressed when that helps, each behind a
 * u16 with its stored size.  Records run across blocks, so a reader is told (block, offset). */
#include "lib/fs/squashfs_parts.h"

void squashfs_meta_flush(SquashfsMeta *m) {
        char packed[SQUASHFS_META];
        if (!m->used)
                return;
        size_t n = squashfs_codec_block(m->codec, m->block, m->used, packed);
        buf_add_le(&m->out, n ? n : m->used | SQUASHFS_META_STORED, 2);
        buf_add(&m->out, n ? packed : m->block, n ? n : m->used);
        m->used = 0;
}

void squashfs_meta_add(SquashfsMeta *m, const void *p, size_t n) {
        const char *from = p;
        while (n) {
                size_t part = MIN(n, SQUASHFS_META - m->used);
                memcpy(m->block + m->used, from, part);
                m->used += part;
                from += part;
                n -= part;
                if (m->used == SQUASHFS_META)
                        squashfs_meta_flush(m);
        }
}

uint64_t squashfs_meta_position(const SquashfsMeta *m) {
        return (uint64_t)m->out.len << 16 | m->used;
}

int squashfs_write_indexed(Sink *out, SquashfsCodec *codec, const Buf *head, const Buf *records,
                           uint64_t *ret_start, Err *e) {
        _cleanup_free_ SquashfsMeta *m = xcalloc(1, sizeof *m);
        _cleanup_buf_ Buf list = { 0 };
        m->codec = codec;
        for (size_t at = 0; at < records->len; at += SQUASHFS_META) {
                buf_add_le(&list, out->written + m->out.len, 8);
                squashfs_meta_add(m, records->data + at,
                                  MIN(records->len - at, (size_t)SQUASHFS_META));
        }
        squashfs_meta_flush(m);
        int r = sink_write(out, m->out.data, m->out.len, e);
        buf_done(&m->out);
        *ret_start = out->written;
        if (r < 0 || (head && sink_write(out, head->data, head->len, e) < 0))
                return -1;
        return sink_write(out, list.data, list.len, e);
}
