/* spdx_test.c - merging SPDX documents: places, colliding identifiers, and statements that are
 * refused without a trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/mem.h"
#include "lib/rootfs/spdx.h"

#define CREATED 1492533000

/* A statement whose document has these members besides the ones it needs. */
#define STATEMENT(members)                                                                   \
        "{\"_type\":\"https://in-toto.io/Statement/v0.1\",\"subject\":[],\"predicateType\":" \
        "\"https://spdx.dev/Document\",\"predicate\":{\"SPDXID\":\"SPDXRef-DOCUMENT\","      \
        "\"spdxVersion\":\"SPDX-2.3\"" members "}}"

static void merge(Spdx *s, const char *statement, const char *prefix, const char *label) {
        _cleanup_err_ Err e = ERR_INIT;
        if (spdx_merge(s, statement, strlen(statement), prefix, label, &e) < 0)
                fail_msg("%s", e.text);
}

/* The document without what stands before its first list: that has a hash in it. */
static char *lists_of(const Spdx *s) {
        static const char before[] = "\"created\":\"2017-04-18T16:30:00Z\"}";
        _cleanup_buf_ Buf b = { 0 };
        spdx_print(s, CREATED, &b);
        const char *from = strstr(b.data, before);
        assert_non_null(from);
        return xstrdup(from + strlen(before));
}

static void check_lists(Spdx *s, const char *want) {
        _cleanup_free_ char *got = lists_of(s);
        assert_string_equal(got, want);
        spdx_free(s);
}

static void nothing_gives_an_empty_document(void **state) {
        (void)state;
        Spdx *s = spdx_new();
        _cleanup_buf_ Buf b = { 0 };
        spdx_print(s, CREATED, &b);
        static const char head[] =
                "{\"spdxVersion\":\"SPDX-2.3\",\"dataLicense\":\"CC0-1.0\",\"SPDXID\":"
                "\"SPDXRef-DOCUMENT\",\"name\":\"sbom\",\"documentNamespace\":"
                "\"https://github.com/linuxkit/linuxkit/sbom-";
        static const char tail[] =
                "\",\"creationInfo\":{\"licenseListVersion\":\"3.20\",\"creators\":["
                "\"Organization: LinuxKit\",\"Tool: linuxkit\"],\"created\":"
                "\"2017-04-18T16:30:00Z\"}}\n";
        enum { UUID = 36 };
        assert_int_equal(b.len, strlen(head) + UUID + strlen(tail));
        assert_memory_equal(b.data, head, strlen(head));
        assert_string_equal(b.data + strlen(head) + UUID, tail);
        for (size_t i = 0; i < UUID; i++)
                assert_true(
                        strchr(i == 8 || i == 13 || i == 18 || i == 23 ? "-" : "0123456789abcdef",
                               b.data[strlen(head) + i]));
        spdx_free(s);
}

static void lists_are_joined_in_order(void **state) {
        (void)state;
        Spdx *s = spdx_new();
        merge(s,
              STATEMENT(",\"files\":[{\"SPDXID\":\"SPDXRef-f1\",\"fileName\":\"/f\"}],\"packages\":"
                        "[ {\"SPDXID\":\"SPDXRef-b\", \"n\":1.5}, {\"SPDXID\":\"SPDXRef-a\"}],"
                        "\"externalDocumentRefs\":[{\"externalDocumentId\":\"DocumentRef-x\"}],"
                        "\"annotations\":[],\"relationships\":null,\"unknown\":[1]"),
              "", "init-0");
        merge(s,
              STATEMENT(",\"packages\":[{\"SPDXID\":\"SPDXRef-0\"}],"
                        "\"hasExtractedLicensingInfos\":[{\"licenseId\":\"LicenseRef-1\"}],"
                        "\"annotations\":[{\"comment\":\"c\"}]"),
              "", "init-1");
        check_lists(s,
                    ",\"packages\":[{\"SPDXID\":\"SPDXRef-b\",\"n\":1.5},{\"SPDXID\":"
                    "\"SPDXRef-a\"},{\"SPDXID\":\"SPDXRef-0\"}],\"files\":[{\"SPDXID\":"
                    "\"SPDXRef-f1\",\"fileName\":\"/f\"}],\"hasExtractedLicensingInfos\":["
                    "{\"licenseId\":\"LicenseRef-1\"}],\"annotations\":[{\"comment\":\"c\"}]}\n");
}

