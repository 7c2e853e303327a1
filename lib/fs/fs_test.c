/* fs_test.c - tar and cpio field by field, and a gzip stream that does not depend on threads or
 * cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <zlib.h>

#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/fs/cpio.h"
#include "lib/fs/gzip.h"
#include "lib/fs/tar.h"

/* --- tar ------------------------------------------------------------------------------------ */

static void tar_of(const Entry *entry, Buf *out) {
        Err e = ERR_INIT;
        Sink *s = sink_buf(out);
        assert_int_equal(tar_write_entry(s, entry, &e), 0);
        sink_free(s);
}

static void test_tar_plain_header(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        Entry entry = { .name = "etc/hosts",
                        .type = ENTRY_FILE,
                        .mode = 0644,
                        .mtime = 1492533000,
                        .content = content_bytes("abc", 3) };
        tar_of(&entry, &b);
        assert_int_equal(b.len, 1024);
        assert_string_equal(b.data, "etc/hosts");
        assert_memory_equal(b.data + 100,
                            "0000644\0"
                            "0000000\0"
                            "0000000\0"
                            "00000000003\0"
                            "13075437410\0",
                            48);
        assert_int_equal(b.data[156], '0');
        assert_memory_equal(b.data + 257,
                            "ustar\0"
                            "00",
                            8);
        assert_memory_equal(b.data + 329,
                            "0000000\0"
                            "0000000\0",
                            16);
        assert_int_equal(b.data[154], 0); /* checksum: six digits, NUL, blank */
        assert_int_equal(b.data[155], ' ');
        assert_memory_equal(b.data + 512, "abc\0", 4);
}

static void test_tar_marks_and_pax(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        const PaxRecord pax[] = { { "SCHILY.xattr.user.a", "\0\1=\n", 4 } };
        Entry entry = { .name = "b/f\xc3\xbc",
                        .type = ENTRY_SYMLINK,
                        .link = "x",
                        .mode = 0777,
                        .uid = 07777777,
                        .gid = 010000000,
                        .mtime = 1500000000,
                        .mtime_nsec = 250000000,
                        .uname = "root",
                        .pax = pax,
                        .n_pax = 1,
                        .location = "init[0]",
                        .source = "docker.io/linuxkit/init:1" };
        tar_of(&entry, &b);
        assert_string_equal(b.data, "b/PaxHeaders.0/f");
        assert_int_equal(b.data[156], 'x');
        static const char records[] = "29 LINUXKIT.location=init[0]\n"
                                      "45 LINUXKIT.source=docker.io/linuxkit/init:1\n"
                                      "28 SCHILY.xattr.user.a=\0\1=\n\n"
                                      "15 gid=2097152\n"
                                      "23 mtime=1500000000.25\n"
                                      "14 path=b/f\xc3\xbc\n";
        assert_memory_equal(b.data + 512, records, sizeof records - 1);
        const char *h = b.data + 1024;
        assert_string_equal(h, "b/f");
        assert_memory_equal(h + 108,
                            "7777777\0"
                            "0000000\0",
                            16);
        assert_memory_equal(h + 265, "root", 5);
}

/* An image made from a tree of ours carries marks already: each stands once, with our value. */
static void test_tar_marks_replace_marks(void **state) {
        (void)state;
        static const PaxRecord pax[] = { { "LINUXKIT.location", "old", 3 },
                                         { "LINUXKIT.source", "kept", 4 } };
        _cleanup_buf_ Buf b = { 0 };
        Entry entry = { .name = "f",
                        .type = ENTRY_FILE,
                        .pax = pax,
                        .n_pax = ARRAY_LEN(pax),
                        .location = "new" };
        tar_of(&entry, &b);
        static const char records[] = "25 LINUXKIT.location=new\n"
                                      "24 LINUXKIT.source=kept\n";
        assert_memory_equal(b.data + 512, records, sizeof records);
}

