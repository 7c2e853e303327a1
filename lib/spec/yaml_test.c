/* yaml_test.c - the dialect table of yaml.md 4.2 and hostile input.  Trees are compared through a
 * one-line rendering: kinds, values and structure, nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/spec/yaml.h"

static void render(Buf *b, const Node *n) {
        switch (n->kind) {
        case NODE_NULL:
                buf_adds(b, "null");
                break;
        case NODE_BOOL:
                buf_adds(b, n->scalar.boolean ? "true" : "false");
                break;
        case NODE_INT:
                buf_addf(b, "%s%" PRIu64, n->scalar.negative ? "-" : "", n->scalar.magnitude);
                break;
        case NODE_FLOAT:
                buf_addf(b, "float %g", n->scalar.number);
                break;
        case NODE_STRING:
                buf_addf(b, "\"%s\"", n->text);
                break;
        case NODE_LIST:
                buf_addc(b, '[');
                for (size_t i = 0; i < n->n; i++) {
                        buf_adds(b, i ? ", " : "");
                        render(b, n->items[i]);
                }
                buf_addc(b, ']');
                break;
        case NODE_MAPPING:
                buf_addc(b, '{');
                for (size_t i = 0; i < n->n; i++) {
                        buf_addf(b, "%s%s: ", i ? ", " : "", n->entries[i].key->text);
                        render(b, n->entries[i].value);
                }
                buf_addc(b, '}');
                break;
        }
}

/* The rendered tree, or the text of all problems; malloc'ed. */
static char *parse(const char *text, size_t len) {
        _cleanup_arena_ Arena *arena = arena_new();
        _cleanup_problems_ Problems p = { .arena = arena };
        _cleanup_err_ Err e = ERR_INIT;
        const Node *n = yaml_parse(text, len, problems_file(&p, "f"), &p);
        if (problems_report(&p, &e) < 0)
                return xstrdup(e.text);
        Buf b = { 0 };
        render(&b, n);
        return buf_steal(&b);
}

static void check(const char *text, const char *want) {
        _cleanup_free_ char *got = parse(text, strlen(text));
        if (!str_eq(got, want))
                fail_msg("%s\n  gave: %s\n  not:  %s", text, got, want);
}

