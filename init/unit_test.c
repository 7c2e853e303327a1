/* unit_test.c - the life of services in a played world: needs, limits, the order of a stop, a
 * supervisor's successor, and the memory of ten thousand restarts. */
#include "init/unitworld.h"

#include <malloc.h>

/* --- needs ---------------------------------------------------------------------------------- */

static void started_is_ready_without_a_probe(void **state) {
        (void)state;
        bundle("a", "{\"needs\": [\"b\"]}");
        bundle("b", "{\"needs\": [\"c\"]}");
        bundle("c", "{}");
        bundle("d", "{}");
        go();
        happened("[service-begin c] make c; [service-begin d] make d; [service-started c] "
                 "[service-begin b] make b; [service-started d] [service-started b] "
                 "[service-begin a] make a; [service-started a] [done] ");
        says("linuxkit: all 4 services started at 1000.00s\n");
        assert_int_equal(w.asked, 0);
}

static void a_need_has_a_probe(void **state) {
        (void)state;
        bundle("web", "{\"needs\": [\"db\"]}");
        bundle("db", "{\"ready\": {\"tcp\": \"80\", \"interval\": 2}}");
        go();
        is("web", "waiting");
        is("db", "running");
        assert_string_equal(unitorder_blocker(&w.units, unit("web")), "db");
        assert_int_equal(unit_health(unit("db")), UNIT_STARTING);
        assert_true(is_asked("db"));
        reply_to("db", 111);
        assert_false(is_asked("db"));
        advance(1999);
        assert_false(is_asked("db"));
        advance(1);
        reply_to("db", 111);
        is("web", "waiting");
        is_silent_about("services started");
        advance(2000);
        reply_to("db", 0);
        is("web", "running");
        assert_null(unitorder_blocker(&w.units, unit("web")));
        says("service db: ready after 4.0s\n");
        says("linuxkit: all 2 services started");
        happened("[service-begin db] make db; [service-started db] [service-ready db] "
                 "[service-begin web] make web; [service-started web] [done] ");
        advance(1000000);
        assert_int_equal(w.asked, 3);
}

static void work_that_is_done_is_ready(void **state) {
        (void)state;
        bundle("a", "{\"needs\": [\"job\"]}");
        bundle("b", "{\"needs\": [\"job\"]}");
        bundle("job", "{}");
        service("a")->refuses = true;
        go();
        end("job", 0);
        turn();
        is("job", "exited");
        assert_true(unit_is_ready(unit("job")));
        service("a")->refuses = false;
        advance(1000);
        is("a", "running");
        is("b", "running");
}

static void a_need_that_fails_for_good(void **state) {
        (void)state;
        bundle("db", "{\"restart\": \"no\"}");
        bundle("next", "{\"needs\": [\"web\"]}");
        bundle("other", "{}");
        bundle("web", "{\"needs\": [\"other\", \"db\"]}");
        service("db")->refuses = true;
        go();
        is("db", "failed");
        is("web", "waiting");
        is("next", "waiting");
        says("linuxkit: 1 of 4 services started at 1000.00s; not started: db; waiting: next (for "
             "web), web (for db)\n");
        advance(1000000);
        assert_int_equal(times("waiting:"), 1);
        /* whoever repairs it gets the others as well */
        service("db")->refuses = false;
        assert_int_equal(unit_start(unit("db"), NULL, NULL), 0);
        turn();
        is("next", "running");
}

static void a_need_that_ends_with_a_failure(void **state) {
        (void)state;
        bundle("job", "{\"restart\": \"no\", \"ready\": {\"file\": \"/x\"}}");
        bundle("web", "{\"needs\": [\"job\"]}");
        go();
        end("job", 0); /* done, but it was never ready */
        turn();
        is("job", "exited");
        is("web", "waiting");
        says("linuxkit: 0 of 2 services started at 1000.00s; not started: job; waiting: web (for "
             "job)\n");
}

