/* hotplug_test.c - process 1 among devices that never leave it alone, and without memory for a
 * process: recvfrom() and fork() are defined here and play both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/hotplug.h"

static unsigned received;

ssize_t recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *from, socklen_t *len) {
        static const char msg[] = "add@/x\0ACTION=add\0SUBSYSTEM=block\0SEQNUM=7";
        (void)fd;
        (void)flags;
        (void)from;
        (void)len;
        assert_true(n >= sizeof msg);
        assert_true(++received < 1000000);
        memcpy(buf, msg, sizeof msg);
        return sizeof msg;
}

pid_t fork(void) {
        errno = EAGAIN;
        return -1;
}

static void events_without_end(void **state) {
        (void)state;
        Hotplug h = HOTPLUG_INIT;
        received = 0;
        hotplug_read_uevents(&h);
        assert_true(h.links_wanted);
        assert_true(received > 100);
}

static void writes_without_end(void **state) {
        (void)state;
        static const char junk[32768];
        Hotplug h = HOTPLUG_INIT;
        int ends[2], left = 0;
        assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
        assert_int_equal(write(ends[1], junk, sizeof junk), sizeof junk);
        h.disks = ends[0];
        hotplug_read_disks(&h);
        assert_true(h.links_wanted);
        assert_int_equal(ioctl(ends[0], FIONREAD, &left), 0);
        assert_in_range(left, 1, sizeof junk - 1); /* the rest waits for the next turn */
        close(ends[0]);
        close(ends[1]);
}

static void no_process_for_links(void **state) {
        (void)state;
        BootShared shared = { .no_modules = true };
        Hotplug h = HOTPLUG_INIT;
        h.shared = &shared;
        hotplug_ask_for_links(&h);
        hotplug_serve(&h, true);
        assert_int_equal(shared.links_made, 0); /* the boot process still waits for them */
        assert_true(hotplug_due(&h) > 0);
        assert_true(h.links_wanted && h.links_asked);
        assert_int_equal(h.links, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(events_without_end),
                                            cmocka_unit_test(writes_without_end),
                                            cmocka_unit_test(no_process_for_links) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
