/* cache_empty_test.c - a cache that is emptied while others use it, or are about to. */
#include "lib/oci/oci_test.h"

#include "lib/base/file.h"
#include "lib/oci/cache_internal.h"

#include <fcntl.h>
#include <pthread.h>
#include <time.h>

/* Long enough for a thread to come to its lock; when it does not, the test proves less and passes.
 */
static void let_others_run(void) {
        nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
}

static bool has_member(Cache *c, const char *name) {
        _cleanup_free_ char *path = path_join(cache_dir(c), name);
        return file_exists(path);
}

static void *empty_it(void *arg) {
        bool others = true;
        return cache_empty(arg, &others, NULL) == 0 && !others ? arg : NULL;
}

static void waits_for_holders(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        pthread_t thread;
        void *done;
        int hold = cache_hold(c, &e);
        assert_true(hold >= 0);
        assert_int_equal(pthread_create(&thread, NULL, empty_it, c), 0);
        let_others_run();
        assert_true(has_member(c, "index.json"));
        close(hold);
        assert_int_equal(pthread_join(thread, &done), 0);
        assert_ptr_equal(done, c);
        assert_false(file_exists(cache_dir(c)));
        assert_ok(cache_make_layout(c, &e), &e); /* for the teardown */
}

/* Has the hold, the cache's layout is there and nobody can empty it: a blob may come. */
static void *hold_and_put(void *arg) {
        Descriptor d;
        int hold = cache_hold(arg, NULL);
        bool good = hold >= 0 && has_member(arg, "index.json") && has_member(arg, ".in-use") &&
                    cache_put_bytes(arg, "x/y", "text", 4, &d, NULL) == 0 &&
                    cache_set_name(arg, "r.example/a:1", &d, NULL) == 0;
        if (hold >= 0)
                close(hold);
        return good ? arg : NULL;
}

/* Those that waited for the lock of a cache that is gone begin with a new one. */
static void waiting_holders_begin_anew(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        pthread_t thread;
        void *done;
        int lock = cache_lock(c, ".in-use", F_WRLCK, &e);
        assert_true(lock >= 0);
        assert_int_equal(pthread_create(&thread, NULL, hold_and_put, c), 0);
        let_others_run();
        assert_int_equal(nftw(cache_dir(c), oci_test_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
        close(lock);
        assert_int_equal(pthread_join(thread, &done), 0);
        assert_ptr_equal(done, c);
}

static void keeps_what_is_not_its_own(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *mine = path_join(cache_dir(c), "mine");
        bool others = false;
        close(open(mine, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        assert_ok(cache_empty(c, &others, &e), &e);
        assert_true(others);
        assert_true(file_exists(mine));
        assert_false(has_member(c, "index.json"));
        assert_false(has_member(c, ".in-use"));
}

/* A lock that cannot be made is an error, not a loop. */
static void lock_that_leads_nowhere(void **state) {
        Cache *c = *state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *path = path_join(cache_dir(c), ".in-use");
        unlink(path);
        assert_int_equal(symlink("/nonexistent/folder/lock", path), 0);
        assert_int_equal(cache_hold(c, &e), -1);
        assert_non_null(strstr(e.text, ".in-use"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, oci_test_setup, oci_test_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                T(waits_for_holders),
                T(waiting_holders_begin_anew),
                T(keeps_what_is_not_its_own),
                T(lock_that_leads_nowhere),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
