/* squashfs_codec.c - the two compressors: zlib streams (gzip by the format's name for it) and zstd
 * frames, both with the parameters of mksquashfs's defaults. */
#include "lib/fs/squashfs_parts.h"

#include <zlib.h>
#include <zstd.h>

struct SquashfsCodec {
        int kind, level;
        z_stream zlib;
        bool zlib_ready;
        ZSTD_CCtx *zstd;
};

SquashfsCodec *squashfs_codec_new(int kind, int level) {
        SquashfsCodec *c = xcalloc(1, sizeof *c);
        c->kind = kind;
        c->level = level;
        if (kind == SQUASHFS_ZSTD)
                c->zstd = ZSTD_createCCtx();
        else
                c->zlib_ready = deflateInit(&c->zlib, level) == Z_OK;
        if (!c->zstd && !c->zlib_ready)
                abort(); /* out of memory, as xmalloc */
        return c;
}

void squashfs_codec_free(SquashfsCodec *c) {
        if (!c)
                return;
        ZSTD_freeCCtx(c->zstd);
        if (c->zlib_ready)
                deflateEnd(&c->zlib);
        free(c);
}

size_t squashfs_codec_block(SquashfsCodec *c, const void *in, size_t n, void *out) {
        if (n < 2)
                return 0;
        if (c->kind == SQUASHFS_ZSTD) {
                size_t r = ZSTD_compressCCtx(c->zstd, out, n - 1, in, n, c->level);
                return ZSTD_isError(r) ? 0 : r;
        }
        deflateReset(&c->zlib);
        c->zlib.next_in = (Bytef *)(uintptr_t)in;
        c->zlib.avail_in = (uInt)n;
        c->zlib.next_out = out;
        c->zlib.avail_out = (uInt)n - 1;
        return deflate(&c->zlib, Z_FINISH) == Z_STREAM_END ? c->zlib.total_out : 0;
}

const char *squashfs_codec_version(int kind) {
        return kind == SQUASHFS_ZSTD ? ZSTD_versionString() : zlibVersion();
}

int squashfs_codec_default_level(int kind) {
        return kind == SQUASHFS_ZSTD ? 15 : 9;
}