/* yaml.md 17, rule 4 */
static void names_get_the_prefix(void **state) {
        static const struct {
                const char *prefix, *name, *want;
        } t[] = {
                { "", "\"/bin/x\"", "\"/bin/x\"" },
                { "", "\"./bin//x\"", "\"./bin//x\"" },
                { "", "\"\"", "\"\"" },
                { "c/s/lower/", "\"/bin/x\"", "\"c/s/lower/bin/x\"" },
                { "c/s/lower/", "\"bin/x\"", "\"c/s/lower/bin/x\"" },
                { "c/s/lower/", "\"./bin//x/\"", "\"c/s/lower/bin/x\"" },
                { "c/s/lower/", "\"\"", "\"c/s/lower\"" },
                { "c/s/lower/", "\"/\"", "\"c/s/lower\"" },
                { "c/s/lower/", "\"../../../etc/x\"", "\"c/s/lower/etc/x\"" },
                { "c/s/lower/", NULL, "\"c/s/lower\"" },
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_free_ char *package =
                        t[i].name ? xasprintf(",\"packageFileName\":%s", t[i].name) : xstrdup("");
                _cleanup_free_ char *file =
                        xasprintf(",\"fileName\":%s", t[i].name ? t[i].name : "\"\"");
                _cleanup_free_ char *statement = xasprintf(
                        STATEMENT(",\"packages\":[{\"SPDXID\":\"SPDXRef-p\"%s}],\"files\":["
                                  "{\"SPDXID\":\"SPDXRef-f\"%s}]"),
                        package, file);
                _cleanup_free_ char *want = xasprintf(
                        ",\"packages\":[{\"SPDXID\":\"SPDXRef-p\",\"packageFileName\":%s}],"
                        "\"files\":[{\"SPDXID\":\"SPDXRef-f\",\"fileName\":%s}]}\n",
                        t[i].want, t[i].want);
                Spdx *s = spdx_new();
                merge(s, statement, t[i].prefix, "x");
                check_lists(s, want);
        }
        /* a package without a file name that stands at the top stays without */
        Spdx *s = spdx_new();
        merge(s, STATEMENT(",\"packages\":[{\"name\":\"p\"}]"), "", "x");
        check_lists(s, ",\"packages\":[{\"name\":\"p\"}]}\n");
}

/* W23 */
static void colliding_identifiers_are_renamed_everywhere(void **state) {
        (void)state;
        static const char statement[] = STATEMENT(
                ",\"packages\":[{\"SPDXID\":\"SPDXRef-p\",\"hasFiles\":[\"SPDXRef-f\"]}],"
                "\"files\":[{\"SPDXID\":\"SPDXRef-f\",\"fileName\":\"/f\"}],"
                "\"relationships\":[{\"spdxElementId\":\"SPDXRef-DOCUMENT\",\"relationshipType\":"
                "\"DESCRIBES\",\"relatedSpdxElement\":\"SPDXRef-p\"},{\"spdxElementId\":"
                "\"SPDXRef-p\",\"relationshipType\":\"CONTAINS\",\"relatedSpdxElement\":"
                "\"DocumentRef-x:SPDXRef-f\"}],"
                "\"annotations\":[{\"spdxElementId\":\"SPDXRef-f\",\"comment\":\"p\"}]");
        Spdx *s = spdx_new();
        merge(s,
              STATEMENT(",\"packages\":[{\"SPDXID\":\"SPDXRef-p\"},{\"SPDXID\":"
                        "\"SPDXRef-onboot-0-p\"},{\"SPDXID\":\"SPDXRef-f\"}]"),
              "", "init-0");
        merge(s, statement, "", "onboot-0");
        check_lists(
                s,
                ",\"packages\":[{\"SPDXID\":\"SPDXRef-p\"},{\"SPDXID\":\"SPDXRef-onboot-0-p\"},"
                "{\"SPDXID\":\"SPDXRef-f\"},{\"SPDXID\":\"SPDXRef-onboot-0-2-p\",\"hasFiles\":["
                "\"SPDXRef-onboot-0-f\"]}],\"files\":[{\"SPDXID\":\"SPDXRef-onboot-0-f\","
                "\"fileName\":\"/f\"}],\"relationships\":[{\"spdxElementId\":\"SPDXRef-DOCUMENT\","
                "\"relationshipType\":\"DESCRIBES\",\"relatedSpdxElement\":"
                "\"SPDXRef-onboot-0-2-p\"},{\"spdxElementId\":\"SPDXRef-onboot-0-2-p\","
                "\"relationshipType\":\"CONTAINS\",\"relatedSpdxElement\":"
                "\"DocumentRef-x:SPDXRef-f\"}],\"annotations\":[{\"spdxElementId\":"
                "\"SPDXRef-onboot-0-f\",\"comment\":\"p\"}]}\n");
}

