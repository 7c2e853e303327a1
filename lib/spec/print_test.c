/* print_test.c - the text of metadata files and of --dry-run (yaml.md 15.3, 4.6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/spec/spec.h"

typedef int (*PrintFn)(const Spec *s, Buf *out, Err *e);

static char *printed(const char *text, PrintFn print) {
        Spec *s = NULL;
        _cleanup_err_ Err e = ERR_INIT;
        Buf b = { 0 };
        if (spec_parse(text, strlen(text), "f", &s, &e) < 0 ||
            spec_resolve(s, NULL, NULL, &e) < 0 || print(s, &b, &e) < 0)
                fail_msg("%s\n%s", text, e.text);
        spec_free(s);
        return buf_steal(&b);
}

static void check(const char *text, PrintFn print, const char *want) {
        _cleanup_free_ char *got = printed(text, print);
        assert_string_equal(got, want);
}

static const char small[] = "kernel: {image: \"k:1\"}\nservices: []\n"
                            "onboot: [{name: a, image: x, net: \"\", binds: [], uid: a, readonly: "
                            "false}]\nvolumes: [{name: v, image: \"i:1\", readonly: false}]\n";

static void yaml(void **state) {
        (void)state;
        check("{}", spec_print_yaml,
              "kernel:\n  image: \"\"\ninit: []\nonboot: []\nonshutdown: []\nservices: []\nfiles: "
              "[]\n"
              "volumes: []\n");
        check(small, spec_print_yaml,
              "kernel:\n  image: docker.io/library/k:1\ninit: []\nonboot:\n- name: a\n"
              "  image: docker.io/library/x\n  binds: []\n  readonly: false\n  uid: a\nonshutdown: "
              "[]\n"
              "services: []\nfiles: []\nvolumes:\n- name: v\n  image: i:1\n");
}

static void dry_run(void **state) {
        (void)state;
        check(small, spec_print_dry_run,
              "kernel:\n    image: k:1\ninit: []\nonboot:\n-   name: a\n    image: x\n"
              "    binds: []\n    readonly: false\n    uid: a\nonshutdown: []\n"
              "services: []\nfiles: []\nvolumes:\n-   name: v\n    image: i:1\n");
}

static void json(void **state) {
        (void)state;
        check(small, spec_print_json,
              "{\n    \"kernel\": {\n        \"image\": \"docker.io/library/k:1\"\n    },\n"
              "    \"init\": null,\n    \"onboot\": [\n        {\n            \"name\": \"a\",\n"
              "            \"image\": \"docker.io/library/x\",\n            \"binds\": [],\n"
              "            \"readonly\": false,\n            \"uid\": \"a\"\n        }\n    ],\n"
              "    \"onshutdown\": null,\n    \"services\": [],\n    \"files\": null,\n"
              "    \"volumes\": [\n        {\n            \"name\": \"v\",\n"
              "            \"image\": \"i:1\"\n        }\n    ]\n}");
}

/* What stands between the entry's image line and "onshutdown:" */
static void check_entry(const char *settings, PrintFn print, const char *want) {
        _cleanup_free_ char *text = xasprintf("onboot: [{name: a, image: x, %s}]", settings);
        _cleanup_free_ char *all = printed(text, print);
        char *from = strstr(all, "library/x"), *to = strstr(all, "onshutdown:");
        if (!to)
                to = strstr(all, "\n        }\n    ],\n    \"onshutdown\"");
        assert_non_null(from);
        assert_non_null(to);
        *to = 0;
        assert_string_equal(from + strlen("library/x"), want);
}

