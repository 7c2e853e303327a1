/* account_test.c - passwd and shadow lines, good, locked and broken. */
#include "pkg/getty/account.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

static char path[32];

static void file(const char *text) {
        strcpy(path, "/tmp/account-test-XXXXXX");
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}

static void passwd(void **state) {
        (void)state;
        file("bad\nroot:x:0:0:root:/root:/bin/sh\nops:x:10:20::\nodd:x:y:1::/:/bin/sh\n");
        Account a;
        assert_true(account_find(path, "root", &a));
        assert_string_equal(a.home, "/root");
        assert_true(account_find(path, "ops", &a));
        assert_int_equal(a.uid, 10);
        assert_int_equal(a.gid, 20);
        assert_string_equal(a.home, "/");
        assert_string_equal(a.shell, "/bin/sh");
        assert_false(account_find(path, "odd", &a));
        assert_false(account_find(path, "bad", &a));
        assert_false(account_find(path, "", &a));
        assert_false(account_find(path, "nobody", &a));
        unlink(path);
        assert_false(account_find(path, "root", &a));
}

static void shadow(void **state) {
        (void)state;
        static const char *const settings[] = { "$6$saltsalt", "$1$saltsalt", "$5$saltsalt" };
        for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
                char text[512];
                snprintf(text, sizeof(text), "star:*:::\nbang:!x:::\nopen:::\nroot:%s:::::::",
                         crypt("secret", settings[i]));
                file(text);
                assert_true(account_check(path, "root", "secret"));
                assert_false(account_check(path, "root", "Secret"));
                assert_false(account_check(path, "root", ""));
                assert_false(account_check(path, "star", "*"));
                assert_false(account_check(path, "bang", "x"));
                assert_false(account_check(path, "open", ""));
                assert_false(account_check(path, "nobody", "secret"));
                assert_true(account_is_open(path, "open"));
                assert_false(account_is_open(path, "root"));
                assert_false(account_is_open(path, "nobody"));
                unlink(path);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(passwd), cmocka_unit_test(shadow) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
