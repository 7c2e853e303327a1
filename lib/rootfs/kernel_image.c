/* kernel_image.c - see kernel_image.h.
 *
 * Offsets are those of the x86 boot protocol (Documentation/arch/x86/boot.rst); unlike that text,
 * and like the reference, setup_sects = 0 is not taken as 4. */
#include "lib/rootfs/kernel_image.h"

#include <zlib.h>

#include "lib/base/mem.h"

enum { HEADER_SIZE = 0x250, CHUNK = 64 * 1024 };

static uint32_t get_le32(const unsigned char *p) {
        return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int has_gzip_magic(const Content *c, uint64_t at, Err *e) {
        unsigned char magic[2];
        if (at > c->size || c->size - at < sizeof(magic))
                return 0;
        if (content_read(c, at, magic, sizeof(magic), e) < 0)
                return -1;
        return magic[0] == 0x1f && magic[1] == 0x8b;
}

int kernel_image_payload(const Content *image, Content *ret, Err *e) {
        int gzip = has_gzip_magic(image, 0, e);
        if (gzip < 0)
                return -1;
        if (gzip) {
                *ret = *image;
                return 0;
        }
        unsigned char h[HEADER_SIZE] = { 0 };
        if (image->size > HEADER_SIZE && content_read(image, 0, h, sizeof(h), e) < 0)
                return -1;
        if (h[0x1fe] != 0x55 || h[0x1ff] != 0xaa || memcmp(h + 0x202, "HdrS", 4) != 0)
                return err_set(e, ERR_VERIFY, 0,
                               "no compressed kernel or no supported format found");
        uint64_t offset = (uint64_t)get_le32(h + 0x248) + ((uint64_t)h[0x1f1] + 1) * 512;
        uint64_t length = get_le32(h + 0x24c);
        if (offset + length > image->size)
                return err_set(e, ERR_VERIFY, 0,
                               "compressed bzImage payload exceeds size of image");
        Content payload = content_slice(image, offset, length);
        gzip = has_gzip_magic(&payload, 0, e);
        if (gzip < 0)
                return -1;
        if (!gzip)
                return err_set(e, ERR_VERIFY, 0,
                               "unsupported bzImage payload format at offset %llu",
                               (unsigned long long)offset);
        *ret = payload;
        return 0;
}

/* Feeds one chunk; *ret_end tells that a gzip member ended and nothing is left of the chunk. */
static int inflate_chunk(z_stream *z, uint64_t *room, Sink *out, bool *ret_end, Err *e) {
        unsigned char buf[CHUNK];
        *ret_end = false;
        for (;;) {
                z->next_out = buf;
                z->avail_out = sizeof(buf);
                int r = inflate(z, Z_NO_FLUSH);
                size_t n = sizeof(buf) - z->avail_out;
                if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
                        return err_set(e, ERR_VERIFY, 0, "decompress kernel: %s",
                                       z->msg ? z->msg : "damaged gzip data");
                if (n > *room)
                        return err_set(e, ERR_VERIFY, 0, "decompressed kernel is too large");
                *room -= n;
                if (sink_write(out, buf, n, e) < 0)
                        return -1;
                *ret_end = r == Z_STREAM_END && z->avail_in == 0;
                if (r == Z_STREAM_END) {
                        inflateReset(z);
                        if (z->avail_in == 0)
                                return 0;
                } else if (z->avail_in == 0 && n < sizeof(buf))
                        return 0;
        }
}

static int inflate_all(z_stream *z, const Content *payload, uint64_t limit, Sink *out, Err *e) {
        _cleanup_free_ unsigned char *in = xmalloc(CHUNK);
        bool end = false;
        for (uint64_t at = 0; at < payload->size;) {
                size_t n = (size_t)MIN(payload->size - at, (uint64_t)CHUNK);
                if (content_read(payload, at, in, n, e) < 0)
                        return -1;
                at += n;
                z->next_in = in;
                z->avail_in = (unsigned)n;
                if (inflate_chunk(z, &limit, out, &end, e) < 0)
                        return -1;
        }
        if (!end)
                return err_set(e, ERR_VERIFY, 0, "decompress kernel: gzip data ends too early");
        return 0;
}

int kernel_image_inflate(const Content *payload, uint64_t limit, Sink *out, Err *e) {
        z_stream z = { 0 };
        if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
                return err_set(e, ERR_INTERNAL, 0, "zlib cannot be initialised");
        int r = inflate_all(&z, payload, limit, out, e);
        inflateEnd(&z);
        return r;
}
