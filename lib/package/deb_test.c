/* deb_test.c - packages made by hand: what comes out, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <archive.h>
#include <archive_entry.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/package/deb.h"

typedef struct Item {
        const char *name;
        unsigned type;
        unsigned mode;
        const char *text; /* content, or target of a link */
} Item;

enum { HARDLINK = 1 }; /* not a file type of libarchive */

static char dir[] = "/tmp/deb_test-XXXXXX", path[64];

static int setup(void **state) {
        (void)state;
        if (!mkdtemp(dir))
                return -1;
        snprintf(path, sizeof(path), "%s/x.deb", dir);
        return 0;
}

static int teardown(void **state) {
        (void)state;
        unlink(path);
        return rmdir(dir);
}

static la_ssize_t to_buf(struct archive *a, void *ctx, const void *p, size_t n) {
        (void)a;
        buf_add(ctx, p, n);
        return (la_ssize_t)n;
}

static void make_tar(const Item *items, size_t n, int filter, Buf *out) {
        struct archive *a = archive_write_new();

        archive_write_set_format_gnutar(a);
        archive_write_add_filter(a, filter);
        archive_write_set_bytes_in_last_block(a, 1);
        assert_int_equal(archive_write_open(a, out, NULL, to_buf, NULL), ARCHIVE_OK);
        for (size_t i = 0; i < n; i++) {
                struct archive_entry *ae = archive_entry_new();

                archive_entry_set_pathname(ae, items[i].name);
                archive_entry_set_perm(ae, (__LA_MODE_T)items[i].mode);
                archive_entry_set_uid(ae, 7);
                archive_entry_set_mtime(ae, 1000 + (time_t)i, 0);
                archive_entry_set_filetype(ae,
                                           items[i].type == HARDLINK ? AE_IFREG : items[i].type);
                if (items[i].type == HARDLINK)
                        archive_entry_set_hardlink(ae, items[i].text);
                else if (items[i].type == AE_IFLNK)
                        archive_entry_set_symlink(ae, items[i].text);
                else if (items[i].type == AE_IFREG)
                        archive_entry_set_size(ae, (la_int64_t)strlen(items[i].text));
                assert_int_equal(archive_write_header(a, ae), ARCHIVE_OK);
                if (items[i].type == AE_IFREG)
                        archive_write_data(a, items[i].text, strlen(items[i].text));
                archive_entry_free(ae);
        }
        archive_write_close(a);
        archive_write_free(a);
}

static void ar_member(Buf *ar, const char *name, const void *p, size_t n) {
        buf_addf(ar, "%-16s%-12d%-6d%-6d%-8s%-10zu`\n", name, 0, 0, 0, "100644", n);
        buf_add(ar, p, n);
        if (n % 2)
                buf_addc(ar, '\n');
}

static const char *control; /* text of the control file; NULL: damaged control.tar */

static void add_control(Buf *ar) {
        _cleanup_buf_ Buf tar = { 0 };
        const Item items[] = { { "./postinst", AE_IFREG, 0755, "Source: not this one\n" },
                               { "./control", AE_IFREG, 0644, control } };

        if (control)
                make_tar(items, ARRAY_LEN(items), ARCHIVE_FILTER_XZ, &tar);
        else
                buf_adds(&tar, "not looked at");
        ar_member(ar, control ? "control.tar.xz" : "control.tar.gz", tar.data, tar.len);
}

static int open_deb(const Item *items, size_t n, int filter, const char *member, size_t cut,
                    Deb **ret, Err *e) {
        _cleanup_buf_ Buf tar = { 0 }, ar = { 0 };

        make_tar(items, n, filter, &tar);
        buf_adds(&ar, "!<arch>\n");
        ar_member(&ar, "debian-binary", "2.0\n", 4);
        add_control(&ar);
        ar_member(&ar, member, tar.data, tar.len);
        assert_true(cut <= ar.len);
        assert_int_equal(file_write(path, ar.data, ar.len - cut, 0644, NULL), 0);
        return deb_open(path, dir, ret, e);
}

