/* tarscan_test.c - the reader against libarchive's on archives of every dialect, then what
 * libarchive cannot write: odd headers, damage, hostile numbers. */
#include "lib/oci/oci_test.h"

#include "lib/oci/tarscan.h"

#include <archive.h>
#include <archive_entry.h>

/* --- small archives by hand ----------------------------------------------------------------- */

static void number(char *field, size_t n, uint64_t v) {
        snprintf(field, n, "%0*llo", (int)n - 1, (unsigned long long)v);
}

/* A ustar header with its checksum; edits can be made to *ret before seal. */
static void header(char *h, const char *name, char type, uint64_t size) {
        memset(h, 0, 512);
        memcpy(h, name, MIN(strlen(name), (size_t)100));
        number(h + 100, 8, 0644);
        number(h + 108, 8, 1);
        number(h + 116, 8, 2);
        number(h + 124, 12, size);
        number(h + 136, 12, 1000);
        h[156] = type;
        memcpy(h + 257,
               "ustar\0"
               "00",
               8);
}

static void seal(char *h) {
        unsigned sum = 0;
        memset(h + 148, ' ', 8);
        for (int i = 0; i < 512; i++)
                sum += (unsigned char)h[i];
        snprintf(h + 148, 8, "%06o", sum);
}

static void add_header(Buf *b, const char *name, char type, uint64_t size) {
        char h[512];
        header(h, name, type, size);
        seal(h);
        buf_add(b, h, 512);
}

static void add_data(Buf *b, const void *p, size_t n) {
        buf_add(b, p, n);
        buf_zero(b, -n & 511);
}

static void add_pax(Buf *b, const char *records, size_t n) {
        add_header(b, "PaxHeaders/x", 'x', n);
        add_data(b, records, n);
}

/* --- what came out -------------------------------------------------------------------------- */

static void show(Buf *b, const Entry *t) {
        buf_addf(b, "%c %04o %u:%u %s:%s %lld.%09u %u,%u '%s' -> '%s'", t->type, t->mode, t->uid,
                 t->gid, t->uname ? t->uname : "", t->gname ? t->gname : "", (long long)t->mtime,
                 t->mtime_nsec, t->dev_major, t->dev_minor, t->name, t->link ? t->link : "");
        for (size_t i = 0; i < t->n_pax; i++) {
                buf_addf(b, " %s=", t->pax[i].key);
                buf_add(b, t->pax[i].value, t->pax[i].value_len);
        }
}

static int print(void *ctx, const Entry *t, Err *e) {
        show(ctx, t);
        buf_addf(ctx, " [");
        _cleanup_free_ char *text = NULL;
        if (content_load(&t->content, 1 << 20, &text, e) < 0)
                return -1;
        buf_add(ctx, text, t->content.size);
        buf_addf(ctx, "]\n");
        return 0;
}

static int scan(const Buf *tar, bool raw, Buf *out, Err *e) {
        Content c = content_bytes(tar->data, tar->len);
        return tarscan_run(&c, raw, print, out, e);
}

static void check(const Buf *tar, bool raw, const char *want) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_buf_ Buf out = { 0 };
        assert_ok(scan(tar, raw, &out, &e), &e);
        assert_string_equal(out.data ? out.data : "", want);
}

static void check_refused(const Buf *tar, const char *part) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_buf_ Buf out = { 0 };
        assert_int_equal(scan(tar, false, &out, &e), -1);
        assert_int_equal(e.kind, ERR_VERIFY);
        if (!strstr(e.text, part))
                fail_msg("\"%s\" does not say \"%s\"", e.text, part);
}

/* --- against libarchive --------------------------------------------------------------------- */

typedef struct Sample {
        const char *name;
        mode_t type;
        const char *link;
        long long uid, mtime;
        long nsec;
        const char *data;
} Sample;

static const Sample samples[] = {
        { "./", AE_IFDIR, NULL, 0, 1500000000, 0, NULL },
        { "etc/", AE_IFDIR, NULL, 0, 1500000000, 0, NULL },
        { "etc/hosts", AE_IFREG, NULL, 1000, 1500000000, 250000000, "127.0.0.1 localhost" },
        { "etc/empty", AE_IFREG, NULL, 0, 0, 0, "" },
        { "etc/link", AE_IFLNK, "../hosts", 0, 1500000000, 0, NULL },
        { "etc/hard", AE_IFREG, "etc/hosts", 0, 1500000000, 0, NULL },
        { "dev/null", AE_IFCHR, NULL, 0, 1500000000, 0, NULL },
        { "dev/sda", AE_IFBLK, NULL, 0, 1500000000, 0, NULL },
        { "run/fifo", AE_IFIFO, NULL, 0, 1500000000, 0, NULL },
        { "last", AE_IFREG, NULL, 5, 1600000000, 0, "the end" },
};
/* Too much for v7 and ustar. */
static const Sample large_samples[] = {
        { "a/very/long/name/"
          "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
          "8901234567890123456789012345678901234567890123456789012345678901234567890123456789",
          AE_IFREG, NULL, 4000000000, 9000000000, 0, "long name, large owner, far future" },
        { "s", AE_IFLNK,
          "target/0123456789012345678901234567890123456789012345678901234567890123456789012345678"
          "9012345678901234567890123456789012345678901234567890123456789",
          0, 1500000000, 0, NULL },
};

