/* rootcopy_test.c - a tree with every kind of entry, before and after.  Device nodes, owners and
 * privileged attributes only as root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <fcntl.h>

#include <cmocka.h>

#include "init/rootcopy.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

static char dir[64], *from, *to;

static char *at(const char *top, const char *name) {
        static char paths[4][256];
        static int next;
        char *p = paths[next++ % 4];
        snprintf(p, 256, "%s/%s", top, name);
        return p;
}

static int set_up(void **state) {
        (void)state;
        strcpy(dir, "/tmp/rootcopy-test-XXXXXX");
        assert_non_null(mkdtemp(dir));
        from = path_join(dir, "from");
        to = path_join(dir, "to");
        return mkdir(from, 0755) + mkdir(to, 0755);
}

static int tear_down(void **state) {
        (void)state;
        _cleanup_free_ char *command = xasprintf("rm -rf %s", dir);
        free(from);
        free(to);
        return system(command);
}

static void put(const char *name, const char *text, mode_t mode) {
        FILE *f = fopen(at(from, name), "w");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
        assert_int_equal(chmod(at(from, name), mode), 0);
}

static struct stat look(const char *top, const char *name) {
        struct stat st;
        assert_int_equal(lstat(at(top, name), &st), 0);
        return st;
}

static void move(void) {
        Err e = ERR_INIT;
        if (rootcopy_move(from, to, &e) < 0)
                fail_msg("%s", e.text);
}

static void files_keep_mode_times_and_content(void **state) {
        (void)state;
        _cleanup_free_ char *large = xmalloc(3 << 20);
        memset(large, 'x', 3 << 20);
        large[(3 << 20) - 1] = 0;
        assert_int_equal(mkdir(at(from, "a"), 0755), 0);
        assert_int_equal(mkdir(at(from, "a/closed"), 0500), 0);
        put("a/su", "text", 04755);
        put("a/large", large, 0640);
        put(".hidden", "", 0600);
        static const struct timespec times[2] = { { 1000000000, 1 }, { 1100000000, 2 } };
        assert_int_equal(utimensat(AT_FDCWD, at(from, "a/su"), times, 0), 0);
        assert_int_equal(utimensat(AT_FDCWD, at(from, "a"), times, 0), 0);
        move();
        struct stat st = look(to, "a/su");
        assert_int_equal(st.st_mode, S_IFREG | 04755);
        assert_int_equal(st.st_mtim.tv_sec, 1100000000);
        assert_int_equal(st.st_mtim.tv_nsec, 2);
        assert_int_equal(look(to, "a").st_mtim.tv_sec, 1100000000);
        assert_int_equal(look(to, "a/closed").st_mode, S_IFDIR | 0500);
        assert_int_equal(look(to, "a/large").st_size, (3 << 20) - 1);
        assert_int_equal(look(to, ".hidden").st_mode, S_IFREG | 0600);
        /* the source is empty but for its directories */
        assert_int_equal(access(at(from, "a/su"), F_OK), -1);
        assert_int_equal(access(at(from, "a/closed"), F_OK), 0);
}

static void hard_links_stay_one_file(void **state) {
        (void)state;
        assert_int_equal(mkdir(at(from, "d"), 0755), 0);
        put("one", "shared", 0644);
        assert_int_equal(link(at(from, "one"), at(from, "d/two")), 0);
        assert_int_equal(link(at(from, "one"), at(from, "zero")), 0);
        assert_int_equal(symlink("nowhere", at(from, "s1")), 0);
        assert_int_equal(link(at(from, "s1"), at(from, "s2")), 0);
        move();
        assert_int_equal(look(to, "one").st_nlink, 3);
        assert_int_equal(look(to, "one").st_ino, look(to, "d/two").st_ino);
        assert_int_equal(look(to, "one").st_ino, look(to, "zero").st_ino);
        assert_int_equal(look(to, "s1").st_ino, look(to, "s2").st_ino);
}

static void links_and_pipes(void **state) {
        (void)state;
        char target[16] = "";
        assert_int_equal(symlink("/etc/x", at(from, "link")), 0);
        assert_int_equal(mkfifo(at(from, "fifo"), 0600), 0);
        assert_int_equal(chmod(at(from, "fifo"), 0620), 0);
        move();
        assert_int_equal(readlink(at(to, "link"), target, sizeof target), 6);
        assert_string_equal(target, "/etc/x");
        assert_int_equal(look(to, "fifo").st_mode, S_IFIFO | 0620);
}

static void devices_owners_and_capabilities(void **state) {
        (void)state;
        /* cap_net_raw+ep as the kernel stores it, revision 2 */
        static const unsigned char cap[20] = { 1, 0, 0, 2, 0, 0x20 };
        unsigned char got[32];
        if (geteuid() != 0)
                skip();
        if (mknod(at(from, "null"), S_IFCHR | 0666, makedev(1, 3)) < 0)
                skip();
        assert_int_equal(mknod(at(from, "disk"), S_IFBLK | 0660, makedev(8, 1)), 0);
        assert_int_equal(chmod(at(from, "null"), 0666), 0);
        put("ping", "program", 0755);
        assert_int_equal(lchown(at(from, "ping"), 12, 34), 0);
        assert_int_equal(symlink("x", at(from, "link")), 0);
        assert_int_equal(lchown(at(from, "link"), 56, 78), 0);
        bool xattrs = setxattr(at(from, "ping"), "security.capability", cap, sizeof cap, 0) == 0;
        move();
        assert_int_equal(look(to, "null").st_mode, S_IFCHR | 0666);
        assert_int_equal(look(to, "null").st_rdev, makedev(1, 3));
        assert_int_equal(look(to, "disk").st_rdev, makedev(8, 1));
        assert_true(S_ISBLK(look(to, "disk").st_mode));
        assert_int_equal(look(to, "ping").st_uid, 12);
        assert_int_equal(look(to, "ping").st_gid, 34);
        assert_int_equal(look(to, "link").st_gid, 78);
        if (xattrs) {
                assert_int_equal(getxattr(at(to, "ping"), "security.capability", got, sizeof got),
                                 sizeof cap);
                assert_memory_equal(got, cap, sizeof cap);
        }
}

static void a_missing_target_is_an_error(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        assert_int_equal(rootcopy_move(from, at(dir, "missing"), &e), -1);
        assert_int_equal(e.kind, ERR_IO);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(files_keep_mode_times_and_content),
                TEST(hard_links_stay_one_file),
                TEST(links_and_pipes),
                TEST(devices_owners_and_capabilities),
                TEST(a_missing_target_is_an_error),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
