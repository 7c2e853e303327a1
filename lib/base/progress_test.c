/* progress_test.c - log lines and progress as JSON, and the lines at the foot of a terminal. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <cmocka.h>

#include <pty.h>

#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

static int saved = -1;

/* stderr goes to fd until captured() is called. */
static void capture(int fd) {
        fflush(stderr);
        saved = dup(STDERR_FILENO);
        dup2(fd, STDERR_FILENO);
}

static void restore(void) {
        fflush(stderr);
        dup2(saved, STDERR_FILENO);
        close(saved);
}

static Buf read_all(int fd) {
        Buf b = { 0 };
        char buf[4096];
        fcntl(fd, F_SETFL, O_NONBLOCK);
        for (ssize_t n; (n = read(fd, buf, sizeof buf)) > 0;)
                buf_add(&b, buf, (size_t)n);
        buf_adds(&b, "");
        return b;
}

static void json_lines(void **state) {
        (void)state;
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        capture(pipes[1]);
        log_setup_json(true);
        log_info("a \"quoted\" \\ line\nand \xff\xc3 bad, \xc3\xa9 good");
        Progress *step = progress_start("pull \"x\"", 1000);
        Progress *item = progress_item(step, "sha256:abc", 600);
        for (unsigned i = 0; i < 600; i++)
                progress_add(item, 1);
        progress_set(item, 100);
        progress_set(item, 600);
        progress_end(item);
        progress_end(step);
        log_debug("not said");
        log_setup_json(false);
        restore();
        close(pipes[1]);
        Buf all = read_all(pipes[0]);
        close(pipes[0]);

        unsigned n = 0, events = 0;
        json_int_t last = -1;
        char *save = NULL;
        for (char *line = strtok_r(all.data, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save), n++) {
                _cleanup_json_ json_t *j = NULL;
                assert_int_equal(json_parse(line, strlen(line), "line", &j, NULL), 0);
                if (n == 0) {
                        assert_string_equal(json_str(j, "level"), "info");
                        assert_string_equal(json_str(j, "msg"),
                                            "a \"quoted\" \\ line?and ?? bad, \xc3\xa9 good");
                        assert_non_null(json_str(j, "time"));
                        continue;
                }
                assert_string_equal(json_str(j, "event"), "progress");
                assert_string_equal(json_str(j, "id"), "pull \"x\"");
                events++;
                last = json_integer_value(json_object_get(j, "done"));
                assert_int_equal(json_integer_value(json_object_get(j, "total")),
                                 str_eq(json_str(j, "item"), "total") ? 1000 : 600);
        }
        /* the beginning and the end of both; what lies between is too quick to be told */
        assert_in_range(events, 4, 8);
        assert_int_equal(last, 600); /* the step's own count, of its items */
        buf_done(&all);
}

/* What a terminal of so many columns shows in the end, line by line; the widest line it ever had.
 */
static size_t play(const char *text, char screen[8][200]) {
        size_t row = 0, column = 0, widest = 0;
        memset(screen, 0, 8 * 200);
        for (const char *p = text; *p; p++) {
                if (*p == '\r') {
                        column = 0;
                } else if (*p == '\n') {
                        row++;
                } else if (str_has_prefix(p, "\033[K")) {
                        memset(screen[row] + column, 0, 200 - column);
                        p += 2;
                } else if (str_has_prefix(p, "\033[A")) {
                        assert_true(row > 0);
                        row--;
                        p += 2;
                } else {
                        screen[row][column++] = *p;
                        widest = MAX(widest, column);
                }
                assert_true(row < 8 && column < 200);
        }
        return widest;
}

static void terminal(void **state) {
        (void)state;
        int master, slave;
        struct winsize size = { .ws_row = 24, .ws_col = 20 };
        assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
        setenv("TERM", "xterm", 1);
        capture(slave);
        const char *const lines[] = { "first line that is too long",
                                      "\303\244\303\244 second\033" };
        log_area(lines, 2);
        log_info("message");
        log_area(lines + 1, 1);
        LogForm form = log_progress_form();
        restore();
        char screen[8][200];
        Buf some = read_all(master);
        assert_int_equal(form, LOG_TERMINAL);
        /* two bytes for each a-umlaut */
        assert_in_range(play(some.data, screen), 10, 19 + 2);
        assert_string_equal(screen[0], "message");
        assert_string_equal(screen[1], "\303\244\303\244 second?");
        assert_string_equal(screen[2], "");
        capture(slave);
        log_area(NULL, 0);
        restore();
        Buf rest = read_all(master);
        buf_adds(&some, rest.data);
        play(some.data, screen);
        assert_string_equal(screen[0], "message");
        assert_string_equal(screen[1], "");
        buf_done(&some);
        buf_done(&rest);
        close(master);
        close(slave);
}

static void quiet_elsewhere(void **state) {
        (void)state;
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        capture(pipes[1]);
        Progress *step = progress_start("step", 10);
        progress_add(step, 10);
        progress_end(step);
        progress_add(NULL, 1);
        progress_end(progress_item(NULL, "x", 1));
        restore();
        close(pipes[1]);
        Buf all = read_all(pipes[0]);
        assert_string_equal(all.data, "");
        buf_done(&all);
        close(pipes[0]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(json_lines),
                cmocka_unit_test(terminal),
                cmocka_unit_test(quiet_elsewhere),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