static void reads_every_kind(void **state) {
        static const Item items[] = {
                { "./", AE_IFDIR, 0755, NULL },
                { "./usr/", AE_IFDIR, 0755, NULL },
                { "./usr/bin/sudo", AE_IFREG, 04755, "program" },
                { "./usr/bin/alias", HARDLINK, 0755, "./usr/bin/sudo" },
                { "./usr/\xc3\xa9", AE_IFREG, 0644, "" },
                { "./lib/x.so", AE_IFLNK, 0777, "x.so.1" },
        };
        static const struct {
                int filter;
                const char *member;
        } kinds[] = {
                { ARCHIVE_FILTER_XZ, "data.tar.xz" },
                { ARCHIVE_FILTER_ZSTD, "data.tar.zst" },
                { ARCHIVE_FILTER_GZIP, "data.tar.gz" },
                { ARCHIVE_FILTER_NONE, "data.tar" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                _cleanup_free_ char *text = NULL;
                Deb *d = NULL;

                if (open_deb(items, ARRAY_LEN(items), kinds[i].filter, kinds[i].member, 0, &d, &e) <
                    0)
                        fail_msg("%s", e.text);
                assert_int_equal(deb_count(d), 5); /* without the root */
                assert_string_equal(deb_entry(d, 0)->name, "usr");

                const Entry *sudo = deb_find(d, "usr/bin/sudo"),
                            *alias = deb_find(d, "usr/bin/alias");

                assert_int_equal(sudo->mode, 04755);
                assert_int_equal(sudo->uid, 7);
                assert_int_equal(sudo->mtime, 1002);
                assert_int_equal(content_load(&sudo->content, 100, &text, NULL), 0);
                assert_string_equal(text, "program");
                assert_int_equal(alias->type, ENTRY_FILE);
                assert_int_equal(alias->content.offset, sudo->content.offset);
                assert_int_equal(deb_find(d, "usr/\xc3\xa9")->content.size, 0);
                assert_string_equal(deb_find(d, "lib/x.so")->link, "x.so.1");
                assert_null(deb_find(d, "usr/bin"));
                deb_free(d);
        }
}

static void refuses(const Item *items, size_t n, const char *member, size_t cut,
                    const char *message) {
        _cleanup_err_ Err e = ERR_INIT;
        Deb *d = NULL;

        if (open_deb(items, n, ARCHIVE_FILTER_GZIP, member, cut, &d, &e) == 0)
                fail_msg("accepted: %s", message);
        assert_int_equal(e.kind, ERR_VERIFY);
        if (!strstr(e.text, message) || !strstr(e.text, path))
                fail_msg("\"%s\" lacks \"%s\"", e.text, message);
}

static void hostile_packages_are_refused(void **state) {
        static const Item escape[] = { { "./usr/../../etc/passwd", AE_IFREG, 0644, "x" } };
        static const Item node[] = { { "./dev/sda", AE_IFBLK, 0644, NULL } };
        static const Item link[] = { { "./a", HARDLINK, 0644, "./b" } };
        static const Item good[] = { { "./a", AE_IFREG, 0644, "some text" } };

        (void)state;
        refuses(escape, 1, "data.tar.gz", 0, "unsafe name");
        refuses(node, 1, "data.tar.gz", 0, "\"dev/sda\"");
        refuses(link, 1, "data.tar.gz", 0, "hard link to nothing");
        refuses(good, 1, "other.tar.gz", 0, "no data.tar");
        for (size_t cut = 12; cut < 60; cut += 8)
                refuses(good, 1, "data.tar.gz", cut, "");
}

static void check_word(const char *got, const char *want) {
        if (!str_eq(got, want))
                fail_msg("%s instead of %s", got ? got : "nothing", want ? want : "nothing");
}

/* deb-control(5): what the fields say, and what is meant when they are absent. */
static void control_fields_are_read(void **state) {
        static const Item file[] = { { "./a", AE_IFREG, 0644, "some text" } };
        static const struct {
                const char *text, *architecture, *source, *version;
        } t[] = {
                { "Package: libc6\nsource: glibc (2.36-9)\nVersion: 2.36-9+b1\nArchitecture: "
                  "amd64\n",
                  "amd64", "glibc", "2.36-9" },
                { "Package: libc6\nSource: glibc\nVersion: 2.36-9\nArchitecture: all", "all",
                  "glibc", "2.36-9" },
                { "Package: libstdc++6\nVersion: 1:2~x\n", NULL, "libstdc++6", "1:2~x" },
                { "Package: a\nDescription: x\n Source: b\n", NULL, "a", NULL },
                { "Package: a\nSource: b\"c (1)\nArchitecture: <x>\nVersion:\n", NULL, NULL, "1" },
                { "Source:\nVersion: 1 2\n", NULL, NULL, NULL },
                { "Source: b (", NULL, "b", NULL },
                { "", NULL, NULL, NULL },
                { NULL, NULL, NULL, NULL },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                Deb *d = NULL;

                control = t[i].text;
                if (open_deb(file, 1, ARCHIVE_FILTER_GZIP, "data.tar.gz", 0, &d, &e) < 0)
                        fail_msg("%s", e.text);
                assert_int_equal(deb_count(d), 1);
                check_word(deb_control(d)->architecture, t[i].architecture);
                check_word(deb_control(d)->source, t[i].source);
                check_word(deb_control(d)->source_version, t[i].version);
                deb_free(d);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_every_kind),
                cmocka_unit_test(hostile_packages_are_refused),
                cmocka_unit_test(control_fields_are_read),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
