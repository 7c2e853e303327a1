/* kernel_image.c - see kernel_image.h.
 *
 * Offsets are those of the x86 boot protocol (Documentation/arch/x86/boot.rst); unlike that text,
 * and like the reference, setup_sects = 0 is not taken as 4.
 *
 * A payload that is not gzip has its unpacked size behind it, because those formats do not end
 * with it as gzip does (size_append in the kernel's scripts/Makefile.lib). It is no part of the
 * stream, and says what must come out. */
#include "lib/rootfs/kernel_image.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <zlib.h>

#include "lib/base/mem.h"

enum { HEADER_SIZE = 0x250, CHUNK = 64 * 1024, SIZE_WORD = 4, MAX_MAGIC = 6 };

typedef struct Codec {
        const char *name, *magic;
        size_t magic_len;
        int filter; /* of libarchive; 0: nothing here reads it */
} Codec;

/* Everything the kernel's build offers for a bzImage. libarchive would start a program for LZO. */
static const Codec codecs[] = {
        { "gzip", "\x1f\x8b", 2, ARCHIVE_FILTER_GZIP },
        { "zstd", "\x28\xb5\x2f\xfd", 4, ARCHIVE_FILTER_ZSTD },
        { "lz4", "\x02\x21\x4c\x18", 4, ARCHIVE_FILTER_LZ4 }, /* the legacy frame */
        { "xz",
          "\xfd"
          "7zXZ\0",
          6, ARCHIVE_FILTER_XZ },
        { "bzip2", "BZh", 3, ARCHIVE_FILTER_BZIP2 },
        { "lzma", "\x5d\0\0", 3, ARCHIVE_FILTER_LZMA },
        { "lzo", "\x89LZO", 4, 0 },
};

static uint32_t get_le32(const unsigned char *p) {
        return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* What c begins with; *ret is NULL when it is nothing known. */
static int find_codec(const Content *c, const Codec **ret, Err *e) {
        char head[MAX_MAGIC] = { 0 };
        size_t n = (size_t)MIN(c->size, (uint64_t)sizeof(head));
        if (n && content_read(c, 0, head, n, e) < 0)
                return -1;
        *ret = NULL;
        for (size_t i = 0; i < ARRAY_LEN(codecs) && !*ret; i++)
                if (n >= codecs[i].magic_len &&
                    memcmp(head, codecs[i].magic, codecs[i].magic_len) == 0)
                        *ret = &codecs[i];
        return 0;
}

static bool is_gzip(const Codec *codec) {
        return codec && codec->filter == ARCHIVE_FILTER_GZIP;
}

int kernel_image_payload(const Content *image, Content *ret, Err *e) {
        const Codec *codec;
        if (find_codec(image, &codec, e) < 0)
                return -1;
        if (is_gzip(codec)) {
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
        if (find_codec(&payload, &codec, e) < 0)
                return -1;
        if (!codec || !codec->filter)
                return err_set(
                        e, ERR_VERIFY, 0, "unsupported bzImage payload format at offset %llu%s%s",
                        (unsigned long long)offset, codec ? ": " : "", codec ? codec->name : "");
        *ret = payload;
        return 0;
}

/* --- gzip ----------------------------------------------------------------------------------- */

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

static int unpack_gzip(const Content *payload, uint64_t limit, Sink *out, Err *e) {
        z_stream z = { 0 };
        if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
                return err_set(e, ERR_INTERNAL, 0, "zlib cannot be initialised");
        int r = inflate_all(&z, payload, limit, out, e);
        inflateEnd(&z);
        return r;
}

/* --- the other ones, by libarchive ---------------------------------------------------------- */

typedef struct Input {
        const Content *content;
        uint64_t at;
        Err *e;
        unsigned char buf[CHUNK];
} Input;

static la_ssize_t read_input(struct archive *a, void *ctx, const void **ret) {
        Input *in = ctx;
        size_t n = (size_t)MIN(in->content->size - in->at, (uint64_t)CHUNK);
        if (n && content_read(in->content, in->at, in->buf, n, in->e) < 0) {
                archive_set_error(a, EIO, "read");
                return -1;
        }
        in->at += n;
        *ret = in->buf;
        return (la_ssize_t)n;
}

static int unpack_error(struct archive *a, Err *e) {
        if (e && e->text)
                return -1; /* read_input's */
        const char *text = archive_error_string(a);
        return err_set(e, ERR_VERIFY, 0, "decompress kernel: %s", text ? text : "damaged data");
}

/* Exactly `size` bytes come out, or it is an error. */
static int copy_data(struct archive *a, uint64_t size, Sink *out, Err *e) {
        for (;;) {
                const void *p;
                size_t n;
                la_int64_t at;
                int r = archive_read_data_block(a, &p, &n, &at);
                if (r == ARCHIVE_EOF)
                        break;
                if (r != ARCHIVE_OK)
                        return unpack_error(a, e);
                if (n > size)
                        return err_set(e, ERR_VERIFY, 0,
                                       "decompress kernel: more data than its size says");
                size -= n;
                if (sink_write(out, p, n, e) < 0)
                        return -1;
        }
        if (size)
                return err_set(e, ERR_VERIFY, 0, "decompress kernel: data ends too early");
        return 0;
}

static int open_stream(struct archive *a, const Codec *codec, Input *in, Err *e) {
        struct archive_entry *entry;
        archive_read_support_filter_by_code(a, codec->filter);
        archive_read_support_format_raw(a);
        if (archive_read_open(a, in, NULL, read_input, NULL) != ARCHIVE_OK ||
            archive_read_next_header(a, &entry) != ARCHIVE_OK)
                return unpack_error(a, e);
        /* libarchive looks for the same format once more in what comes out */
        if (archive_filter_count(a) != 2 || archive_filter_code(a, 0) != codec->filter)
                return err_set(e, ERR_VERIFY, 0, "decompress kernel: damaged %s data", codec->name);
        return 0;
}

static int unpack_filtered(const Codec *codec, const Content *payload, uint64_t limit, Sink *out,
                           Err *e) {
        unsigned char word[SIZE_WORD];
        if (payload->size < SIZE_WORD)
                return err_set(e, ERR_VERIFY, 0, "decompress kernel: data ends too early");
        const Content stream = content_slice(payload, 0, payload->size - SIZE_WORD);
        if (content_read(payload, stream.size, word, sizeof(word), e) < 0)
                return -1;
        uint64_t size = get_le32(word);
        if (size > limit)
                return err_set(e, ERR_VERIFY, 0, "decompressed kernel is too large");
        _cleanup_err_ Err why = ERR_INIT;
        _cleanup_free_ Input *in = xcalloc(1, sizeof(*in));
        *in = (Input){ .content = &stream, .e = &why };
        struct archive *a = archive_read_new();
        if (!a)
                abort(); /* out of memory: as xmalloc */
        int r = open_stream(a, codec, in, &why) < 0 ? -1 : copy_data(a, size, out, &why);
        archive_read_free(a);
        if (r < 0)
                err_move(e, &why);
        return r;
}

int kernel_image_inflate(const Content *payload, uint64_t limit, Sink *out, Err *e) {
        const Codec *codec;
        if (find_codec(payload, &codec, e) < 0)
                return -1;
        if (is_gzip(codec))
                return unpack_gzip(payload, limit, out, e);
        if (!codec || !codec->filter)
                return err_set(e, ERR_VERIFY, 0, "decompress kernel: unknown format");
        return unpack_filtered(codec, payload, limit, out, e);
}
