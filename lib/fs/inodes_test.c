/* inodes_test.c - the directories that come out of a list of entries. */
#include "lib/fs/inodes.h"
#include "lib/fs/inodes_test.h"

#include <sys/stat.h>

static Inodes *build(const Entry *entries, size_t n, bool (*skip)(const char *), Err *e) {
        Tree *t = tree_new();
        Inodes *x = NULL;
        for (size_t i = 0; i < n; i++)
                tree_add_borrowed(t, &entries[i]);
        inodes_new(t, skip, 77, &x, e);
        tree_free(t);
        return x;
}

/* "bin/ bin/sh etc/ ...": all names in order; links and copies behind '='. */
static void describe(const Inode *dir, const char *above, Buf *b) {
        for (size_t i = 0; i < dir->n_children; i++) {
                const Inode *c = dir->children[i].inode;
                _cleanup_free_ char *path = xasprintf("%s%s", above, dir->children[i].name);
                buf_addf(b, " %s%s", path, inode_is_dir(c) ? "/" : "");
                if (!inode_is_dir(c) && c->links > 1)
                        buf_addf(b, "=%u*%u", c->number, c->links);
                _cleanup_free_ char *below = xasprintf("%s/", path);
                describe(c, below, b);
        }
}

static void assert_tree(const Entry *entries, size_t n, const char *expected) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_inodes_ Inodes *x = build(entries, n, inodes_skip_boot, &e);
        _cleanup_buf_ Buf b = { 0 };
        if (!x)
                fail_msg("%s", e.text);
        describe(x->all[0], "", &b);
        assert_string_equal(b.data ? b.data : "", expected);
}

static void assert_refused(const Entry *entries, size_t n, const char *text) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_inodes_ Inodes *x = build(entries, n, NULL, &e);
        assert_null(x);
        if (!strstr(e.text, text))
                fail_msg("\"%s\" does not say \"%s\"", e.text, text);
}

#define TREE(expected, ...)                                                         \
        do {                                                                        \
                const Entry list_of_entries[] = { __VA_ARGS__ };                    \
                assert_tree(list_of_entries, ARRAY_LEN(list_of_entries), expected); \
        } while (0)
#define REFUSED(text, ...)                                                         \
        do {                                                                       \
                const Entry list_of_entries[] = { __VA_ARGS__ };                   \
                assert_refused(list_of_entries, ARRAY_LEN(list_of_entries), text); \
        } while (0)
#define F(n) \
        { .name = n, .type = ENTRY_FILE, .mode = 0644 }
#define D(n) \
        { .name = n, .type = ENTRY_DIR, .mode = 0700 }
#define S(n, t) \
        { .name = n, .type = ENTRY_SYMLINK, .link = t }
#define H(n, t) \
        { .name = n, .type = ENTRY_HARDLINK, .link = t }

static void names_are_sorted_and_cleaned(void **state) {
        (void)state;
        TREE("");
        TREE(" A a b/ b/!x b/c \xc3\xbc", F("b/c"), F("a"), F("./b//!x"), F("A"), D("b/"),
             F("/\xc3\xbc"), D("."));
        TREE(" a/ a/b a.b a0", F("a0"), F("a/b"), F("a.b"));
}

static void later_entries_win(void **state) {
        (void)state;
        static const Entry entries[] = {
                D("d"),
                F("d/x"),
                { .name = "d", .type = ENTRY_DIR, .mode = 01777, .uid = 5 },
                F("f"),
                { .name = "f", .type = ENTRY_FILE, .mode = 0600 },
                F("e/g"),
                { .name = "./", .type = ENTRY_DIR, .mode = 0711 },
        };
        Err e = ERR_INIT;
        _cleanup_inodes_ Inodes *x = build(entries, ARRAY_LEN(entries), NULL, &e);
        assert_non_null(x);
        const Inode *root = x->all[0], *d = root->children[0].inode;
        assert_int_equal(inode_mode(root), S_IFDIR | 0711);
        assert_int_equal(root->links, 4);
        assert_int_equal(inode_mode(d), S_IFDIR | 01777);
        assert_int_equal(d->entry.uid, 5);
        assert_int_equal(d->n_children, 1);
        assert_int_equal(inode_mode(root->children[2].inode), S_IFREG | 0600);
        /* e was never mentioned */
        assert_int_equal(inode_mode(root->children[1].inode), S_IFDIR | 0755);
        assert_true(root->children[1].inode->entry.mtime == 77);
        TREE(" x/", F("x"), D("x"));
        TREE(" x", D("x"), F("x"));
        TREE(" lib/ usr/ usr/lib/", D("usr/lib"), S("lib", "usr/lib"), D("lib"));
}

static void hard_links_are_one_inode(void **state) {
        (void)state;
        TREE(" a=2*3 b=2*3 c=2*3", F("b"), H("a", "b"), H("c", "./a"));
        TREE(" a=2*2 d/ f=2*2", F("f"), D("d"), H("a", "d/../f"));
        /* the link keeps what the target was */
        TREE(" a b", F("a"), H("b", "a"), F("a"));
        TREE(" d=2*2 e=2*2", S("d", "x"), H("e", "d"));
}

static void symlinks_to_directories_are_followed(void **state) {
        (void)state;
        TREE(" lib usr/ usr/lib/ usr/lib/x", D("usr/lib"), S("lib", "usr/lib"), F("lib/x"));
        TREE(" a/ a/up c/ c/x", D("c"), S("a/up", "../../../c"), F("a/up/x"));
        TREE(" a/ a/l n/ n/x", S("a/l", "/n"), F("a/l/x"));
}

