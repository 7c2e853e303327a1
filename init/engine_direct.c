/* engine_direct.c - see engine_direct.h.  A Call is one verb on its way; it may have a runtime
 * program at work.  A Box is a container with a first process.  Answers are only given from
 * handle(), reap() and tick(), so a unit never hears from within its own call. */
#include "init/engine_direct.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "init/clock.h"
#include "init/log.h"
#include "init/procgroup.h"
#include "init/runtimelog.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

/* A runtime that takes longer hangs: runc itself gives up a deletion after ten seconds. */
#define RUNTIME_MS 60000
#define ARGS_MAX   16

typedef enum Verb { VERB_MAKE, VERB_START, VERB_WAIT, VERB_KILL, VERB_WIPE } Verb;

typedef struct Call {
        struct Call *next;
        uint64_t id;
        Verb verb;
        char *name;
        bool start;            /* VERB_MAKE: `run` instead of `create` */
        char **argv;           /* of the runtime; NULL: none is needed */
        const char *out, *err; /* of the runtime and its container, NULL: nothing is kept */
        pid_t pid;             /* of the runtime at work, 0: none */
        uint64_t deadline;     /* of the runtime */
        bool hung;
        bool due; /* to be answered with the next tick, as `reply` says */
        EngineReply reply;
        EngineFn fn; /* NULL: nobody waits any more */
        void *data;
} Call;

typedef struct Box {
        struct Box *next;
        char *name, *cgroup;
        pid_t pid;
        int pidfd; /* of one that was taken over and is no child of ours, else -1 */
        bool ended;
        uint32_t status;
} Box;

struct DirectEngine {
        Engine engine;
        const char *runtime;
        char *dir, *state_dir, *mark; /* state_dir: the runtime's own */
        int epoll;
        Units *units;
        uint64_t last_id;
        Call *calls;
        Box *boxes;
};

/* --- files ---------------------------------------------------------------------------------- */

static char *file_of(const DirectEngine *d, const char *name, const char *suffix) {
        return xasprintf("%s/%s.%s", d->dir, name, suffix);
}

static bool has_state(const DirectEngine *d, const char *name) {
        _cleanup_free_ char *path = path_join(d->state_dir, name);
        return access(path, F_OK) == 0;
}

static void remove_files(const DirectEngine *d, const char *name) {
        static const char *const suffixes[] = { "pid", "log", "life" };
        for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
                _cleanup_free_ char *path = file_of(d, name, suffixes[i]);
                unlink(path);
        }
}

/* What the next supervisor needs to know the process again; without it, it starts the service
 * anew. */
static void write_life(const DirectEngine *d, const Box *b) {
        uint64_t start = 0;
        _cleanup_free_ char *path = file_of(d, b->name, "life");
        _cleanup_free_ char *tmp = xasprintf("%s~", path);
        _cleanup_fd_ int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0 || !sys_start_time(b->pid, &start) ||
            dprintf(fd, "%d %" PRIu64 "\n", (int)b->pid, start) < 0 || rename(tmp, path) < 0)
                unlink(tmp);
}

/* --- calls and boxes ------------------------------------------------------------------------ */

static Call *call_new(DirectEngine *d, Verb verb, const char *name, EngineFn fn, void *data) {
        Call *c = xcalloc(1, sizeof *c);
        *c = (Call){ .next = d->calls,
                     .id = ++d->last_id,
                     .verb = verb,
                     .name = xstrdup(name),
                     .deadline = UINT64_MAX,
                     .fn = fn,
                     .data = data };
        return d->calls = c;
}

static void call_free(DirectEngine *d, Call *c) {
        for (Call **p = &d->calls; *p; p = &(*p)->next) {
                if (*p == c) {
                        *p = c->next;
                        break;
                }
        }
        for (char **p = c->argv; p && *p; p++)
                free(*p);
        free(c->argv);
        free(c->name);
        free(c);
}

