/* streams_test.c - output of a process reaches the log files, whatever the process does with it. */
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "init/clock.h"
#include "init/logd.h"
#include "init/streams.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

static const LogTarget files, *to = &files;
static char dir[64];
static int console[2] = { -1, -1 }; /* our own descriptors 1 and 2 while they are redirected */

/* The console is descriptors 1 and 2; a file stands in for them. */
static void redirect(void) {
        _cleanup_free_ char *path = path_join(dir, "console");
        FILE *f = fopen(path, "we");
        assert_non_null(f);
        fflush(NULL);
        for (int i = 0; i < 2; i++) {
                console[i] = dup(i + 1);
                dup2(fileno(f), i + 1);
        }
        fclose(f);
}

static void restore(void) {
        for (int i = 0; i < 2; i++) {
                dup2(console[i], i + 1);
                close(console[i]);
        }
}

static int make_dir(void **state) {
        (void)state;
        strcpy(dir, "/tmp/streams-test-XXXXXX");
        return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state) {
        (void)state;
        char **names;
        size_t n;
        if (sys_list(dir, &names, &n, NULL) < 0)
                return -1;
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *path = path_join(dir, names[i]);
                unlink(path);
        }
        sys_free_names(names, n);
        return rmdir(dir);
}

/* Our log daemon, on sockets in dir; its files are there as well. */
static pid_t daemon_pid;
static char socket_path[80], fifos_path[80];
static LogTarget target;

static int start_daemon(void **state) {
        if (make_dir(state) < 0)
                return -1;
        snprintf(socket_path, sizeof socket_path, "%s/log.sock", dir);
        snprintf(fifos_path, sizeof fifos_path, "%s/.fifos", dir);
        LogdOptions o = LOGD_DEFAULTS;
        o.fd_log = logd_bind(socket_path, SOCK_DGRAM);
        o.fd_query = dup(o.fd_log); /* nobody asks */
        o.dir = dir;
        target = (LogTarget){ .socket = socket_path, .fifos = fifos_path, .ours = true };
        daemon_pid = fork();
        if (daemon_pid == 0)
                _exit(logd_run(&o));
        close(o.fd_log);
        close(o.fd_query);
        to = &target;
        return daemon_pid < 0 ? -1 : 0;
}

static int stop_daemon(void **state) {
        int status;
        to = &files;
        kill(daemon_pid, SIGKILL);
        waitpid(daemon_pid, &status, 0);
        _cleanup_free_ char *out = path_join(fifos_path, "x.out"),
                            *err = path_join(fifos_path, "x");
        unlink(out);
        unlink(err);
        rmdir(fifos_path);
        return remove_dir(state);
}

/* Until the file holds as much; the daemon is a moment behind. */
static void await_size(const char *name, size_t size) {
        _cleanup_free_ char *path = path_join(dir, name);
        struct stat st = { 0 };
        for (int i = 0; i < 1000 && to == &target && (size_t)st.st_size < size; i++) {
                usleep(5000);
                if (stat(path, &st) < 0)
                        st.st_size = 0;
        }
}

static void assert_file(const char *name, const char *want) {
        await_size(name, strlen(want));
        _cleanup_free_ char *path = path_join(dir, name);
        _cleanup_free_ char *text = NULL;
        assert_int_equal(sys_read_file(path, 1 << 20, &text, NULL), 0);
        assert_string_equal(text, want);
}

/* Runs work in a child whose output goes through streams; returns its wait status. */
static int run(void (*work)(void)) {
        Streams *s;
        redirect();
        int r = streams_open(dir, "x", to, &s, NULL);
        pid_t pid = r < 0 ? -1 : fork();
        if (pid == 0) {
                streams_attach(s);
                work();
                _exit(3);
        }
        bool expired = false;
        int status = streams_wait(s, pid, UINT64_MAX, &expired);
        assert_false(expired);
        streams_finish(s);
        streams_free(s);
        restore();
        return status;
}

static void say(int fd, const char *text) {
        if (write(fd, text, strlen(text)) < 0)
                _exit(9);
}

static void two_kinds(void) {
        say(1, "one\ntw");
        say(1, "o\nno end");
        say(2, "error\n");
}

static void both_streams_are_logged_apart(void **state) {
        (void)state;
        int status = run(two_kinds);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 3);
        assert_file("x.out.log", "one\ntwo\nno end");
        assert_file("x.log", "error\n");
        _cleanup_free_ char *path = path_join(dir, "console");
        _cleanup_free_ char *text = NULL;
        assert_int_equal(sys_read_file(path, 4096, &text, NULL), 0);
        assert_non_null(strstr(text, "one\n"));
        assert_non_null(strstr(text, "two\n"));
        assert_non_null(strstr(text, "no end\n")); /* the console always gets whole lines */
        assert_non_null(strstr(text, "error\n"));
}

static void much(void) {
        char line[1000];
        memset(line, 'x', sizeof(line));
        for (int i = 0; i < 300; i++) /* more than pipes hold */
                if (write(1, line, sizeof(line)) < 0)
                        _exit(9);
}

static void more_than_a_pipe_holds_passes(void **state) {
        (void)state;
        int status = run(much);
        assert_int_equal(WEXITSTATUS(status), 3);
        await_size("x.out.log", 300000);
        _cleanup_free_ char *path = path_join(dir, "x.out.log");
        _cleanup_free_ char *text = NULL;
        assert_int_equal(sys_read_file(path, 1 << 20, &text, NULL), 0);
        assert_int_equal(strlen(text), 300000);
}

