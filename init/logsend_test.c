/* logsend_test.c - FIFOs for a foreign log daemon, which reads each to its end of file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/logd.h"
#include "init/logsend.h"

static char dir[] = "/tmp/logsend-test-XXXXXX", socket_path[80], fifos[80], fifo[96];
static int daemon_fd;

static int receive_fd(void) {
        char name[16];
        union {
                char space[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control;
        struct iovec iov = { .iov_base = name, .iov_len = sizeof name };
        struct msghdr msg = { .msg_iov = &iov,
                              .msg_iovlen = 1,
                              .msg_control = control.space,
                              .msg_controllen = sizeof control.space };
        assert_int_equal(recvmsg(daemon_fd, &msg, MSG_DONTWAIT), 3);
        assert_memory_equal(name, "svc", 3);
        int fd;
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof fd);
        return fd;
}

static bool has_event(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        return poll(&p, 1, 0) != 0;
}

static void assert_line(int fd, const char *want) {
        char text[16];
        assert_int_equal(read(fd, text, sizeof text), strlen(want));
        assert_memory_equal(text, want, strlen(want));
}

/* Neither before the service has opened its end nor between two lives is the stream at its end for
 * the daemon; after the next life has begun it is. */
static void a_foreign_daemon_reads_each_life_to_its_end(void **state) {
        (void)state;
        LogPipe p = LOGPIPE_INIT;
        const LogTarget to = { .socket = socket_path, .fifos = fifos };
        assert_int_equal(logpipe_renew(&p, &to, "svc", NULL), 0);
        int first = receive_fd();
        assert_int_equal(fcntl(first, F_GETFL) & O_NONBLOCK, 0);
        assert_false(has_event(first));
        int w = logpipe_open_writer(fifo);
        assert_int_equal(write(w, "one\n", 4), 4);
        close(w);
        LogPipe next = LOGPIPE_INIT; /* the supervisor's next process */
        logpipe_adopt(&next, &to, "svc");
        logpipe_done(&p);
        assert_line(first, "one\n");
        assert_false(has_event(first));

        assert_int_equal(logpipe_renew(&next, &to, "svc", NULL), 0);
        int second = receive_fd();
        assert_line(first, "");
        assert_false(has_event(second));
        w = logpipe_open_writer(fifo);
        assert_int_equal(write(w, "two\n", 4), 4);
        assert_line(second, "two\n");
        logpipe_done(&next);
        close(w);
        close(first);
        close(second);
        unlink(fifo);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(
                a_foreign_daemon_reads_each_life_to_its_end) };
        if (!mkdtemp(dir))
                return 1;
        snprintf(socket_path, sizeof socket_path, "%s/log.sock", dir);
        snprintf(fifos, sizeof fifos, "%s/log", dir);
        snprintf(fifo, sizeof fifo, "%s/svc", fifos);
        daemon_fd = logd_bind(socket_path, SOCK_DGRAM);
        int r = cmocka_run_group_tests(tests, NULL, NULL);
        unlink(socket_path);
        rmdir(fifos);
        rmdir(dir);
        return r;
}
