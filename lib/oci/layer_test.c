/* layer_test.c - layers of every compression come out the same; what was derived once is used
 * again, and made again when it is damaged. */
#include "lib/oci/oci_test.h"

#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/oci/layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

enum { FILES = 40, BIG = 700 * 1000 };

static char big_byte(size_t i) {
        return (char)(i * 2654435761u >> 13);
}

/* A tar with FILES small files, one with an attribute and one big file. */
static void make_tar(Buf *ret) {
        size_t used = 0, room = BIG + FILES * 2048 + 65536;
        char *p = xmalloc(room);
        struct archive *a = archive_write_new();
        archive_write_set_format(a, ARCHIVE_FORMAT_TAR_PAX_RESTRICTED);
        assert_int_equal(archive_write_open_memory(a, p, room, &used), ARCHIVE_OK);
        _cleanup_free_ char *data = xmalloc(BIG);
        for (size_t i = 0; i < BIG; i++)
                data[i] = big_byte(i);
        for (int i = 0; i <= FILES; i++) {
                struct archive_entry *t = archive_entry_new();
                _cleanup_free_ char *name = xasprintf("./dir/file%d", i);
                size_t size = i == FILES ? BIG : (size_t)i;
                archive_entry_set_pathname(t, name);
                archive_entry_set_mode(t, AE_IFREG | 0644);
                archive_entry_set_mtime(t, 1500000000 + i, 0);
                archive_entry_set_size(t, (la_int64_t)size);
                archive_entry_set_uname(t, i % 2 ? "odd" : "even");
                if (i == 3)
                        archive_entry_xattr_add_entry(t, "security.capability", "\1\0\2", 3);
                assert_int_equal(archive_write_header(a, t), ARCHIVE_OK);
                archive_write_data(a, data, size);
                archive_entry_free(t);
        }
        archive_write_free(a);
        *ret = (Buf){ .data = p, .len = used, .cap = room };
}

static void add_gzip(Buf *out, const void *p, size_t n) {
        z_stream z = { 0 };
        size_t room = n + 65536;
        _cleanup_free_ unsigned char *packed = xmalloc(room);
        assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
        z.next_in = (unsigned char *)(uintptr_t)p;
        z.avail_in = (uInt)n;
        z.next_out = packed;
        z.avail_out = (uInt)room;
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        buf_add(out, packed, z.total_out);
        deflateEnd(&z);
}

static void add_zstd(Buf *out, const void *p, size_t n) {
        size_t room = ZSTD_compressBound(n);
        _cleanup_free_ char *packed = xmalloc(room);
        size_t used = ZSTD_compress(packed, room, p, n, 3);
        assert_false(ZSTD_isError(used));
        buf_add(out, packed, used);
}

typedef enum Form {
        FORM_PLAIN,
        FORM_GZIP,
        FORM_GZIP_MEMBERS,
        FORM_GZIP_PADDED,
        FORM_ZSTD,
        FORM_ZSTD_FRAMES,
        FORMS
} Form;

static void make_blob(Form form, const Buf *tar, Buf *ret) {
        size_t half = tar->len / 2 + 17;
        switch (form) {
        case FORM_GZIP:
        case FORM_GZIP_PADDED:
                add_gzip(ret, tar->data, tar->len);
                buf_zero(ret, form == FORM_GZIP_PADDED ? 700 : 0);
                break;
        case FORM_GZIP_MEMBERS:
                add_gzip(ret, tar->data, half);
                add_gzip(ret, "", 0);
                add_gzip(ret, tar->data + half, tar->len - half);
                break;
        case FORM_ZSTD:
                add_zstd(ret, tar->data, tar->len);
                break;
        case FORM_ZSTD_FRAMES:
                buf_add(ret, "\x50\x2a\x4d\x18\3\0\0\0abc", 11); /* a skippable frame */
                add_zstd(ret, tar->data, half);
                add_zstd(ret, tar->data + half, tar->len - half);
                break;
        default:
                buf_add(ret, tar->data, tar->len);
        }
}

static Descriptor put(Cache *c, const void *p, size_t n) {
        _cleanup_err_ Err e = ERR_INIT;
        Descriptor d = { 0 };
        /* the media type is wrong on purpose: content decides */
        assert_ok(cache_put_bytes(c, "application/octet-stream", p, n, &d, &e), &e);
        return d;
}

