/* probe.c - see probe.h.  The child says by its exit status what went wrong: an errno for tcp and
 * file, what the program said for exec. */
#include "init/probe.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

/* --- tcp ------------------------------------------------------------------------------------ */

static int try_address(const struct sockaddr *sa, socklen_t len) {
        _cleanup_fd_ int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        return fd < 0 || connect(fd, sa, len) < 0 ? errno : 0;
}

static int try_v4(const char *host, in_port_t port) {
        struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = port };
        return inet_pton(AF_INET, host, &sa.sin_addr) == 1
                       ? try_address((struct sockaddr *)&sa, sizeof sa)
                       : EINVAL;
}

static int try_v6(const char *host, in_port_t port) {
        struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = port };
        return inet_pton(AF_INET6, host, &sa.sin6_addr) == 1
                       ? try_address((struct sockaddr *)&sa, sizeof sa)
                       : EINVAL;
}

/* No names but one are looked up: a resolver would do as the container's files say. */
static int try_tcp(const char *target) {
        char host[64] = "localhost";
        const char *colon = strrchr(target, ':'), *number = colon ? colon + 1 : target;
        size_t len = colon ? (size_t)(colon - target) : 0;
        uint64_t n;
        if (len >= sizeof host || !str_to_u64(number, &n) || n == 0 || n > 65535)
                return EINVAL;
        in_port_t port = htons((in_port_t)n);
        if (colon) {
                memcpy(host, target, len);
                host[len] = 0;
        }
        if (host[0] == '[' && host[len - 1] == ']') {
                host[len - 1] = 0;
                return try_v6(host + 1, port);
        }
        if (!str_eq(host, "localhost"))
                return try_v4(host, port);
        int r = try_v4("127.0.0.1", port);
        return r && try_v6("::1", port) == 0 ? 0 : r;
}

static int enter_network(pid_t pid) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd < 0 || setns(fd, CLONE_NEWNET) < 0 ? errno : 0;
}

/* --- file ----------------------------------------------------------------------------------- */

static int try_file(pid_t pid, const char *name) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/root", (int)pid);
        _cleanup_fd_ int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct open_how how = { .flags = O_PATH | O_CLOEXEC,
                                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
        _cleanup_fd_ int fd =
                root < 0 ? -1 : (int)syscall(SYS_openat2, root, name, &how, sizeof how);
        return fd < 0 ? errno : 0;
}

/* --- exec ----------------------------------------------------------------------------------- */

static int run_inside(const ProbeSpec *p, const ProbeTarget *t) {
        char *argv[6 + p->n_exec];
        size_t n = 0;
        const char *head[] = { t->runtime.program, "--root", t->runtime.root, "exec" };
        for (size_t i = 0; i < ARRAY_LEN(head); i++)
                argv[n++] = (char *)head[i];
        argv[n++] = (char *)t->name;
        for (size_t i = 0; i < p->n_exec; i++)
                argv[n++] = p->exec[i];
        argv[n] = NULL;
        execvp(argv[0], argv);
        return 127;
}

/* --- the child ------------------------------------------------------------------------------ */

static _Noreturn void ask(const ProbeSpec *p, const ProbeTarget *t) {
        sys_reset_signals();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, "probe");
        setpgid(0, 0);
        sys_close_others(-1);
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        for (int fd = 0; fd < 3; fd++)
                dup2(null, fd);
        sys_write("/proc/self/oom_score_adj", "0"); /* the supervisor's is not for others */
        int r = 0;
        if (p->kind == PROBE_EXEC) {
                r = run_inside(p, t);
        } else if (p->kind == PROBE_FILE) {
                r = try_file(t->pid, p->target);
        } else {
                r = enter_network(t->pid);
                if (r == 0)
                        r = try_tcp(p->target);
        }
        _exit(r);
}

pid_t probe_start(const ProbeSpec *p, const ProbeTarget *t) {
        pid_t pid = fork();
        if (pid == 0)
                ask(p, t);
        if (pid > 0)
                setpgid(pid, pid); /* here as well: it may have to be killed at once */
        return pid;
}

/* Each is killed with its group, if it leads one. */
static void kill_children(const char *path) {
        char text[4096];
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
        if (n <= 0)
                return;
        text[n] = 0;
        for (char *word, *rest = text; (word = strsep(&rest, " "));) {
                uint64_t child;
                if (!str_to_u64(word, &child) || child < 2 || child > INT32_MAX)
                        continue;
                pid_t pid = (pid_t)child;
                kill(getpgid(pid) == pid ? -pid : pid, SIGKILL);
        }
}

/* The program inside is the runtime's child and has a session of its own, so that the group of the
 * runtime is not all.  The runtime is stopped first: while it cannot collect a child, the child's
 * number is nobody else's.  A runtime has many threads, and children belong to one of them. */
static void kill_inside(pid_t runtime) {
        char path[64 + NAME_MAX];
        snprintf(path, sizeof path, "/proc/%d/task", (int)runtime);
        DIR *d = opendir(path);
        for (struct dirent *de; d && (de = readdir(d));) {
                if (de->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof path, "/proc/%d/task/%s/children", (int)runtime, de->d_name);
                kill_children(path);
        }
        if (d)
                closedir(d);
}

void probe_kill(pid_t pid) {
        if (pid <= 1)
                return;
        kill(-pid, SIGSTOP);
        kill_inside(pid);
        kill(-pid, SIGKILL);
}

bool probe_succeeded(const ProbeSpec *p, int status, char *text, size_t size) {
        char words[64];
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return true;
        if (p->kind == PROBE_EXEC || !WIFEXITED(status))
                snprintf(text, size, "%s: %s", p->kind == PROBE_EXEC ? p->exec[0] : p->target,
                         sys_describe_status(status, words, sizeof words));
        else
                snprintf(text, size, "%s%s: %s", p->kind == PROBE_TCP ? "tcp " : "", p->target,
                         strerror(WEXITSTATUS(status)));
        return false;
}
