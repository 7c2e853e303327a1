/* engine_direct_test.c - the direct engine against a runtime that is a shell script: statuses,
 * messages, names that exist, a supervisor's successor, strangers to reap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <stdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "init/clock.h"
#include "init/engine_direct.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

/* The program of a container stands in its bundle; `refuse` there makes the runtime fail. */
static const char script[] =
        "#!/bin/sh\n"
        "root=$2 log=$4\nshift 6\nverb=$1\nshift\n"
        "case $verb in\n"
        "run | create)\n"
        "  [ $verb = create ] || run=yes\n"
        "  while [ $# -gt 1 ]; do\n"
        "    case $1 in\n"
        "    --bundle) bundle=$2; shift 2 ;;\n"
        "    --pid-file) pid_file=$2; shift 2 ;;\n"
        "    --config) cp $2 $bundle/seen; shift 2 ;;\n"
        "    --detach) [ -n \"$run\" ] || exit 9; shift ;;\n"
        "    esac\n"
        "  done\n"
        "  if [ -e $bundle/refuse ]; then\n"
        "    echo '{\"level\":\"warning\",\"msg\":\"careful\"}' >$log\n"
        "    echo '{\"level\":\"error\",\"msg\":\"this one not\"}' >>$log\n"
        "    exit 1\n"
        "  fi\n"
        "  mkdir $root/$1 || exit 8\n"
        /* A shell may collect a child that ends before it does; runtimes do not. */
        "  (while kill -0 $$; do sleep 0.01; done; exec sh $bundle/program) 2>/dev/null &\n"
        "  echo $! >$pid_file ;;\n"
        "start) [ -d $root/$1 ] || exit 7 ;;\n"
        "delete) shift; rm -rf $root/$1 ;;\n"
        "esac\n";

typedef struct Fixture {
        char dir[64];
        char *runtime, *base, *bundle;
        Units units;
        DirectEngine *d;
        bool answered;
        EngineReply reply;
        char text[256];
} Fixture;

static void put(const char *dir, const char *name, const char *text, mode_t mode) {
        _cleanup_free_ char *path = path_join(dir, name);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
        assert_int_equal(chmod(path, mode), 0);
}

static int set_up(void **state) {
        Fixture *f = xcalloc(1, sizeof *f);
        strcpy(f->dir, "/tmp/direct-test-XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        put(f->dir, "runtime", script, 0755);
        f->runtime = path_join(f->dir, "runtime");
        f->base = path_join(f->dir, "run");
        f->bundle = path_join(f->dir, "bundle");
        assert_int_equal(mkdir(f->bundle, 0755), 0);
        assert_int_equal(engine_direct_new(f->runtime, f->base, &f->units, &f->d, NULL), 0);
        engine_direct_begin(f->d);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        Fixture *f = *state;
        engine_direct_free(f->d);
        while (waitpid(-1, NULL, 0) > 0)
                continue;
        _cleanup_free_ char *command = xasprintf("rm -rf %s", f->dir);
        assert_int_equal(system(command), 0);
        free(f->runtime);
        free(f->base);
        free(f->bundle);
        free(f);
        return 0;
}

static void on_reply(void *data, const EngineReply *r) {
        Fixture *f = data;
        assert_false(f->answered);
        f->answered = true;
        f->reply = *r;
        snprintf(f->text, sizeof f->text, "%s", r->error ? r->error : "");
}

static void turn(Fixture *f) {
        engine_direct_reap(f->d);
        engine_direct_handle(f->d);
        engine_direct_tick(f->d, clock_ms());
        usleep(2000);
}

static void await(Fixture *f) {
        for (int i = 0; i < 10000 && !f->answered; i++)
                turn(f);
        assert_true(f->answered);
        f->answered = false;
}

static void make(Fixture *f, const char *name, bool start) {
        EngineMake m = { .ns = "", .name = name, .path = f->bundle, .start = start };
        assert_true(engine_make(engine_direct(f->d), &m, on_reply, f) > 0);
        assert_false(f->answered);
        await(f);
}

static uint32_t wait_end(Fixture *f, const char *name) {
        engine_wait(engine_direct(f->d), "", name, on_reply, f);
        assert_false(f->answered);
        await(f);
        return f->reply.status;
}

static void wipe(Fixture *f, const char *name) {
        engine_wipe(engine_direct(f->d), "", name, true, on_reply, f);
        await(f);
        assert_string_equal(f->text, "");
}

static bool exists(const Fixture *f, const char *name) {
        _cleanup_free_ char *path = path_join(f->base, name);
        return access(path, F_OK) == 0;
}

static void the_status_of_an_end(void **state) {
        Fixture *f = *state;
        static const struct {
                const char *program;
                uint32_t want;
        } t[] = { { "exit 0", 0 }, { "exit 3", 3 }, { "kill -9 $$", 137 } };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                put(f->bundle, "program", t[i].program, 0644);
                make(f, "web", true);
                assert_string_equal(f->text, "");
                assert_true(f->reply.started);
                assert_true(f->reply.pid > 1);
                usleep(20000); /* an end before the wait is no different */
                assert_int_equal(wait_end(f, "web"), t[i].want);
                assert_int_equal(wait_end(f, "web"), t[i].want);
                wipe(f, "web");
                assert_false(exists(f, "state/web"));
                assert_false(exists(f, "web.life"));
        }
}