static void answer(DirectEngine *d, Call *c, const EngineReply *r) {
        EngineFn fn = c->fn;
        void *data = c->data;
        call_free(d, c);
        if (fn)
                fn(data, r);
}

static Box *box_find(const DirectEngine *d, const char *name) {
        for (Box *b = d->boxes; b; b = b->next)
                if (str_eq(b->name, name))
                        return b;
        return NULL;
}

static void box_free(DirectEngine *d, Box *b) {
        if (!b)
                return;
        for (Box **p = &d->boxes; *p; p = &(*p)->next) {
                if (*p == b) {
                        *p = b->next;
                        break;
                }
        }
        if (b->pidfd >= 0)
                close(b->pidfd); /* leaves the epoll set as it is closed */
        free(b->name);
        free(b->cgroup);
        free(b);
}

static Box *box_new(DirectEngine *d, const char *name, pid_t pid, int pidfd) {
        Box *b = xcalloc(1, sizeof *b);
        box_free(d, box_find(d, name));
        *b = (Box){ .next = d->boxes,
                    .name = xstrdup(name),
                    .cgroup = procgroup_path(pid),
                    .pid = pid,
                    .pidfd = pidfd };
        return d->boxes = b;
}

/* Those who wait hear of it with the next tick. */
static void box_ended(DirectEngine *d, Box *b, uint32_t status) {
        if (b->ended)
                return;
        b->ended = true;
        b->status = status;
        if (b->pidfd >= 0)
                epoll_ctl(d->epoll, EPOLL_CTL_DEL, b->pidfd, NULL);
        if (procgroup_oom_kills(b->cgroup) > 0) {
                Unit *u = units_find(d->units, b->name);
                if (u)
                        unit_on_oom(u);
        }
        for (Call *c = d->calls; c; c = c->next) {
                if (c->verb == VERB_WAIT && str_eq(c->name, b->name)) {
                        c->reply.status = status;
                        c->due = true;
                }
        }
}

/* --- the runtime ---------------------------------------------------------------------------- */

static int open_output(const char *path) {
        int fd = path ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY) : -1;
        return fd >= 0 ? fd : open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static _Noreturn void run_child(char *const *argv, const char *out, const char *err) {
        sys_reset_signals();
        setpgid(0, 0); /* an interrupt typed on the supervisor's terminal is for the supervisor */
        int in = open("/dev/null", O_RDONLY | O_CLOEXEC), out_fd = open_output(out),
            err_fd = open_output(err);
        dup2(in, STDIN_FILENO);
        dup2(out_fd, STDOUT_FILENO);
        dup2(err_fd, STDERR_FILENO);
        sys_close_others(-1);
        sys_write("/proc/self/oom_score_adj", "0"); /* ours is not theirs */
        execv(argv[0], argv);
        _exit(127);
}

static void launch(Call *c) {
        c->pid = fork();
        if (c->pid == 0)
                run_child(c->argv, c->out, c->err);
        c->deadline = clock_ms() + RUNTIME_MS;
        if (c->pid < 0) {
                c->pid = 0;
                c->reply.error = "no process for the runtime";
                c->due = true;
        }
}

/* Runtimes are large for the moment they live; more of them than processors would not be faster,
 * and a small machine has no memory for them. */
static void launch_waiting(DirectEngine *d) {
        long limit = MAX(sysconf(_SC_NPROCESSORS_ONLN), 1L);
        for (;;) {
                Call *oldest = NULL;
                long running = 0;
                for (Call *c = d->calls; c; c = c->next) {
                        running += c->pid > 0;
                        if (c->argv && c->pid == 0 && !c->due)
                                oldest = c; /* the list begins with the newest */
                }
                if (!oldest || running >= limit)
                        return;
                launch(oldest);
        }
}

/* Starts the runtime, as soon as it may, with the common options before args, which end with NULL.
 */