/* A new name must not be one that the same document uses further down. */
static void new_names_are_free(void **state) {
        (void)state;
        Spdx *s = spdx_new();
        merge(s, STATEMENT(",\"packages\":[{\"SPDXID\":\"SPDXRef-p\"},{\"SPDXID\":\"odd\"}]"), "",
              "x");
        merge(s,
              STATEMENT(",\"packages\":[{\"SPDXID\":\"SPDXRef-p\"},{\"SPDXID\":\"odd\"}],"
                        "\"files\":[{\"SPDXID\":\"SPDXRef-x-p\"}]"),
              "", "x");
        check_lists(s, ",\"packages\":[{\"SPDXID\":\"SPDXRef-p\"},{\"SPDXID\":\"odd\"},{\"SPDXID\":"
                       "\"SPDXRef-x-2-p\"},{\"SPDXID\":\"SPDXRef-x-odd\"}],\"files\":[{\"SPDXID\":"
                       "\"SPDXRef-x-p\"}]}\n");
}

static void described_elements_become_relationships(void **state) {
        (void)state;
        static const char statement[] =
                STATEMENT(",\"documentDescribes\":[\"SPDXRef-p\",\"SPDXRef-q\"],\"packages\":["
                          "{\"SPDXID\":\"SPDXRef-p\"},{\"SPDXID\":\"SPDXRef-q\"}],"
                          "\"relationships\":[{\"spdxElementId\":\"SPDXRef-DOCUMENT\","
                          "\"relatedSpdxElement\":\"SPDXRef-q\",\"relationshipType\":"
                          "\"DESCRIBES\"}]");
        Spdx *s = spdx_new();
        merge(s, STATEMENT(",\"packages\":[{\"SPDXID\":\"SPDXRef-q\"}]"), "", "x");
        merge(s, statement, "", "x");
        check_lists(s, ",\"packages\":[{\"SPDXID\":\"SPDXRef-q\"},{\"SPDXID\":\"SPDXRef-p\"},"
                       "{\"SPDXID\":\"SPDXRef-x-q\"}],\"relationships\":[{\"spdxElementId\":"
                       "\"SPDXRef-DOCUMENT\",\"relatedSpdxElement\":\"SPDXRef-x-q\","
                       "\"relationshipType\":\"DESCRIBES\"},{\"spdxElementId\":"
                       "\"SPDXRef-DOCUMENT\",\"relatedSpdxElement\":\"SPDXRef-p\","
                       "\"relationshipType\":\"DESCRIBES\"}]}\n");
}

static void the_namespace_follows_the_content(void **state) {
        (void)state;
        static const char *const names[] = { "a", "a", "b" };
        Buf b[ARRAY_LEN(names)] = { 0 };
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                _cleanup_free_ char *statement =
                        xasprintf(STATEMENT(",\"packages\":[{\"SPDXID\":\"%s\"}]"), names[i]);
                Spdx *s = spdx_new();
                merge(s, statement, "", "x");
                spdx_print(s, CREATED, &b[i]);
                spdx_free(s);
        }
        assert_string_equal(b[0].data, b[1].data);
        size_t at = (size_t)(strstr(b[0].data, "/sbom-") - b[0].data);
        assert_memory_equal(b[0].data, b[2].data, at);
        assert_memory_not_equal(b[0].data + at, b[2].data + at, 40);
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                buf_done(&b[i]);
}

