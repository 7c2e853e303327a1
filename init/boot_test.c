/* boot_test.c - the pure parts of the boot steps: host name, hook names, uevents, mountinfo. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <linux/input.h>
#include <unistd.h>

#include <cmocka.h>

#include "init/boot.h"
#include "init/devices.h"
#include "init/hooks.h"
#include "init/power.h"
#include "init/shutdown.h"
#include "lib/base/mem.h"

static void hostname_is_trimmed_and_bounded(void **state) {
        (void)state;
        static const struct {
                const char *text, *want;
        } t[] = {
                { "box\n", "box" },
                { " \t box \r\n\n", "box" },
                { "", "" },
                { " \n", "" },
                { "two words\n", "two words" },
                { "1234567890\n", "1234567" }, /* the buffer has 8 bytes with the NUL */
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                char small[8], large[16];
                bool cut = strlen(t[i].want) == 7;
                char *buf = cut ? small : large;
                unsigned long n = boot_trim_hostname(t[i].text, buf, cut ? 8 : sizeof(large));
                assert_string_equal(buf, t[i].want);
                assert_int_equal(n, strlen(t[i].want));
        }
}

static void hook_names_choose_in_fixed_order(void **state) {
        (void)state;
        static const struct {
                const char *name;
                HookKind want;
        } t[] = {
                { "005-volumes", HOOK_VOLUMES },       { "010-onboot", HOOK_ONBOOT },
                { "010-onshutdown", HOOK_ONSHUTDOWN }, { "020-containerd", HOOK_CONTAINERD },
                { "service", HOOK_PROGRAM },           { "containerd-onboot", HOOK_ONBOOT },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++)
                assert_int_equal(hooks_kind_of_name(t[i].name), t[i].want);
}

#define EVENT(s) s, sizeof(s)

static void only_new_devices_with_an_alias_count(void **state) {
        (void)state;
        static const struct {
                const char *msg;
                size_t len;
                uint64_t want;
        } t[] = {
                { EVENT("add@/devices/x\0ACTION=add\0MODALIAS=virtio:d1\0SEQNUM=1234"), 1234 },
                { EVENT("remove@/devices/x\0ACTION=remove\0MODALIAS=virtio:d1\0SEQNUM=5"), 0 },
                { EVENT("add@/devices/x\0ACTION=add\0SEQNUM=6"), 0 },
                { EVENT("add@/devices/x\0ACTION=add\0MODALIAS=a\0SEQNUM=x7"), 0 },
                { "", 0, 0 },
                { "ACTION=add", 10, 0 },                        /* no NUL at the end */
                { "ACTION=add\0MODALIAS=x\0SEQNUM=99", 31, 0 }, /* the number has none */
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                DeviceNews news = { 0 };
                devices_parse_uevent(t[i].msg, t[i].len, &news);
                assert_int_equal(news.driver, t[i].want);
        }
}

static void new_input_nodes_are_told_apart(void **state) {
        (void)state;
        static const struct {
                const char *msg;
                size_t len;
                bool want;
        } t[] = {
                { "add@/x\0ACTION=add\0DEVNAME=input/event3", 39, true },
                { "add@/x\0ACTION=remove\0DEVNAME=input/event3", 42, false },
                { "add@/x\0ACTION=add\0DEVNAME=input/mice", 37, false },
                { "add@/x\0ACTION=add\0DEVNAME=input/event3", 38, false }, /* no NUL */
                { "", 0, false },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                DeviceNews news = { 0 };
                devices_parse_uevent(t[i].msg, t[i].len, &news);
                assert_int_equal(news.input, t[i].want);
        }
}

static void disks_and_ports_want_links(void **state) {
        (void)state;
        static const struct {
                const char *msg;
                size_t len;
                bool want;
        } t[] = {
                { EVENT("add@/x\0ACTION=add\0SUBSYSTEM=block"), true },
                { EVENT("change@/x\0ACTION=change\0SUBSYSTEM=virtio-ports"), true },
                { EVENT("remove@/x\0ACTION=remove\0SUBSYSTEM=block\0DEVNAME=sda"), true },
                { EVENT("add@/x\0ACTION=add\0SUBSYSTEM=blocks"), false },
                { "ACTION=add\0SUBSYSTEM=block", 26, false }, /* no NUL at the end */
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                DeviceNews news = { 0 };
                devices_parse_uevent(t[i].msg, t[i].len, &news);
                assert_int_equal(news.links, t[i].want);
        }
}

static void power_devices_are_only_those_with_the_key(void **state) {
        (void)state;
        Power p;
        power_init(&p);
        power_scan(&p, "/nowhere"); /* no directory, no device */
        for (int i = 0; i < POWER_DEVICES; i++)
                assert_int_equal(p.fds[i], -1);
}

static void a_pressed_power_key(void **state) {
        (void)state;
        static const struct {
                struct input_event ev;
                bool want;
        } t[] = {
                { { .type = EV_KEY, .code = KEY_POWER, .value = 1 }, true },
                { { .type = EV_KEY, .code = KEY_POWER, .value = 0 }, false }, /* let go */
                { { .type = EV_KEY, .code = KEY_SLEEP, .value = 1 }, false },
                { { .type = EV_SW, .code = KEY_POWER, .value = 1 }, false },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                Power p;
                int ends[2];
                power_init(&p);
                assert_int_equal(pipe(ends), 0);
                p.fds[2] = ends[0];
                assert_int_equal(write(ends[1], &t[i].ev, sizeof t[i].ev), sizeof t[i].ev);
                close(ends[1]);
                assert_int_equal(power_read(&p, 2), t[i].want);
                assert_int_equal(p.fds[2], -1); /* the device is gone */
        }
}

static void mount_points_are_unescaped(void **state) {
        (void)state;
        static const struct {
                const char *text, *want;
        } t[] = {
                { "/plain", "/plain" },     { "/a\\040b", "/a b" },     { "/a\\134040", "/a\\040" },
                { "/cut\\04", "/cut\\04" }, { "/no\\999", "/no\\999" }, { "/end\\", "/end\\" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                char buf[32];
                strcpy(buf, t[i].text);
                shutdown_unescape(buf);
                assert_string_equal(buf, t[i].want);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(hostname_is_trimmed_and_bounded),
                cmocka_unit_test(hook_names_choose_in_fixed_order),
                cmocka_unit_test(only_new_devices_with_an_alias_count),
                cmocka_unit_test(new_input_nodes_are_told_apart),
                cmocka_unit_test(disks_and_ports_want_links),
                cmocka_unit_test(power_devices_are_only_those_with_the_key),
                cmocka_unit_test(a_pressed_power_key),
                cmocka_unit_test(mount_points_are_unescaped),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
