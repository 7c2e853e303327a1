/* runtime_test.c - runtime.json, as the build writes it and as it should not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "init/runtime.h"
#include "lib/base/str.h"

static int parse(const char *text, Arena **arena, Runtime *rt, Err *e) {
        *arena = arena_new();
        return runtime_parse(text, *arena, rt, e);
}

/* boot.md appendix B */
static const char full[] =
        "{ \"cgroups\": [\"g\"], \"mkdir\": [\"made\", \"/var/lib/x\"], \"namespace\": \"ns\", "
        "\"mounts\": ["
        "{\"destination\": \"/c/tmp\", \"type\": \"tmpfs\", \"source\": \"tmpfs\"},"
        "{\"destination\": \"/c/tmp\", \"options\": [\"remount\", \"private\"]}],"
        "\"interfaces\": [{\"name\": \"wg0\", \"add\": \"wireguard\", \"createInRoot\": true},"
        "{\"name\": \"v0\", \"peer\": \"v1\"}, {\"name\": \"eth1\"}],"
        "\"bindNS\": {\"cgroup\": \"\", \"net\": \"/run/netns/wg0\", \"uts\": null},"
        "\"restart\": \"always\", \"fail\": \"reboot\", \"timeout\": 120, "
        "\"ociRuntime\": \"crun\", "
        "\"needs\": [\"a\", \"b\"], \"ready\": {\"tcp\": \"80\", \"interval\": 2}, "
        "\"health\": {\"exec\": [\"x\", \"\"], \"retries\": 0, \"startPeriod\": 7}, "
        "\"restartLimit\": 5, \"stopTimeout\": 3, \"later\": {\"key\": 1} "
        "}";

static void everything_is_read(void **state) {
        (void)state;
        _cleanup_arena_ Arena *a = NULL;
        Runtime rt;
        assert_int_equal(parse(full, &a, &rt, NULL), 0);
        assert_int_equal(rt.n_cgroups, 1);
        assert_int_equal(rt.n_mkdir, 2);
        assert_string_equal(rt.mkdir[1], "/var/lib/x");
        assert_string_equal(rt.namespace, "ns");
        assert_int_equal(rt.n_mounts, 2);
        assert_string_equal(rt.mounts[0].type, "tmpfs");
        assert_int_equal(rt.mounts[0].n_options, 0);
        assert_string_equal(rt.mounts[1].type, "");
        assert_string_equal(rt.mounts[1].options[1], "private");
        assert_int_equal(rt.n_interfaces, 3);
        assert_true(rt.interfaces[0].create_in_root);
        assert_string_equal(rt.interfaces[1].add, "veth");
        assert_string_equal(rt.interfaces[2].add, "");
        assert_false(rt.interfaces[2].create_in_root);
        assert_string_equal(rt.bind_ns[3], "/run/netns/wg0");
        assert_string_equal(rt.bind_ns[6], "");
        assert_int_equal(rt.restart, RESTART_ALWAYS);
        assert_int_equal(rt.fail, FAIL_REBOOT);
        assert_int_equal(rt.timeout, 120);
        assert_string_equal(rt.oci_runtime, "crun");
        assert_int_equal(rt.n_needs, 2);
        assert_string_equal(rt.needs[1], "b");
        assert_int_equal(rt.ready.kind, PROBE_TCP);
        assert_string_equal(rt.ready.target, "80");
        assert_int_equal(rt.ready.interval, 2);
        assert_int_equal(rt.ready.timeout, 60);
        assert_int_equal(rt.health.kind, PROBE_EXEC);
        assert_string_equal(rt.health.exec[0], "x");
        assert_null(rt.health.exec[2]);
        assert_int_equal(rt.health.interval, 30);
        assert_int_equal(rt.health.timeout, 10);
        assert_int_equal(rt.health.retries, 1); /* never without a try */
        assert_int_equal(rt.health.start_period, 7);
        assert_int_equal(rt.restart_limit, 5);
        assert_int_equal(rt.stop_timeout, 3);
}

static void absent_null_and_empty_are_the_same(void **state) {
        (void)state;
        static const char *const texts[] = {
                "{}",
                "{\"cgroups\": null, \"mounts\": null, \"mkdir\": null, \"interfaces\": null,"
                " \"bindNS\": null, \"namespace\": null, \"restart\": null, \"fail\": null, "
                "\"timeout\": null, \"needs\": null, \"ready\": null, \"health\": null, "
                "\"restartLimit\": null, \"stopTimeout\": null}",
                "{\"cgroups\": [], \"mounts\": [], \"mkdir\": [], \"interfaces\": [], \"bindNS\": "
                "{},"
                " \"namespace\": \"\", \"restart\": \"\", \"fail\": \"\"}",
        };
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                _cleanup_arena_ Arena *a = NULL;
                Runtime rt;
                assert_int_equal(parse(texts[i], &a, &rt, NULL), 0);
                assert_int_equal(rt.n_mounts + rt.n_cgroups + rt.n_mkdir + rt.n_interfaces, 0);
                assert_string_equal(rt.namespace, "");
                assert_string_equal(rt.bind_ns[0], "");
                assert_int_equal(rt.restart, RESTART_UNSET);
                assert_int_equal(rt.fail, FAIL_CONTINUE);
                assert_int_equal(rt.timeout, 0);
                assert_string_equal(rt.oci_runtime, "");
                assert_int_equal(rt.n_needs, 0);
                assert_int_equal(rt.ready.kind, PROBE_NONE);
                assert_int_equal(rt.health.kind, PROBE_NONE);
                assert_int_equal(rt.restart_limit + rt.stop_timeout, 0);
        }
}

