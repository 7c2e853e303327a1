/* proc.c - see proc.h.  stdin, stdout and stderr of the child are served by one poll loop, so that
 * no pipe can fill up and block both sides.
 *
 * fork instead of posix_spawn for one reason: only a forked child can ask to die with us, and an
 * apt that outlives a killed build would hold apt's own locks against the next one. */
#include "lib/base/proc.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

enum { STDERR_LIMIT = 64 * 1024, TICK_MS = 500 };

char *proc_find(const char *name) {
        if (strchr(name, '/'))
                return access(name, X_OK) == 0 ? xstrdup(name) : NULL;
        const char *path = getenv("PATH");
        if (str_is_empty(path))
                path = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";
        for (const char *p = path;; p++) {
                const char *end = strchrnul(p, ':');
                _cleanup_free_ char *dir = xstrndup(p, (size_t)(end - p));
                char *full = path_join(*dir ? dir : ".", name);
                if (access(full, X_OK) == 0)
                        return full;
                free(full);
                if (!*end)
                        return NULL;
                p = end;
        }
}

typedef struct Pipes {
        int in, out, err; /* our ends; -1: closed */
        const char *input;
        size_t input_left;
        Buf output, errors;
        size_t limit;
} Pipes;

static int serve_output(int *fd, Buf *into, size_t limit, bool drop_excess, const char *prog,
                        Err *e) {
        char chunk[16384];
        ssize_t n = read(*fd, chunk, sizeof chunk);
        if (n < 0)
                return errno == EINTR || errno == EAGAIN ? 0
                                                         : err_set(e, ERR_IO, errno, "%s", prog);
        if (n == 0) {
                close(*fd);
                *fd = -1;
                return 0;
        }
        if (into->len + (size_t)n > limit) {
                if (!drop_excess)
                        return err_set(e, ERR_IO, EFBIG, "output of %s", prog);
                n = (ssize_t)(limit - into->len);
        }
        buf_add(into, chunk, (size_t)n);
        return 0;
}

/* A child that ends without reading its input must not end us; SIGPIPE is for our own output. */
static ssize_t write_input(int fd, const char *text, size_t n) {
        sigset_t broken, old;
        sigemptyset(&broken);
        sigaddset(&broken, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &broken, &old);
        ssize_t r = write(fd, text, n);
        int why = errno;
        if (r < 0 && why == EPIPE)
                sigtimedwait(&broken, NULL, &(struct timespec){ 0 });
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        errno = why;
        return r;
}

static int serve(Pipes *p, const ProcOptions *o, const char *prog, Err *e) {
        while (p->in >= 0 || p->out >= 0 || p->err >= 0) {
                struct pollfd fds[] = {
                        { .fd = p->in, .events = POLLOUT },
                        { .fd = p->out, .events = POLLIN },
                        { .fd = p->err, .events = POLLIN },
                };
                int ready = poll(fds, 3, o->tick ? TICK_MS : -1);
                if (ready < 0) {
                        if (errno == EINTR)
                                continue;
                        return err_set(e, ERR_IO, errno, "poll");
                }
                if (ready == 0 && o->tick(o->tick_ctx, e) < 0)
                        return -1;
                if (fds[0].revents) {
                        ssize_t n = p->input_left ? write_input(p->in, p->input, p->input_left) : 0;
                        if (n > 0) {
                                p->input += n;
                                p->input_left -= (size_t)n;
                        }
                        bool later = n < 0 && (errno == EINTR || errno == EAGAIN);
                        if (!p->input_left || (n < 0 && !later)) {
                                close(p->in);
                                p->in = -1;
                        }
                }
                if (fds[1].revents &&
                    serve_output(&p->out, &p->output, p->limit, false, prog, e) < 0)
                        return -1;
                if (fds[2].revents &&
                    serve_output(&p->err, &p->errors, STDERR_LIMIT, true, prog, e) < 0)
                        return -1;
        }
        return 0;
}

static char **environment(const char *const *extra) {
        extern char **environ;
        size_t n = 0, m = 0;
        while (environ[n])
                n++;
        while (extra && extra[m])
                m++;
        char **env = xcalloc(n + m + 1, sizeof *env);
        size_t w = 0;
        for (size_t i = 0; i < n; i++) {
                bool replaced = false;
                for (size_t k = 0; k < m; k++) {
                        size_t key = (size_t)(strchrnul(extra[k], '=') - extra[k]) + 1;
                        replaced = replaced || strncmp(environ[i], extra[k], key) == 0;
                }
                if (!replaced)
                        env[w++] = environ[i];
        }
        for (size_t k = 0; k < m; k++)
                env[w++] = (char *)extra[k];
        return env;
}

/* In the child, where other threads may have held any lock: async-signal-safe calls only. Errors
 * go to the pipe `report`, which closes by itself when the program starts. */
