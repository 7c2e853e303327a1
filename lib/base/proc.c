/* proc.c - see proc.h.  stdin, stdout and stderr of the child are served by one poll loop, so that
 * no pipe can fill up and block both sides. */
#include "lib/base/proc.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

enum { STDERR_LIMIT = 64 * 1024 };

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

static int serve(Pipes *p, const char *prog, Err *e) {
        while (p->in >= 0 || p->out >= 0 || p->err >= 0) {
                struct pollfd fds[] = {
                        { .fd = p->in, .events = POLLOUT },
                        { .fd = p->out, .events = POLLIN },
                        { .fd = p->err, .events = POLLIN },
                };
                if (poll(fds, 3, -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        return err_set(e, ERR_IO, errno, "poll");
                }
                if (fds[0].revents) {
                        ssize_t n = p->input_left ? write(p->in, p->input, p->input_left) : 0;
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

static int spawn(const char *const *argv, const ProcOptions *o, const int child[3], pid_t *ret,
                 Err *e) {
        _cleanup_free_ char *program = proc_find(argv[0]);
        if (!program)
                return err_set(e, ERR_NOT_FOUND, 0, "program \"%s\" not found in PATH", argv[0]);
        posix_spawn_file_actions_t fa;
        posix_spawnattr_t attr;
        posix_spawn_file_actions_init(&fa);
        posix_spawnattr_init(&attr);
        sigset_t none, defaults;
        sigemptyset(&none);
        sigemptyset(&defaults);
        sigaddset(&defaults, SIGPIPE);
        posix_spawnattr_setsigmask(&attr, &none);
        posix_spawnattr_setsigdefault(&attr, &defaults);
        posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        for (int i = 0; i < 3; i++)
                posix_spawn_file_actions_adddup2(&fa, child[i], i);
        if (o->cwd)
                posix_spawn_file_actions_addchdir_np(&fa, o->cwd);
        _cleanup_free_ char **env = environment(o->env);
        int r = posix_spawn(ret, program, &fa, &attr, (char *const *)argv, env);
        posix_spawn_file_actions_destroy(&fa);
        posix_spawnattr_destroy(&attr);
        return r ? err_set(e, ERR_IO, r, "run %s", argv[0]) : 0;
}

/* The last line of what a program said on stderr is nearly always the reason. */
static const char *last_line(Buf *b) {
        while (b->len && strchr("\n\r ", b->data[b->len - 1]))
                b->data[--b->len] = 0;
        if (!b->len)
                return NULL;
        char *line = strrchr(b->data, '\n');
        return line ? line + 1 : b->data;
}

int proc_run(const char *const *argv, const ProcOptions *opt, char **ret_out, size_t *ret_len,
             int *ret_status, Err *e) {
        static const ProcOptions defaults;
        const ProcOptions *o = opt ? opt : &defaults;
        int child[3] = { -1, -1, -1 };
        Pipes p = { .in = -1, .out = -1, .err = -1, .input = o->input, .input_left = o->input_len };
        p.limit = o->output_limit ? o->output_limit : 16u << 20;
        int pipes[2], r = 0;
        pid_t pid = -1;
        /* Descriptors from 3 upwards, so that dup2 in the child never meets its own target. */
        if (o->input && pipe2(pipes, O_CLOEXEC) == 0) {
                child[0] = pipes[0];
                p.in = pipes[1];
                fcntl(p.in, F_SETFL, O_NONBLOCK);
        } else {
                child[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        }
        if (ret_out && pipe2(pipes, O_CLOEXEC) == 0) {
                p.out = pipes[0];
                child[1] = pipes[1];
        } else {
                child[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
        }
        if (pipe2(pipes, O_CLOEXEC) == 0) {
                p.err = pipes[0];
                child[2] = pipes[1];
        }
        if (child[0] < 0 || child[1] < 0 || child[2] < 0)
                r = err_set(e, ERR_IO, errno, "pipe");
        else
                r = spawn(argv, o, child, &pid, e);
        for (int i = 0; i < 3; i++)
                if (child[i] >= 0)
                        close(child[i]);
        if (r == 0)
                r = serve(&p, argv[0], e);
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
                const char *why = last_line(&p.errors);
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
