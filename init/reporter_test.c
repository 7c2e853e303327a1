/* reporter_test.c - the report to a port that takes it, and to one that nobody holds at the other
 * end: a port of virtio then ends every poll at once, which poll(), defined here, plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init/clock.h"
#include "init/reporter.h"

static bool hung_up;
static unsigned polls;

int poll(struct pollfd *fds, nfds_t n, int timeout) {
        const struct timespec t = { .tv_sec = timeout / 1000,
                                    .tv_nsec = timeout % 1000 * 1000000L };
        polls++;
        if (!hung_up)
                return (int)syscall(SYS_ppoll, fds, n, timeout < 0 ? NULL : &t, NULL, 0);
        fds[0].revents = POLLHUP;
        return 1;
}

static void written_and_answered(void **state) {
        (void)state;
        int ends[2];
        char text[8] = "";
        hung_up = false;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
        assert_int_equal(write(ends[1], "\n", 1), 1);
        uint64_t begin = clock_ms();
        reporter_send(ends[0], "report\n", 7, begin + 60000);
        assert_true(clock_ms() - begin < 30000); /* not before the deadline for nothing */
        assert_int_equal(read(ends[1], text, sizeof text), 7);
        assert_memory_equal(text, "report\n", 7);
        close(ends[0]);
        close(ends[1]);
}

static void nobody_at_the_other_end(void **state) {
        (void)state;
        int ends[2];
        char junk[4096] = "";
        hung_up = true;
        polls = 0;
        assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
        while (write(ends[1], junk, sizeof junk) > 0)
                continue;
        uint64_t begin = clock_ms();
        reporter_send(ends[1], "report\n", 7, begin + 100);
        assert_true(clock_ms() - begin >= 100); /* somebody might have come */
        assert_in_range(polls, 1, 10);
        close(ends[0]);
        close(ends[1]);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(written_and_answered),
                                            cmocka_unit_test(nobody_at_the_other_end) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