static void check_entries(const Layer *l) {
        _cleanup_err_ Err e = ERR_INIT;
        assert_int_equal(layer_count(l), FILES + 1);
        for (size_t i = 0; i <= FILES; i++) {
                Entry t;
                layer_entry(l, i, &t);
                _cleanup_free_ char *name = xasprintf("dir/file%zu", i);
                _cleanup_free_ char *data = NULL;
                size_t size = i == FILES ? BIG : i;
                assert_string_equal(t.name, name);
                assert_null(t.link);
                assert_int_equal(t.type, ENTRY_FILE);
                assert_int_equal(t.mode, 0644);
                assert_int_equal(t.mtime, 1500000000 + i);
                assert_string_equal(t.uname, i % 2 ? "odd" : "even");
                assert_int_equal(t.content.size, size);
                assert_ok(content_load(&t.content, BIG, &data, &e), &e);
                for (size_t k = 0; k < size; k++)
                        assert_int_equal(data[k], big_byte(k));
                const PaxRecord *capability = NULL;
                for (size_t k = 0; k < t.n_pax; k++)
                        if (str_eq(t.pax[k].key, "SCHILY.xattr.security.capability"))
                                capability = &t.pax[k];
                assert_int_equal(capability != NULL, i == 3);
                if (capability) {
                        assert_int_equal(capability->value_len, 3);
                        assert_memory_equal(capability->value, "\1\0\2", 3);
                }
        }
}

static char *derived(Cache *c, const Descriptor *d, const char *suffix) {
        return xasprintf("%s/derived/layers/%s.%s", cache_dir(c), digest_hex(&d->digest), suffix);
}

static void layer_forms(void **state) {
        Cache *c = *state;
        _cleanup_buf_ Buf tar = { 0 };
        make_tar(&tar);
        Digest plain;
        hash_bytes(tar.data, tar.len, &plain);
        for (Form form = 0; form < FORMS; form++) {
                _cleanup_err_ Err e = ERR_INIT;
                _cleanup_buf_ Buf blob = { 0 };
                make_blob(form, &tar, &blob);
                Descriptor d = put(c, blob.data, blob.len);
                _cleanup_free_ char *copy = derived(c, &d, "tar");
                _cleanup_free_ char *path = cache_blob_path(c, &d.digest);
                for (int pass = 0; pass < 2; pass++) {
                        Layer *l = NULL;
                        assert_ok(layer_open(c, &d, &l, &e), &e);
                        check_entries(l);
                        Entry big;
                        layer_entry(l, FILES, &big);
                        assert_string_equal(big.content.blob->id.text, plain.text);
                        assert_int_equal(big.content.blob->size, tar.len);
                        layer_free(l);
                        /* a plain layer is not copied */
                        assert_int_equal(file_exists(copy), form != FORM_PLAIN);
                        /* the second time the blob is not read */
                        if (form != FORM_PLAIN)
                                assert_int_equal(truncate(path, 1), 0);
                }
        }
}

static void layer_damage_is_found(void **state) {
        Cache *c = *state;
        _cleanup_buf_ Buf tar = { 0 };
        make_tar(&tar);
        for (Form form = 0; form < FORMS; form++) {
                _cleanup_buf_ Buf blob = { 0 };
                make_blob(form, &tar, &blob);
                Descriptor d = put(c, blob.data, blob.len);
                _cleanup_free_ char *path = cache_blob_path(c, &d.digest);
                _cleanup_free_ char *idx = derived(c, &d, "idx");
                static const double places[] = { 0, 0.5, 1 };
                for (size_t i = 0; i <= ARRAY_LEN(places); i++) {
                        _cleanup_err_ Err e = ERR_INIT;
                        Layer *l = NULL;
                        if (i < ARRAY_LEN(places)) {
                                size_t at = (size_t)(places[i] * (double)(blob.len - 1));
                                _cleanup_free_ char *bad = xmalloc(blob.len);
                                memcpy(bad, blob.data, blob.len);
                                bad[at] ^= 1;
                                assert_int_equal(file_write(path, bad, blob.len, 0644, NULL), 0);
                        } else {
                                assert_int_equal(
                                        file_write(path, blob.data, blob.len - 1, 0644, NULL), 0);
                        }
                        assert_int_equal(layer_open(c, &d, &l, &e), -1);
                        assert_int_equal(e.kind, ERR_DAMAGED);
                        assert_non_null(strstr(e.text, d.digest.text));
                        assert_false(file_exists(idx));
                        /* out of the way, so that it is fetched again */
                        assert_false(file_exists(path));
                }
                /* repaired */
                _cleanup_err_ Err e = ERR_INIT;
                Layer *l = NULL;
                put(c, blob.data, blob.len);
                assert_ok(layer_open(c, &d, &l, &e), &e);
                layer_free(l);
        }
}