static void scalars(void **state) {
        (void)state;
        static const struct {
                const char *text, *want;
        } t[] = {
                { "true", "true" },
                { "True", "true" },
                { "TRUE", "true" },
                { "false", "false" },
                { "False", "false" },
                { "FALSE", "false" },
                { "tRUE", "\"tRUE\"" },
                { "yes", "\"yes\"" },
                { "on", "\"on\"" },
                { "y", "\"y\"" },
                { "no", "\"no\"" },
                { "\"true\"", "\"true\"" },
                { "'5'", "\"5\"" },
                { "~", "null" },
                { "null", "null" },
                { "Null", "null" },
                { "NULL", "null" },
                { "nULL", "\"nULL\"" },
                { "--- ", "null" },
                { "0", "0" },
                { "-0", "-0" },
                { "12", "12" },
                { "+12", "12" },
                { "-12", "-12" },
                { "0x1F", "31" },
                { "0o17", "15" },
                { "0b101", "5" },
                { "-0x10", "-16" },
                { "010", "8" },
                { "1_000", "1000" },
                { "0x", "\"0x\"" },
                { "0b2", "\"0b2\"" },
                { "18446744073709551615", "18446744073709551615" },
                { "-9223372036854775808", "-9223372036854775808" },
                { "18446744073709551616", "float 1.84467e+19" },
                { "1.0", "float 1" },
                { "1.5", "float 1.5" },
                { "1e3", "float 1000" },
                { ".5", "float 0.5" },
                { "5.", "float 5" },
                { "08", "float 8" },
                { "1e999", "\"1e999\"" },
                { ".inf", "float inf" },
                { "-.INF", "float -inf" },
                { ".nan", "float nan" },
                { ".", "\".\"" },
                { "-", "[null]" },
                { "1.2.3", "\"1.2.3\"" },
                { "1:30", "\"1:30\"" },
                { "2001-01-01", "\"2001-01-01\"" },
                { "0644x", "\"0644x\"" },
                { "!!str 5", "\"5\"" },
                { "! 5", "\"5\"" },
                { "!!int \"5\"", "5" },
                { "!!float 5", "float 5" },
                { "!!int x", "f:1:1: \"x\" does not fit its tag tag:yaml.org,2002:int" },
                { "!mine x", "f:1:1: unsupported tag !mine" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++)
                check(t[i].text, t[i].want);
}

static void structure(void **state) {
        (void)state;
        static const struct {
                const char *text, *want;
        } t[] = {
                { "a: 1\n---\nb: [", "{a: 1}" }, /* only the first document */
                { "\xef\xbb\xbf"
                  "a: 1",
                  "{a: 1}" },
                { "{\"a\": [1, \"x\", null, {\"b\": false}]}",
                  "{a: [1, \"x\", null, {b: false}]}" },
                { "a: &x [1, 2]\nb: *x", "{a: [1, 2], b: [1, 2]}" },
                { "a: &x 1\nb: &x 2\nc: *x", "{a: 1, b: 2, c: 2}" },
                { "d: &d {a: 1, b: 2}\ne:\n  b: 3\n  <<: *d\n  c: 4",
                  "{d: {a: 1, b: 2}, e: {b: 3, a: 1, c: 4}}" },
                { "x: &x {a: 1}\ny: &y {a: 2, b: 2}\nz: {<<: [*x, *y]}",
                  "{x: {a: 1}, y: {a: 2, b: 2}, z: {a: 1, b: 2}}" },
                { "{\"<<\": 1}", "{<<: 1}" },
                { "a: |\n  x\n  y\nb: >-\n  p\n  q", "{a: \"x\ny\n\", b: \"p q\"}" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++)
                check(t[i].text, t[i].want);
}

static void faults(void **state) {
        (void)state;
        static const struct {
                const char *text, *want;
        } t[] = {
                { "", "f:1:1: EOF: there is no YAML document in it" },
                { "# only\n# comments\n", "f:1:1: EOF: there is no YAML document in it" },
                { "a: 1\nb: 2\na: 3", "f:3:1: key \"a\" is already defined at line 1" },
                { "a: 1\na: 2\na: 3", "f:2:1: key \"a\" is already defined at line 1\n"
                                      "f:3:1: key \"a\" is already defined at line 1" },
                { "1: x", "f:1:1: a key must be a string, found the integer 1" },
                { "true: x", "f:1:1: a key must be a string, found the boolean true" },
                { "? [a]\n: x", "f:1:3: a key must be a string, found a list" },
                { "a:\n\tb: 1", "f:2:1: a tab cannot be used for indentation" },
                { "a: *x", "f:1:4: unknown anchor \"x\"" },
                { "a: &x [1, *x]", "f:1:11: anchor \"x\" contains itself" },
                { "<<: 5", "f:1:5: the merge key << wants a mapping or a list of mappings, "
                           "found the integer 5" },
                { "<<: {a: 1}\n<<: {b: 1}", "f:2:1: key \"<<\" is already defined at line 1" },
                { "a: \"\\0\"", "f:1:4: a string cannot hold a NUL character" },
                { "a: b\nc: \xff", "f:2:4: invalid leading UTF-8 octet" },
                { "a: [1, 2\n", "f:2:1: did not find expected ',' or ']' (while parsing a flow "
                                "sequence at line 1)" },
                { "a: \x01", "f:1:4: control characters are not allowed" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++)
                check(t[i].text, t[i].want);
}

static void add_many(Buf *b, const char *s, size_t n) {
        while (n--)
                buf_adds(b, s);
}

static void check_fails(const Buf *b, const char *want) {
        _cleanup_free_ char *got = parse(b->data, b->len);
        if (!strstr(got, want))
                fail_msg("got %.300s", got);
}

static void deep_nesting(void **state) {
        (void)state;
        _cleanup_buf_ Buf flow = { 0 }, block = { 0 };
        add_many(&flow, "[", 100000);
        check_fails(&flow, "nested more than 64 levels deep");
        add_many(&block, "- ", 100000);
        check_fails(&block, "nested more than 64 levels deep");
}

static void alias_bomb(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        buf_adds(&b, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for (int i = 1; i < 12; i++) {
                buf_addf(&b, "a%d: &a%d [", i, i);
                for (int k = 0; k < 10; k++)
                        buf_addf(&b, "%s*a%d", k ? "," : "", i - 1);
                buf_adds(&b, "]\n");
        }
        check_fails(&b, "too large when its aliases are expanded");

        buf_clear(&b); /* the same through merge keys */
        buf_adds(&b, "base: &b {");
        for (int i = 0; i < 2000; i++)
                buf_addf(&b, "k%d: 1, ", i);
        buf_adds(&b, "}\nlist:\n");
        add_many(&b, "- <<: *b\n", 2000);
        check_fails(&b, "too large when its aliases are expanded");
}

static void huge_scalar(void **state) {
        (void)state;
        size_t len = (size_t)100 << 20;
        _cleanup_free_ char *text = xmalloc(len);
        memset(text, 'x', len);
        _cleanup_free_ char *got = parse(text, len);
        assert_string_equal(got, "f: larger than 16 MiB");
}

static void quoting(void **state) {
        (void)state;
        static const char *const quoted[] = {
                "",
                "~",
                "null",
                "NULL",
                "true",
                "False",
                "y",
                "N",
                "yes",
                "No",
                "ON",
                "off",
                "<<",
                ".inf",
                "-.Inf",
                ".NaN",
                "1",
                "-1",
                "010",
                "0x1f",
                "0o7",
                "0b1",
                "1_000",
                "1.5",
                "1e3",
                ".5",
                "2001-01-01",
                "2001-1-1",
                "2001-12-14T21:59:43.10-05:00",
                "2001-12-14 21:59:43",
                "2001-12-14t1:2:3Z",
                "1:30",
                "-1:30:45.5",
                "2000-02-29",
        };
        static const char *const plain[] = {
                "a",    "yEs",        "tRUE",       "nULL",  "1x",          "0x",
                "1:60", "2001-02-29", "2001-13-01", "1.2.3", "2001-01-01T", "10.0.0.1",
                "-",    "+",          "a:b",        "0644x", "1:",          "redis:7",
        };
        for (size_t i = 0; i < ARRAY_LEN(quoted); i++)
                if (!scalar_needs_quotes(quoted[i]))
                        fail_msg("\"%s\" is not quoted", quoted[i]);
        for (size_t i = 0; i < ARRAY_LEN(plain); i++)
                if (scalar_needs_quotes(plain[i]))
                        fail_msg("\"%s\" is quoted", plain[i]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(scalars),    cmocka_unit_test(structure),
                cmocka_unit_test(faults),     cmocka_unit_test(deep_nesting),
                cmocka_unit_test(alias_bomb), cmocka_unit_test(huge_scalar),
                cmocka_unit_test(quoting),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