static void run_runtime(DirectEngine *d, Call *c, char *const *args) {
        _cleanup_free_ char *log_file = file_of(d, c->name, "log");
        const char *common[] = { d->runtime, "--root",       d->state_dir, "--log",
                                 log_file,   "--log-format", "json" };
        size_t n = 0;
        c->argv = xcalloc(ARGS_MAX + 1, sizeof *c->argv);
        for (; n < ARRAY_LEN(common); n++)
                c->argv[n] = xstrdup(common[n]);
        while (*args && n < ARGS_MAX)
                c->argv[n++] = xstrdup(*args++);
        unlink(log_file);
        launch_waiting(d);
}

/* Why the runtime has failed: its own words if it left any. */
static char *failure(const DirectEngine *d, const Call *c, int status) {
        char text[64];
        if (c->hung)
                return xasprintf("%s has not ended for %d s", path_base(d->runtime),
                                 RUNTIME_MS / 1000);
        _cleanup_free_ char *log_file = file_of(d, c->name, "log");
        char *words = runtimelog_error(log_file);
        return words ? words
                     : xasprintf("%s: %s", d->runtime,
                                 sys_describe_status(status, text, sizeof text));
}

static bool read_pid(const DirectEngine *d, const char *name, pid_t *ret) {
        char line[32];
        uint64_t pid;
        _cleanup_free_ char *path = file_of(d, name, "pid");
        if (!sys_read_line(path, line, sizeof line) || !str_to_u64(line, &pid) || pid < 2 ||
            pid > INT32_MAX)
                return false;
        *ret = (pid_t)pid;
        return true;
}

/* The runtime of a call has ended. */
static void runtime_ended(DirectEngine *d, Call *c, int status) {
        EngineReply r = { 0 };
        _cleanup_free_ char *text = NULL;
        bool good = status == 0;
        if (c->verb == VERB_WIPE) {
                good = good || !has_state(d, c->name);
                box_free(d, box_find(d, c->name));
        }
        if (!good)
                r.error = text = failure(d, c, status);
        if (c->verb == VERB_WIPE) {
                remove_files(d, c->name);
        } else if (good && c->verb == VERB_MAKE) {
                if (read_pid(d, c->name, &r.pid))
                        write_life(d, box_new(d, c->name, r.pid, -1));
                else
                        r.error = "the runtime has left no process id";
                r.started = c->start;
        }
        answer(d, c, &r);
}

/* --- verbs ---------------------------------------------------------------------------------- */

static uint64_t do_make(void *self, const EngineMake *m, EngineFn fn, void *data) {
        DirectEngine *d = self;
        Call *c = call_new(d, VERB_MAKE, m->name, fn, data);
        if (has_state(d, m->name)) {
                c->reply = (EngineReply){ .error = "it exists already", .exists = true };
                c->due = true;
                return c->id;
        }
        char create[] = "create", run[] = "run", detach[] = "--detach", bundle[] = "--bundle",
             pid_option[] = "--pid-file";
        _cleanup_free_ char *pid_file = file_of(d, m->name, "pid");
        char *args[8] = { m->start ? run : create, bundle, (char *)m->path, pid_option, pid_file };
        size_t n = 5;
        if (m->start)
                args[n++] = detach;
        args[n] = c->name;
        c->start = m->start;
        unlink(pid_file);
        c->out = m->out;
        c->err = m->err;
        run_runtime(d, c, args);
        return c->id;
}

static uint64_t do_start(void *self, const char *ns, const char *name, EngineFn fn, void *data) {
        (void)ns;
        char verb[] = "start";
        Call *c = call_new(self, VERB_START, name, fn, data);
        run_runtime(self, c, (char *[]){ verb, c->name, NULL });
        return c->id;
}

static uint64_t do_wait(void *self, const char *ns, const char *name, EngineFn fn, void *data) {
        (void)ns;
        const Box *b = box_find(self, name);
        Call *c = call_new(self, VERB_WAIT, name, fn, data);
        c->due = !b || b->ended;
        c->reply.status = b && b->ended ? b->status : ENGINE_STATUS_UNKNOWN;
        return c->id;
}