static void a_need_that_is_tried_again(void **state) {
        (void)state;
        bundle("db", "{}");
        bundle("web", "{\"needs\": [\"db\"]}");
        service("db")->refuses = true;
        go();
        is("db", "backoff");
        says("linuxkit: 0 of 2 services started at 1000.00s; not started: db; waiting: web (for "
             "db)\n");
        service("db")->refuses = false;
        advance(1000);
        is("db", "running");
        is("web", "running");
}

static void a_restart_of_a_need_is_its_own_matter(void **state) {
        (void)state;
        bundle("db", "{}");
        bundle("web", "{\"needs\": [\"db\"]}");
        go();
        pid_t pid = service("web")->pid;
        forget();
        end("db", 1);
        turn();
        is("db", "backoff");
        assert_false(unit_is_ready(unit("db")));
        is("web", "running");
        /* but one that has to start waits for it */
        end("web", 1);
        service("db")->refuses = true;
        advance(1000);
        is("web", "waiting");
        service("db")->refuses = false;
        advance(2000);
        is("db", "running");
        is("web", "running");
        assert_int_not_equal(service("web")->pid, pid);
        unit_stop(unit("db")); /* only it */
        turn();
        is("db", "stopped");
        is("web", "running");
}

static void unknown_names_and_circles(void **state) {
        (void)state;
        bundle("a", "{\"needs\": [\"b\"]}");
        bundle("b", "{\"needs\": [\"c\"]}");
        bundle("c", "{\"needs\": [\"a\"]}");
        bundle("behind", "{\"needs\": [\"a\"]}");
        bundle("good", "{}");
        bundle("lost", "{\"needs\": [\"good\", \"no where\"]}");
        bundle("self", "{\"needs\": [\"self\"]}");
        go();
        says("service lost: needs \"no where\", which is no service\n");
        says("linuxkit: services that need each other in a circle, or such services, are not "
             "started: a b behind c self\n");
        says("linuxkit: 1 of 7 services started at 1000.00s; waiting: a (for b), b (for c), behind "
             "(for a), c (for a), lost (for no where), self (for self)\n");
        advance(1000000);
        is("good", "running");
        is("a", "waiting");
        units_stop_all(&w.units, w.now_ms + 23000);
        turn();
        assert_true(units_all_stopped(&w.units));
}

static void a_user_changes_what_is_needed(void **state) {
        (void)state;
        bundle("web", "{\"needs\": [\"later\"]}");
        go();
        is("web", "waiting");
        bundle("later", "{}");
        Unit *u;
        assert_int_equal(units_get(&w.units, "later", &u, NULL), 0);
        turn();
        is("later", "stopped"); /* to ask for it is not to start it */
        is("web", "waiting");
        assert_int_equal(unit_start(u, NULL, NULL), 0);
        turn();
        is("later", "running");
        is("web", "running");
        unit_stop(unit("later"));
        unit_stop(unit("web"));
        turn();
        assert_int_equal(unit_start(unit("web"), NULL, NULL), 0);
        turn();
        is("web", "waiting");
        bundle("web", "{}");
        assert_int_equal(unit_start(unit("web"), NULL, NULL), 0);
        turn();
        is("web", "running");
        assert_int_equal(unit_restart(unit("web"), NULL, NULL), 0);
        turn();
        is("web", "running");
}

/* --- stop ----------------------------------------------------------------------------------- */

static void dependants_stop_first(void **state) {
        (void)state;
        bundle("app", "{\"needs\": [\"db\", \"cache\"]}");
        bundle("cache", "{}");
        bundle("db", "{\"needs\": [\"net\"]}");
        bundle("lone", "{}");
        bundle("net", "{}");
        go();
        forget();
        service("app")->deaf = true;
        units_stop_all(&w.units, w.now_ms + 23000);
        turn();
        happened("term lone; term app; ");
        is("lone", "stopped");
        is("db", "running");
        advance(10000);
        happened("kill app; term db; term cache; term net; ");
        assert_true(units_all_stopped(&w.units));
        says("service app: still running 10 s after SIGTERM, sending SIGKILL\n");
}