static void broken_statements_leave_no_trace(void **state) {
        static const char *const t[] = {
                "",
                "null",
                "[]",
                "{}",
                "{\"predicateType\":\"https://spdx.dev/Document\"}",
                "{\"predicateType\":\"https://spdx.dev/Document\",\"predicate\":[]}",
                "{\"predicateType\":\"https://slsa.dev/provenance/v0.2\",\"predicate\":{"
                "\"spdxVersion\":\"SPDX-2.3\"}}",
                "{\"predicateType\":\"https://spdx.dev/Document\",\"predicate\":{"
                "\"spdxVersion\":\"SPDX-3.0\"}}",
                STATEMENT(",\"packages\":{}"),
                STATEMENT(",\"packages\":[{\"SPDXID\":\"SPDXRef-n\"},1]"),
                STATEMENT(",\"packages\":[{\"SPDXID\":\"SPDXRef-n\"},{\"SPDXID\":1}]"),
                STATEMENT(",\"packages\":[{\"SPDXID\":\"SPDXRef-DOCUMENT\"}]"),
                STATEMENT(",\"packages\":[{\"packageFileName\":null}]"),
                STATEMENT(",\"files\":[{\"fileName\":[]}]"),
                STATEMENT(",\"packages\":[{\"SPDXID\":\"SPDXRef-n\"}],\"annotations\":\"\""),
                STATEMENT(",\"packages\":[{\"SPDXID\":\"a\xff\"}]"),
                STATEMENT(",\"packages\":[{\"n\":1e999999}]"),
                STATEMENT("") "x",
        };
        (void)state;
        Spdx *s = spdx_new();
        merge(s, STATEMENT(",\"packages\":[{\"SPDXID\":\"SPDXRef-a\"}]"), "", "x");
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                if (spdx_merge(s, t[i], strlen(t[i]), "p/", "x", &e) == 0)
                        fail_msg("accepted %s", t[i]);
                assert_int_equal(e.kind, ERR_VERIFY);
        }
        /* not even the identifiers of the refused ones are taken */
        merge(s, STATEMENT(",\"packages\":[{\"SPDXID\":\"SPDXRef-n\"}]"), "", "x");
        check_lists(s, ",\"packages\":[{\"SPDXID\":\"SPDXRef-a\"},{\"SPDXID\":\"SPDXRef-n\"}]}\n");
}

static void hostile_sizes_are_refused(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_buf_ Buf deep = { 0 }, many = { 0 };
        Spdx *s = spdx_new();
        buf_adds(&many, "{\"a\":[[]");
        for (size_t i = 0; i < (4 << 20); i++)
                buf_adds(&many, ",0");
        buf_adds(&many, "]}");
        assert_int_equal(spdx_merge(s, many.data, many.len, "", "x", &e), -1);
        assert_non_null(strstr(e.text, "values"));
        for (size_t i = 0; i < 1 << 20; i++)
                buf_addc(&deep, '[');
        assert_int_equal(spdx_merge(s, deep.data, deep.len, "", "x", &e), -1);
        assert_int_equal(e.kind, ERR_VERIFY);
        check_lists(s, "}\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_gives_an_empty_document),
                cmocka_unit_test(lists_are_joined_in_order),
                cmocka_unit_test(names_get_the_prefix),
                cmocka_unit_test(colliding_identifiers_are_renamed_everywhere),
                cmocka_unit_test(new_names_are_free),
                cmocka_unit_test(described_elements_become_relationships),
                cmocka_unit_test(the_namespace_follows_the_content),
                cmocka_unit_test(broken_statements_leave_no_trace),
                cmocka_unit_test(hostile_sizes_are_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
