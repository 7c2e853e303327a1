/* daemon.c - see daemon.h. */
#include "init/daemon.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "init/log.h"
#include "init/runtimeconf.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

/* How much of the log is shown when the daemon dies early. */
#define TAIL_BYTES 2048
#define TAIL_LINES 8
#define DRAIN_MS   100

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static int open_pidfd(pid_t pid) {
        return (int)syscall(SYS_pidfd_open, pid, 0);
}

static off_t file_size(const char *path) {
        struct stat st;
        return stat(path, &st) == 0 ? st.st_size : 0;
}

/* Called by the process itself before it becomes containerd, and renamed into place: a supervisor
 * killed at any moment leaves no containerd that its successor does not know, which would hold the
 * database's lock against the next one for ever. */
static void write_pid_file(const char *path) {
        uint64_t start = 0;
        sys_start_time(getpid(), &start);
        _cleanup_free_ char *tmp = xasprintf("%s~", path);
        _cleanup_fd_ int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0 || dprintf(fd, "%d %" PRIu64 "\n", (int)getpid(), start) < 0 ||
            rename(tmp, path) < 0)
                log_init("write %s: %s", path, strerror(errno));
}

static int open_stream(const char *word, const char *fallback, Err *e) {
        if (str_eq(word, "stdout"))
                return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        if (str_eq(word, "stderr"))
                return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        const char *path = word ? word : fallback;
        struct stat st;
        if (!word && stat(path, &st) == 0 && S_ISFIFO(st.st_mode))
                return logpipe_open_writer(path);
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
        return fd < 0 ? err_set(e, ERR_IO, errno, "open %s", path) : fd;
}

static _Noreturn void run_child(const DaemonPaths *p, char **argv, int null, int out, int err) {
        sys_reset_signals();
        write_pid_file(p->pid_file);
        /* An interrupt typed on the supervisor's terminal is for the supervisor. */
        setpgid(0, 0);
        dup2(null, STDIN_FILENO);
        dup2(out, STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        sys_close_others(-1);
        sys_write("/proc/self/oom_score_adj", "0"); /* config.toml has its own */
        setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 0);
        /* Its start leaves more garbage than data: collecting less often answers 0.2 s of guest
         * time sooner (tools/bench/boot) and costs a few megabytes.  A word GOGC= on the kernel
         * command line is in our environment already. */
        setenv("GOGC", "200", 0);
        execv(p->binary, argv);
        log_init("run %s: %s", p->binary, strerror(errno));
        _exit(127);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void)st;
        (void)type;
        (void)ftw;
        (void)!remove(path);
        return 0;
}

/* containerd deletes the directory of a task by renaming NAME to .NAME first.  Killed in between,
 * it never looks at .NAME again, but can neither delete nor create a task of that name any more
 * ("file exists").  While no containerd runs, nobody else uses these directories. */
static void remove_half_deleted(const char *socket) {
        _cleanup_free_ char *state = path_dir(socket);
        _cleanup_free_ char *tasks = path_join(state, "io.containerd.runtime.v2.task");
        DIR *spaces = opendir(tasks);
        struct dirent *space, *task;
        while (spaces && (space = readdir(spaces))) {
                if (space->d_name[0] == '.')
                        continue;
                _cleanup_free_ char *dir = path_join(tasks, space->d_name);
                DIR *names = opendir(dir);
                while (names && (task = readdir(names))) {
                        _cleanup_free_ char *path = path_join(dir, task->d_name);
                        if (task->d_name[0] == '.' && !str_eq(task->d_name, ".") &&
                            !str_eq(task->d_name, ".."))
                                nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
                }
                if (names)
                        closedir(names);
        }
        if (spaces)
                closedir(spaces);
}

static bool logs_to_ours(const DaemonPaths *p) {
        return p->pipe && p->to && p->to->ours;
}

/* Where containerd writes by default. */
static const char *choose_output(const DaemonPaths *p) {
        _cleanup_err_ Err e = ERR_INIT;
        if (!logs_to_ours(p))
                return p->log;
        if (logpipe_renew(p->pipe, p->to, "containerd", &e) == 0)
                return p->pipe->path;
        log_init("%s", e.text);
        return p->log;
}