static void nobody_is_stopped_later_than_the_limit(void **state) {
        (void)state;
        bundle("a", "{\"needs\": [\"b\"], \"stopTimeout\": 3600}");
        bundle("b", "{\"needs\": [\"c\"]}");
        bundle("c", "{}");
        go();
        forget();
        service("a")->deaf = service("b")->deaf = service("c")->deaf = true;
        uint64_t limit = w.now_ms + 23000;
        units_stop_all(&w.units, limit);
        advance(11999);
        happened("term a; ");
        advance(1); /* the others would have no time left */
        happened("term c; term b; ");
        advance(7999);
        happened("");
        advance(1);
        happened("kill a; kill b; kill c; ");
        assert_true(units_all_stopped(&w.units));
        assert_true(w.now_ms < limit);
}

static void what_does_not_run_stops_at_once(void **state) {
        (void)state;
        bundle("a", "{\"needs\": [\"b\"]}");
        bundle("b", "{\"needs\": [\"c\"]}");
        bundle("c", "{}");
        service("b")->refuses = true;
        go();
        is("b", "backoff");
        forget();
        units_stop_all(&w.units, w.now_ms + 23000);
        is("a", "stopped");
        is("b", "stopped");
        is("c", "stopping");
        turn();
        happened("term c; ");
        assert_true(units_all_stopped(&w.units));
        advance(100000);
        assert_true(units_all_stopped(&w.units));
}

static void a_stop_has_its_own_time(void **state) {
        (void)state;
        bundle("web", "{\"stopTimeout\": 2}");
        service("web")->deaf = true;
        go();
        forget();
        unit_stop(unit("web"));
        advance(1999);
        happened("term web; ");
        advance(1);
        happened("kill web; ");
        says("service web: still running 2 s after SIGTERM, sending SIGKILL\n");
        is("web", "stopped");
}

/* --- limits --------------------------------------------------------------------------------- */

static void the_limit_of_starts(void **state) {
        (void)state;
        bundle("web", "{\"restart\": \"always\", \"restartLimit\": 3}");
        go();
        end("web", 0);
        advance(1000);
        is("web", "running");
        advance(60000); /* long enough to count as recovered */
        for (int i = 0; i < 2; i++) {
                end("web", 1);
                advance(4000);
                is("web", "running");
        }
        forget();
        end("web", 1);
        turn();
        is("web", "failed");
        says("service web: exited with status 1 after 2.0s; given up after 3 starts in quick "
             "succession\n");
        assert_non_null(strstr(unit_error(unit("web")), "given up after 3 starts"));
        advance(1000000);
        happened("");
        assert_int_equal(unit_start(unit("web"), NULL, NULL), 0);
        turn();
        is("web", "running");
        end("web", 1);
        turn();
        is("web", "backoff"); /* the count has begun anew */
}

static void a_limit_of_failed_starts(void **state) {
        (void)state;
        bundle("web", "{\"restartLimit\": 1}");
        service("web")->refuses = true;
        go();
        is("web", "failed");
        says("service web: could not be started: refused; given up after 1 start in quick");
}

/* --- another supervisor --------------------------------------------------------------------- */

/* The supervisor is killed: what it knew is gone, its files and the services are not. */
static void die(void) {
        unload();
        w.n_probes = 0;
        memset(w.calls, 0, sizeof w.calls);
        forget();
}

static void resync(void) {
        load();
        units_adopt(&w.units);
        for (size_t i = 0; i < w.units.n; i++) {
                Unit *u = w.units.v[i];
                const Service *s = service(unit_name(u));
                const Task task = { .pid = s->pid, .status = TASK_RUNNING };
                unit_resync(u, s->runs, s->runs ? &task : NULL);
        }
        turn();
}