static void make_and_start_apart(void **state) {
        Fixture *f = *state;
        put(f->bundle, "program", "exec sleep 1000", 0644);
        make(f, "web", false);
        assert_false(f->reply.started);
        pid_t pid = f->reply.pid;
        assert_int_equal(kill(pid, 0), 0);
        engine_start(engine_direct(f->d), "", "web", on_reply, f);
        await(f);
        assert_string_equal(f->text, "");
        engine_kill(engine_direct(f->d), "", "web", SIGTERM, on_reply, f);
        await(f);
        assert_int_equal(wait_end(f, "web"), 128 + SIGTERM);
}

static void a_failure_in_the_words_of_the_runtime(void **state) {
        Fixture *f = *state;
        put(f->bundle, "refuse", "", 0644);
        make(f, "web", true);
        assert_string_equal(f->text, "this one not");
        assert_false(f->reply.exists);
        engine_start(engine_direct(f->d), "", "web", on_reply, f);
        await(f);
        assert_non_null(strstr(f->text, "runtime: exit status 7"));
}

static void a_name_that_exists(void **state) {
        Fixture *f = *state;
        put(f->bundle, "program", "exec sleep 1000", 0644);
        make(f, "web", true);
        make(f, "web", true);
        assert_true(f->reply.exists);
        wipe(f, "web");
        make(f, "web", true);
        assert_string_equal(f->text, "");
        wipe(f, "web");
}

static void wiping_what_is_not_there(void **state) {
        wipe(*state, "nobody");
        assert_int_equal(wait_end(*state, "nobody"), ENGINE_STATUS_UNKNOWN);
}

static void a_cancelled_call_is_not_answered(void **state) {
        Fixture *f = *state;
        put(f->bundle, "program", "exit 0", 0644);
        EngineMake m = { .ns = "", .name = "web", .path = f->bundle, .start = true };
        engine_cancel(engine_direct(f->d), engine_make(engine_direct(f->d), &m, on_reply, f));
        engine_cancel(engine_direct(f->d),
                      engine_wait(engine_direct(f->d), "", "other", on_reply, f));
        for (int i = 0; i < 10000 && !exists(f, "web.life"); i++)
                turn(f);
        assert_false(f->answered);
        wipe(f, "web");
}