static void send_signal(const Box *b, int signo) {
        if (b && !b->ended && b->pidfd >= 0)
                pidfd_send_signal(b->pidfd, signo, NULL, 0);
        else if (b && !b->ended)
                kill(b->pid, signo); /* a child that is not collected keeps its number */
}

static uint64_t do_kill(void *self, const char *ns, const char *name, int signo, EngineFn fn,
                        void *data) {
        (void)ns;
        send_signal(box_find(self, name), signo);
        Call *c = call_new(self, VERB_KILL, name, fn, data);
        c->due = true;
        return c->id;
}

static uint64_t do_wipe(void *self, const char *ns, const char *name, bool kill, EngineFn fn,
                        void *data) {
        (void)ns;
        DirectEngine *d = self;
        if (kill)
                send_signal(box_find(d, name), SIGKILL);
        Call *c = call_new(d, VERB_WIPE, name, fn, data);
        if (has_state(d, name)) {
                char delete[] = "delete", force[] = "--force";
                run_runtime(d, c, (char *[]){ delete, force, c->name, NULL });
        } else {
                box_free(d, box_find(d, name));
                remove_files(d, name);
                c->due = true;
        }
        return c->id;
}

static void do_cancel(void *self, uint64_t call) {
        DirectEngine *d = self;
        for (Call *c = d->calls; c; c = c->next) {
                if (c->id != call)
                        continue;
                if (c->pid > 0)
                        c->fn = NULL;
                else
                        call_free(d, c);
                return;
        }
}

static const EngineOps ops = { do_make, do_start, do_wait, do_kill, do_wipe, do_cancel };

/* --- the life of the engine ----------------------------------------------------------------- */

int engine_direct_new(const char *runtime, const char *dir, Units *units, DirectEngine **ret,
                      Err *e) {
        _cleanup_free_ char *state_dir = path_join(dir, "state");
        if (sys_mkdir_p(state_dir, 0700, e) < 0)
                return -1;
        if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
                return err_set(e, ERR_IO, errno, "become the reaper of the services");
        int epoll = epoll_create1(EPOLL_CLOEXEC);
        if (epoll < 0)
                return err_set(e, ERR_IO, errno, "epoll");
        DirectEngine *d = xcalloc(1, sizeof *d);
        *d = (DirectEngine){ .engine = { .ops = &ops, .self = d },
                             .runtime = runtime,
                             .dir = xstrdup(dir),
                             .state_dir = take(state_dir),
                             .mark = path_join(dir, "supervised"),
                             .epoll = epoll,
                             .units = units };
        *ret = d;
        return 0;
}

void engine_direct_free(DirectEngine *d) {
        if (!d)
                return;
        while (d->calls)
                call_free(d, d->calls);
        while (d->boxes)
                box_free(d, d->boxes);
        close(d->epoll);
        free(d->dir);
        free(d->state_dir);
        free(d->mark);
        free(d);
}

const Engine *engine_direct(DirectEngine *d) {
        return &d->engine;
}

/* The container that a former supervisor started, when its process is still the same one. */
static Box *adopt(DirectEngine *d, const char *name) {
        char line[64];
        int pid = 0;
        uint64_t want = 0, start = 1;
        _cleanup_free_ char *path = file_of(d, name, "life");
        if (!sys_read_line(path, line, sizeof line) ||
            sscanf(line, "%d %" SCNu64, &pid, &want) != 2 || pid <= 1)
                return NULL;
        /* The descriptor first: afterwards the number cannot be given to another process. */
        _cleanup_fd_ int fd = pidfd_open(pid, 0);
        if (fd < 0 || !sys_start_time(pid, &start) || start != want)
                return NULL;
        Box *b = box_new(d, name, pid, fd_take(&fd));
        struct epoll_event ev = { .events = EPOLLIN, .data.ptr = b };
        epoll_ctl(d->epoll, EPOLL_CTL_ADD, b->pidfd, &ev);
        return b;
}

