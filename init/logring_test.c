/* logring_test.c - bounded by bytes and lines, whole after a crash of the writer at any moment. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "init/logring.h"
#include "lib/base/mem.h"

static LogRing *open_ring(int fd, uint64_t lines) {
        LogRing *r = NULL;
        assert_int_equal(logring_open(fd, LOGRING_BYTES_MIN, lines, &r, NULL), 0);
        return r;
}

static void add(LogRing *r, int i, size_t len) {
        char text[LOGRING_LINE_MAX] = "";
        int n = snprintf(text, sizeof text, "line %d ", i);
        memset(text + n, 'x', len);
        logring_append(r, i, "src", 3, text, (size_t)n + len);
}

/* The lines that a cursor finds must be ascending; returns the first and their number. */
static int check(LogRing *r, LogCursor *c, int *first) {
        LogEntry e;
        uint64_t lost;
        int n = 0, i = 0;
        while (logring_next(r, c, &e, &lost)) {
                char text[32];
                memcpy(text, e.msg, MIN(e.msg_len, sizeof text - 1));
                text[MIN(e.msg_len, sizeof text - 1)] = '\0';
                assert_int_equal(sscanf(text, "line %d", &i), 1);
                assert_int_equal(e.time_ns, i);
                assert_int_equal(e.source_len, 3);
                assert_memory_equal(e.source, "src", 3);
                if (n++ == 0)
                        *first = i;
                else
                        assert_int_equal(i, *first + n - 1);
        }
        return n;
}

static void lines_are_bounded(void **state) {
        (void)state;
        LogRing *r = open_ring(-1, 10);
        int first = -1;
        LogCursor c = logring_begin(r);
        assert_int_equal(check(r, &c, &first), 0);
        for (int i = 0; i < 25; i++)
                add(r, i, 0);
        c = logring_begin(r);
        assert_int_equal(check(r, &c, &first), 10);
        assert_int_equal(first, 15);
        logring_free(r);
}

static void bytes_are_bounded(void **state) {
        (void)state;
        LogRing *r = open_ring(-1, 1000000);
        int first = 0;
        for (int i = 0; i < 5000; i++)
                add(r, i, (size_t)(i * 7 % 900));
        LogCursor c = logring_begin(r);
        int n = check(r, &c, &first);
        assert_in_range(n, 60, 1000);
        assert_int_equal(first + n, 5000);
        /* the longest line of all finds room */
        char *text = xcalloc(1, LOGRING_LINE_MAX + 5);
        logring_append(r, 1, "src", 3, text, LOGRING_LINE_MAX + 5);
        LogEntry e;
        uint64_t lost;
        assert_true(logring_next(r, &c, &e, &lost));
        assert_int_equal(e.msg_len, LOGRING_LINE_MAX);
        free(text);
        logring_free(r);
}

static void a_slow_cursor_knows_what_it_lost(void **state) {
        (void)state;
        LogRing *r = open_ring(-1, 10);
        LogEntry e;
        uint64_t lost;
        for (int i = 0; i < 3; i++)
                add(r, i, 0);
        LogCursor c = logring_begin(r);
        assert_true(logring_next(r, &c, &e, &lost));
        assert_int_equal(lost, 0);
        for (int i = 3; i < 33; i++)
                add(r, i, 0);
        assert_true(logring_next(r, &c, &e, &lost)); /* 23 is the oldest that is left */
        assert_int_equal(lost, 22);
        assert_int_equal(e.time_ns, 23);
        c = logring_end(r);
        assert_false(logring_next(r, &c, &e, &lost));
        add(r, 99, 0);
        assert_true(logring_next(r, &c, &e, &lost));
        assert_int_equal(e.time_ns, 99);
        logring_free(r);
}

static void the_next_process_goes_on(void **state) {
        (void)state;
        int fd = memfd_create("test", MFD_CLOEXEC), first = -1;
        LogRing *r = open_ring(fd, 100);
        for (int i = 0; i < 130; i++)
                add(r, i, 5);
        logring_set_mark(r, 77);
        logring_free(r);
        r = open_ring(fd, 100);
        assert_int_equal(logring_mark(r), 77);
        add(r, 130, 5);
        LogCursor c = logring_begin(r);
        assert_int_equal(check(r, &c, &first), 100);
        assert_int_equal(first, 31);
        logring_free(r);
        close(fd);
}

/* A writer that is killed anywhere: what is left is whole and goes on. */
static void a_killed_writer_leaves_whole_lines(void **state) {
        (void)state;
        int fd = memfd_create("test", MFD_CLOEXEC);
        for (int round = 0; round < 40; round++) {
                int first = 0, status;
                pid_t pid = fork();
                if (pid == 0) {
                        LogRing *r = open_ring(fd, 500);
                        LogCursor c = logring_begin(r);
                        int n = check(r, &c, &first);
                        for (int i = n ? first + n : 0;; i++)
                                add(r, i, (size_t)(i % 300));
                }
                usleep(500 + (useconds_t)round * 37);
                kill(pid, SIGKILL);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        }
        LogRing *r = open_ring(fd, 500);
        LogCursor c = logring_begin(r);
        int first = 0;
        assert_true(check(r, &c, &first) > 0);
        logring_free(r);
        close(fd);
}

/* Whatever the memory holds, opening it ends in a ring that works. */
static void a_damaged_ring_begins_empty(void **state) {
        (void)state;
        int fd = memfd_create("test", MFD_CLOEXEC), first = 0;
        LogRing *r = open_ring(fd, 100);
        for (int i = 0; i < 50; i++)
                add(r, i, 5);
        logring_free(r);
        struct stat st;
        assert_int_equal(fstat(fd, &st), 0);
        uint64_t bad = ~UINT64_C(0);
        static const off_t places[] = { 0, 8, 16, 24, 4096, 4096 + 8, 4096 + 16 };
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
                assert_int_equal(pwrite(fd, &bad, sizeof bad, places[i]), sizeof bad);
                r = open_ring(fd, 100);
                LogCursor c = logring_begin(r);
                if (places[i] != 4096 + 8) /* a wrong time is no damage */
                        assert_int_equal(check(r, &c, &first), 0);
                for (int k = 0; k < 50; k++)
                        add(r, k, 5);
                logring_free(r);
        }
        close(fd);
}

/* Memory is used as lines come. */
static void an_empty_ring_is_small(void **state) {
        (void)state;
        struct stat st;
        LogRing *r = NULL;
        int fd = memfd_create("test", MFD_CLOEXEC);
        assert_int_equal(logring_open(fd, 64 << 20, 5000, &r, NULL), 0);
        add(r, 1, 10);
        assert_int_equal(fstat(fd, &st), 0);
        assert_in_range(st.st_blocks * 512, 1, 64 << 10);
        logring_free(r);
        close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines_are_bounded),
                cmocka_unit_test(bytes_are_bounded),
                cmocka_unit_test(a_slow_cursor_knows_what_it_lost),
                cmocka_unit_test(the_next_process_goes_on),
                cmocka_unit_test(a_killed_writer_leaves_whole_lines),
                cmocka_unit_test(a_damaged_ring_begins_empty),
                cmocka_unit_test(an_empty_ring_is_small),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
