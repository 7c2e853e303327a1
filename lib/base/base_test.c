/* base_test.c - errors, digests, JSON strings, programs and threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdatomic.h>

#include "lib/base/hash.h"
#include "lib/base/json.h"
#include "lib/base/mem.h"
#include "lib/base/pool.h"
#include "lib/base/proc.h"

static void test_errors_read_from_outside_in(void **state) {
        (void)state;
        Err e = ERR_INIT;
        err_set(&e, ERR_IO, ENOENT, "open %s", "blob");
        err_wrap(&e, "layer %d", 3);
        err_hint(&e, "first hint");
        err_hint(&e, "second hint");
        assert_string_equal(e.text, "layer 3: open blob: No such file or directory");
        assert_string_equal(e.hint, "first hint");
        Err other = ERR_INIT;
        err_move(&other, &e);
        assert_null(e.text);
        assert_int_equal(other.kind, ERR_IO);
        err_set(&other, ERR_SPEC, 0, "name \"\033[2J\"");
        assert_string_equal(other.text, "name \"?[2J\"");
        assert_null(other.hint);
        err_clear(&other);
}

static void test_sha256(void **state) {
        (void)state;
        Digest d;
        hash_bytes("abc", 3, &d); /* FIPS 180-2, appendix B.1 */
        assert_string_equal(
                d.text, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        Digest parsed;
        assert_true(digest_parse(d.text, &parsed));
        assert_true(digest_eq(&d, &parsed));
        assert_false(digest_parse("sha256:BA", &parsed));
        d.text[10] = 'A';
        assert_false(digest_parse(d.text, &parsed));
}

static void test_json_strings(void **state) {
        (void)state;
        static const struct {
                const char *in, *out;
        } t[] = {
                { "plain", "\"plain\"" },
                { "a\"b\\c", "\"a\\\"b\\\\c\"" },
                { "\n\r\t\b\f\001", "\"\\n\\r\\t\\b\\f\\u0001\"" },
                { "<&>", "\"\\u003c\\u0026\\u003e\"" },
                { "\xe2\x80\xa8\xe2\x80\xa9", "\"\\u2028\\u2029\"" },
                { "gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"" },
                { "\xff\xc3", "\"\\ufffd\\ufffd\"" },
                { "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" }, /* a surrogate is not UTF-8 */
                { "\x7f", "\"\x7f\"" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_buf_ Buf b = { 0 };
                json_add_string(&b, t[i].in);
                assert_string_equal(b.data, t[i].out);
        }
        Err e = ERR_INIT;
        json_t *j = NULL;
        assert_int_equal(json_parse("{\"a\":1,\"a\":2}", 13, "manifest", &j, &e), -1);
        err_clear(&e);
}

static void test_programs(void **state) {
        (void)state;
        Err e = ERR_INIT;
        _cleanup_free_ char *out = NULL;
        size_t n = 0;
        _cleanup_free_ char *input = xcalloc(1, 1 << 20);
        memset(input, 'x', (1 << 20) - 1);
        ProcOptions o = { .input = input, .input_len = 1 << 20 };
        assert_int_equal(proc_run((const char *[]){ "cat", NULL }, &o, &out, &n, NULL, &e), 0);
        assert_int_equal(n, 1 << 20);
        int status = 0;
        assert_int_equal(proc_run((const char *[]){ "sh", "-c", "exit 7", NULL }, NULL, NULL, NULL,
                                  &status, &e),
                         0);
        assert_int_equal(status, 7);
        assert_int_equal(proc_run((const char *[]){ "sh", "-c", "echo why >&2; exit 3", NULL },
                                  NULL, NULL, NULL, NULL, &e),
                         -1);
        assert_string_equal(e.text, "sh: exit status 3: why");
        assert_int_equal(
                proc_run((const char *[]){ "no-such-program", NULL }, NULL, NULL, NULL, NULL, &e),
                -1);
        assert_int_equal(e.kind, ERR_NOT_FOUND);
        err_clear(&e);
        const char *env[] = { "LK_TEST=value", NULL };
        ProcOptions with_env = { .env = env, .cwd = "/" };
        free(out);
        assert_int_equal(proc_run((const char *[]){ "sh", "-c", "echo $LK_TEST $PWD", NULL },
                                  &with_env, &out, &n, NULL, &e),
                         0);
        assert_string_equal(out, "value /\n");
        ProcOptions tight = { .output_limit = 10 };
        char *unused = NULL;
        assert_int_equal(proc_run((const char *[]){ "yes", NULL }, &tight, &unused, &n, NULL, &e),
                         -1);
        err_clear(&e);
}

static int fail_late(void *ctx, size_t i, Err *e) {
        atomic_fetch_add((atomic_int *)ctx, 1);
        return i >= 50 ? err_set(e, ERR_IO, 0, "item %zu", i) : 0;
}

static void test_pool_reports_the_first_failure(void **state) {
        (void)state;
        for (size_t threads = 1; threads <= 8; threads *= 2) {
                atomic_int calls = 0;
                Err e = ERR_INIT;
                assert_int_equal(pool_run(50, threads, fail_late, &calls, &e), 0);
                assert_int_equal(calls, 50);
                assert_int_equal(pool_run(60, threads, fail_late, &calls, &e), -1);
                assert_string_equal(e.text, "item 50");
                err_clear(&e);
        }
}

typedef struct Job {
        int number;
        long result;
} Job;

static int job_work(void *p, Err *e) {
        Job *j = p;
        if (j->number == 77)
                return err_set(e, ERR_IO, 0, "job 77");
        for (int i = 0; i < (j->number % 7) * 1000; i++)
                j->result += i % 3;
        return 0;
}

static int job_done(void *ctx, void *p, Err *e) {
        (void)e;
        int *expected = ctx;
        assert_int_equal(((Job *)p)->number, *expected);
        (*expected)++;
        return 0;
}

static void test_ordered_commits_in_order(void **state) {
        (void)state;
        for (size_t threads = 1; threads <= 4; threads++) {
                int next = 0;
                Err e = ERR_INIT;
                Ordered *o = ordered_new(threads, job_work, job_done, free, &next);
                for (int i = 0; i < 70; i++) {
                        Job *j = xcalloc(1, sizeof *j);
                        j->number = i;
                        assert_int_equal(ordered_submit(o, j, &e), 0);
                }
                assert_int_equal(ordered_finish(o, &e), 0);
                assert_int_equal(next, 70);
                int r = 0;
                for (int i = 70; i < 200 && r == 0; i++) {
                        Job *j = xcalloc(1, sizeof *j);
                        j->number = i;
                        r = ordered_submit(o, j, &e);
                }
                if (r == 0)
                        r = ordered_finish(o, &e);
                assert_int_equal(r, -1);
                assert_string_equal(e.text, "job 77");
                assert_int_equal(next, 77);
                err_clear(&e);
                ordered_free(o);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_errors_read_from_outside_in),
                cmocka_unit_test(test_sha256),
                cmocka_unit_test(test_json_strings),
                cmocka_unit_test(test_programs),
                cmocka_unit_test(test_pool_reports_the_first_failure),
                cmocka_unit_test(test_ordered_commits_in_order),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
