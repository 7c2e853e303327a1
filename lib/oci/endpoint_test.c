/* endpoint_test.c - the tables of cli.md 5.2 and 5.3. */
#include "lib/oci/oci_test.h"

#include "lib/oci/endpoint.h"

static void endpoint_plain_hosts(void **state) {
        (void)state;
        static const struct {
                const char *host;
                bool plain;
        } t[] = {
                { "localhost", true },
                { "localhost:5000", true },
                { "a.local:80", true },
                { "x.localhost", true },
                { "127.0.0.1:5000", true },
                { "[::1]:5000", true },
                { "10.1.2.3", true },
                { "172.16.0.1", true },
                { "172.31.9.9:1", true },
                { "192.168.0.1:5000", true },
                { "172.32.0.1", false },
                { "172.15.0.1", false },
                { "11.0.0.1", false },
                { "docker.io", false },
                { "localhost.evil.com", false },
                { "10.0.0.1.evil.com", false },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++)
                if (endpoint_may_be_plain(t[i].host) != t[i].plain)
                        fail_msg("%s", t[i].host);
}

static void endpoint_mirrors(void **state) {
        (void)state;
        static const struct {
                const char *host, *mirrors[4];
                const char *want_host, *want_repo;
                bool https, http;
        } t[] = {
                { "docker.io", { 0 }, "index.docker.io", "a/b", true, false },
                { "quay.io", { 0 }, "quay.io", "a/b", true, false },
                { "localhost:5000", { 0 }, "localhost:5000", "a/b", true, true },
                { "docker.io", { "docker.io=http://m:1/" }, "m:1", "a/b", false, true },
                { "index.docker.io", { "docker.io=https://m" }, "m", "a/b", true, false },
                { "quay.io", { "docker.io=http://m" }, "quay.io", "a/b", true, false },
                { "quay.io", { "http://m/sub/" }, "m", "sub/a/b", false, true },
                { "quay.io", { "*=http://m" }, "m", "a/b", false, true },
                { "quay.io", { "quay.io=http://x", "http://m" }, "x", "a/b", false, true },
                { "quay.io", { "quay.io=http://x", "quay.io=http://y" }, "y", "a/b", false, true },
                { "quay.io", { "http://m?a=b" }, NULL, NULL, false, false },
                { "quay.io", { "quay.io=m" }, NULL, NULL, false, false },
                { "quay.io", { "other=ftp://m" }, NULL, NULL, false, false },
                { "quay.io", { "http://" }, NULL, NULL, false, false },
                { "quay.io", { "http://user:pw@m" }, NULL, NULL, false, false },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                Endpoint p;
                int r = endpoint_find(t[i].host, "a/b", t[i].mirrors, &p, &e);
                if (!t[i].want_host) {
                        if (r == 0)
                                fail_msg("row %zu accepted", i);
                        assert_int_equal(e.kind, ERR_USAGE);
                        continue;
                }
                assert_ok(r, &e);
                assert_string_equal(p.host, t[i].want_host);
                assert_string_equal(p.repo, t[i].want_repo);
                assert_int_equal(p.try_https, t[i].https);
                assert_int_equal(p.try_http, t[i].http);
                endpoint_done(&p);
        }
}

static void endpoint_credential_key(void **state) {
        (void)state;
        Endpoint p;
        assert_int_equal(endpoint_find("docker.io", "a", NULL, &p, NULL), 0);
        assert_string_equal(p.credential, "https://index.docker.io/v1/");
        endpoint_done(&p);
        const char *const mirrors[] = { "docker.io=https://m:5", NULL };
        assert_int_equal(endpoint_find("docker.io", "a", mirrors, &p, NULL), 0);
        assert_string_equal(p.credential, "m:5");
        endpoint_done(&p);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(endpoint_plain_hosts),
                cmocka_unit_test(endpoint_mirrors),
                cmocka_unit_test(endpoint_credential_key),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
