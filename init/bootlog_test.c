/* bootlog_test.c - the log of the boot where something else stands in its place.  Its path is
 * fixed, so open() is defined here and leads to a folder of the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init/bootlog.h"

static char dir[64], path[96];

int open(const char *name, int flags, ...) {
        va_list ap;
        va_start(ap, flags);
        mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
        va_end(ap);
        if (strcmp(name, BOOTLOG_PATH) == 0)
                name = path;
        return (int)syscall(SYS_openat, AT_FDCWD, name, flags, mode);
}

static int set_up(void **state) {
        (void)state;
        strcpy(dir, "/tmp/bootlog-test-XXXXXX");
        assert_non_null(mkdtemp(dir));
        snprintf(path, sizeof path, "%s/boot.log", dir);
        return 0;
}

static int tear_down(void **state) {
        (void)state;
        unlink(path);
        return rmdir(dir);
}

static void one_line_for_each_event(void **state) {
        (void)state;
        char text[256] = "";
        bootlog_note_at(1.5, BOOTLOG_INIT);
        bootlog_note(BOOTLOG_ONBOOT_END, "web", "ok");
        FILE *f = fopen(path, "r");
        assert_non_null(f);
        assert_non_null(fgets(text, sizeof text, f));
        assert_string_equal(text, "1.500000 " BOOTLOG_INIT "\n");
        assert_non_null(fgets(text, sizeof text, f));
        assert_non_null(strstr(text, " " BOOTLOG_ONBOOT_END " web ok\n"));
        fclose(f);
}

/* Process 1 writes: nobody who reads, or does not, may hold it or hear from it. */
static void a_fifo_in_its_place(void **state) {
        (void)state;
        int waiting = -1;
        alarm(10);
        assert_int_equal(mkfifo(path, 0600), 0);
        bootlog_note(BOOTLOG_GATE, NULL, NULL);
        int reader = open(path, O_RDONLY | O_NONBLOCK);
        assert_true(reader >= 0);
        bootlog_note(BOOTLOG_GATE, NULL, NULL);
        assert_int_equal(ioctl(reader, FIONREAD, &waiting), 0);
        assert_int_equal(waiting, 0);
        close(reader);
        alarm(0);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = { TEST(one_line_for_each_event),
                                            TEST(a_fifo_in_its_place) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
