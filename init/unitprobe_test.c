/* unitprobe_test.c - services in a played world that are asked whether they are ready and healthy.
 */
#include "init/unitworld.h"

/* --- ready ---------------------------------------------------------------------------------- */

static void not_ready_in_time_is_a_failed_start(void **state) {
        (void)state;
        bundle("db", "{\"ready\": {\"tcp\": \"80\", \"timeout\": 5, \"interval\": 3}}");
        go();
        forget();
        reply_to("db", 7);
        advance(3000);
        reply_to("db", 7);
        advance(1999);
        is("db", "running");
        advance(1);
        says("service db: could not be started: not ready after 5 s (answer 7); restarting in "
             "1s\n");
        says("0 of 1 services started");
        happened("[service-failed db] wipe db; [done] ");
        is("db", "backoff");
        advance(1000);
        is("db", "running");
        advance(5000); /* no answer at all */
        assert_int_equal(w.killed_probes, 1);
        says("(no answer); restarting in 2s");
}

static void policy_no_and_not_ready(void **state) {
        (void)state;
        bundle("db", "{\"restart\": \"no\", \"ready\": {\"tcp\": \"80\", \"timeout\": 1}}");
        go();
        advance(1000);
        is("db", "failed");
        is_silent_about("restarting");
}

static void a_question_that_hangs(void **state) {
        (void)state;
        bundle("db", "{\"ready\": {\"tcp\": \"80\"}}");
        go();
        pid_t first = unit_probe_pid(unit("db"));
        advance(10000);
        assert_int_equal(w.killed_probes, 1);
        /* it cannot even be killed: no second one beside it */
        advance(20000);
        assert_int_equal(w.asked, 1);
        assert_int_equal(unit_probe_pid(unit("db")), first);
        reply_to("db", 9);
        assert_int_equal(w.asked, 2);
        is("db", "running");
        reply_to("db", 0);
        assert_true(unit_is_ready(unit("db")));
}

static void the_end_of_one_that_is_asked(void **state) {
        (void)state;
        bundle("db", "{\"ready\": {\"tcp\": \"80\"}}");
        go();
        end("db", 3);
        turn();
        is("db", "backoff");
        assert_int_equal(w.killed_probes, 1);
        /* the answer to the dead one is not that of the next */
        advance(1000);
        is("db", "running");
        assert_int_equal(w.asked, 1);
        reply_to("db", 0);
        assert_false(unit_is_ready(unit("db")));
        assert_int_equal(w.asked, 2);
        reply_to("db", 0);
        assert_true(unit_is_ready(unit("db")));
        is_silent_about("services started at 1000.00s\n");
}

/* --- health --------------------------------------------------------------------------------- */

static void unhealthy_is_stopped_and_restarted(void **state) {
        (void)state;
        bundle("web", "{\"health\": {\"exec\": [\"x\"], \"interval\": 10, \"retries\": 2}}");
        go();
        forget();
        assert_int_equal(unit_health(unit("web")), UNIT_STARTING);
        assert_int_equal(w.asked, 0);
        advance(10000);
        reply_to("web", 1);
        advance(10000);
        reply_to("web", 0); /* so the failure before counts no more */
        assert_int_equal(unit_health(unit("web")), UNIT_HEALTHY);
        advance(10000);
        reply_to("web", 1);
        is_silent_about("unhealthy");
        advance(10000);
        is("web", "running");
        reply_to("web", 2);
        says("service web: unhealthy: answer 2 (2 times in a row)\n");
        says("service web: unhealthy, exited with status 143 after 40.0s; restarting in 1s\n");
        happened("term web; ");
        is("web", "backoff");
        advance(1000);
        is("web", "running");
        assert_int_equal(unit_health(unit("web")), UNIT_STARTING);
        assert_int_equal(unit_restarts(unit("web")), 1);
}