static void bad_input_is_an_error_with_a_place(void **state) {
        (void)state;
        static const struct {
                const char *text, *part;
        } t[] = {
                { "", "line 1" },
                { "{\"mounts\": [1,2", "line 1" },
                { "{\n\n}}", "line 3" },
                { "[]", "not a JSON object" },
                { "\"x\"", "" },
                { "{\"mounts\": {}}", "\"mounts\" is not a list" },
                { "{\"mounts\": [7]}", "mounts[0]: not an object" },
                { "{\"mounts\": [{\"destination\": \"/a\"}, {}]}",
                  "mounts[1]: \"destination\" is missing" },
                { "{\"mounts\": [{\"destination\": 5}]}", "\"destination\" is not a string" },
                { "{\"mounts\": [{\"destination\": \"/\", \"options\": \"ro\"}]}",
                  "\"options\" is not a list" },
                { "{\"mounts\": [{\"destination\": \"/\", \"options\": [null]}]}",
                  "\"options\"[0]" },
                { "{\"interfaces\": [{\"add\": \"dummy\"}]}",
                  "interfaces[0]: \"name\" is missing" },
                { "{\"interfaces\": [{\"name\": \"v\", \"add\": \"veth\"}]}", "needs a \"peer\"" },
                { "{\"bindNS\": []}", "\"bindNS\" is not an object" },
                { "{\"bindNS\": {\"net\": 1}}", "bindNS: \"net\" is not a string" },
                { "{\"restart\": \"sometimes\"}", "sometimes" },
                { "{\"restart\": true}", "not a string" },
                { "{\"fail\": \"halt\"}", "\"fail\" is \"halt\"" },
                { "{\"fail\": 1}", "not a string" },
                { "{\"timeout\": \"30s\"}", "not a number of seconds" },
                { "{\"ociRuntime\": 1}", "\"ociRuntime\" is not a string" },
                { "{\"timeout\": -1}", "not a number of seconds" },
                { "{\"timeout\": 1.5}", "not a number of seconds" },
                { "{\"timeout\": 4294967296}", "not a number of seconds" },
                { "{\"needs\": \"a\"}", "\"needs\" is not a list" },
                { "{\"ready\": []}", "\"ready\": not an object" },
                { "{\"ready\": {}}", "\"ready\": needs one of" },
                { "{\"ready\": {\"tcp\": \"1\", \"file\": \"/x\"}}", "\"ready\": needs one of" },
                { "{\"ready\": {\"exec\": []}}", "needs one of" },
                { "{\"ready\": {\"tcp\": 80}}", "\"ready\": \"tcp\" is not a string" },
                { "{\"health\": {\"file\": \"/x\", \"timeout\": \"1s\"}}",
                  "\"health\": \"timeout\" is not a number of seconds" },
                { "{\"restartLimit\": -1}", "\"restartLimit\" is not a number" },
                { "{\"mkdir\": [\"a\\u0000b\"]}", "" },
                { "{\"mkdir\": [\"\xff\"]}", "" },
                { "{\"mkdir\": [], \"mkdir\": []}", "duplicate" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_arena_ Arena *a = NULL;
                _cleanup_err_ Err e = ERR_INIT;
                Runtime rt;
                if (parse(t[i].text, &a, &rt, &e) == 0)
                        fail_msg("accepted: %s", t[i].text);
                assert_int_equal(e.kind, ERR_SPEC);
                if (!strstr(e.text, t[i].part))
                        fail_msg("%s gives: %s", t[i].text, e.text);
        }
}

static void too_many_needs_are_refused(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        buf_adds(&b, "{\"needs\": [\"a\"");
        for (int i = 0; i < 256; i++)
                buf_adds(&b, ", \"a\"");
        buf_adds(&b, "]}");
        _cleanup_arena_ Arena *a = NULL;
        _cleanup_err_ Err e = ERR_INIT;
        Runtime rt;
        assert_int_equal(parse(b.data, &a, &rt, &e), -1);
        assert_non_null(strstr(e.text, "more than 256"));
}

static void deep_nesting_is_refused(void **state) {
        (void)state;
        enum { DEPTH = 200000 };
        char *text = xmalloc(DEPTH + 1);
        memset(text, '[', DEPTH);
        text[DEPTH] = 0;
        _cleanup_arena_ Arena *a = NULL;
        _cleanup_err_ Err e = ERR_INIT;
        Runtime rt;
        assert_int_equal(parse(text, &a, &rt, &e), -1);
        free(text);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(everything_is_read),
                cmocka_unit_test(absent_null_and_empty_are_the_same),
                cmocka_unit_test(bad_input_is_an_error_with_a_place),
                cmocka_unit_test(too_many_needs_are_refused),
                cmocka_unit_test(deep_nesting_is_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
