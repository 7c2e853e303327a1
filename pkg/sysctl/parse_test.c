/* parse_test.c - the line parser: separators, comments, and keys that try to leave /proc/sys. */
#include "pkg/sysctl/parse.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static SysctlLine parse(const char *text, SysctlKind want) {
        static char buf[256];
        SysctlLine l = { 0 };
        snprintf(buf, sizeof(buf), "%s", text);
        assert_int_equal(sysctl_parse(buf, &l), want);
        return l;
}

static void settings(void **state) {
        (void)state;
        static const struct {
                const char *line, *path, *value;
                bool optional;
        } t[] = {
                { "vm.overcommit_memory=1\n", "vm/overcommit_memory", "1", false },
                { "  net.ipv4.ping_group_range = 999 59999 \r\n", "net/ipv4/ping_group_range",
                  "999 59999", false },
                { "net/ipv4/conf/eth0.100/rp_filter = 1", "net/ipv4/conf/eth0.100/rp_filter", "1",
                  false },
                { "net.ipv4.conf.eth0/100.rp_filter = 1", "net/ipv4/conf/eth0.100/rp_filter", "1",
                  false },
                { "-kernel.absent = 2", "kernel/absent", "2", true },
                { "- kernel.absent =", "kernel/absent", "", true },
                { "single = x", "single", "x", false },
                { "kernel.hostname = a # b", "kernel/hostname", "a # b", false },
        };
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SysctlLine l = parse(t[i].line, SYSCTL_SETTING);
                assert_string_equal(l.path, t[i].path);
                assert_string_equal(l.value, t[i].value);
                assert_int_equal(l.optional, t[i].optional);
        }
}

static void comments(void **state) {
        (void)state;
        static const char *const t[] = { "", "\n", "   \t\n", "# a = b", "; a = b", "  # x" };
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
                parse(t[i], SYSCTL_EMPTY);
}

static void bad_lines(void **state) {
        (void)state;
        static const char *const t[] = {
                "kernel.panic", "a = b = c", "= 1",    "-= 1",    "../etc/passwd = x", "/a = 1",
                "a/../b = 1",   "a..b = 1",  "a/ = 1", "./a = 1", "..a = 1",           "a.b. = 1",
        };
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
                parse(t[i], SYSCTL_BAD);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(settings),
                cmocka_unit_test(comments),
                cmocka_unit_test(bad_lines),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
