/* modules_test.c - alias patterns, and the order in which modules go in. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "init/modules.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

/* What was inserted, as "path(params) path(params) ". */
static Buf inserted;
static const char *broken; /* insertion of this path fails */

static int insert(void *ctx, const char *path, const char *params) {
        (void)ctx;
        buf_addf(&inserted, "%s(%s) ", path, params);
        return broken && strcmp(broken, path) == 0 ? -ENOENT : 0;
}

static int reset(void **state) {
        (void)state;
        buf_clear(&inserted);
        buf_adds(&inserted, "");
        broken = NULL;
        return 0;
}

static Modules *make(const char *alias, const char *dep) {
        return modules_new(alias, strlen(alias), dep, strlen(dep), insert, NULL);
}

static void patterns_match_as_in_a_shell(void **state) {
        (void)state;
        static const struct {
                const char *pattern, *text;
                bool want;
        } t[] = {
                { "virtio:d00000001v*", "virtio:d00000001v00001AF4", true },
                { "virtio:d00000001v*", "virtio:d00000002v00001AF4", false },
                { "pci:v*d*sv*sd*bc01sc06i01*",
                  "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01", true },
                { "pci:v*d*sv*sd*bc01sc06i01*",
                  "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i02", false },
                { "a*b*c", "axxbyyc", true },
                { "a*b*c", "axxbyycd", false },
                { "a?c", "abc", true },
                { "a?c", "ac", false },
                { "usb:v05ACp0[12]*", "usb:v05ACp02FF", true },
                { "usb:v05ACp0[0-9A]*", "usb:v05ACp0AFF", true },
                { "usb:v05ACp0[0-9A]*", "usb:v05ACp0BFF", false },
                { "x[", "x[", false },
                { "fs-ext4", "fs-ext4", true },
                { "rtnl-link-veth", "rtnl_link_veth", true },
                { "*", "", true },
                { "", "", true },
                { "", "a", false },
                { "abc", "ab", false },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++)
                if (modules_match(t[i].pattern, strlen(t[i].pattern), t[i].text) != t[i].want)
                        fail_msg("%s against %s", t[i].pattern, t[i].text);
}

static const char dep_text[] = "kernel/virtio/virtio.ko: kernel/virtio/virtio_ring.ko\n"
                               "kernel/virtio/virtio_ring.ko:\n"
                               "kernel/net/virtio-net.ko.xz: kernel/virtio/virtio.ko "
                               "kernel/virtio/virtio_ring.ko kernel/net/failover.ko\n"
                               "kernel/net/failover.ko:\n"
                               "no colon in this line\n"
                               ": nothing before it\n"
                               "kernel/loop_a.ko: kernel/loop_b.ko\n"
                               "kernel/loop_b.ko: kernel/loop_a.ko missing.ko\n";
static const char alias_text[] = "# Aliases extracted from modules themselves.\n"
                                 "alias virtio:d00000001v* virtio_net\n"
                                 "alias short\n"
                                 "alias fs-nothing not_in_dep\n"
                                 "alias virtio:d00000001v* failover\n";

static void dependencies_go_first(void **state) {
        (void)state;
        Modules *m = make(alias_text, dep_text);
        char alias[] = "virtio:d00000001v00001AF4";
        char *aliases[] = { alias, alias };
        assert_int_equal(modules_load_aliases(m, aliases, 2, MODULES_ALL), 4);
        assert_string_equal(inserted.data,
                            "kernel/virtio/virtio_ring.ko() kernel/virtio/virtio.ko() "
                            "kernel/net/failover.ko() kernel/net/virtio-net.ko.xz() ");
        assert_int_equal(modules_load_aliases(m, aliases, 2, MODULES_ALL), 0); /* nothing twice */
        modules_free(m);
}

static void loaded_and_blacklisted_modules_stay_out(void **state) {
        (void)state;
        Modules *m = make(alias_text, dep_text);
        char alias[] = "virtio:d00000001v00001AF4", *aliases[] = { alias };
        modules_mark_loaded(
                m, "virtio 16384 2 virtio_net, Live 0x0\nvirtio_ring 45056 1 - Live 0x0\n");
        modules_configure(
                m, "# comment\nblacklist failover\noptions virtio_net csum=0 gso=1\nblacklist\n");
        /* A dependency is loaded even when its own aliases are not wanted. */
        assert_int_equal(modules_load_aliases(m, aliases, 1, MODULES_ALL), 2);
        assert_string_equal(inserted.data,
                            "kernel/net/failover.ko() kernel/net/virtio-net.ko.xz(csum=0 gso=1) ");
        modules_free(m);

        reset(NULL);
        m = make("alias a failover\n", dep_text);
        char a[] = "a", *list[] = { a };
        modules_configure(m, "blacklist failover");
        assert_int_equal(modules_load_aliases(m, list, 1, MODULES_ALL), 0);
        assert_int_equal(modules_load_name(m, "failover", NULL), 1);
        modules_free(m);
}

static void urgent_modules_leave_slow_ones_for_later(void **state) {
        (void)state;
        Modules *m = make("alias a aesni_intel\nalias a virtio_net\n",
                          "kernel/arch/x86/crypto/aesni-intel.ko:\n"
                          "kernel/net/virtio_net.ko: kernel/crypto/cryptd.ko\n"
                          "kernel/crypto/cryptd.ko:\n");
        char a[] = "a", *list[] = { a };
        assert_int_equal(modules_load_aliases(m, list, 1, MODULES_URGENT), 2);
        assert_string_equal(inserted.data, "kernel/crypto/cryptd.ko() kernel/net/virtio_net.ko() ");
        assert_int_equal(modules_load_aliases(m, list, 1, MODULES_ALL), 1);
        modules_free(m);
}

static void names_and_failures(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        Modules *m = make("", dep_text);
        assert_int_equal(modules_load_name(m, "nonesuch", &e), -1);
        assert_int_equal(e.kind, ERR_NOT_FOUND);
        assert_int_equal(modules_load_name(m, "loop-a", &e), 2); /* a cycle comes to an end */
        broken = "kernel/net/failover.ko";
        assert_int_equal(modules_load_name(m, "failover", &e), -1);
        assert_int_equal(e.kind, ERR_IO);
        modules_free(m);
}

static void broken_indexes_are_harmless(void **state) {
        (void)state;
        static const char *const texts[] = { "",  "\n\n\n", "alias",     "alias ",     "alias x y",
                                             ":", "a",      "a.ko:b.ko", "alias * \n", "/:/" };
        char alias[] = "x", *aliases[] = { alias };
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
                        Modules *m = make(texts[i], texts[k]);
                        modules_load_aliases(m, aliases, 1, MODULES_ALL);
                        modules_load_name(m, "a", NULL);
                        modules_free(m);
                }
        }
}

static int done(void **state) {
        (void)state;
        buf_done(&inserted);
        return 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(patterns_match_as_in_a_shell, reset),
                cmocka_unit_test_setup(dependencies_go_first, reset),
                cmocka_unit_test_setup(loaded_and_blacklisted_modules_stay_out, reset),
                cmocka_unit_test_setup(urgent_modules_leave_slow_ones_for_later, reset),
                cmocka_unit_test_setup(names_and_failures, reset),
                cmocka_unit_test_setup(broken_indexes_are_harmless, reset),
        };
        return cmocka_run_group_tests(tests, NULL, done);
}