static void child_exec(const char *program, char *const *argv, char *const *env, const char *cwd,
                       const int std[3], int report, pid_t parent) {
        sigset_t none;
        sigemptyset(&none);
        /* The signal comes when the *thread* that forked ends; that one waits for us. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(127);
        signal(SIGPIPE, SIG_DFL);
        for (int i = 0; i < 3; i++)
                if (dup2(std[i], i) < 0)
                        goto failed;
        if (cwd && chdir(cwd) < 0)
                goto failed;
        sigprocmask(SIG_SETMASK, &none, NULL);
        execve(program, argv, env);
failed:;
        int why = errno;
        (void)!write(report, &why, sizeof why);
        _exit(127);
}

static int spawn(const char *const *argv, const ProcOptions *o, const int child[3], pid_t *ret,
                 Err *e) {
        _cleanup_free_ char *program = proc_find(argv[0]);
        if (!program)
                return err_set(e, ERR_NOT_FOUND, 0, "program \"%s\" not found in PATH", argv[0]);
        _cleanup_free_ char **env = environment(o->env);
        int report[2], why = 0;
        if (pipe2(report, O_CLOEXEC) < 0)
                return err_set(e, ERR_IO, errno, "pipe");
        /* No handler of ours may run in the child: it would remove the files of the parent. */
        sigset_t all, old;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        pid_t parent = getpid(), pid = fork();
        if (pid == 0)
                child_exec(program, (char *const *)argv, env, o->cwd, child, report[1], parent);
        int saved = errno;
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        close(report[1]);
        ssize_t n = 0;
        while (pid > 0 && (n = read(report[0], &why, sizeof why)) < 0 && errno == EINTR)
                ;
        close(report[0]);
        if (pid < 0)
                return err_set(e, ERR_IO, saved, "run %s", argv[0]);
        if (n != sizeof why) {
                *ret = pid;
                return 0;
        }
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        return err_set(e, ERR_IO, why, "run %s", argv[0]);
}

/* The line of stderr that tells why: nearly always the last one. apt lists all its errors; there
 * the first is the cause, and the last only counts them. */
static const char *reason(Buf *b) {
        while (b->len && strchr("\n\r ", b->data[b->len - 1]))
                b->data[--b->len] = 0;
        if (!b->len)
                return NULL;
        char *line = strrchr(b->data, '\n');
        line = line ? line + 1 : b->data;
        if (!str_has_prefix(line, "E: "))
                return line;
        char *first = str_has_prefix(b->data, "E: ") ? b->data : strstr(b->data, "\nE: ") + 1;
        first[strcspn(first, "\r\n")] = 0;
        return first + strlen("E: ");
}

/* One pipe; *ours and *theirs are its ends. */
static int open_pipe(int *ours, int *theirs, bool we_write, Err *e) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
                return err_set(e, ERR_IO, errno, "pipe");
        *ours = ends[we_write];
        *theirs = ends[!we_write];
        return 0;
}

static int open_null(int flags, int *ret, Err *e) {
        *ret = open("/dev/null", flags | O_CLOEXEC);
        return *ret < 0 ? err_set(e, ERR_IO, errno, "/dev/null") : 0;
}

/* stdin, stdout and stderr of the child, and our ends of those that are pipes. All are from 3
 * upwards, so that dup2 in the child never meets its own target. */
static int open_ends(const ProcOptions *o, bool output, int child[3], Pipes *p, Err *e) {
        if ((o->input ? open_pipe(&p->in, &child[0], true, e) : open_null(O_RDONLY, &child[0], e)) <
                    0 ||
            (output ? open_pipe(&p->out, &child[1], false, e) : open_null(O_WRONLY, &child[1], e)) <
                    0)
                return -1;
        if (o->input && fcntl(p->in, F_SETFL, O_NONBLOCK) < 0)
                return err_set(e, ERR_IO, errno, "pipe");
        return open_pipe(&p->err, &child[2], false, e);
}

int proc_run(const char *const *argv, const ProcOptions *opt, char **ret_out, size_t *ret_len,
             int *ret_status, Err *e) {
        static const ProcOptions defaults;
        const ProcOptions *o = opt ? opt : &defaults;
        int child[3] = { -1, -1, -1 };
        Pipes p = { .in = -1, .out = -1, .err = -1, .input = o->input, .input_left = o->input_len };
        p.limit = o->output_limit ? o->output_limit : 16u << 20;
        pid_t pid = -1;
        int r = open_ends(o, ret_out != NULL, child, &p, e);
        if (r == 0)
                r = spawn(argv, o, child, &pid, e);
        for (int i = 0; i < 3; i++)
                if (child[i] >= 0)
                        close(child[i]);
        if (r == 0)
                r = serve(&p, o, argv[0], e);
        int *ends[] = { &p.in, &p.out, &p.err };
        for (size_t i = 0; i < ARRAY_LEN(ends); i++)
                if (*ends[i] >= 0)
                        close(*ends[i]);
        int status = 0;
        if (pid > 0) {
                if (r < 0)
                        kill(pid, SIGKILL);
                while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                        ;
                status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        }
        if (r == 0 && ret_status) {
                *ret_status = status;
        } else if (r == 0 && status) {
                const char *why = reason(&p.errors);
                r = err_set(e, ERR_IO, 0, "%s: exit status %d%s%s", argv[0], status,
                            why ? ": " : "", why ? why : "");
        }
        buf_done(&p.errors);
        if (r == 0 && ret_out) {
                if (ret_len)
                        *ret_len = p.output.len;
                *ret_out = buf_steal(&p.output);
        }
        buf_done(&p.output);
        return r;
}
