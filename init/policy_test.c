/* policy_test.c - restart policies and the back-off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "init/policy.h"
#include "lib/base/mem.h"

static void test_words(void **state) {
        (void)state;
        assert_int_equal(policy_from_word("no"), RESTART_NO);
        assert_int_equal(policy_from_word("on-failure"), RESTART_ON_FAILURE);
        assert_int_equal(policy_from_word("always"), RESTART_ALWAYS);
        assert_int_equal(policy_from_word("Always"), RESTART_UNSET);
        assert_int_equal(policy_from_word(""), RESTART_UNSET);
        assert_int_equal(policy_from_word(NULL), RESTART_UNSET);
}

static void test_service_beats_machine_beats_default(void **state) {
        (void)state;
        assert_int_equal(policy_choose(RESTART_NO, RESTART_ALWAYS), RESTART_NO);
        assert_int_equal(policy_choose(RESTART_UNSET, RESTART_ALWAYS), RESTART_ALWAYS);
        assert_int_equal(policy_choose(RESTART_UNSET, RESTART_UNSET), RESTART_ON_FAILURE);
}

static void test_what_is_restarted(void **state) {
        (void)state;
        static const struct {
                RestartPolicy p;
                uint32_t status;
                bool want;
        } t[] = {
                { RESTART_NO, 1, false },          { RESTART_NO, 0, false },
                { RESTART_ON_FAILURE, 0, false },  { RESTART_ON_FAILURE, 1, true },
                { RESTART_ON_FAILURE, 137, true }, { RESTART_ALWAYS, 0, true },
                { RESTART_ALWAYS, 255, true },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++)
                assert_int_equal(policy_restarts(t[i].p, t[i].status), t[i].want);
}

static void test_delay_doubles_to_a_minute(void **state) {
        (void)state;
        static const uint64_t want[] = { 1, 2, 4, 8, 16, 32, 60, 60, 60 };
        unsigned failures = 0;
        for (size_t i = 0; i < ARRAY_LEN(want); i++)
                assert_int_equal(policy_delay_ms(&failures, 100), want[i] * 1000);
        for (int i = 0; i < 100000; i++) /* no overflow, ever */
                assert_int_equal(policy_delay_ms(&failures, 59999), 60000);
}

static void test_a_minute_of_life_starts_over(void **state) {
        (void)state;
        unsigned failures = 0;
        for (int i = 0; i < 8; i++)
                policy_delay_ms(&failures, 0);
        assert_int_equal(policy_delay_ms(&failures, 60000), 1000);
        assert_int_equal(policy_delay_ms(&failures, 0), 2000);
}

static void test_the_limit_of_starts(void **state) {
        (void)state;
        unsigned failures = 0;
        for (unsigned i = 1; i <= 100; i++) {
                policy_delay_ms(&failures, 0);
                assert_int_equal(policy_gives_up(failures, 20), i >= 20);
                assert_false(policy_gives_up(failures, 0));
        }
        policy_delay_ms(&failures, 60000); /* had recovered */
        assert_false(policy_gives_up(failures, 2));
        assert_true(policy_gives_up(failures, 1));
        failures = UINT_MAX;
        assert_int_equal(policy_delay_ms(&failures, 0), 60000);
        assert_true(policy_gives_up(failures, 5));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_service_beats_machine_beats_default),
                cmocka_unit_test(test_what_is_restarted),
                cmocka_unit_test(test_delay_doubles_to_a_minute),
                cmocka_unit_test(test_a_minute_of_life_starts_over),
                cmocka_unit_test(test_the_limit_of_starts),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
