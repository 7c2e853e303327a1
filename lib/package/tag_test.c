/* tag_test.c - the content tag in real git repositories: what changes it and what must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ftw.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/package/tag.h"

static char root[4096];

static char *at(const char *name) {
        return path_join(root, name);
}

static void put(const char *name, const char *text) {
        _cleanup_free_ char *path = at(name), *dir = path_dir(path);

        assert_int_equal(dir_make(dir, NULL), 0);
        assert_int_equal(file_write(path, text, strlen(text), 0644, NULL), 0);
}

/* Runs git in the temporary directory and returns the first line of its output. */
static char *git(const char *a, const char *b, const char *c, const char *d) {
        const char *const argv[] = { "git", "-C", root, "-c", "user.name=t", "-c", "user.email=t@t",
                                     a,     b,    c,    d,    NULL };
        _cleanup_err_ Err e = ERR_INIT;
        char *out = NULL;

        if (proc_run(argv, NULL, &out, NULL, NULL, &e) < 0)
                fail_msg("%s", e.text);
        out[strcspn(out, "\n")] = '\0';
        return out;
}

static void commit(void) {
        free(git("add", "-A", NULL, NULL));
        free(git("commit", "-q", "-m", "x"));
}

static int setup(void **state) {
        char real[4096];

        (void)state;
        strcpy(root, "/tmp/tag_test-XXXXXX");
        if (!mkdtemp(root) || !realpath(root, real))
                return -1;
        strcpy(root, real);
        put("pkg/a/build.yml", "image: a\n");
        put("pkg/a/file", "one\n");
        put("src/s.c", "int x;\n");
        setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
        setenv("GIT_CEILING_DIRECTORIES", "/tmp", 1);
        return 0;
}

static int setup_git(void **state) {
        if (setup(state) < 0)
                return -1;
        free(git("init", "-q", NULL, NULL));
        commit();
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        (void)st, (void)flag, (void)ftw;
        return remove(path);
}