static void write_samples(struct archive *a, const Sample *s, size_t n) {
        for (size_t i = 0; i < n; i++, s++) {
                struct archive_entry *t = archive_entry_new();
                archive_entry_set_pathname(t, s->name);
                archive_entry_set_mode(t, s->type | 0751);
                archive_entry_set_uid(t, s->uid);
                archive_entry_set_gid(t, 7);
                archive_entry_set_uname(t, "user");
                archive_entry_set_gname(t, "group");
                archive_entry_set_mtime(t, s->mtime, s->nsec);
                if (s->type == AE_IFCHR || s->type == AE_IFBLK) {
                        archive_entry_set_rdevmajor(t, 8);
                        archive_entry_set_rdevminor(t, 3);
                }
                if (s->link && s->type == AE_IFLNK)
                        archive_entry_set_symlink(t, s->link);
                else if (s->link)
                        archive_entry_set_hardlink(t, s->link);
                archive_entry_set_size(t, s->data ? (la_int64_t)strlen(s->data) : 0);
                assert_true(archive_write_header(a, t) >= ARCHIVE_WARN);
                if (s->data)
                        archive_write_data(a, s->data, strlen(s->data));
                archive_entry_free(t);
        }
}

/* What libarchive reads, in the words of print. */
static void read_by_libarchive(const char *p, size_t n, Buf *out) {
        struct archive *a = archive_read_new();
        struct archive_entry *t;
        archive_read_support_format_tar(a);
        assert_int_equal(archive_read_open_memory(a, p, n), ARCHIVE_OK);
        while (archive_read_next_header(a, &t) == ARCHIVE_OK) {
                const char *hard = archive_entry_hardlink(t), *soft = archive_entry_symlink(t);
                mode_t type = archive_entry_filetype(t);
                bool device = !hard && (type == AE_IFCHR || type == AE_IFBLK);
                Entry entry = {
                        .name = archive_entry_pathname(t),
                        .type = hard               ? ENTRY_HARDLINK
                                : type == AE_IFDIR ? ENTRY_DIR
                                : type == AE_IFLNK ? ENTRY_SYMLINK
                                : type == AE_IFCHR ? ENTRY_CHAR
                                : type == AE_IFBLK ? ENTRY_BLOCK
                                : type == AE_IFIFO ? ENTRY_FIFO
                                                   : ENTRY_FILE,
                        .mode = archive_entry_perm(t),
                        .uid = (uint32_t)archive_entry_uid(t),
                        .gid = (uint32_t)archive_entry_gid(t),
                        .uname = archive_entry_uname(t),
                        .gname = archive_entry_gname(t),
                        .mtime = archive_entry_mtime(t),
                        .mtime_nsec = (uint32_t)archive_entry_mtime_nsec(t),
                        .dev_major = device ? (uint32_t)archive_entry_rdevmajor(t) : 0,
                        .dev_minor = device ? (uint32_t)archive_entry_rdevminor(t) : 0,
                        .link = hard ? hard : soft,
                };
                show(out, &entry);
                char data[256];
                la_ssize_t got = archive_read_data(a, data, sizeof data);
                buf_addf(out, " [%.*s]\n", (int)got, data);
        }
        archive_read_free(a);
}

static void agrees_with_libarchive(void **state) {
        (void)state;
        static const struct {
                int format;
                bool large;
        } formats[] = {
                { ARCHIVE_FORMAT_TAR_USTAR, false },
                { ARCHIVE_FORMAT_TAR_GNUTAR, true },
                { ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE, true },
                { ARCHIVE_FORMAT_TAR_PAX_RESTRICTED, true },
                { ARCHIVE_FORMAT_TAR, true },
        };
        for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
                _cleanup_free_ char *p = xmalloc(1 << 20);
                size_t used = 0;
                struct archive *a = archive_write_new();
                archive_write_set_format(a, formats[i].format);
                assert_int_equal(archive_write_open_memory(a, p, 1 << 20, &used), ARCHIVE_OK);
                write_samples(a, samples, ARRAY_LEN(samples));
                if (formats[i].large)
                        write_samples(a, large_samples, ARRAY_LEN(large_samples));
                archive_write_free(a);

                _cleanup_buf_ Buf want = { 0 };
                read_by_libarchive(p, used, &want);
                Buf tar = { .data = p, .len = used };
                check(&tar, true, want.data);
        }
}