static void a_successor_knows_what_is_ready(void **state) {
        (void)state;
        static const char *const probes =
                "{\"ready\": {\"tcp\": \"80\"}, \"health\": {\"tcp\": \"80\", \"retries\": 1}}";
        bundle("asked", probes);
        bundle("bad", "{\"restart\": \"no\"}");
        bundle("db", probes);
        bundle("job", "{}");
        bundle("plain", "{}");
        bundle("web", "{\"needs\": [\"db\", \"job\", \"plain\"]}");
        go();
        reply_to("db", 0);
        end("job", 0);
        end("bad", 1);
        turn();
        die();
        resync();
        happened(""); /* nothing is made anew */
        is("web", "running");
        is("job", "exited");
        is("bad", "exited");
        assert_true(unit_is_ready(unit("db")));
        assert_true(unit_is_ready(unit("job")));
        assert_true(unit_is_ready(unit("plain")));
        assert_false(unit_is_ready(unit("bad")));
        assert_false(unit_is_ready(unit("asked")));
        assert_false(is_asked("db"));
        reply_to("asked", 0);
        assert_true(unit_is_ready(unit("asked")));
        advance(30000);
        reply_to("db", 1);
        says("service db: unhealthy: ");
        is("db", "backoff");
        end("web", 1); /* its needs are known again */
        turn();
        is("web", "backoff");
        advance(1000);
        is("web", "waiting");
        assert_string_equal(unitorder_blocker(&w.units, unit("web")), "db");
}

static void a_successor_goes_on_with_a_stop(void **state) {
        (void)state;
        static const char *const names[] = { "again", "alive", "gone" };
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                bundle(names[i], "{}");
                service(names[i])->deaf = true;
        }
        go();
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                unit_stop(unit(names[i]));
        unit_restart(unit("again"), NULL, NULL);
        turn();
        is("alive", "stopping");
        die();
        end("gone", 143);
        resync();
        is("again", "running");
        is("alive", "stopping");
        is("gone", "stopped");
        advance(10000);
        is("alive", "stopped");
        die();
        resync();
        is("alive", "stopped");
}

static void a_successor_goes_on_with_a_start(void **state) {
        (void)state;
        bundle("db", "{}");
        bundle("web", "{\"needs\": [\"db\"]}");
        go();
        unit_stop(unit("web"));
        unit_stop(unit("db"));
        turn();
        is("web", "stopped");
        assert_int_equal(unit_start(unit("web"), NULL, NULL), 0);
        turn();
        is("web", "waiting");
        die();
        resync();
        is("db", "stopped");
        is("web", "waiting");
}

static void make_fifo(const char *name) {
        _cleanup_free_ char *path = xasprintf("%s/state/%s", w.dir, name);
        unlink(path);
        assert_int_equal(mkfifo(path, 0600), 0);
}

/* A container that has /run may put there what it likes: nobody waits for the other end. */
static void fifos_among_the_states(void **state) {
        (void)state;
        bundle("a", "{\"ready\": {\"tcp\": \"80\"}}");
        alarm(10);
        make_fifo("a~");
        go();
        reply_to("a", 0);
        is("a", "running");
        die();
        make_fifo("a");
        resync();
        is("a", "running");
        assert_false(unit_is_ready(unit("a")));
        alarm(0);
}

static void lose_engine(void) {
        units_disconnected(&w.units);
        w.units.env.engine = NULL;
        w.units.env.ready = false;
        memset(w.calls, 0, sizeof w.calls);
        turn();
}

static void find_engine(void) {
        w.units.env.engine = &w.engine;
        for (size_t i = 0; i < w.units.n; i++) {
                const Service *s = service(unit_name(w.units.v[i]));
                const Task task = { .pid = s->pid, .status = TASK_RUNNING };
                unit_resync(w.units.v[i], s->runs, s->runs ? &task : NULL);
        }
        w.units.env.ready = w.units.env.recheck = true;
        turn();
}