/* What an independent reader makes of entries that need every kind of extension. */
static void test_tar_read_back(void **state) {
        (void)state;
        char long_name[300];
        memset(long_name, 'n', sizeof long_name);
        memcpy(long_name, "dir/", 4);
        long_name[sizeof long_name - 1] = 0;
        const Entry entries[] = {
                { .name = long_name,
                  .type = ENTRY_FILE,
                  .mode = 04755,
                  .uid = 4000000000u,
                  .mtime = -5,
                  .content = content_bytes("z", 1) },
                { .name = "dev/x",
                  .type = ENTRY_CHAR,
                  .mode = 0600,
                  .dev_major = 5,
                  .dev_minor = 1 },
                { .name = "l", .type = ENTRY_HARDLINK, .link = long_name, .mode = 0644 },
                { .name = "d", .type = ENTRY_DIR, .mode = 01777, .gname = "staff" },
        };
        _cleanup_buf_ Buf b = { 0 };
        for (size_t i = 0; i < ARRAY_LEN(entries); i++)
                tar_of(&entries[i], &b);
        buf_zero(&b, 1024);
        struct archive *a = archive_read_new();
        archive_read_support_format_tar(a);
        assert_int_equal(archive_read_open_memory(a, b.data, b.len), ARCHIVE_OK);
        struct archive_entry *ae = NULL;
        assert_int_equal(archive_read_next_header(a, &ae), ARCHIVE_OK);
        assert_string_equal(archive_entry_pathname(ae), long_name);
        assert_true(archive_entry_uid(ae) == 4000000000);
        assert_int_equal(archive_entry_perm(ae), 04755);
        assert_int_equal(archive_entry_mtime(ae), -5);
        assert_int_equal(archive_read_next_header(a, &ae), ARCHIVE_OK);
        assert_int_equal(archive_entry_rdevmajor(ae), 5);
        assert_int_equal(archive_entry_rdevminor(ae), 1);
        assert_int_equal(archive_read_next_header(a, &ae), ARCHIVE_OK);
        assert_string_equal(archive_entry_hardlink(ae), long_name);
        assert_int_equal(archive_read_next_header(a, &ae), ARCHIVE_OK);
        assert_int_equal(archive_entry_filetype(ae), AE_IFDIR);
        assert_string_equal(archive_entry_gname(ae), "staff");
        assert_int_equal(archive_read_next_header(a, &ae), ARCHIVE_EOF);
        archive_read_free(a);
}

static void test_tar_cut_leaves_no_slash(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        char name[121];
        memset(name, 'a', 120);
        name[99] = '/';
        name[120] = 0;
        tar_of(&(Entry){ .name = name, .type = ENTRY_FILE, .mode = 0600 }, &b);
        const char *header = b.data + b.len - 512;
        assert_int_equal(header[98], 'a');
        assert_int_equal(header[99], 0);
}

/* --- cpio ----------------------------------------------------------------------------------- */

static Tree *sample_tree(void) {
        Tree *t = tree_new();
        const Entry entries[] = {
                { .name = "boot", .type = ENTRY_DIR, .mode = 0755, .mtime = 1 },
                { .name = "boot/kernel", .type = ENTRY_FILE, .mode = 0644 },
                { .name = "bin/busybox",
                  .type = ENTRY_FILE,
                  .mode = 0755,
                  .mtime = 1492533000,
                  .content = content_bytes("12345", 5) },
                { .name = "bin/sh", .type = ENTRY_HARDLINK, .link = "bin/busybox", .mode = 0755 },
                { .name = "usr/lib/x", .type = ENTRY_HARDLINK, .link = "usr/bin/y", .mode = 0755 },
                { .name = "dev/null",
                  .type = ENTRY_CHAR,
                  .mode = 0666,
                  .dev_major = 1,
                  .dev_minor = 3 },
                { .name = "etc/mtab", .type = ENTRY_SYMLINK, .link = "/proc/mounts", .mode = 0777 },
        };
        for (size_t i = 0; i < ARRAY_LEN(entries); i++)
                tree_add(t, &entries[i]);
        return t;
}

static void test_cpio_fields(void **state) {
        (void)state;
        Err e = ERR_INIT;
        Tree *t = sample_tree();
        _cleanup_buf_ Buf b = { 0 };
        Sink *s = sink_buf(&b);
        assert_int_equal(cpio_write_tree(s, t, &e), 0);
        assert_int_equal(b.len % 512, 0);
        assert_memory_equal(b.data,
                            "070701"
                            "000002D1"
                            "000041ED"
                            "00000000"
                            "00000000"
                            "00000002"
                            "00000001"
                            "00000000"
                            "00000003"
                            "00000001"
                            "00000000"
                            "00000000"
                            "00000005"
                            "00000000"
                            "boot\0",
                            115);
        /* boot/kernel is left out; the file follows, its name padded with the header to four bytes
         */
        assert_memory_equal(b.data + 116,
                            "070701"
                            "000002D2"
                            "000081ED",
                            22);
        assert_memory_equal(b.data + 116 + 110,
                            "bin/busybox\0"
                            "\0\0"
                            "12345\0\0\0"
                            "070701",
                            28);
        struct archive *a = archive_read_new();
        archive_read_support_format_cpio(a);
        assert_int_equal(archive_read_open_memory(a, b.data, b.len), ARCHIVE_OK);
        static const struct {
                const char *name, *link;
        } want[] = { { "boot", NULL },        { "bin/busybox", NULL },
                     { "bin/sh", "busybox" }, { "usr/lib/x", "../bin/y" },
                     { "dev/null", NULL },    { "etc/mtab", "/proc/mounts" } };
        struct archive_entry *ae = NULL;
        for (size_t i = 0; i < ARRAY_LEN(want); i++) {
                assert_int_equal(archive_read_next_header(a, &ae), ARCHIVE_OK);
                assert_string_equal(archive_entry_pathname(ae), want[i].name);
                if (want[i].link)
                        assert_string_equal(archive_entry_symlink(ae), want[i].link);
        }
        assert_int_equal(archive_read_next_header(a, &ae), ARCHIVE_EOF);
        archive_read_free(a);
        sink_free(s);
        tree_free(t);
}