static void skipped_names_vanish(void **state) {
        (void)state;
        TREE(" boot/ z", F("boot/kernel"), F("boot/dtb/x"), F("z"));
        TREE(" boot/ k", F("boot/kernel"), H("k", "boot/kernel"));
}

static void what_cannot_be_is_refused(void **state) {
        (void)state;
        static char deep[3000], wide[300], far[4001], beyond[200], target[4097], loop[] = "l";
        memset(target, 't', sizeof target - 1);
        for (size_t i = 0; i + 1 < sizeof far; i++)
                far[i] = i % 101 == 100 ? '/' : 'f';
        memset(beyond, 'b', sizeof beyond - 1);
        memcpy(beyond, "l/", 2);
        memset(wide, 'w', sizeof wide - 1);
        for (size_t i = 0; i + 1 < sizeof deep; i++)
                deep[i] = i % 2 ? '/' : 'd';
        REFUSED("\"f\" is not a directory", F("f"), F("f/x"));
        REFUSED("\"d\" is a directory with files", F("d/x"), F("d"));
        REFUSED("\".\" is a directory with files", F("."));
        REFUSED("which is not there", H("a", "b"));
        /* a target does not make the directories on its way, as Linux would not */
        REFUSED("which is not there", F("f"), H("a", "new/../f"));
        REFUSED("which is not there", F("f"), S("l", "new"), H("a", "l/../f"));
        REFUSED("which is a directory", D("b"), H("a", "b"));
        REFUSED("which is a directory", H("a", "/"));
        REFUSED("too many symbolic links", S(loop, "l/x"), F("l/y"));
        REFUSED("longer than 255", F(wide));
        REFUSED("nested deeper", F(deep));
        REFUSED("longer than 4095", D(far), S("l", far), F(beyond));
        REFUSED("its target is longer than 4095", S("l", target));
        REFUSED("without a target", S("l", ""));
        REFUSED("without a target", S("l", NULL), F("l/x"));
        REFUSED("ends in \"..\"", F("a/.."));
        REFUSED("no device 4096:0", { .name = "x", .type = ENTRY_CHAR, .dev_major = 4096 });
}

static void copies_are_found_by_content(void **state) {
        (void)state;
        static const char one[] = "same bytes", two[] = "same bytes", three[] = "Same bytes";
        const Entry entries[] = {
                { .name = "c", .type = ENTRY_FILE, .content = content_bytes(three, 10) },
                { .name = "d", .type = ENTRY_FILE, .content = content_bytes(two, 10) },
                { .name = "b", .type = ENTRY_FILE, .content = content_bytes(one, 10) },
                { .name = "a", .type = ENTRY_FILE, .content = content_bytes(one, 9) },
                { .name = "e", .type = ENTRY_FILE, .content = content_bytes(one, 10) },
                { .name = "f", .type = ENTRY_FILE },
                { .name = "g", .type = ENTRY_FILE },
        };
        Err e = ERR_INIT;
        _cleanup_inodes_ Inodes *x = build(entries, ARRAY_LEN(entries), NULL, &e);
        assert_non_null(x);
        assert_int_equal(inodes_find_copies(x, &e), 0);
        static const uint32_t originals[] = { 1, 2, 3, 4, 3, 3, 7, 8 };
        for (size_t i = 0; i < ARRAY_LEN(originals); i++)
                assert_int_equal(x->all[i]->original->number, originals[i]);
}

static void digests_differ_with_everything(void **state) {
        (void)state;
        static const PaxRecord pax = { "SCHILY.xattr.user.a", "1", 1 };
        const Entry variants[] = {
                { .name = "a", .type = ENTRY_FILE },
                { .name = "b", .type = ENTRY_FILE },
                { .name = "a", .type = ENTRY_FILE, .mode = 1 },
                { .name = "a", .type = ENTRY_FILE, .gid = 1 },
                { .name = "a", .type = ENTRY_FILE, .mtime = 1 },
                { .name = "a", .type = ENTRY_FILE, .pax = &pax, .n_pax = 1 },
                { .name = "a", .type = ENTRY_FILE, .content = content_bytes("x", 1) },
                { .name = "a", .type = ENTRY_FILE, .content = content_bytes("y", 1) },
                { .name = "a", .type = ENTRY_SYMLINK, .link = "x" },
                { .name = "a", .type = ENTRY_SYMLINK, .link = "y" },
                { .name = "a", .type = ENTRY_DIR },
                { .name = "a/a", .type = ENTRY_FILE },
        };
        Digest digests[ARRAY_LEN(variants)];
        for (size_t i = 0; i < ARRAY_LEN(variants); i++) {
                _cleanup_inodes_ Inodes *x = build(&variants[i], 1, NULL, NULL);
                inodes_digest(x, "test", &digests[i]);
                for (size_t k = 0; k < i; k++)
                        assert_false(digest_eq(&digests[i], &digests[k]));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_are_sorted_and_cleaned),
                cmocka_unit_test(later_entries_win),
                cmocka_unit_test(hard_links_are_one_inode),
                cmocka_unit_test(symlinks_to_directories_are_followed),
                cmocka_unit_test(skipped_names_vanish),
                cmocka_unit_test(what_cannot_be_is_refused),
                cmocka_unit_test(copies_are_found_by_content),
                cmocka_unit_test(digests_differ_with_everything),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
