/* volumes_test.c - volume names in binds and mounts (yaml.md 14, W11, W12, W41). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/str.h"
#include "lib/rootfs/assembly.h"

/* The binds, binds.add and mount sources after resolving, one per line. */
static int resolve(const char *keys, Buf *out, Err *e) {
        _cleanup_free_ char *yaml = xasprintf("services:\n"
                                              "  - name: web\n"
                                              "    image: acme/app:1\n"
                                              "%s"
                                              "volumes:\n"
                                              "  - name: v\n"
                                              "  - name: r\n"
                                              "    readonly: true\n",
                                              keys);
        Spec *spec = NULL;
        if (spec_parse(yaml, strlen(yaml), "x.yml", &spec, e) < 0)
                return -1;
        Settings s;
        int r = volumes_resolve(spec, &spec->sections[SECTION_SERVICES].items[0].s,
                                "services[0] \"web\"", spec->arena, &s, e);
        if (r >= 0) {
                for (size_t i = 0; i < s.binds.n; i++)
                        buf_addf(out, "%s\n", s.binds.items[i].text);
                for (size_t i = 0; i < s.binds_add.n; i++)
                        buf_addf(out, "+%s\n", s.binds_add.items[i].text);
                for (size_t i = 0; i < s.mounts.n; i++)
                        buf_addf(out, "%s\n", s.mounts.items[i].source.text);
        }
        spec_free(spec);
        return r;
}

static void test_replaced(void **state) {
        (void)state;
        static const struct {
                const char *keys, *want;
        } cases[] = {
                { "    binds: [\"v:/d\", \"/v:/e\", \"v:/f:ro\"]\n",
                  "/containers/volumes/v/merged:/d\n/v:/e\n/containers/volumes/v/merged:/f:ro\n" },
                { "    binds.add: [\"r:/d:ro\", \"r:/e:nosuid,ro\"]\n",
                  "+/containers/volumes/r/merged:/d:ro\n"
                  "+/containers/volumes/r/merged:/e:nosuid,ro\n" },
                { "    mounts:\n      - {type: bind, source: v, destination: /d}\n"
                  "      - {type: tmpfs, source: v, destination: /d}\n"
                  "      - {type: bind, source: r, destination: /d, options: [ro]}\n",
                  "/containers/volumes/v/merged\nv\n/containers/volumes/r/merged\n" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                _cleanup_buf_ Buf got = { 0 };
                _cleanup_err_ Err e = ERR_INIT;
                if (resolve(cases[i].keys, &got, &e) < 0)
                        fail_msg("%s", e.text);
                assert_string_equal(got.data, cases[i].want);
        }
}

static void test_errors(void **state) {
        (void)state;
        static const struct {
                const char *keys, *want;
        } cases[] = {
                { "    binds: [\"w:/d\"]\n", "x.yml:4:13: services[0]" },
                { "    binds.add: [\"w:/d\"]\n", "volume w not found" },
                { "    mounts: [{type: bind, source: w, destination: /d}]\n",
                  "volume w not found" },
                { "    binds: [\"r:/d\"]\n", "volume r is read-only" },
                { "    binds: [\"r:/d:ro,rw\"]\n", "volume r is read-only" },
                { "    binds: [\"r:/ro:nosuid\"]\n", "volume r is read-only" },
                { "    mounts: [{type: bind, source: r, destination: /d}]\n",
                  "volume r is read-only" },
                { "    mounts: [{type: bind, source: r, destination: /d, options: [rw, ro]}]\n",
                  "volume r is read-only" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                _cleanup_buf_ Buf got = { 0 };
                _cleanup_err_ Err e = ERR_INIT;
                assert_int_equal(resolve(cases[i].keys, &got, &e), -1);
                assert_int_equal(e.kind, ERR_SPEC);
                if (!strstr(e.text, cases[i].want))
                        fail_msg("\"%s\" does not hold \"%s\"", e.text, cases[i].want);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_replaced),
                cmocka_unit_test(test_errors),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
