/* filter_test.c - dropped, replaced and appended entries (yaml.md 8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/rootfs/filter.h"
#include "lib/rootfs/testutil.h"

#define HOSTS                                                                       \
        "127.0.0.1       localhost\n::1     localhost ip6-localhost ip6-loopback\n" \
        "fe00::0 ip6-localnet\nff00::0 ip6-mcastprefix\nff02::1 ip6-allnodes\n"     \
        "ff02::2 ip6-allrouters\n"
#define RESOLV "\n# no resolv.conf configured\n"

static Tree *run(const Row *rows, size_t n, const char *prefix, bool container) {
        Tree *t = tree_new();
        EntryList list = { n, row_get, rows };
        Filter f = {
                .maker = { .tree = t, .mtime = 42, .location = "here", .source = "image" },
                .prefix = prefix,
                .container = container,
        };
        assert_int_equal(flatten(&list, 1, filter_skips, filter_entry, &f, NULL), 0);
        filter_end(&f);
        return t;
}

static void check(const Row *rows, size_t n, const char *prefix, bool container, const char *want) {
        Tree *t = run(rows, n, prefix, container);
        _cleanup_buf_ Buf got = { 0 };
        for (size_t i = 0; i < tree_count(t); i++) {
                const Entry *entry = tree_entry(t, i);
                describe(&got, entry);
                assert_string_equal(entry->location, "here");
                assert_string_equal(entry->source, "image");
        }
        assert_string_equal(got.data, want);
        tree_free(t);
}

static void test_init_image(void **state) {
        (void)state;
        const Row rows[] = {
                { ENTRY_DIR, ".", NULL, 0 },
                { ENTRY_FILE, ".dockerenv", "", 0 },
                { ENTRY_FILE, "Dockerfile", "x", 0 },
                { ENTRY_FILE, "sub/Dockerfile", "kept", 0 },
                { ENTRY_FILE, "dev/console", "", 0 },
                { ENTRY_DIR, "dev/pts", NULL, 0 },
                { ENTRY_FILE, "etc/hostname", "h", 0 },
                { ENTRY_HARDLINK, "etc/other", "etc/hostname", 0 },
                { ENTRY_FILE, "etc/hosts", "mine", 0600 },
                { ENTRY_FILE, "etc/resolv.conf", "mine", 0 },
                { ENTRY_FILE, "etc/mtab", "tab", 0 },
        };
        check(rows, ARRAY_LEN(rows), "", false,
              "D .\nF sub/Dockerfile=kept\nF etc/other=h\nF etc/hosts=" HOSTS "\n"
              "L etc/resolv.conf>/run/resolvconf/resolv.conf\nF etc/mtab=tab\n"
              "D dev\nD dev/pts\nD dev/shm\nD etc\nF etc/hosts=" HOSTS "\n"
              "L etc/resolv.conf>/run/resolvconf/resolv.conf\nD proc\nD sys\n");
}

static void test_container(void **state) {
        (void)state;
        const Row rows[] = {
                { ENTRY_DIR, ".", NULL, 0 },
                { ENTRY_FILE, "a", "A", 0 },
                { ENTRY_HARDLINK, "b", "./a", 0 },
                { ENTRY_SYMLINK, "etc/hosts", "elsewhere", 0777 },
                { ENTRY_SYMLINK, "etc/resolv.conf", "/run/x", 0777 },
        };
        check(rows, ARRAY_LEN(rows), "P/", true,
              "D P/.\nF P/a=A\nH P/b>P/./a\nF P/etc/hosts=" HOSTS "\nF P/etc/resolv.conf=" RESOLV
              "\nD P/dev\nD P/dev/pts\nD P/dev/shm\nD P/etc\nF P/etc/hosts=" HOSTS "\n"
              "L P/etc/mtab>/proc/mounts\nF P/etc/resolv.conf=" RESOLV "\nD P/proc\nD P/sys\n");
}

static void test_headers(void **state) {
        (void)state;
        const Row rows[] = { { ENTRY_FILE, "etc/hosts", "mine", 0600 },
                             { ENTRY_FILE, "etc/x", "x", 04755 } };
        Tree *t = run(rows, ARRAY_LEN(rows), "", true);
        static const struct {
                const char *name;
                uint32_t mode, uid;
                int64_t mtime;
        } want[] = {
                { "etc/hosts", 0600, 7, 42 },
                { "etc/x", 04755, 7, 1500000000 },
                { "dev", 0755, 0, 42 },
                { "dev/pts", 0755, 0, 42 },
                { "dev/shm", 0755, 0, 42 },
                { "etc", 0755, 0, 42 },
                { "etc/hosts", 0644, 0, 42 },
                { "etc/mtab", 0755, 0, 42 },
                { "etc/resolv.conf", 0644, 0, 42 },
                { "proc", 0755, 0, 42 },
                { "sys", 0755, 0, 42 },
        };
        assert_int_equal(tree_count(t), ARRAY_LEN(want));
        for (size_t i = 0; i < ARRAY_LEN(want); i++) {
                const Entry *entry = tree_entry(t, i);
                assert_string_equal(entry->name, want[i].name);
                assert_int_equal(entry->mode, want[i].mode);
                assert_int_equal(entry->uid, want[i].uid);
                assert_int_equal(entry->gid, 0);
                assert_int_equal(entry->mtime, want[i].mtime);
        }
        tree_free(t);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_init_image),
                cmocka_unit_test(test_container),
                cmocka_unit_test(test_headers),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