/* --- details -------------------------------------------------------------------------------- */

static void names_are_cleaned(void **state) {
        (void)state;
        static const struct {
                const char *stored, *name;
                char type;
        } t[] = {
                { "./", ".", '5' },          { "./a//b/", "a/b", '5' },
                { "/etc/x", "/etc/x", '0' }, { "../../e", "../../e", '0' },
                { "a/../b", "b", '0' },      { "old/", "old", 0 },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_buf_ Buf b = { 0 };
                add_header(&b, t[i].stored, t[i].type, 0);
                for (int raw = 0; raw < 2; raw++) {
                        char type = str_has_suffix(t[i].stored, "/") ? '5' : '0';
                        _cleanup_free_ char *want =
                                xasprintf("%c 0644 1:2 : 1000.000000000 0,0 '%s' -> '' []\n", type,
                                          raw ? t[i].stored : t[i].name);
                        check(&b, raw, want);
                }
        }
}

static void pax_records_survive(void **state) {
        (void)state;
        static const char records[] = "12 comment=x\n"
                                      "30 mtime=1500000000.123456789\n"
                                      "22 atime=1500000000.5\n"
                                      "13 uid=70000\n"
                                      "12 uname=me\n"
                                      "28 SCHILY.xattr.user.a=1\0"
                                      "2=3\n"
                                      "12 path=n/m\n"
                                      "13 comment=yy\n"
                                      "14 linkpath=t\n"
                                      "35 LIBARCHIVE.xattr.user.%62=aGVsbG8\n"
                                      "31 LIBARCHIVE.xattr.user.a=MQAy\n"
                                      "9 gname=\n";
        _cleanup_buf_ Buf b = { 0 };
        /* lengths are computed here, so that the list above can be read */
        _cleanup_buf_ Buf fixed = { 0 };
        for (const char *p = records; p < records + sizeof records - 1;) {
                const char *end = memchr(p, '\n', (size_t)(records + sizeof records - 1 - p));
                const char *text = strchr(p, ' ');
                size_t n = (size_t)(end - text) + 1;
                size_t total = n + (n + 1 > 9 ? 2 : 1);
                buf_addf(&fixed, "%zu", total);
                buf_add(&fixed, text, n);
                p = end + 1;
        }
        add_pax(&b, fixed.data, fixed.len);
        add_header(&b, "short", '2', 0);
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_buf_ Buf out = { 0 };
        assert_ok(scan(&b, false, &out, &e), &e);
        static const char want[] = "2 0644 70000:2 me: 1500000000.123456789 0,0 'n/m' -> 't'"
                                   " LIBARCHIVE.xattr.user.%62=aGVsbG8"
                                   " LIBARCHIVE.xattr.user.a=MQAy"
                                   " SCHILY.xattr.user.a=1\0"
                                   "2=3"
                                   " SCHILY.xattr.user.b=hello"
                                   " atime=1500000000.5 comment=yy []\n";
        assert_int_equal(out.len, sizeof want - 1);
        assert_memory_equal(out.data, want, out.len);
}

static void pax_applies_to_one_entry(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        add_pax(&b, "11 path=ab\n", 11);
        add_header(&b, "x", '0', 3);
        add_data(&b, "abc", 3);
        add_header(&b, "pax_global_header", 'g', 11);
        add_data(&b, "11 path=zz\n", 11);
        add_header(&b, "y", '0', 1);
        add_data(&b, "d", 1);
        buf_zero(&b, 1024);
        check(&b, false,
              "0 0644 1:2 : 1000.000000000 0,0 'ab' -> '' [abc]\n"
              "0 0644 1:2 : 1000.000000000 0,0 'y' -> '' [d]\n");
}

