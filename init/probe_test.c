/* probe_test.c - probes against this machine: ports, files that try to lead out of the root, and a
 * runtime that is a shell script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/probe.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

static char dir[64];

static int make_dir(void **state) {
        (void)state;
        strcpy(dir, "/tmp/probe-test-XXXXXX");
        return mkdtemp(dir) && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 ? 0 : -1;
}

static int remove_dir(void **state) {
        (void)state;
        _cleanup_free_ char *command = xasprintf("rm -rf %s", dir);
        return system(command);
}

static char *at(const char *name) {
        return path_join(dir, name);
}

static bool ask(const ProbeSpec *p, const ProbeTarget *t, char *text, size_t size) {
        text[0] = 0;
        pid_t pid = probe_start(p, t);
        assert_true(pid > 1);
        return probe_succeeded(p, sys_wait(pid), text, size);
}

static int listener(int family, in_port_t *port) {
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        struct sockaddr_in v4 = { .sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct sockaddr *sa = family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
        socklen_t len = family == AF_INET ? sizeof v4 : sizeof v6;
        int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || bind(fd, sa, len) < 0 || listen(fd, 8) < 0 || getsockname(fd, sa, &len) < 0)
                return -1;
        *port = ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
        return fd;
}

static void a_port(void **state) {
        (void)state;
        static const struct {
                const char *form;
                int family;
        } t[] = { { "%u", AF_INET },
                  { "localhost:%u", AF_INET },
                  { "127.0.0.1:%u", AF_INET },
                  { "%u", AF_INET6 },
                  { "[::1]:%u", AF_INET6 } };
        if (geteuid() != 0)
                skip(); /* setns wants root */
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                in_port_t port;
                char target[64], text[96];
                int fd = listener(t[i].family, &port);
                if (fd < 0 && t[i].family == AF_INET6)
                        continue; /* a machine without IPv6 */
                assert_true(fd >= 0);
                snprintf(target, sizeof target, t[i].form, port);
                const ProbeSpec p = { .kind = PROBE_TCP, .target = target };
                const ProbeTarget me = { .pid = getpid(), .name = "me" };
                if (!ask(&p, &me, text, sizeof text))
                        fail_msg("%s: %s", target, text);
                close(fd);
                assert_false(ask(&p, &me, text, sizeof text));
                assert_non_null(strstr(text, "Connection refused"));
        }
}

/* What listens in another network namespace is not what the container hears. */
static void a_port_of_another_network(void **state) {
        (void)state;
        char target[16], text[96];
        in_port_t port;
        int ready[2];
        if (geteuid() != 0)
                skip();
        int fd = listener(AF_INET, &port);
        assert_int_equal(pipe(ready), 0);
        pid_t other = fork();
        if (other == 0) {
                if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "x", 1) != 1)
                        _exit(1);
                pause();
        }
        close(ready[1]);
        assert_int_equal(read(ready[0], text, 1), 1);
        snprintf(target, sizeof target, "%u", port);
        const ProbeSpec p = { .kind = PROBE_TCP, .target = target };
        const ProbeTarget t = { .pid = other, .name = "other" };
        assert_false(ask(&p, &t, text, sizeof text));
        kill(other, SIGKILL);
        sys_wait(other);
        assert_false(ask(&p, &t, text, sizeof text)); /* of a process that is gone */
        close(fd);
        close(ready[0]);
}

static void bad_targets_fail(void **state) {
        (void)state;
        static const char *const t[] = { "",  ":",  "x:80", "0",       "65536",
                                         "[", "[]", ":80",  "[::1]80", "1.2.3:1" };
        char text[96];
        if (geteuid() != 0)
                skip();
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                const ProbeSpec p = { .kind = PROBE_TCP, .target = t[i] };
                const ProbeTarget me = { .pid = getpid(), .name = "me" };
                assert_false(ask(&p, &me, text, sizeof text));
                assert_non_null(strstr(text, "Invalid argument"));
        }
}

static void a_file_below_the_root(void **state) {
        (void)state;
        char text[96];
        int ready[2];
        if (geteuid() != 0)
                skip();
        _cleanup_free_ char *root = at("root"), *outside = at("outside");
        _cleanup_free_ char *command = xasprintf(
                "mkdir -p %s/sub && touch %s %s/sub/here && mkfifo %s/fifo && ln -s %s %s/out && "
                "ln -s ../../../outside %s/up && ln -s /sub/here %s/link && ln -s loop %s/loop",
                root, outside, root, root, outside, root, root, root, root);
        assert_int_equal(system(command), 0);
        assert_int_equal(pipe(ready), 0);
        pid_t pid = fork();
        if (pid == 0) {
                if (chroot(root) < 0 || write(ready[1], "x", 1) != 1)
                        _exit(1);
                pause();
        }
        close(ready[1]);
        assert_int_equal(read(ready[0], text, 1), 1);
        static const struct {
                const char *path;
                bool want;
        } t[] = { { "/sub/here", true }, { "/link", true },    { "/fifo", true },
                  { "/sub", true },      { "/absent", false }, { "/out", false },
                  { "/up", false },      { "/../sub", true },  { "/../outside", false },
                  { "/loop", false },    { "/sub/x/y", false } };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                const ProbeSpec p = { .kind = PROBE_FILE, .target = t[i].path };
                const ProbeTarget target = { .pid = pid, .name = "x" };
                if (ask(&p, &target, text, sizeof text) != t[i].want)
                        fail_msg("%s: %s", t[i].path, text);
        }
        kill(pid, SIGKILL);
        sys_wait(pid);
        close(ready[0]);
}

