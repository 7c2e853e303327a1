/* kernel_image_test.c - gzip and bzImage kernels, whole and damaged (yaml.md 13). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>

#include "lib/rootfs/kernel_image.h"

#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { KERNEL_SIZE = 300000, SETUP_SECTS = 3, PAYLOAD_OFFSET = 0x300 };

static unsigned char kernel[KERNEL_SIZE];

static void fill_kernel(void) {
        uint32_t v = 1;
        for (size_t i = 0; i < KERNEL_SIZE; i++)
                kernel[i] = (unsigned char)((v = v * 1103515245 + 12345) >> 24 & 15);
}

/* Appends a gzip member with these bytes. */
static void add_gzip(Buf *b, const void *p, size_t n) {
        z_stream z = { 0 };
        assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
                         Z_OK);
        size_t at = b->len, room = deflateBound(&z, n);
        buf_zero(b, room);
        z.next_in = (unsigned char *)p;
        z.avail_in = (unsigned)n;
        z.next_out = (unsigned char *)b->data + at;
        z.avail_out = (unsigned)room;
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        b->len = at + z.total_out;
        deflateEnd(&z);
}

static void put_le32(char *p, uint32_t v) {
        for (int i = 0; i < 4; i++)
                p[i] = (char)(v >> 8 * i);
}

static void add_le32(Buf *b, uint32_t v) {
        buf_zero(b, 4);
        put_le32(b->data + b->len - 4, v);
}

static la_ssize_t write_buf(struct archive *a, void *ctx, const void *p, size_t n) {
        (void)a;
        buf_add(ctx, p, n);
        return (la_ssize_t)n;
}

/* One of libarchive's compressors. */
static void add_filtered(Buf *b, int filter, const void *p, size_t n) {
        struct archive *a = archive_write_new();
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_filetype(entry, AE_IFREG);
        assert_int_equal(archive_write_set_format_raw(a), ARCHIVE_OK);
        assert_int_equal(archive_write_add_filter(a, filter), ARCHIVE_OK);
        archive_write_set_bytes_in_last_block(a, 1);
        assert_int_equal(archive_write_open(a, b, NULL, write_buf, NULL), ARCHIVE_OK);
        assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
        assert_int_equal(archive_write_data(a, p, n), n);
        assert_int_equal(archive_write_close(a), ARCHIVE_OK);
        archive_write_free(a);
        archive_entry_free(entry);
}

/* The frame of `lz4 -l`, in blocks of nothing but literals. */
static void add_lz4_legacy(Buf *b, const char *p, size_t n) {
        add_le32(b, 0x184c2102);
        while (n) {
                size_t len = MIN(n, (size_t)100000), more = len - 15;
                add_le32(b, (uint32_t)(1 + more / 255 + 1 + len));
                buf_adds(b, "\xf0");
                for (; more >= 255; more -= 255)
                        buf_adds(b, "\xff");
                const char last = (char)more;
                buf_add(b, &last, 1);
                buf_add(b, p, len);
                p += len;
                n -= len;
        }
}

static void add_bzimage(Buf *b, const Buf *payload, uint32_t length) {
        size_t start = PAYLOAD_OFFSET + (SETUP_SECTS + 1) * 512;
        buf_zero(b, start);
        b->data[0x1f1] = SETUP_SECTS;
        b->data[0x1fe] = 0x55;
        b->data[0x1ff] = (char)0xaa;
        memcpy(b->data + 0x202, "HdrS", 4);
        put_le32(b->data + 0x248, PAYLOAD_OFFSET);
        put_le32(b->data + 0x24c, length);
        buf_add(b, payload->data, payload->len);
}

static int unpack(const Buf *image, uint64_t limit, Buf *out, Err *e) {
        Content content = content_bytes(image->data, image->len), payload;
        if (kernel_image_payload(&content, &payload, e) < 0)
                return -1;
        _cleanup_sink_ Sink *sink = sink_buf(out);
        return kernel_image_inflate(&payload, limit, sink, e);
}

static void check_kernel(const Buf *image) {
        _cleanup_buf_ Buf got = { 0 };
        _cleanup_err_ Err e = ERR_INIT;
        if (unpack(image, KERNEL_SIZE, &got, &e) < 0)
                fail_msg("%s", e.text);
        assert_int_equal(got.len, KERNEL_SIZE);
        assert_memory_equal(got.data, kernel, KERNEL_SIZE);
}

static void check_error(const Buf *image, uint64_t limit, const char *want) {
        _cleanup_buf_ Buf got = { 0 };
        _cleanup_err_ Err e = ERR_INIT;
        assert_int_equal(unpack(image, limit, &got, &e), -1);
        if (!strstr(e.text, want))
                fail_msg("\"%s\" does not hold \"%s\"", e.text, want);
}

static void test_gzip(void **state) {
        (void)state;
        _cleanup_buf_ Buf one = { 0 }, two = { 0 };
        add_gzip(&one, kernel, KERNEL_SIZE);
        check_kernel(&one);
        add_gzip(&two, kernel, 1000);
        add_gzip(&two, kernel + 1000, KERNEL_SIZE - 1000);
        check_kernel(&two);
        check_error(&one, KERNEL_SIZE - 1, "too large");
}

static void test_bzimage(void **state) {
        (void)state;
        _cleanup_buf_ Buf payload = { 0 }, image = { 0 };
        add_gzip(&payload, kernel, KERNEL_SIZE);
        add_bzimage(&image, &payload, (uint32_t)payload.len);
        buf_adds(&image, "trailing bytes that are no payload");
        check_kernel(&image);
}