static void numbers_in_base_256(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        char h[512];
        header(h, "x", '0', 0);
        memcpy(h + 257, "ustar  ", 8);
        memcpy(h + 108, "\x80\0\0\0\xee\x6b\x28\0", 8); /* uid 4000000000 */
        memcpy(h + 136, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", 12); /* mtime -2 */
        seal(h);
        buf_add(&b, h, 512);
        check(&b, false, "0 0644 4000000000:2 : -2.000000000 0,0 'x' -> '' []\n");
        buf_clear(&b);
        memcpy(h + 108, "\x80\0\0\x01\0\0\0\0", 8); /* 2^32 */
        seal(h);
        buf_add(&b, h, 512);
        check_refused(&b, "uid is out of range");
}

static void ends_in_every_accepted_way(void **state) {
        (void)state;
        static const char line[] = "0 0644 1:2 : 1000.000000000 0,0 'x' -> '' [abc]\n";
        for (size_t zeros = 0; zeros <= 4 * 512; zeros += 512) {
                _cleanup_buf_ Buf b = { 0 };
                add_header(&b, "x", '0', 3);
                add_data(&b, "abc", 3);
                buf_zero(&b, zeros);
                check(&b, false, line);
        }
        _cleanup_buf_ Buf unpadded = { 0 };
        add_header(&unpadded, "x", '0', 3);
        buf_add(&unpadded, "abc", 3);
        check(&unpadded, false, line);
        _cleanup_buf_ Buf empty = { 0 };
        buf_adds(&empty, "");
        check(&empty, false, "");
}

static void refuses_damage(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        char h[512];
        buf_adds(&b, "this is no archive");
        check_refused(&b, "truncated");
        buf_zero(&b, 1024);
        check_refused(&b, "not a tar archive");

        buf_clear(&b); /* data is cut */
        add_header(&b, "x", '0', 513);
        buf_zero(&b, 512);
        check_refused(&b, "truncated");

        buf_clear(&b); /* size that wraps around */
        header(h, "x", '0', 0);
        memcpy(h + 124, "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12);
        seal(h);
        buf_add(&b, h, 512);
        check_refused(&b, "truncated");
        memcpy(h + 124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
        seal(h);
        buf_clear(&b);
        buf_add(&b, h, 512);
        check_refused(&b, "bad size");

        buf_clear(&b); /* more after a lone zero block: not silently lost */
        add_header(&b, "x", '0', 0);
        buf_zero(&b, 512);
        add_header(&b, "y", '0', 0);
        check_refused(&b, "after the end");

        buf_clear(&b);
        add_pax(&b, "11 path=ab\n", 11);
        check_refused(&b, "without an entry");

        static const struct {
                char type;
                const char *part;
        } types[] = { { 'S', "sparse" }, { 'M', "unknown type" }, { 'Z', "unknown type" } };
        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
                buf_clear(&b);
                add_header(&b, "x", types[i].type, 0);
                check_refused(&b, types[i].part);
        }
        buf_clear(&b);
        add_header(&b, "x", 'L', 2 << 20);
        check_refused(&b, "too large");
}

static void refuses_bad_pax(void **state) {
        (void)state;
        static const char *const t[] = {
                "x",
                "12",
                "99 path=ab\n",
                "10 path=ab\n",
                "11 pathxab\n",
                "6 =ab\n",
                "4 =\n",
                "0 path=a\n",
                "99999999999999999999 path=a\n",
                "-1 path=a\n",
                "12 uid=-100\n",
                "10 size=x\n",
                "13 mtime=1e5\n",
                "14 atime=1.2.3\n",
                "24 GNU.sparse.major=1\n",
                "32 LIBARCHIVE.xattr.user.a=!!!!\n",
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_buf_ Buf b = { 0 };
                add_pax(&b, t[i], strlen(t[i]));
                add_header(&b, "x", '0', 0);
                check_refused(&b, "");
        }
}

/* Any damage is an error or another reading, never a crash (the sanitizers watch). */
static void survives_any_change(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        add_pax(&b, "11 path=ab\n20 SCHILY.xattr.a=b\n", 31);
        add_header(&b, "longlink", 'L', 5);
        add_data(&b, "n/m/o", 5);
        add_header(&b, "x", '0', 600);
        buf_zero(&b, 1024);
        buf_zero(&b, 1024);
        for (size_t i = 0; i < b.len; i++) {
                static const char values[] = { 0, '9', (char)0xff, (char)0x80, '=' };
                char saved = b.data[i];
                for (size_t k = 0; k < ARRAY_LEN(values); k++) {
                        _cleanup_buf_ Buf out = { 0 };
                        b.data[i] = values[k];
                        for (size_t at = 0; at < b.len; at += 512)
                                if (at <= i && i < at + 512)
                                        seal(b.data + at);
                        scan(&b, false, &out, NULL);
                }
                b.data[i] = saved;
        }
        for (size_t n = 0; n < b.len; n += 7) {
                _cleanup_buf_ Buf out = { 0 };
                Buf cut = { .data = b.data, .len = n };
                scan(&cut, false, &out, NULL);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(agrees_with_libarchive),
                cmocka_unit_test(names_are_cleaned),
                cmocka_unit_test(pax_records_survive),
                cmocka_unit_test(pax_applies_to_one_entry),
                cmocka_unit_test(numbers_in_base_256),
                cmocka_unit_test(ends_in_every_accepted_way),
                cmocka_unit_test(refuses_damage),
                cmocka_unit_test(refuses_bad_pax),
                cmocka_unit_test(survives_any_change),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
