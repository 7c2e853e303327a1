/* logwrite.c - see logwrite.h. */
#include "init/logwrite.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>

#include "init/logd.h"
#include "init/logsend.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

typedef struct Tee {
        int in, to, log; /* log: -1 when no daemon takes it */
} Tee;

static int usage(void) {
        fputs("Usage: logwrite [-n NAME] [-socket PATH] COMMAND [ARGUMENT...]\n", stderr);
        return 2;
}

/* The write end of a pipe whose read end the daemon has. */
static int open_log(const char *socket, const char *name) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -1;
        int r = logsend_stream(socket, name, ends[0]);
        close(ends[0]);
        if (r < 0) {
                fprintf(stderr, "logwrite: %s: %s\n", socket, strerror(errno));
                close(ends[1]);
                return -1;
        }
        return ends[1];
}

static bool write_all(int fd, const char *p, size_t n) {
        while (n > 0) {
                ssize_t w = write(fd, p, n);
                if (w < 0 && errno == EINTR)
                        continue;
                if (w <= 0)
                        return false;
                p += w;
                n -= (size_t)w;
        }
        return true;
}

/* One read; closes the stream at its end.  A log daemon that has gone costs the log only. */
static void carry(Tee *t) {
        char buf[16 << 10];
        ssize_t n = read(t->in, buf, sizeof buf);
        if (n < 0 && errno == EINTR)
                return;
        if (n <= 0) {
                close(t->in);
                t->in = -1;
                return;
        }
        write_all(t->to, buf, (size_t)n);
        if (t->log >= 0 && !write_all(t->log, buf, (size_t)n)) {
                close(t->log);
                t->log = -1;
        }
}

static void carry_all(Tee *t) {
        while (t[0].in >= 0 || t[1].in >= 0) {
                struct pollfd p[2] = { { .fd = t[0].in, .events = POLLIN },
                                       { .fd = t[1].in, .events = POLLIN } };
                if (poll(p, 2, -1) < 0 && errno != EINTR)
                        return;
                for (int i = 0; i < 2; i++)
                        if (p[i].revents)
                                carry(&t[i]);
        }
}

static int run(const char *socket, const char *name, char **argv) {
        _cleanup_free_ char *out_name = xasprintf("%s.out", name);
        int out[2], err[2];
        if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0) {
                fprintf(stderr, "logwrite: %s\n", strerror(errno));
                return 1;
        }
        Tee tees[2] = { { out[0], STDOUT_FILENO, open_log(socket, out_name) },
                        { err[0], STDERR_FILENO, open_log(socket, name) } };
        pid_t pid = fork();
        if (pid == 0) {
                dup2(out[1], STDOUT_FILENO);
                dup2(err[1], STDERR_FILENO);
                execvp(argv[0], argv);
                fprintf(stderr, "logwrite: %s: %s\n", argv[0], strerror(errno));
                _exit(127);
        }
        signal(SIGPIPE, SIG_IGN);
        close(out[1]);
        close(err[1]);
        if (pid < 0) {
                fprintf(stderr, "logwrite: fork: %s\n", strerror(errno));
                return 1;
        }
        carry_all(tees);
        int status = sys_wait(pid);
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int logwrite_main(int argc, char **argv) {
        const char *name = NULL, *socket = LOGD_SOCKET;
        int i = 1;
        for (; i < argc && argv[i][0] == '-'; i++) {
                const char *arg = argv[i] + 1 + (argv[i][1] == '-');
                size_t len = strcspn(arg, "=");
                const char **to = len == 1 && *arg == 'n'                     ? &name
                                  : len == 6 && str_has_prefix(arg, "socket") ? &socket
                                                                              : NULL;
                const char *value = arg[len] ? arg + len + 1 : i + 1 < argc ? argv[++i] : NULL;
                if (!to || !value)
                        return usage();
                *to = value;
        }
        if (i == argc)
                return usage();
        return run(socket, name ? name : path_base(argv[i]), argv + i);
}
