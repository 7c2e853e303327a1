/* conf_test.c - dhcpcd.conf lines, as the component ships them and as users get them wrong. */
#include "pkg/dhcpcd/conf.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const char *line(DhcpConf *c, const char *text) {
        char buf[512];
        snprintf(buf, sizeof(buf), "%s", text);
        return conf_line(c, buf);
}

static void settings(void **state) {
        (void)state;
        DhcpConf c;
        conf_init(&c);
        assert_int_equal(c.timeout, -1);
        static const char *const lines[] = {
                "allowinterfaces eth* en0,wlan0  # ours\n",
                "denyinterfaces eth9",
                "hostname",
                "\tclientid \"a b\"",
                "timeout 7",
                "option domain_name_servers, interface_mtu",
                "option classless_static_routes",
                "persistent",
                "waitip 4",
                "slaac private",
                "",
                "# x",
        };
        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
                assert_null(line(&c, lines[i]));

        assert_true(conf_allows(&c, "eth0"));
        assert_true(conf_allows(&c, "wlan0"));
        assert_false(conf_allows(&c, "eth9"));
        assert_false(conf_allows(&c, "docker0"));
        assert_true(c.send_hostname);
        assert_string_equal(c.hostname, "");
        assert_string_equal(c.client_id, "a b");
        assert_int_equal(c.timeout, 7);
        assert_true(c.want_mtu && c.want_routes);
        assert_false(c.want_search || c.want_hostname);
}

static void defaults(void **state) {
        (void)state;
        DhcpConf c;
        conf_init(&c);
        assert_true(conf_allows(&c, "anything"));
        assert_false(c.send_hostname);
}

static void bad_lines(void **state) {
        (void)state;
        static const char *const t[] = { "timeout",
                                         "timeout x",
                                         "timeout -1",
                                         "hostname a'b",
                                         "hostname -x",
                                         "interface eth0",
                                         "timeout 99999999999999" };
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                DhcpConf c;
                conf_init(&c);
                assert_non_null(line(&c, t[i]));
                assert_int_equal(c.timeout, -1);
                assert_false(c.send_hostname);
        }
}

static void bounds(void **state) {
        (void)state;
        DhcpConf c;
        conf_init(&c);
        char text[400] = "clientid ";
        memset(text + strlen(text), 'x', CONF_CLIENT_ID);
        assert_non_null(line(&c, text));
        assert_string_equal(c.client_id, "");
        for (int i = 0; i < CONF_PATTERNS; i++)
                assert_null(line(&c, "allowinterfaces eth0"));
        assert_non_null(line(&c, "allowinterfaces eth0"));
        assert_int_equal(c.n_allow, CONF_PATTERNS);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(settings),
                cmocka_unit_test(defaults),
                cmocka_unit_test(bad_lines),
                cmocka_unit_test(bounds),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