static int teardown(void **state) {
        (void)state;
        return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The tag of pkg/a, with the extra source src when wanted. */
static char *hash_of(bool source, bool *ret_dirty) {
        _cleanup_free_ char *dir = at("pkg/a"), *src = at("src");
        const TagSource sources[] = { { .path = src, .name = "src" } };
        const TagOptions o = { .dir = dir, .sources = sources, .n_sources = source };
        _cleanup_err_ Err e = ERR_INIT;
        Tag t = { 0 };
        char *hash;

        if (tag_compute(&o, &t, &e) < 0)
                fail_msg("%s", e.text);
        hash = xstrdup(t.hash);
        if (ret_dirty)
                *ret_dirty = t.dirty;
        tag_done(&t);
        return hash;
}

static void clean_tree_is_the_tree_object(void **state) {
        _cleanup_free_ char *want = git("rev-parse", "HEAD:pkg/a", NULL, NULL), *got = NULL;
        bool dirty = true;

        (void)state;
        got = hash_of(false, &dirty);
        assert_string_equal(got, want);
        assert_false(dirty);
}

static void top_of_the_checkout_is_the_tree_of_the_commit(void **state) {
        _cleanup_free_ char *want = git("show", "--format=%T", "-s", "HEAD");
        const TagOptions o = { .dir = root };
        Tag t = { 0 };

        (void)state;
        assert_int_equal(tag_compute(&o, &t, NULL), 0);
        assert_string_equal(t.hash, want);
        tag_done(&t);
}

/* pkg.md 2.2 step 4: SHA-1 over the text of both ids */
static void extra_sources_are_combined(void **state) {
        _cleanup_free_ char *a = git("rev-parse", "HEAD:pkg/a", NULL, NULL);
        _cleanup_free_ char *s = git("rev-parse", "HEAD:src", NULL, NULL),
                            *got = hash_of(true, NULL);
        _cleanup_free_ char *both = xasprintf("%s%s", a, s), *want = NULL;
        const char *const argv[] = { "sha1sum", NULL };
        const ProcOptions o = { .input = both, .input_len = strlen(both) };

        (void)state;
        assert_int_equal(proc_run(argv, &o, &want, NULL, NULL, NULL), 0);
        want[40] = '\0';
        assert_string_equal(got, want);
}

static void check_dirty(const char *clean, bool source, bool want) {
        _cleanup_free_ char *hash = hash_of(source, NULL), *prefix = xasprintf("%s-dirty-", clean);

        if (!want) {
                assert_string_equal(hash, clean);
                return;
        }
        assert_true(str_has_prefix(hash, prefix));
        assert_int_equal(strlen(hash), strlen(prefix) + 7);
}

static void changes_make_it_dirty(void **state) {
        _cleanup_free_ char *clean = hash_of(false, NULL), *one = NULL, *two = NULL,
                            *file = at("pkg/a/file");

        (void)state;
        put("pkg/a/file", "two\n");
        check_dirty(clean, false, true);
        one = hash_of(false, NULL);
        put("pkg/a/file", "one\n");
        check_dirty(clean, false, false);
        assert_int_equal(chmod(file, 0755), 0); /* the reference's suffix does not see modes */
        check_dirty(clean, false, true);
        two = hash_of(false, NULL);
        assert_string_not_equal(one, two);
        assert_int_equal(chmod(file, 0644), 0);
        put("pkg/a/\xc3\xa4 new", "untracked\n");
        check_dirty(clean, false, true);
}

static void other_changes_do_not(void **state) {
        _cleanup_free_ char *clean = hash_of(false, NULL);

        (void)state;
        put("pkg/b/file", "neighbour\n");
        put("pkg/a/native.lock", "[amd64]\n");
        put("src/s.c", "changed\n");
        put(".git/info/exclude", "*.o\n");
        put("pkg/a/x.o", "ignored\n");
        check_dirty(clean, false, false);
}

static void changed_sources_make_it_dirty(void **state) {
        _cleanup_free_ char *clean = hash_of(true, NULL), *one = NULL, *two = NULL;

        (void)state;
        put("src/s.c", "int y;\n");
        check_dirty(clean, true, true);
        one = hash_of(true, NULL);
        put("src/s.c", "int z;\n");
        two = hash_of(true, NULL);
        assert_string_not_equal(one, two);
}

static void a_changed_committed_lock_counts(void **state) {
        _cleanup_free_ char *clean = NULL;

        (void)state;
        put("pkg/a/native.lock", "[amd64]\n");
        commit();
        clean = hash_of(false, NULL);
        check_dirty(clean, false, false);
        put("pkg/a/native.lock", "[arm64]\n");
        check_dirty(clean, false, true);
}

static void a_folder_that_was_never_committed_has_a_content_tag(void **state) {
        _cleanup_free_ char *dir = at("pkg/new");
        const TagOptions o = { .dir = dir }, commit_given = { .dir = dir, .commit = "HEAD" };
        _cleanup_err_ Err e = ERR_INIT;
        Tag t = { 0 };

        (void)state;
        put("pkg/new/build.yml", "image: new\n");
        assert_int_equal(tag_compute(&o, &t, NULL), 0);
        assert_int_equal(strlen(t.hash), 40);
        assert_true(t.dirty);
        tag_done(&t);
        assert_int_equal(tag_compute(&commit_given, &t, &e), -1);
        assert_non_null(strstr(e.text, "is not in git"));
}

static void outside_of_git_the_content_decides(void **state) {
        _cleanup_free_ char *one = NULL, *two = NULL, *three = NULL, *with = NULL;
        bool dirty = true;

        (void)state;
        one = hash_of(false, &dirty);
        assert_false(dirty);
        assert_int_equal(strlen(one), 40);
        put("pkg/a/native.lock", "[amd64]\n");
        two = hash_of(false, NULL);
        assert_string_equal(one, two);
        with = hash_of(true, NULL);
        assert_string_not_equal(one, with);
        put("pkg/a/file", "two\n");
        three = hash_of(false, NULL);
        assert_string_not_equal(one, three);
}

static void templates(void **state) {
        static const struct {
                const char *template, *want;
        } t[] = {
                { "{{.Hash}}", "abc" },
                { "v1", "v1" },
                { "", "" },
                { "release-{{ .Hash }}-x", "release-abc-x" },
                { "a \n{{- .Hash -}} \t b", "aabcb" },
                { "{{.Hash}}{{.Hash}}", "abcabc" },
                { "{{.Foo}}", NULL },
                { "{{.Hash", NULL },
                { "{{.Hash|x}}", NULL },
                { "{{.HashX}}", NULL },
                { "{{", NULL },
                { "{{-.Hash}}", NULL },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_free_ char *got = NULL;
                int r = tag_expand(t[i].template, "abc", &got, NULL);

                if ((r == 0) != (t[i].want != NULL) || (got && !str_eq(got, t[i].want)))
                        fail_msg("\"%s\" gives \"%s\"", t[i].template, got ? got : "an error");
        }
}

#define GIT_TEST(f)  cmocka_unit_test_setup_teardown(f, setup_git, teardown)
#define BARE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                GIT_TEST(clean_tree_is_the_tree_object),
                GIT_TEST(top_of_the_checkout_is_the_tree_of_the_commit),
                GIT_TEST(extra_sources_are_combined),
                GIT_TEST(changes_make_it_dirty),
                GIT_TEST(other_changes_do_not),
                GIT_TEST(changed_sources_make_it_dirty),
                GIT_TEST(a_changed_committed_lock_counts),
                GIT_TEST(a_folder_that_was_never_committed_has_a_content_tag),
                BARE_TEST(outside_of_git_the_content_decides),
                cmocka_unit_test(templates),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