static void resync(DirectEngine *d) {
        units_adopt(d->units);
        for (size_t i = 0; i < d->units->n; i++) {
                Unit *u = d->units->v[i];
                const Box *b = adopt(d, unit_name(u));
                const Task task = { .pid = b ? b->pid : 0, .status = TASK_RUNNING };
                unit_resync(u, has_state(d, unit_name(u)), b ? &task : NULL);
        }
}

void engine_direct_begin(DirectEngine *d) {
        bool goes_on = access(d->mark, F_OK) == 0;
        d->units->env.engine = &d->engine;
        if (goes_on)
                resync(d);
        int fd = open(d->mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd >= 0)
                close(fd);
}

void engine_direct_end(DirectEngine *d) {
        unlink(d->mark);
}

int engine_direct_fd(const DirectEngine *d) {
        return d->epoll;
}

void engine_direct_handle(DirectEngine *d) {
        struct epoll_event ev;
        if (epoll_wait(d->epoll, &ev, 1, 0) == 1)
                box_ended(d, ev.data.ptr, ENGINE_STATUS_UNKNOWN);
}

static uint32_t shell_status(int status) {
        return WIFSIGNALED(status) ? 128 + (uint32_t)WTERMSIG(status)
                                   : (uint32_t)WEXITSTATUS(status);
}

static bool child_ended(DirectEngine *d, pid_t pid, int status) {
        for (Call *c = d->calls; c; c = c->next) {
                if (c->pid == pid) {
                        runtime_ended(d, c, status);
                        launch_waiting(d);
                        return true;
                }
        }
        for (Box *b = d->boxes; b; b = b->next) {
                if (b->pid == pid && !b->ended) {
                        box_ended(d, b, shell_status(status));
                        return true;
                }
        }
        return false;
}

/* One runtime or first process that has ended; false when there is none. */
static bool reap_known(DirectEngine *d) {
        int status;
        for (const Call *c = d->calls; c; c = c->next)
                if (c->pid > 0 && waitpid(c->pid, &status, WNOHANG) == c->pid)
                        return child_ended(d, c->pid, status);
        for (Box *b = d->boxes; b; b = b->next) {
                if (b->ended || b->pidfd >= 0)
                        continue;
                pid_t pid = waitpid(b->pid, &status, WNOHANG);
                if (pid == b->pid)
                        return child_ended(d, pid, status);
                /* The runtime itself has seen its end. */
                if (pid < 0 && errno == ECHILD && kill(b->pid, 0) < 0 && errno == ESRCH)
                        box_ended(d, b, ENGINE_STATUS_UNKNOWN);
        }
        return false;
}

void engine_direct_reap(DirectEngine *d) {
        int status;
        while (reap_known(d))
                continue;
        /* Orphans of the containers.  While a container is being made, one of them may be its first
         * process, whose number is not known yet. */
        for (const Call *c = d->calls; c; c = c->next)
                if (c->verb == VERB_MAKE && c->pid > 0)
                        return;
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
                child_ended(d, pid, status);
}

uint64_t engine_direct_deadline(const DirectEngine *d) {
        uint64_t t = UINT64_MAX;
        for (const Call *c = d->calls; c; c = c->next)
                t = MIN(t, c->due ? 0 : c->hung ? UINT64_MAX : c->deadline);
        return t;
}

static Call *first_due(const DirectEngine *d) {
        for (Call *c = d->calls; c; c = c->next)
                if (c->due)
                        return c;
        return NULL;
}

void engine_direct_tick(DirectEngine *d, uint64_t now_ms) {
        for (Call *c = d->calls; c; c = c->next) {
                if (c->pid > 0 && !c->hung && now_ms >= c->deadline) {
                        c->hung = true;
                        kill(c->pid, SIGKILL);
                }
        }
        for (Call *c; (c = first_due(d));) {
                EngineReply r = c->reply;
                answer(d, c, &r);
        }
}