static int release[2]; /* closing the write end lets the daemon go on */

static void leave_daemon(void) {
        if (fork() == 0) {
                char byte;
                close(release[1]);
                if (read(release[0], &byte, 1) == 0)
                        say(1, "late\n");
                _exit(0);
        }
        say(1, "early\n");
}

/* The parent's end must not block, and what the daemon says later must not be lost. */
static void a_daemon_keeps_its_log(void **state) {
        (void)state;
        assert_int_equal(pipe(release), 0);
        int status = run(leave_daemon);
        assert_int_equal(WEXITSTATUS(status), 3);
        assert_file("x.out.log", "early\n");
        close(release[0]);
        close(release[1]);
        while (to == &files && waitpid(-1, &status, 0) > 0) /* the keeper ends with the daemon */
                continue;
        assert_file("x.out.log", "early\nlate\n");
}

static bool has_open(pid_t pid, const char *path) {
        for (int fd = 3; fd < 64; fd++) {
                char link[64], target_of[PATH_MAX];
                snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)pid, fd);
                ssize_t n = readlink(link, target_of, sizeof target_of - 1);
                target_of[n > 0 ? n : 0] = '\0';
                if (str_eq(target_of, path))
                        return true;
        }
        return false;
}

/* With the log daemon no process of ours stays, and a log daemon that dies costs nothing. */
static void a_daemon_outlives_the_log(void **state) {
        (void)state;
        assert_int_equal(pipe(release), 0);
        run(leave_daemon);
        assert_file("x.out.log", "early\n");
        int status;
        assert_int_equal(waitpid(-1, &status, WNOHANG), 0); /* the log daemon alone */
        _cleanup_free_ char *fifo = path_join(fifos_path, "x.out");
        assert_int_equal(access(fifo, F_OK), 0);
        kill(daemon_pid, SIGKILL);
        assert_int_equal(waitpid(-1, &status, 0), daemon_pid);
        LogdOptions o = LOGD_DEFAULTS; /* the next one finds the FIFO */
        o.fd_log = logd_bind(socket_path, SOCK_DGRAM);
        o.fd_query = dup(o.fd_log);
        o.fifos = fifos_path;
        o.dir = dir;
        daemon_pid = fork();
        if (daemon_pid == 0) {
                close(release[1]);
                _exit(logd_run(&o));
        }
        close(o.fd_log);
        close(o.fd_query);
        for (int i = 0; i < 1000 && !has_open(daemon_pid, fifo); i++)
                usleep(5000);
        close(release[0]);
        close(release[1]);
        assert_file("x.out.log", "early\nlate\n");
}

static void draw(void) {
        say(1, "\033[2Ja\tb\r\n\xc2\x9b"
               "1m\x7f\xc3\xa4\n");
}

/* The log has what was written, the console what cannot hurt it. */
static void control_characters_do_not_reach_the_console(void **state) {
        (void)state;
        run(draw);
        assert_file("x.out.log", "\033[2Ja\tb\r\n\xc2\x9b"
                                 "1m\x7f\xc3\xa4\n");
        assert_file("console", "?[2Ja\tb\n?1m?\xc3\xa4\n");
}

static void die(void) {
        kill(getpid(), SIGKILL);
}

static void a_killed_process_is_seen(void **state) {
        (void)state;
        char text[64];
        int status = run(die);
        assert_string_equal(sys_describe_status(status, text, sizeof(text)), "killed by signal 9");
        assert_string_equal(sys_describe_status(3 << 8, text, sizeof(text)), "exit status 3");
}

/* Whoever holds the console up or says nothing at all ends at the deadline. */
static void a_deadline_kills(void **state) {
        (void)state;
        Streams *kinds[2] = { streams_open_console(), NULL };
        assert_int_equal(streams_open(dir, "x", to, &kinds[1], NULL), 0);
        for (size_t i = 0; i < 2; i++) {
                bool expired = false;
                pid_t pid = fork();
                if (pid == 0) {
                        signal(SIGTERM, SIG_IGN);
                        for (;;)
                                pause();
                }
                int status = streams_wait(kinds[i], pid, clock_ms() + 20, &expired);
                assert_true(expired);
                assert_true(WIFSIGNALED(status));
                assert_int_equal(WTERMSIG(status), SIGKILL);
                streams_free(kinds[i]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(both_streams_are_logged_apart, make_dir,
                                                remove_dir),
                cmocka_unit_test_setup_teardown(more_than_a_pipe_holds_passes, make_dir,
                                                remove_dir),
                cmocka_unit_test_setup_teardown(a_daemon_keeps_its_log, make_dir, remove_dir),
                cmocka_unit_test_setup_teardown(both_streams_are_logged_apart, start_daemon,
                                                stop_daemon),
                cmocka_unit_test_setup_teardown(more_than_a_pipe_holds_passes, start_daemon,
                                                stop_daemon),
                cmocka_unit_test_setup_teardown(a_daemon_keeps_its_log, start_daemon, stop_daemon),
                cmocka_unit_test_setup_teardown(a_daemon_outlives_the_log, start_daemon,
                                                stop_daemon),
                cmocka_unit_test_setup_teardown(control_characters_do_not_reach_the_console,
                                                make_dir, remove_dir),
                cmocka_unit_test_setup_teardown(a_killed_process_is_seen, make_dir, remove_dir),
                cmocka_unit_test_setup_teardown(a_deadline_kills, make_dir, remove_dir),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
