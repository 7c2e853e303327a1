/* foreground.c - see foreground.h.
 *
 * The program gets a process group of its own, so that a signal to us reaches it exactly once, and
 * only it: our own group may hold the script that called us.  A terminal lets only its foreground
 * group read, hence tcsetpgrp, and back afterwards. */
#include "lib/platform/foreground.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

static const int forwarded[] = { SIGINT, SIGTERM, SIGHUP };

typedef struct Terminal {
        int fd; /* -1: we do not have one, or are in the background */
        struct termios settings;
} Terminal;

static Terminal terminal_save(void) {
        Terminal t = { .fd = -1 };
        if (tcgetpgrp(STDIN_FILENO) == getpgrp() && tcgetattr(STDIN_FILENO, &t.settings) == 0)
                t.fd = STDIN_FILENO;
        return t;
}

/* Called while SIGTTOU is blocked, so a background caller may do it. */
static void terminal_give(const Terminal *t, pid_t group) {
        if (t->fd >= 0)
                tcsetpgrp(t->fd, group);
}

static void terminal_restore(const Terminal *t) {
        if (t->fd < 0)
                return;
        tcsetpgrp(t->fd, getpgrp());
        tcsetattr(t->fd, TCSADRAIN, &t->settings);
}

static void child_run(const char *const *argv, bool detached_stdio, pid_t parent, const Terminal *t,
                      const sigset_t *old_mask, int report) {
        setpgid(0, 0);
        terminal_give(t, getpid());
        /* without us the machine has no console and nobody would stop it */
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
                _exit(127);
        if (detached_stdio) {
                int null = open("/dev/null", O_RDWR | O_CLOEXEC);
                dup2(null, STDIN_FILENO);
                dup2(null, STDOUT_FILENO);
        }
        /* handlers end with execv, but not before the mask is lifted; what is ignored stays so */
        for (size_t i = 0; i < ARRAY_LEN(forwarded); i++) {
                struct sigaction act;
                if (sigaction(forwarded[i], NULL, &act) == 0 && act.sa_handler != SIG_IGN)
                        signal(forwarded[i], SIG_DFL);
        }
        sigprocmask(SIG_SETMASK, old_mask, NULL);
        execv(argv[0], (char *const *)argv);
        int errnum = errno;
        (void)!write(report, &errnum, sizeof errnum);
        _exit(127);
}

/* The program was stopped from the terminal: stop too, so that the shell gets it back, and go on
 * together. */
static void stop_together(pid_t pid, const Terminal *t) {
        terminal_restore(t);
        raise(SIGSTOP);
        terminal_give(t, pid);
        kill(-pid, SIGCONT);
}

/* Waits for pid and passes signals on meanwhile; returns the wait status. */
static int wait_forwarding(pid_t pid, const Terminal *t, const sigset_t *set, int *ret_signal) {
        for (;;) {
                int status;
                pid_t got = waitpid(pid, &status, WNOHANG | WUNTRACED);
                if (got == pid && !WIFSTOPPED(status))
                        return status;
                if (got == pid && t->fd >= 0)
                        stop_together(pid, t);
                int sig = sigwaitinfo(set, NULL);
                for (size_t i = 0; i < ARRAY_LEN(forwarded); i++) {
                        if (sig != forwarded[i])
                                continue;
                        if (!*ret_signal)
                                *ret_signal = sig;
                        kill(-pid, sig);
                }
        }
}

static int describe(const char *program, int status, int sig, Err *e) {
        const char *name = path_base(program);
        if (sig || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
                return 0;
        if (WIFSIGNALED(status))
                return err_set(e, ERR_IO, 0, "%s: killed by signal %d (%s)", name, WTERMSIG(status),
                               strsignal(WTERMSIG(status)));
        return err_set(e, ERR_IO, 0, "%s: exit status %d", name, WEXITSTATUS(status));
}

int foreground_run(const char *const *argv, bool detached_stdio, int *ret_signal, Err *e) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
                return err_set(e, ERR_IO, errno, "pipe");
        _cleanup_fd_ int report = ends[0], child_report = ends[1];

        sigset_t set, mask, old_mask;
        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        for (size_t i = 0; i < ARRAY_LEN(forwarded); i++)
                sigaddset(&set, forwarded[i]);
        mask = set;
        sigaddset(&mask, SIGTTOU);
        sigprocmask(SIG_BLOCK, &mask, &old_mask);
        signal(SIGCHLD, SIG_DFL); /* ignored by our caller, it would take the status away */

        Terminal terminal = terminal_save();
        pid_t self = getpid(), pid = fork();
        if (pid == 0)
                child_run(argv, detached_stdio, self, &terminal, &old_mask, child_report);
        int errnum = errno, status = 0, exec_errnum = 0, r;
        *ret_signal = 0;
        if (pid < 0) {
                r = err_set(e, ERR_IO, errnum, "fork");
        } else {
                /* in both processes, whoever comes first: the child must not read before it may */
                setpgid(pid, pid);
                close(fd_take(&child_report));
                status = wait_forwarding(pid, &terminal, &set, ret_signal);
                terminal_restore(&terminal);
                /* ^C on its terminal, which we therefore did not see */
                if (!*ret_signal && terminal.fd >= 0 && WIFSIGNALED(status) &&
                    WTERMSIG(status) == SIGINT)
                        *ret_signal = SIGINT;
                if (read(report, &exec_errnum, sizeof exec_errnum) == sizeof exec_errnum)
                        r = err_set(e, ERR_IO, exec_errnum, "%s", argv[0]);
                else
                        r = describe(argv[0], status, *ret_signal, e);
        }
        sigprocmask(SIG_SETMASK, &old_mask, NULL);
        return r;
}