static void unhealthy_with_status_0_is_a_failure(void **state) {
        (void)state;
        bundle("a", "{\"restart\": \"no\", \"health\": {\"file\": \"/x\", \"retries\": 1}}");
        bundle("b", "{\"health\": {\"file\": \"/x\", \"retries\": 1}}");
        service("a")->deaf = service("b")->deaf = true;
        go();
        advance(30000);
        reply_to("a", 1);
        reply_to("b", 1);
        is("a", "stopping");
        assert_int_equal(unit_health(unit("a")), UNIT_UNHEALTHY);
        end("a", 0);
        end("b", 0);
        turn();
        is("a", "failed");
        is("b", "backoff");
        says("service a: unhealthy, exited with status 0 after 30.0s\n");
}

static void no_answer_is_a_failure(void **state) {
        (void)state;
        bundle("web", "{\"health\": {\"file\": \"/x\", \"interval\": 1, \"timeout\": 4, "
                      "\"retries\": 1}}");
        go();
        advance(1000);
        advance(3999);
        is("web", "running");
        advance(1);
        says("service web: unhealthy: no answer in 4 s (1 time in a row)\n");
        assert_int_equal(w.killed_probes, 1);
        is("web", "backoff");
}

/* A file system that hangs holds the child, too; that is the case that health is asked for. */
static void a_question_that_cannot_be_killed_is_a_failure(void **state) {
        (void)state;
        bundle("web", "{\"health\": {\"file\": \"/x\", \"interval\": 10, \"timeout\": 4, "
                      "\"retries\": 3}}");
        go();
        advance(14000);
        assert_int_equal(w.killed_probes, 1);
        advance(19999);
        is("web", "running");
        advance(1);
        says("service web: unhealthy: an earlier question cannot be ended (3 times in a row)\n");
        assert_int_equal(w.asked, 1);
        assert_int_equal(w.killed_probes, 1);
        is("web", "backoff");
}

static void the_start_has_its_period(void **state) {
        (void)state;
        bundle("web", "{\"health\": {\"file\": \"/x\", \"interval\": 1, \"retries\": 1, "
                      "\"startPeriod\": 10}}");
        go();
        for (int i = 0; i < 9; i++) {
                advance(1000);
                reply_to("web", 1);
                is("web", "running");
        }
        advance(1000);
        reply_to("web", 1);
        is("web", "backoff");
}

static void ready_comes_before_healthy(void **state) {
        (void)state;
        bundle("web", "{\"ready\": {\"tcp\": \"80\"}, \"health\": {\"tcp\": \"80\"}}");
        go();
        advance(5000);
        assert_int_equal(w.asked, 1);
        reply_to("web", 0);
        assert_int_equal(unit_health(unit("web")), UNIT_HEALTHY);
        advance(29999);
        assert_int_equal(w.asked, 1);
        advance(1);
        assert_int_equal(w.asked, 2);
        unit_stop(unit("web"));
        turn();
        assert_int_equal(w.killed_probes, 1);
        is("web", "stopped");
        advance(100000);
        assert_int_equal(w.asked, 2);
}

static void a_stop_beats_unhealthy(void **state) {
        (void)state;
        bundle("web", "{\"restart\": \"always\", \"health\": {\"file\": \"/x\", \"retries\": 1}}");
        service("web")->deaf = true;
        go();
        advance(30000);
        reply_to("web", 1);
        is("web", "stopping");
        unit_stop(unit("web"));
        advance(10000);
        is("web", "stopped");
        advance(100000);
        is("web", "stopped");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(not_ready_in_time_is_a_failed_start),
                TEST(policy_no_and_not_ready),
                TEST(a_question_that_hangs),
                TEST(the_end_of_one_that_is_asked),
                TEST(unhealthy_is_stopped_and_restarted),
                TEST(unhealthy_with_status_0_is_a_failure),
                TEST(no_answer_is_a_failure),
                TEST(a_question_that_cannot_be_killed_is_a_failure),
                TEST(the_start_has_its_period),
                TEST(ready_comes_before_healthy),
                TEST(a_stop_beats_unhealthy),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
