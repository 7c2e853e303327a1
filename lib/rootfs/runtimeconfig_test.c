/* runtimeconfig_test.c - the exact bytes of runtime.json (yaml.md 12, 20.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/rootfs/runtimeconfig.h"

#include "lib/base/mem.h"

static const Str bind_option = { .text = "bind" };

static Mount root_mount(void) {
        return (Mount){
                .destination.text = "/containers/services/web/rootfs",
                .source.text = "/containers/onboot/000-prep/lower",
                .options = { .set = true, .items = (Str *)&bind_option, .n = 1 },
        };
}

static void test_example(void **state) {
        (void)state;
        static const char want[] =
                "{\n"
                "    \"cgroups\": [],\n"
                "    \"mounts\": [\n"
                "        {\n"
                "            \"destination\": \"/containers/services/web/rootfs\",\n"
                "            \"source\": \"/containers/onboot/000-prep/lower\",\n"
                "            \"options\": [\n"
                "                \"bind\"\n"
                "            ]\n"
                "        }\n"
                "    ],\n"
                "    \"mkdir\": [],\n"
                "    \"interfaces\": [],\n"
                "    \"bindNS\": {\n"
                "        \"cgroup\": \"\",\n"
                "        \"ipc\": \"\",\n"
                "        \"mnt\": \"\",\n"
                "        \"net\": \"\",\n"
                "        \"pid\": \"\",\n"
                "        \"user\": \"\",\n"
                "        \"uts\": \"\"\n"
                "    },\n"
                "    \"namespace\": \"\"\n"
                "}";
        _cleanup_buf_ Buf got = { 0 };
        Runtime runtime = { 0 };
        Mount mount = root_mount();
        runtimeconfig_write(&runtime, &mount, 1, &got);
        assert_string_equal(got.data, want);
}

static void test_everything(void **state) {
        (void)state;
        static const char want[] =
                "{\n"
                "    \"cgroups\": [\n"
                "        \"/a\\u003cb\"\n"
                "    ],\n"
                "    \"mounts\": [\n"
                "        {\n"
                "            \"destination\": \"/containers/services/web/rootfs\",\n"
                "            \"source\": \"/containers/onboot/000-prep/lower\",\n"
                "            \"options\": [\n"
                "                \"bind\"\n"
                "            ]\n"
                "        },\n"
                "        {\n"
                "            \"destination\": \"\",\n"
                "            \"type\": \"tmpfs\",\n"
                "            \"uidMappings\": [\n"
                "                {\n"
                "                    \"containerID\": 1,\n"
                "                    \"hostID\": 2,\n"
                "                    \"size\": 3\n"
                "                }\n"
                "            ]\n"
                "        }\n"
                "    ],\n"
                "    \"mkdir\": [\n"
                "        \"/a\\u003cb\"\n"
                "    ],\n"
                "    \"interfaces\": [\n"
                "        {\n"
                "            \"name\": \"eth0\",\n"
                "            \"createInRoot\": false\n"
                "        }\n"
                "    ],\n"
                "    \"bindNS\": {\n"
                "        \"cgroup\": \"\",\n"
                "        \"ipc\": \"\",\n"
                "        \"mnt\": \"\",\n"
                "        \"net\": \"/run/netns/x\",\n"
                "        \"pid\": \"\",\n"
                "        \"user\": \"\",\n"
                "        \"uts\": \"\"\n"
                "    },\n"
                "    \"namespace\": \"ns\",\n"
                "    \"restart\": \"always\",\n"
                "    \"fail\": \"stop\",\n"
                "    \"timeout\": 120,\n"
                "    \"ociRuntime\": \"crun\",\n"
                "    \"needs\": [\n"
                "        \"/a\\u003cb\"\n"
                "    ],\n"
                "    \"ready\": {\n"
                "        \"tcp\": \"80\",\n"
                "        \"interval\": 2\n"
                "    },\n"
                "    \"health\": {\n"
                "        \"exec\": [\n"
                "            \"/a\\u003cb\"\n"
                "        ],\n"
                "        \"timeout\": 60,\n"
                "        \"retries\": 2,\n"
                "        \"startPeriod\": 0\n"
                "    },\n"
                "    \"restartLimit\": 5,\n"
                "    \"stopTimeout\": 3600\n"
                "}";
        Str path = { .text = "/a<b" };
        IdMapping id = { .container_id = 1, .host_id = 2, .size = 3 };
        Mount user = { .type.text = "tmpfs", .uid_mappings = { true, &id, 1 } };
        Interface interface = { .name.text = "eth0" };
        Runtime runtime = {
                .cgroups = { .set = true, .items = &path, .n = 1 },
                .mkdir = { .set = true, .items = &path, .n = 1 },
                .mounts = { true, &user, 1 },
                .interfaces = { true, &interface, 1 },
                .namespace.text = "ns",
                .restart.text = "always",
                .fail.text = "stop",
                .timeout.text = "2m",
                .oci_runtime.text = "crun",
                .needs = { .set = true, .items = &path, .n = 1 },
                .ready = { .set = true, .tcp.text = "80", .interval.text = "2s" },
                .health = { .set = true,
                            .exec = { .set = true, .items = &path, .n = 1 },
                            .timeout.text = "1m",
                            .retries = { .set = true, .u = 2 },
                            .start_period.text = "0s" },
                .restart_limit = { .set = true, .u = 5 },
                .stop_timeout.text = "1h",
        };
        runtime.bind_ns[NS_NET].text = "/run/netns/x";
        _cleanup_buf_ Buf got = { 0 };
        Mount mount = root_mount();
        runtimeconfig_write(&runtime, &mount, 1, &got);
        assert_string_equal(got.data, want);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_example),
                cmocka_unit_test(test_everything),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
