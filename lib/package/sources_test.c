/* sources_test.c - both formats of apt sources, narrowed to one suite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/mem.h"
#include "lib/package/sources.h"

static void check(const char *text, bool list, const char *mirror, const char *want) {
        const SourcesOptions o = { .suite = "bookworm", .arch = "arm64", .mirror = mirror };
        _cleanup_buf_ Buf out = { 0 };

        buf_adds(&out, "");
        sources_convert(text, list, &o, &out);
        assert_string_equal(out.data, want);
}

static void one_line_format(void **state) {
        (void)state;
        check("# comment\n"
              "deb http://a.invalid/debian bookworm main contrib # trailing\n"
              "deb-src http://a.invalid/debian bookworm main\n"
              "deb http://a.invalid/debian trixie main\n"
              "deb [arch=amd64] http://b.invalid bookworm main\n"
              "deb [ arch=amd64,arm64 signed-by=/k.gpg ] http://c.invalid bookworm-security main "
              "non-free-firmware\n"
              "deb http://d.invalid bookworm tools\n"
              "deb http://e.invalid bookworm-backports main\n",
              true, NULL,
              "Types: deb\nURIs: http://a.invalid/debian\nSuites: bookworm\nComponents: main\n\n"
              "Types: deb\nURIs: http://c.invalid\nSuites: bookworm-security\n"
              "Components: main non-free-firmware\nSigned-By: /k.gpg\n\n");
}

static const char stanzas[] =
        "Types: deb deb-src\n"
        "# note\n"
        "URIs: http://a.invalid/debian\n"
        "suites: bookworm bookworm-updates\n"
        "Components: main\n"
        "Signed-By:\n -----BEGIN\n .\n mQ==\n"
        "\n"
        "Types: deb\nURIs: http://s.invalid\nSuites: bookworm-security\nComponents: main\n"
        "\n"
        "Enabled: no\nTypes: deb\nURIs: http://x.invalid\nSuites: bookworm\nComponents: main\n"
        "\n"
        "Types: deb\nURIs: http://y.invalid\nSuites: bookworm\nComponents: main\n"
        "Architectures: amd64";

static void deb822_format_keeps_embedded_keys(void **state) {
        (void)state;
        check(stanzas, false, NULL,
              "Types: deb\nURIs: http://a.invalid/debian\nSuites: bookworm\nComponents: main\n"
              "Signed-By: \n -----BEGIN\n .\n mQ==\n\n"
              "Types: deb\nURIs: http://a.invalid/debian\nSuites: bookworm-updates\nComponents: "
              "main\n"
              "Signed-By: \n -----BEGIN\n .\n mQ==\n\n"
              "Types: deb\nURIs: http://s.invalid\nSuites: bookworm-security\nComponents: "
              "main\n\n");
}

static void a_mirror_replaces_all_addresses(void **state) {
        static const char text[] =
                "deb http://a.invalid bookworm main\ndeb http://s.invalid bookworm-security main\n";

        (void)state;
        check(text, true, "http://m.invalid/debian",
              "Types: deb\nURIs: http://m.invalid/debian\nSuites: bookworm\nComponents: main\n\n");
        check(text, true, "http://m.invalid/debian http://m.invalid/security",
              "Types: deb\nURIs: http://m.invalid/debian\nSuites: bookworm\nComponents: main\n\n"
              "Types: deb\nURIs: http://m.invalid/security\nSuites: bookworm-security\nComponents: "
              "main\n\n");
}

static void rubbish_gives_nothing(void **state) {
        (void)state;
        check("deb\ndeb [\ndeb [arch=\n[]\n\n   \ndeb http://x.invalid", true, NULL, "");
        check("\n\n:\nTypes\nTypes:\n\n continuation\n", false, NULL, "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_line_format),
                cmocka_unit_test(deb822_format_keeps_embedded_keys),
                cmocka_unit_test(a_mirror_replaces_all_addresses),
                cmocka_unit_test(rubbish_gives_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