static void strings(void **state) {
        (void)state;
        static const struct {
                const char *in, *out; /* flow YAML, printed list item */
        } t[] = {
                { "plain", "plain" },
                { "\"\"", "\"\"" },
                { "\"yes\"", "\"yes\"" },
                { "\"1:30\"", "\"1:30\"" },
                { "\"2001-01-01\"", "\"2001-01-01\"" },
                { "\"a: b\"", "'a: b'" },
                { "\"- x\"", "'- x'" },
                { "\" x\"", "' x'" },
                { "\"a\\tb\"", "\"a\\tb\"" },
                { "\"a\\nb\"", "|-\n    a\n    b" },
                { "\"a\\n\"", "|\n    a" },
                { "\"\xc3\xa9\"", "\xc3\xa9" },
                { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b",
                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n    b" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_free_ char *settings = xasprintf("env: [%s]", t[i].in);
                _cleanup_free_ char *want = xasprintf("\n  env:\n  - %s\n", t[i].out);
                check_entry(settings, spec_print_yaml, want);
        }
}

static void map_order(void **state) {
        (void)state;
        const char *settings = "sysctl: {ab: x, a10: x, a2: x, a_b: x, a.b: x, B: x}";
        check_entry(settings, spec_print_yaml,
                    "\n  sysctl:\n    B: x\n    a.b: x\n    a_b: x\n    a2: x\n    a10: x\n    ab: "
                    "x\n");
        check_entry(settings, spec_print_json,
                    "\",\n            \"sysctl\": {\n                \"B\": \"x\",\n"
                    "                \"a.b\": \"x\",\n                \"a10\": \"x\",\n"
                    "                \"a2\": \"x\",\n                \"a_b\": \"x\",\n"
                    "                \"ab\": \"x\"\n            }");
}

static void mounts_and_runtime(void **state) {
        (void)state;
        const char *settings =
                "mounts: [{type: tmpfs, destination: /t}], devices: [{path: all, type: "
                "b}], runtime: {restart: \"no\", fail: stop, timeout: 5m, ociRuntime: /opt/youki, "
                "namespace: ns, bindNS: "
                "{net: \"\"}, "
                "interfaces: [{name: e}], cgroups: [], needs: [], ready: {tcp: 80, interval: "
                "2s}, health: {exec: [x], retries: 2, startPeriod: 0s}, restartLimit: 3, "
                "stopTimeout: 1m}";
        check_entry(settings, spec_print_yaml,
                    "\n  mounts:\n  - destination: /t\n    type: tmpfs\n    source: \"\"\n"
                    "    options: []\n    uidmappings: []\n    gidmappings: []\n  devices:\n"
                    "  - path: all\n    type: b\n    major: 0\n    minor: 0\n  runtime:\n"
                    "    cgroups: []\n    interfaces:\n    - name: e\n      createInRoot: false\n"
                    "    bindNS:\n      net: \"\"\n    namespace: ns\n    restart: \"no\"\n"
                    "    fail: stop\n    timeout: 5m\n    ociRuntime: /opt/youki\n    needs: []\n  "
                    "  ready:\n"
                    "      tcp: \"80\"\n      interval: 2s\n    health:\n      exec:\n      - x\n"
                    "      retries: 2\n      startPeriod: 0s\n    restartLimit: 3\n"
                    "    stopTimeout: 1m\n");
        check_entry("mounts: [{type: tmpfs, destination: /t}], runtime: {}", spec_print_json,
                    "\",\n            \"mounts\": [\n                {\n"
                    "                    \"destination\": \"/t\",\n"
                    "                    \"type\": \"tmpfs\"\n                }\n            ],\n"
                    "            \"runtime\": {\n                \"bindNS\": {}\n            }");
}

static void resources(void **state) {
        (void)state;
        const char *settings =
                "resources: {cpu: {shares: 18446744073709551615, cpus: \"0\"}, pids: {}}";
        check_entry(
                settings, spec_print_yaml,
                "\n  resources:\n    devices: []\n    memory: null\n    cpu:\n"
                "      shares: 18446744073709551615\n      quota: null\n      burst: null\n"
                "      period: null\n      realtimeruntime: null\n      realtimeperiod: null\n"
                "      cpus: \"0\"\n      mems: \"\"\n      idle: null\n    pids:\n      limit: 0\n"
                "    blockio: null\n    hugepagelimits: []\n    network: null\n    rdma: {}\n"
                "    unified: {}\n");
        check_entry(settings, spec_print_json,
                    "\",\n            \"resources\": {\n                \"cpu\": {\n"
                    "                    \"shares\": 18446744073709551615,\n"
                    "                    \"cpus\": \"0\"\n                },\n"
                    "                \"pids\": {\n                    \"limit\": 0\n"
                    "                }\n            }");
}

/* Printing what was read from a printed text gives the same text again. */
static void round_trip(void **state) {
        (void)state;
        static const char text[] =
                "kernel: {image: \"k:1\", cmdline: \"console=ttyS0 page_poison=1\", ucode: \"\"}\n"
                "init: [\"i:1\", \"x.io:5000/i@sha256:"
                "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"]\n"
                "onboot: [{name: a, image: b, command: [/bin/sh, -c, \"echo a;\\necho 'b: c' "
                "#d\\n\"], "
                "capabilities: [all], capabilities.add: [], ambient: [none], tmpfs: [\"/x:\"], "
                "uid: 5, "
                "gid: \"\", additionalGids: [1, a], oomScoreAdj: -1, annotations: {\"<<\": \"~\"}, "
                "rlimits: [\"nofile,1,unlimited\"], hostname: \"0x1F\", devices: [{path: /dev/x, "
                "type: "
                "c, mode: \"0600\", minor: -1}], runtime: {mkdir: [/a], mounts: [{type: bind, "
                "source: "
                "/a, destination: b, options: [bind]}]}}]\n"
                "files: [{path: a, contents: \"  lead\\n\\n\\ttab \\u2028 \\\" \\\\ \\n\", mode: "
                "\"0600\"}, "
                "{path: b, directory: true}, {path: c, symlink: \"@x\"}]\n"
                "volumes: [{name: v, format: oci, image: z, platforms: [linux/amd64], readonly: "
                "true}]\n";
        static const PrintFn prints[] = { spec_print_yaml, spec_print_json, spec_print_dry_run };
        for (size_t i = 0; i < ARRAY_LEN(prints); i++) {
                _cleanup_free_ char *once = printed(text, prints[i]);
                if (prints[i] == spec_print_json) { /* null is for programs only */
                        char *null;
                        while ((null = strstr(once, "null")))
                                memcpy(null, "[]  ", 4);
                }
                _cleanup_free_ char *twice = printed(once, spec_print_yaml);
                _cleanup_free_ char *want = printed(text, spec_print_yaml);
                assert_string_equal(twice, want);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(yaml),      cmocka_unit_test(dry_run),
                cmocka_unit_test(json),      cmocka_unit_test(strings),
                cmocka_unit_test(map_order), cmocka_unit_test(mounts_and_runtime),
                cmocka_unit_test(resources), cmocka_unit_test(round_trip),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