static void add_stream(Buf *b, int filter) {
        if (filter == ARCHIVE_FILTER_LZ4)
                add_lz4_legacy(b, (const char *)kernel, KERNEL_SIZE);
        else
                add_filtered(b, filter, kernel, KERNEL_SIZE);
}

static const int filters[] = { ARCHIVE_FILTER_ZSTD, ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_LZ4,
                               ARCHIVE_FILTER_BZIP2, ARCHIVE_FILTER_LZMA };

/* The size stands behind the stream and is no part of it. */
static void test_other_formats(void **state) {
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
                _cleanup_buf_ Buf payload = { 0 }, image = { 0 };
                add_stream(&payload, filters[i]);
                add_le32(&payload, KERNEL_SIZE);
                add_bzimage(&image, &payload, (uint32_t)payload.len);
                buf_adds(&image, "trailing bytes that are no payload");
                check_kernel(&image);
                check_error(&image, KERNEL_SIZE - 1, "too large");
        }
}

static void check_size(const Buf *stream, uint32_t size, uint64_t limit, const char *want) {
        _cleanup_buf_ Buf payload = { 0 }, image = { 0 };
        buf_add(&payload, stream->data, stream->len);
        add_le32(&payload, size);
        add_bzimage(&image, &payload, (uint32_t)payload.len);
        check_error(&image, limit, want);
}

static void test_other_formats_damaged(void **state) {
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
                _cleanup_buf_ Buf stream = { 0 }, cut = { 0 }, image = { 0 };
                add_stream(&stream, filters[i]);
                check_size(&stream, KERNEL_SIZE - 1, UINT32_MAX, "more data than its size says");
                check_size(&stream, KERNEL_SIZE + 1, UINT32_MAX, "ends too early");
                check_size(&stream, UINT32_MAX, KERNEL_SIZE, "too large");
                buf_add(&cut, stream.data, stream.len / 2);
                check_size(&cut, KERNEL_SIZE, KERNEL_SIZE, "decompress kernel: ");
                cut.len = 6;
                check_size(&cut, KERNEL_SIZE, KERNEL_SIZE, "decompress kernel: ");
                /* not even room for the size */
                cut.len = 3;
                memcpy(cut.data, filters[i] == ARCHIVE_FILTER_BZIP2 ? "BZh" : "\x5d\0", 3);
                add_bzimage(&image, &cut, 3);
                check_error(&image, KERNEL_SIZE, "ends too early");
        }
}

/* What comes out may look compressed again: it is the kernel all the same, or refused. */
static void test_unpacks_once(void **state) {
        (void)state;
        _cleanup_buf_ Buf inner = { 0 }, outer = { 0 };
        add_filtered(&inner, ARCHIVE_FILTER_ZSTD, kernel, KERNEL_SIZE);
        add_filtered(&outer, ARCHIVE_FILTER_ZSTD, inner.data, inner.len);
        check_size(&outer, KERNEL_SIZE, KERNEL_SIZE, "damaged zstd data");
}

static void test_unsupported(void **state) {
        (void)state;
        _cleanup_buf_ Buf lzo = { 0 }, image = { 0 };
        buf_add(&lzo, "\x89LZO\0\r\n\x1a\n", 9);
        add_bzimage(&image, &lzo, 9);
        check_error(&image, KERNEL_SIZE, "unsupported bzImage payload format at offset 2816: lzo");
}

/* Every payload of a bzImage gives the same error or the same kernel, whatever byte is changed. */
static void test_changed_bytes(void **state) {
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
                _cleanup_buf_ Buf payload = { 0 }, image = { 0 };
                add_filtered(&payload, filters[i], kernel, 3000);
                add_le32(&payload, 3000);
                add_bzimage(&image, &payload, (uint32_t)payload.len);
                for (size_t at = image.len - payload.len; at < image.len; at += 5) {
                        _cleanup_buf_ Buf got = { 0 };
                        image.data[at] ^= 0x15;
                        if (unpack(&image, 4000, &got, NULL) == 0)
                                assert_int_equal(got.len, 3000);
                        assert_true(got.len <= 4000);
                        image.data[at] ^= 0x15;
                }
        }
}

static void test_damaged(void **state) {
        (void)state;
        _cleanup_buf_ Buf payload = { 0 }, cut = { 0 }, dirty = { 0 }, far = { 0 }, other = { 0 };
        _cleanup_buf_ Buf text = { 0 }, lzma = { 0 };
        add_gzip(&payload, kernel, KERNEL_SIZE);
        buf_add(&cut, payload.data, payload.len - 9);
        check_error(&cut, KERNEL_SIZE, "ends too early");
        buf_add(&dirty, payload.data, payload.len);
        dirty.data[dirty.len / 2] ^= 0x55;
        dirty.data[dirty.len - 8] ^= 0x55;
        check_error(&dirty, KERNEL_SIZE, "decompress kernel");
        add_bzimage(&far, &payload, UINT32_MAX);
        check_error(&far, KERNEL_SIZE, "compressed bzImage payload exceeds size of image");
        buf_adds(&lzma, "not gzip");
        add_bzimage(&other, &lzma, 4);
        check_error(&other, KERNEL_SIZE, "unsupported bzImage payload format at offset 2816");
        buf_adds(&text, "just text");
        check_error(&text, KERNEL_SIZE, "no compressed kernel or no supported format found");
        buf_clear(&text);
        check_error(&text, KERNEL_SIZE, "no compressed kernel");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_gzip),          cmocka_unit_test(test_bzimage),
                cmocka_unit_test(test_other_formats), cmocka_unit_test(test_other_formats_damaged),
                cmocka_unit_test(test_unpacks_once),  cmocka_unit_test(test_unsupported),
                cmocka_unit_test(test_changed_bytes), cmocka_unit_test(test_damaged),
        };
        fill_kernel();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