static void test_cpio_refuses_what_it_cannot_hold(void **state) {
        (void)state;
        static const Entry bad[] = {
                { .name = "late", .type = ENTRY_FILE, .mtime = 1ll << 32 },
                { .name = "early", .type = ENTRY_FILE, .mtime = -1 },
                { .name = "big", .type = ENTRY_FILE, .content = { .size = 1ull << 32 } },
        };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                Err e = ERR_INIT;
                Tree *t = tree_new();
                tree_add_borrowed(t, &bad[i]);
                _cleanup_buf_ Buf b = { 0 };
                Sink *s = sink_buf(&b);
                assert_int_equal(cpio_write_tree(s, t, &e), -1);
                assert_true(str_has_prefix(e.text, bad[i].name));
                err_clear(&e);
                sink_free(s);
                tree_free(t);
        }
}

/* --- gzip ----------------------------------------------------------------------------------- */

typedef struct Input {
        Blob blob;
        char *data;
} Input;

static void feed(Sink *gz, const Input *in) {
        Err e = ERR_INIT;
        Content small = { .blob = &in->blob, .offset = 5, .size = 1000 };
        Content large = { .blob = &in->blob, .offset = 100, .size = 3000000 };
        for (int i = 0; i < 50; i++) {
                assert_int_equal(sink_write(gz, "header", 6, &e), 0);
                assert_int_equal(sink_content(gz, &small, &e), 0);
                assert_int_equal(sink_zero(gz, 30000, &e), 0);
        }
        assert_int_equal(sink_content(gz, &large, &e), 0);
        assert_int_equal(sink_write(gz, in->data, 2500000, &e), 0);
        assert_int_equal(sink_finish(gz, &e), 0);
}

static void gzip_of(const Input *in, Cache *cache, size_t threads, Buf *out) {
        Err e = ERR_INIT;
        _cleanup_free_ char *count = xasprintf("%zu", threads);
        setenv("LINUXKIT_THREADS", count, 1);
        Sink *s = sink_buf(out), *gz = NULL;
        assert_int_equal(gzip_sink(s, cache, 6, &gz, &e), 0);
        feed(gz, in);
        sink_free(gz);
        sink_free(s);
        unsetenv("LINUXKIT_THREADS");
}

static void test_gzip_is_one_valid_member(void **state) {
        const Input *in = *state;
        _cleanup_buf_ Buf gz = { 0 }, plain = { 0 };
        gzip_of(in, NULL, 2, &gz);
        Sink *s = sink_buf(&plain);
        feed(s, in);
        sink_free(s);
        z_stream z = { .next_in = (Bytef *)gz.data, .avail_in = (uInt)gz.len };
        assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
        _cleanup_free_ char *back = xmalloc(plain.len + 1);
        z.next_out = (Bytef *)back;
        z.avail_out = (uInt)plain.len + 1;
        assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END); /* checks CRC-32 and size as well */
        assert_int_equal(z.total_out, plain.len);
        assert_int_equal(z.avail_in, 0);
        assert_memory_equal(back, plain.data, plain.len);
        inflateEnd(&z);
}

/* Flips one byte of every cached piece, or (at < 0) empties it. */
static void damage_pieces(const char *dir, int at) {
        _cleanup_free_ char *path = path_join(dir, "derived/deflate");
        DIR *d = opendir(path);
        assert_non_null(d);
        size_t n = 0;
        for (struct dirent *de; (de = readdir(d));) {
                if (de->d_name[0] == '.')
                        continue;
                _cleanup_fd_ int fd = openat(dirfd(d), de->d_name, O_RDWR | O_CLOEXEC);
                char byte;
                assert_true(fd >= 0);
                if (at < 0) {
                        assert_int_equal(ftruncate(fd, 0), 0);
                } else {
                        assert_int_equal(pread(fd, &byte, 1, at), 1);
                        byte ^= 4;
                        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
                }
                n++;
        }
        closedir(d);
        assert_true(n > 3);
}