/* Blobs whose digest is right and whose content is not. */
static void layer_refuses(void **state) {
        Cache *c = *state;
        _cleanup_buf_ Buf tar = { 0 }, cut = { 0 }, tail = { 0 }, zcut = { 0 }, xz = { 0 };
        _cleanup_buf_ Buf inner = { 0 };
        make_tar(&tar);
        add_gzip(&cut, tar.data, tar.len);
        cut.len -= 9;
        add_gzip(&tail, tar.data, tar.len);
        buf_adds(&tail, "garbage");
        add_zstd(&zcut, tar.data, tar.len);
        zcut.len -= 1;
        buf_add(&xz,
                "\xfd"
                "7zXZ\0\0\0\0\0",
                10);
        add_gzip(&inner, "not a tar archive", 17);
        const struct {
                const Buf *blob;
                const char *part;
        } t[] = {
                { &cut, "truncated gzip" }, { &tail, "damaged gzip" }, { &zcut, "truncated zstd" },
                { &xz, "compression" },     { &inner, "tar archive" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                Descriptor d = put(c, t[i].blob->data, t[i].blob->len);
                Layer *l = NULL;
                assert_int_equal(layer_open(c, &d, &l, &e), -1);
                assert_int_equal(e.kind, ERR_VERIFY);
                if (!strstr(e.text, t[i].part))
                        fail_msg("\"%s\" does not say \"%s\"", e.text, t[i].part);
                _cleanup_free_ char *copy = derived(c, &d, "tar");
                assert_false(file_exists(copy));
                assert_true(cache_has_blob(c, &d.digest, d.size));
        }
}

static void layer_missing(void **state) {
        _cleanup_err_ Err e = ERR_INIT;
        Descriptor d = { .size = 1 };
        hash_bytes("x", 1, &d.digest);
        Layer *l = NULL;
        assert_int_equal(layer_open(*state, &d, &l, &e), -1);
        assert_int_equal(e.kind, ERR_NOT_FOUND);
}

/* Whatever happens to derived files, what is read is right. */
static void layer_index_damage(void **state) {
        Cache *c = *state;
        _cleanup_buf_ Buf tar = { 0 }, blob = { 0 };
        make_tar(&tar);
        make_blob(FORM_GZIP, &tar, &blob);
        Descriptor d = put(c, blob.data, blob.len);
        _cleanup_err_ Err e = ERR_INIT;
        Layer *l = NULL;
        assert_ok(layer_open(c, &d, &l, &e), &e);
        layer_free(l);
        _cleanup_free_ char *idx = derived(c, &d, "idx"), *good = NULL;
        size_t n;
        assert_ok(file_read(idx, 1 << 20, &good, &n, &e), &e);

        for (size_t cut = 0; cut < n; cut += n / 13) {
                assert_ok(file_write(idx, good, cut, 0644, &e), &e);
                assert_ok(layer_open(c, &d, &l, &e), &e);
                check_entries(l);
                layer_free(l);
        }
        for (size_t at = 0; at < n; at += 1 + at / 64) {
                _cleanup_free_ char *bad = xmalloc(n);
                memcpy(bad, good, n);
                bad[at] = (char)~bad[at];
                assert_ok(file_write(idx, bad, n, 0644, &e), &e);
                assert_ok(layer_open(c, &d, &l, &e), &e);
                check_entries(l);
                layer_free(l);
        }
        /* another layer's index */
        _cleanup_buf_ Buf other = { 0 };
        make_blob(FORM_ZSTD, &tar, &other);
        Descriptor d2 = put(c, other.data, other.len);
        _cleanup_free_ char *idx2 = derived(c, &d2, "idx");
        assert_ok(file_write(idx2, good, n, 0644, &e), &e);
        assert_ok(layer_open(c, &d2, &l, &e), &e);
        check_entries(l);
        layer_free(l);
        /* a tar that is gone, or of another length */
        for (int i = 0; i < 2; i++) {
                _cleanup_free_ char *copy = derived(c, &d2, "tar");
                assert_int_equal(i ? truncate(copy, 100) : unlink(copy), 0);
                assert_ok(layer_open(c, &d2, &l, &e), &e);
                check_entries(l);
                layer_free(l);
        }
}

/* A flipped bit in the unpacked tar, size and time as before. Nobody sees it; the layer that is
 * opened next is right. */
static void flip(const char *path, off_t at) {
        struct stat st;
        unsigned char byte;
        _cleanup_fd_ int fd = open(path, O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        const struct timespec times[2] = { st.st_atim, st.st_mtim };
        assert_int_equal(futimens(fd, times), 0);
}

/* How many entries of l cannot be read because of damage. */
static int damaged_entries(const Layer *l) {
        int n = 0;
        for (size_t i = 0; i < layer_count(l); i++) {
                Entry entry;
                _cleanup_err_ Err e = ERR_INIT;
                _cleanup_free_ char *text = NULL;
                layer_entry(l, i, &entry);
                if (content_load(&entry.content, UINT32_MAX, &text, &e) == 0)
                        continue;
                assert_int_equal(e.kind, ERR_DAMAGED);
                n++;
        }
        return n;
}

static void layer_tar_damage(void **state) {
        Cache *c = *state;
        _cleanup_buf_ Buf tar = { 0 };
        make_tar(&tar);
        for (Form form = 0; form < FORMS; form++) {
                _cleanup_buf_ Buf blob = { 0 };
                make_blob(form, &tar, &blob);
                Descriptor d = put(c, blob.data, blob.len);
                _cleanup_err_ Err e = ERR_INIT;
                bool plain = blob.len == tar.len && memcmp(blob.data, tar.data, tar.len) == 0;
                _cleanup_free_ char *file =
                        plain ? cache_blob_path(c, &d.digest) : derived(c, &d, "tar");
                for (size_t at = BIG / 2; at < tar.len; at += tar.len / 3) {
                        Layer *l = NULL;
                        if (plain) /* as if it had been fetched */
                                put(c, blob.data, blob.len);
                        assert_ok(layer_open(c, &d, &l, &e), &e);
                        assert_int_equal(damaged_entries(l), 0);
                        layer_free(l);
                        flip(file, (off_t)(tar.len - at));
                        assert_ok(layer_open(c, &d, &l, &e), &e);
                        assert_true(damaged_entries(l) > 0);
                        assert_false(file_exists(file));
                        layer_free(l);
                }
                if (plain)
                        put(c, blob.data, blob.len);
                Layer *l = NULL;
                assert_ok(layer_open(c, &d, &l, &e), &e);
                check_entries(l);
                layer_free(l);
        }
}

/* A tar that was only touched (copied, restored) serves as it is. */
static void layer_tar_touched(void **state) {
        Cache *c = *state;
        _cleanup_buf_ Buf tar = { 0 }, blob = { 0 };
        make_tar(&tar);
        make_blob(FORM_GZIP, &tar, &blob);
        Descriptor d = put(c, blob.data, blob.len);
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *copy = derived(c, &d, "tar"), *idx = derived(c, &d, "idx");
        const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
        struct stat made, now;
        Layer *l = NULL;
        assert_ok(layer_open(c, &d, &l, &e), &e);
        layer_free(l);
        assert_int_equal(stat(copy, &made), 0);
        assert_int_equal(utimensat(AT_FDCWD, copy, times, 0), 0);
        assert_int_equal(utimensat(AT_FDCWD, idx, times, 0), 0);
        assert_ok(layer_open(c, &d, &l, &e), &e);
        check_entries(l);
        layer_free(l);
        assert_int_equal(stat(copy, &now), 0);
        assert_int_equal(now.st_ino, made.st_ino);
        assert_int_equal(stat(idx, &now), 0);
        assert_true(now.st_mtime > 1000); /* the use is noted */
}

/* Whatever stands where a file of ours belongs is replaced, and a pipe makes nobody wait. */
static void layer_odd_files(void **state) {
        Cache *c = *state;
        _cleanup_buf_ Buf tar = { 0 }, blob = { 0 };
        make_tar(&tar);
        make_blob(FORM_GZIP, &tar, &blob);
        Descriptor d = put(c, blob.data, blob.len);
        static const char *const kinds[] = { "tar", "idx", "blob" };
        Layer *first = NULL;
        assert_ok(layer_open(c, &d, &first, NULL), &ERR_INIT);
        layer_free(first);
        for (size_t i = 0; i < 3 * ARRAY_LEN(kinds); i++) {
                const char *kind = kinds[i % ARRAY_LEN(kinds)];
                _cleanup_err_ Err e = ERR_INIT;
                bool is_blob = str_eq(kind, "blob");
                _cleanup_free_ char *idx = derived(c, &d, "idx");
                _cleanup_free_ char *path =
                        is_blob ? cache_blob_path(c, &d.digest) : derived(c, &d, kind);
                _cleanup_free_ char *below = path_join(path, "file");
                unlink(path);
                if (is_blob)
                        unlink(idx);
                switch (i / ARRAY_LEN(kinds)) {
                case 0:
                        assert_int_equal(mkdir(path, 0755), 0);
                        assert_int_equal(file_write(below, "x", 1, 0644, NULL), 0);
                        break;
                case 1:
                        assert_int_equal(mkfifo(path, 0644), 0);
                        break;
                default:
                        assert_int_equal(symlink("nowhere", path), 0);
                        break;
                }
                Layer *l = NULL;
                if (is_blob) {
                        assert_int_equal(layer_open(c, &d, &l, &e), -1);
                        put(c, blob.data, blob.len);
                        err_clear(&e);
                }
                assert_ok(layer_open(c, &d, &l, &e), &e);
                check_entries(l);
                layer_free(l);
        }
}

static int count_names(void *ctx, const Entry *t, Err *e) {
        (void)e;
        buf_addf(ctx, "%s ", t->name);
        return 0;
}

static int stop(void *ctx, const Entry *t, Err *e) {
        (void)ctx;
        return err_set(e, ERR_SPEC, 0, "stopped at %s", t->name);
}

/* A tar inside another file: contents are ranges of the outer one. */
static void layer_scan_inner_tar(void **state) {
        Cache *c = *state;
        _cleanup_buf_ Buf tar = { 0 }, outer = { 0 }, names = { 0 };
        make_tar(&tar);
        buf_adds(&outer, "some bytes before");
        buf_add(&outer, tar.data, tar.len);
        Descriptor d = put(c, outer.data, outer.len);
        _cleanup_fd_ int fd = cache_open_blob(c, &d.digest, NULL);
        Blob blob = { .id = d.digest, .fd = fd, .size = d.size };
        Content inner = { .blob = &blob, .offset = 17, .size = tar.len };
        _cleanup_err_ Err e = ERR_INIT;
        assert_ok(layer_scan_tar(&inner, true, count_names, &names, &e), &e);
        assert_true(str_has_prefix(names.data, "./dir/file0 ./dir/file1 "));
        buf_clear(&names);
        assert_ok(layer_scan_tar(&inner, false, count_names, &names, &e), &e);
        assert_true(str_has_prefix(names.data, "dir/file0 dir/file1 "));
        assert_int_equal(layer_scan_tar(&inner, false, stop, NULL, &e), -1);
        assert_string_equal(e.text, "stopped at dir/file0");
}

#define T(f) cmocka_unit_test_setup_teardown(f, oci_test_setup, oci_test_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                T(layer_forms),       T(layer_damage_is_found), T(layer_refuses),
                T(layer_missing),     T(layer_index_damage),    T(layer_tar_damage),
                T(layer_tar_touched), T(layer_odd_files),       T(layer_scan_inner_tar),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