static void the_engine_goes_and_comes_back(void **state) {
        (void)state;
        bundle("a", "{\"ready\": {\"tcp\": \"80\"}}");
        bundle("b", "{\"health\": {\"tcp\": \"80\"}}");
        bundle("c", "{\"needs\": [\"a\"]}");
        go();
        advance(30000);
        assert_true(is_asked("a") && is_asked("b"));
        lose_engine();
        is("a", "lost");
        unsigned asked = w.asked;
        reply_to("a", 0);
        reply_to("b", 1);
        advance(20000);
        assert_int_equal(w.asked, asked);
        find_engine();
        is("c", "waiting");
        reply_to("a", 0);
        is("c", "running");
        advance(30000);
        reply_to("b", 0);
        assert_int_equal(unit_health(unit("b")), UNIT_HEALTHY);
}

static void unhealthy_when_the_engine_goes(void **state) {
        (void)state;
        bundle("web", "{\"health\": {\"tcp\": \"80\", \"retries\": 1}}");
        service("web")->deaf = true;
        go();
        advance(30000);
        reply_to("web", 1);
        is("web", "stopping");
        lose_engine();
        is("web", "lost");
        find_engine();
        is("web", "stopping");
        advance(10000);
        is("web", "backoff");
        says("service web: unhealthy, exited with status 137 after ");
}

/* The engine goes between start and readiness: the boot has not been decided by that. */
static void not_ready_yet_when_the_engine_goes(void **state) {
        (void)state;
        bundle("a", "{\"ready\": {\"tcp\": \"80\"}}");
        bundle("b", "{}");
        go();
        lose_engine();
        find_engine();
        is_silent_about("services started");
        reply_to("a", 0); /* the killed one, from before */
        reply_to("a", 0);
        says("linuxkit: all 2 services started at ");
}

/* --- memory --------------------------------------------------------------------------------- */

static void restart_once(bool answers) {
        end("web", 1);
        turn();
        is("web", "backoff");
        advance(units_deadline(&w.units) - w.now_ms);
        is("web", "running");
        reply_to("web", answers ? 0 : 1);
        advance(1000);
        if (!answers) {
                reply_to("web", 0);
                advance(1000);
        }
        reply_to("web", 0); /* of health */
}

static void ten_thousand_restarts_cost_no_memory(void **state) {
        (void)state;
        bundle("db", "{}");
        bundle("web", "{\"needs\": [\"db\"], \"ready\": {\"tcp\": \"80\"}, \"health\": {\"exec\": "
                      "[\"x\"], \"interval\": 1}}");
        go();
        reply_to("web", 0);
        w.mute = true;
        for (int i = 0; i < 100; i++)
                restart_once(i % 2);
        int fd = dup(0);
        close(fd);
        size_t before = mallinfo2().uordblks;
        for (int i = 0; i < 10000; i++)
                restart_once(i % 2);
        size_t after = mallinfo2().uordblks;
        int fd_after = dup(0);
        close(fd_after);
        assert_int_equal(unit_restarts(unit("web")), 10100);
        assert_int_equal(fd, fd_after);
        if (after > before)
                fail_msg("grew from %zu to %zu bytes", before, after);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(started_is_ready_without_a_probe),
                TEST(a_need_has_a_probe),
                TEST(work_that_is_done_is_ready),
                TEST(a_need_that_fails_for_good),
                TEST(a_need_that_ends_with_a_failure),
                TEST(a_need_that_is_tried_again),
                TEST(a_restart_of_a_need_is_its_own_matter),
                TEST(unknown_names_and_circles),
                TEST(a_user_changes_what_is_needed),
                TEST(dependants_stop_first),
                TEST(nobody_is_stopped_later_than_the_limit),
                TEST(what_does_not_run_stops_at_once),
                TEST(a_stop_has_its_own_time),
                TEST(the_limit_of_starts),
                TEST(a_limit_of_failed_starts),
                TEST(a_successor_knows_what_is_ready),
                TEST(a_successor_goes_on_with_a_stop),
                TEST(a_successor_goes_on_with_a_start),
                TEST(fifos_among_the_states),
                TEST(the_engine_goes_and_comes_back),
                TEST(unhealthy_when_the_engine_goes),
                TEST(not_ready_yet_when_the_engine_goes),
                TEST(ten_thousand_restarts_cost_no_memory),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