static void test_gzip_same_bytes(void **state) {
        const Input *in = *state;
        Err e = ERR_INIT;
        char dir[] = "/tmp/fs_test.XXXXXX";
        assert_non_null(mkdtemp(dir));
        Cache *cache = NULL;
        assert_int_equal(cache_open(dir, &cache, &e), 0);
        _cleanup_buf_ Buf first = { 0 };
        gzip_of(in, NULL, 1, &first);
        /* cold, warm, cut off, a byte of the data flipped, a byte of the header (CRC-32) flipped */
        static const size_t threads[] = { 3, 1, 2, 2, 2 };
        for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
                if (i >= 2)
                        damage_pieces(dir, i == 2 ? -1 : i == 3 ? 40 : 25);
                _cleanup_buf_ Buf b = { 0 };
                gzip_of(in, cache, threads[i], &b);
                assert_int_equal(b.len, first.len);
                assert_memory_equal(b.data, first.data, b.len);
        }
        cache_free(cache);
        assert_int_equal(
                proc_run((const char *[]){ "rm", "-rf", dir, NULL }, NULL, NULL, NULL, NULL, &e),
                0);
}

/* Contents out of a layer and the same ones out of memory. */
static void test_gzip_same_bytes_by_any_reference(void **state) {
        const Input *in = *state;
        static const size_t sizes[] = { 1000, 200000, 250000, 250000,  250000,  250000,
                                        7,    300000, 1,      1 << 20, 1700000, 48576 };
        Buf out[2] = { 0 };
        for (size_t k = 0; k < 2; k++) {
                Sink *s = sink_buf(&out[k]), *gz = NULL;
                assert_int_equal(gzip_sink(s, NULL, 6, &gz, NULL), 0);
                for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                        Content blob = { .blob = &in->blob, .offset = 9 * i, .size = sizes[i] };
                        Content bytes = content_bytes(in->data + 9 * i, sizes[i]);
                        assert_int_equal(sink_write(gz, "header", 6, NULL), 0);
                        assert_int_equal(sink_content(gz, k ? &blob : &bytes, NULL), 0);
                }
                assert_int_equal(sink_finish(gz, NULL), 0);
                sink_free(gz);
                sink_free(s);
        }
        assert_int_equal(out[0].len, out[1].len);
        assert_memory_equal(out[0].data, out[1].data, out[0].len);
        buf_done(&out[0]);
        buf_done(&out[1]);
}

static void test_gzip_reports_short_input(void **state) {
        const Input *in = *state;
        Err e = ERR_INIT;
        _cleanup_buf_ Buf out = { 0 };
        Sink *s = sink_buf(&out), *gz = NULL;
        assert_int_equal(gzip_sink(s, NULL, 6, &gz, &e), 0);
        Content c = { .blob = &in->blob, .offset = in->blob.size - 10, .size = 20 };
        int r = sink_content(gz, &c, &e);
        if (r == 0)
                r = sink_finish(gz, &e);
        assert_int_equal(r, -1);
        assert_int_equal(e.kind, ERR_VERIFY);
        err_clear(&e);
        sink_free(gz);
        sink_free(s);
}

static int setup(void **state) {
        static Input in;
        char path[] = "/tmp/fs_test_in.XXXXXX";
        in.blob.fd = mkstemp(path);
        unlink(path);
        in.blob.size = 4000000;
        in.data = xmalloc(in.blob.size);
        uint32_t x = 1;
        for (size_t i = 0; i < in.blob.size; i++) {
                x = x * 1664525 + 1013904223;
                in.data[i] = (char)((x >> 24) & 0x1f);
        }
        Err e = ERR_INIT;
        hash_bytes(in.data, in.blob.size, &in.blob.id);
        *state = &in;
        return fd_write_all(in.blob.fd, in.data, in.blob.size, path, &e);
}

static int teardown(void **state) {
        Input *in = *state;
        close(in->blob.fd);
        free(in->data);
        return 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tar_plain_header),
                cmocka_unit_test(test_tar_marks_and_pax),
                cmocka_unit_test(test_tar_marks_replace_marks),
                cmocka_unit_test(test_tar_read_back),
                cmocka_unit_test(test_tar_cut_leaves_no_slash),
                cmocka_unit_test(test_cpio_fields),
                cmocka_unit_test(test_cpio_refuses_what_it_cannot_hold),
                cmocka_unit_test(test_gzip_is_one_valid_member),
                cmocka_unit_test(test_gzip_same_bytes),
                cmocka_unit_test(test_gzip_same_bytes_by_any_reference),
                cmocka_unit_test(test_gzip_reports_short_input),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