static void strangers_are_reaped(void **state) {
        Fixture *f = *state;
        /* the second process is left behind, becomes ours, and ends */
        put(f->bundle, "program", "sh -c 'exit 0' & exit 0", 0644);
        make(f, "web", true);
        wait_end(f, "web");
        for (int i = 0;
             i < 10000 && waitid(P_ALL, 0, &(siginfo_t){ 0 }, WEXITED | WNOHANG | WNOWAIT) == 0;
             i++)
                turn(f);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* The mark of a former life says that containers may run; their files tell which. */
static void a_successor_takes_over(void **state) {
        Fixture *f = *state;
        put(f->bundle, "program", "exec sleep 1000", 0644);
        make(f, "web", true);
        pid_t pid = f->reply.pid;
        engine_direct_free(f->d);
        f->d = NULL;
        assert_true(exists(f, "web.life"));
        assert_true(exists(f, "supervised"));
        assert_int_equal(kill(pid, 0), 0);
        assert_int_equal(engine_direct_new(f->runtime, f->base, &f->units, &f->d, NULL), 0);
        engine_direct_begin(f->d);
        make(f, "web", true);
        assert_true(f->reply.exists);
        engine_direct_end(f->d);
        assert_false(exists(f, "supervised"));
        kill(pid, SIGKILL);
}

static void ignore_change(void *data, Unit *u) {
        (void)data;
        (void)u;
}

/* A service that asks for another runtime gets it for every verb, and a specification that it can
 * read; what is not there is a reason of its own. */
static void a_runtime_of_its_own(void **state) {
        Fixture *f = *state;
        _cleanup_free_ char *crun = path_join(f->dir, "crun");
        _cleanup_free_ char *config = path_join(f->bundle, "seen");
        _cleanup_free_ char *line = xasprintf("{\"ociRuntime\": \"%s\"}", crun);
        static const char spec[] = "{\"ociVersion\":\"1.2.1\"}";
        put(f->bundle, "runtime.json", line, 0644);
        put(f->bundle, "program", "exec sleep 1000", 0644);

        Unit *u = NULL;
        EngineRuntime rt;
        f->units.env = (UnitEnv){ .ns = "x", .log_dir = f->dir, .changed = ignore_change };
        assert_int_equal(unit_new(&f->units.env, f->bundle, &u, NULL), 0);
        assert_null(unit_runtime(u)); /* not there yet */
        unit_free(u);
        put(f->dir, "crun", script, 0755);
        assert_int_equal(unit_new(&f->units.env, f->bundle, &u, NULL), 0);
        f->units.v = &u;
        f->units.n = 1;

        EngineMake m = { .name = "bundle",
                         .path = f->bundle,
                         .spec = spec,
                         .spec_len = sizeof spec - 1,
                         .start = true };
        put(f->dir, "runtime", "#!/bin/sh\nexit 9\n", 0755);
        engine_make(engine_direct(f->d), &m, on_reply, f);
        await(f);
        assert_string_equal(f->text, "");
        char seen[64] = "";
        FILE *file = fopen(config, "r");
        assert_non_null(file);
        assert_non_null(fgets(seen, sizeof seen, file));
        fclose(file);
        assert_string_equal(seen, "{\"ociVersion\":\"1.0.2\"}");
        assert_false(exists(f, "bundle.json"));

        assert_true(engine_runtime(engine_direct(f->d), "x", "bundle", &rt));
        _cleanup_free_ char *root = path_join(f->base, "state");
        assert_string_equal(rt.program, crun);
        assert_string_equal(rt.root, root);
        assert_false(engine_runtime(engine_direct(f->d), "x", "other", &rt));
        wipe(f, "bundle");
        unit_free(u);
        f->units = (Units){ 0 };
}

/* One that is wiped is not heard of any more, even where a child still has its descriptor. */
static void a_wiped_box_is_silent(void **state) {
        Fixture *f = *state;
        Unit *u = NULL;
        put(f->bundle, "runtime.json", "{}", 0644);
        put(f->bundle, "program", "exec sleep 1000", 0644);
        make(f, "bundle", true);
        pid_t pid = f->reply.pid;
        engine_direct_free(f->d);
        f->d = NULL;
        f->units.env = (UnitEnv){ .ns = "x", .log_dir = f->dir, .changed = ignore_change };
        assert_int_equal(unit_new(&f->units.env, f->bundle, &u, NULL), 0);
        f->units.v = &u;
        f->units.n = 1;
        assert_int_equal(engine_direct_new(f->runtime, f->base, &f->units, &f->d, NULL), 0);
        engine_direct_begin(f->d);
        assert_int_equal(unit_pid(u), pid);

        pid_t child = fork();
        if (child == 0) {
                pause();
                _exit(0);
        }
        _cleanup_free_ char *command = xasprintf("rm -rf %s/state/bundle", f->base);
        assert_int_equal(system(command), 0);
        alarm(20);
        wipe(f, "bundle");
        struct pollfd p = { .fd = engine_direct_fd(f->d), .events = POLLIN };
        assert_int_equal(poll(&p, 1, 200), 0);
        alarm(0);
        kill(child, SIGKILL);
        unit_free(u);
        f->units = (Units){ 0 };
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(the_status_of_an_end),
                TEST(make_and_start_apart),
                TEST(a_failure_in_the_words_of_the_runtime),
                TEST(a_name_that_exists),
                TEST(wiping_what_is_not_there),
                TEST(a_cancelled_call_is_not_answered),
                TEST(strangers_are_reaped),
                TEST(a_successor_takes_over),
                TEST(a_runtime_of_its_own),
                TEST(a_wiped_box_is_silent),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