/* "PROGRAM --root ROOT exec NAME COMMAND...": as a real one, it runs the command in a session of
 * its own, and ends as that does. */
static const char script[] = "#!/bin/sh\n"
                             "[ \"$1 $2 $3 $4\" = '--root /the/root exec web' ] || exit 99\n"
                             "shift 4\n"
                             "setsid \"$@\" &\n"
                             "wait $!\n";

static ProbeTarget script_target(char **program) {
        *program = at("runtime");
        FILE *f = fopen(*program, "w");
        assert_non_null(f);
        fputs(script, f);
        fclose(f);
        assert_int_equal(chmod(*program, 0755), 0);
        ProbeTarget t = { .pid = 1, .name = "web" };
        t.runtime.program = *program;
        strcpy(t.runtime.root, "/the/root");
        return t;
}

static char sh[] = "sh", dash_c[] = "-c";

static void a_program_inside(void **state) {
        (void)state;
        char text[96], test[] = "test \"$0\" = 'a b'", word[] = "a b", seven[] = "exit 7";
        _cleanup_free_ char *program = NULL;
        const ProbeTarget t = script_target(&program);
        char *good[] = { sh, dash_c, test, word, NULL };
        char *bad[] = { sh, dash_c, seven, NULL };
        ProbeSpec p = { .kind = PROBE_EXEC, .exec = good, .n_exec = 4 };
        if (!ask(&p, &t, text, sizeof text))
                fail_msg("%s", text);
        p = (ProbeSpec){ .kind = PROBE_EXEC, .exec = bad, .n_exec = 3 };
        assert_false(ask(&p, &t, text, sizeof text));
        assert_string_equal(text, "sh: exit status 7");
        ProbeTarget none = t;
        none.runtime.program = "/nowhere/runtime";
        assert_false(ask(&p, &none, text, sizeof text));
        assert_string_equal(text, "sh: exit status 127");
}

static bool is_alive(pid_t pid) {
        char path[64], line[512];
        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        if (!sys_read_line(path, line, sizeof line))
                return false;
        const char *rest = strrchr(line, ')');
        return rest && rest[2] != 'Z';
}

static pid_t number_in(const char *path) {
        char line[32];
        uint64_t n = 0;
        for (int i = 0; i < 5000; i++, usleep(2000))
                if (sys_read_line(path, line, sizeof line) && str_to_u64(line, &n) && n > 1)
                        return (pid_t)n;
        fail_msg("%s holds no number", path);
        return 0;
}

/* The program inside and what it has started end with the question. */
static void killing_reaches_inside(void **state) {
        (void)state;
        char text[96];
        _cleanup_free_ char *program = NULL, *first = at("first"), *second = at("second");
        const ProbeTarget t = script_target(&program);
        _cleanup_free_ char *command = xasprintf(
                "sh -c 'echo $$ >%s; exec sleep 1000' & echo $$ >%s; wait", second, first);
        char *forever[] = { sh, dash_c, command, NULL };
        const ProbeSpec p = { .kind = PROBE_EXEC, .exec = forever, .n_exec = 3 };
        if (access("/proc/thread-self/children", F_OK) < 0)
                skip(); /* a kernel without CONFIG_PROC_CHILDREN */
        pid_t pid = probe_start(&p, &t);
        pid_t inside = number_in(first), child = number_in(second);
        assert_int_not_equal(getpgid(inside), pid);
        assert_true(is_alive(inside) && is_alive(child));
        probe_kill(pid);
        assert_false(probe_succeeded(&p, sys_wait(pid), text, sizeof text));
        assert_string_equal(text, "sh: killed by signal 9");
        for (int i = 0; i < 5000 && (is_alive(inside) || is_alive(child)); i++)
                usleep(2000);
        assert_false(is_alive(inside) || is_alive(child));
        while (waitpid(-1, NULL, WNOHANG) > 0)
                continue;
}

static void no_descriptor_is_left(void **state) {
        (void)state;
        char text[96];
        int before = dup(0), after;
        close(before);
        const ProbeTarget me = { .pid = getpid(), .name = "me" };
        for (int i = 0; i < 20; i++) {
                ProbeSpec p = { .kind = i % 2 ? PROBE_FILE : PROBE_TCP,
                                .target = i % 2 ? "/absent" : "1" };
                ask(&p, &me, text, sizeof text);
        }
        after = dup(0);
        close(after);
        assert_int_equal(after, before);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
        const struct CMUnitTest tests[] = {
                TEST(a_port),
                TEST(a_port_of_another_network),
                TEST(bad_targets_fail),
                TEST(a_file_below_the_root),
                TEST(a_program_inside),
                TEST(killing_reaches_inside),
                TEST(no_descriptor_is_left),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