int daemon_start(Daemon *d, const DaemonPaths *p, Err *e) {
        if (access(p->binary, X_OK) < 0)
                return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "run %s",
                               p->binary);
        RuntimeConf conf = { 0 };
        _cleanup_err_ Err conf_err = ERR_INIT;
        if (runtimeconf_load(p->conf, &conf, &conf_err) < 0)
                log_init("%s; containerd runs with defaults", conf_err.text);

        _cleanup_free_ char **argv = NULL;
        size_t n = 0, cap = 0;
        *vec_push(argv, n, cap) = (char *)p->binary;
        for (char **a = conf.args; a && *a; a++)
                *vec_push(argv, n, cap) = *a;
        *vec_push(argv, n, cap) = NULL;

        _cleanup_fd_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        const char *output = choose_output(p);
        _cleanup_fd_ int out = open_stream(conf.out, output, e);
        _cleanup_fd_ int err = out < 0 ? -1 : open_stream(conf.err, output, e);
        pid_t pid = -1;
        d->log_start = file_size(p->log);
        if (null < 0)
                err_set(e, ERR_IO, errno, "open /dev/null");
        else if (out >= 0 && err >= 0) {
                unlink(p->socket);
                remove_half_deleted(p->socket);
                pid = fork();
                if (pid == 0)
                        run_child(p, argv, null, out, err);
                if (pid < 0)
                        err_set(e, ERR_IO, errno, "fork");
        }
        d->to_console = conf.err && conf.err[0] != '/';
        runtimeconf_done(&conf);
        if (pid < 0)
                return -1;

        d->pid = pid;
        d->child = true;
        d->pidfd = open_pidfd(pid);
        if (d->pidfd < 0) {
                err_set(e, ERR_IO, errno, "watch %s", p->binary);
                kill(pid, SIGKILL);
                sys_wait(pid);
                *d = DAEMON_INIT;
                return -1;
        }
        return 0;
}

bool daemon_adopt(Daemon *d, const DaemonPaths *p) {
        char line[64];
        int pid = 0;
        uint64_t want = 0, start = 1;
        if (!sys_read_line(p->pid_file, line, sizeof line) ||
            sscanf(line, "%d %" SCNu64, &pid, &want) != 2 || pid <= 1)
                return false;
        /* The descriptor first: afterwards the number cannot be given to another process. */
        _cleanup_fd_ int fd = open_pidfd(pid);
        if (fd < 0 || !sys_start_time(pid, &start) || start != want)
                return false;
        *d = (Daemon){ .pid = pid, .pidfd = fd_take(&fd), .log_start = file_size(p->log) };
        if (logs_to_ours(p))
                logpipe_adopt(p->pipe, p->to, "containerd");
        return true;
}

void daemon_kill(Daemon *d, int signo) {
        if (d->pidfd >= 0)
                syscall(SYS_pidfd_send_signal, d->pidfd, signo, NULL, 0);
}

void daemon_reap(Daemon *d, const DaemonPaths *p, char *text, size_t size) {
        siginfo_t si = { 0 };
        if (d->child && waitid((idtype_t)P_PIDFD, (id_t)d->pidfd, &si, WEXITED) == 0)
                snprintf(text, size,
                         si.si_code == CLD_EXITED ? "exited with status %d"
                                                  : "was killed by signal %d",
                         si.si_status);
        else
                snprintf(text, size, "ended");
        close(d->pidfd);
        unlink(p->pid_file);
        *d = (Daemon){ .pidfd = -1, .log_start = d->log_start, .to_console = d->to_console };
}

void daemon_print_log(const Daemon *d, const DaemonPaths *p) {
        if (d->to_console)
                return;
        /* The log daemon is a moment behind. */
        for (int i = 0; i < DRAIN_MS && p->pipe && !logpipe_is_empty(p->pipe); i++)
                poll(NULL, 0, 1);
        if (logs_to_ours(p))
                poll(NULL, 0, 2);
        _cleanup_fd_ int fd = open(p->log, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        struct stat st;
        char text[TAIL_BYTES + 1];
        if (fd < 0 || fstat(fd, &st) < 0)
                return;
        ssize_t n = pread(fd, text, TAIL_BYTES, MAX(st.st_size - TAIL_BYTES, d->log_start));
        if (n <= 0)
                return;
        if (text[n - 1] == '\n')
                n--;
        text[n] = '\0';

        char *start = text + n;
        for (int lines = 0; start > text && lines < TAIL_LINES;)
                if (*--start == '\n' && ++lines == TAIL_LINES)
                        start++;
        for (char *line, *rest = start; (line = strsep(&rest, "\n"));)
                log_line("containerd: %s", line);
}
