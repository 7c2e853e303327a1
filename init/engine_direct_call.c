/* engine_direct_call.c - the calls of the direct engine, and the runtime program that is at work
 * for one of them. */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <stdio.h>

#include "init/clock.h"
#include "init/engine_direct_inside.h"
#include "init/runtimelog.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

/* A runtime that takes longer hangs: runc itself gives up a deletion after ten seconds. */
#define RUNTIME_MS 60000
#define ARGS_MAX   16

/* The units know it from the image, so that a later supervisor finds the same. */
const char *direct_program(const DirectEngine *d, const char *name) {
        const Unit *u = units_find(d->units, name);
        return u && unit_runtime(u) ? unit_runtime(u) : d->runtime;
}

DirectCall *direct_call_new(DirectEngine *d, DirectVerb verb, const char *name, EngineFn fn,
                            void *data) {
        DirectCall *c = xcalloc(1, sizeof *c);
        *c = (DirectCall){ .next = d->calls,
                           .id = ++d->last_id,
                           .verb = verb,
                           .name = xstrdup(name),
                           .program = xstrdup(direct_program(d, name)),
                           .deadline = UINT64_MAX,
                           .fn = fn,
                           .data = data };
        return d->calls = c;
}

void direct_call_free(DirectEngine *d, DirectCall *c) {
        for (DirectCall **p = &d->calls; *p; p = &(*p)->next) {
                if (*p == c) {
                        *p = c->next;
                        break;
                }
        }
        for (char **p = c->argv; p && *p; p++)
                free(*p);
        free(c->argv);
        free(c->name);
        free(c->program);
        free(c->text);
        free(c);
}

void direct_answer(DirectEngine *d, DirectCall *c, const EngineReply *r) {
        EngineFn fn = c->fn;
        void *data = c->data;
        char *text = take(c->text); /* r may hold it */
        direct_call_free(d, c);
        if (fn)
                fn(data, r);
        free(text);
}

/* A FIFO is opened for reading as well: while the log daemon is being restarted nobody else may
 * have it open at the other end. */
static int open_output(const char *path) {
        struct stat st;
        bool fifo = path && lstat(path, &st) == 0 && S_ISFIFO(st.st_mode);
        int flags = O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
        int fd = path ? open(path, flags | (fifo ? O_RDWR : O_WRONLY)) : -1;
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

static void launch(DirectCall *c) {
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
void direct_launch(DirectEngine *d) {
        long limit = MAX(sysconf(_SC_NPROCESSORS_ONLN), 1L);
        for (;;) {
                DirectCall *oldest = NULL;
                long running = 0;
                for (DirectCall *c = d->calls; c; c = c->next) {
                        running += c->pid > 0 && !c->hung;
                        if (c->argv && c->pid == 0 && !c->due)
                                oldest = c; /* the list begins with the newest */
                }
                if (!oldest || running >= limit)
                        return;
                launch(oldest);
        }
}

void direct_run(DirectEngine *d, DirectCall *c, char *const *args) {
        _cleanup_free_ char *log_file = direct_file(d, c->name, "log");
        const char *common[] = { c->program, "--root",       d->state_dir, "--log",
                                 log_file,   "--log-format", "json" };
        size_t n = 0;
        c->argv = xcalloc(ARGS_MAX + 1, sizeof *c->argv);
        for (; n < ARRAY_LEN(common); n++)
                c->argv[n] = xstrdup(common[n]);
        while (*args && n < ARGS_MAX)
                c->argv[n++] = xstrdup(*args++);
        unlink(log_file);
        direct_launch(d);
}

/* Why the runtime has failed: its own words if it left any. */
static char *failure(const DirectEngine *d, const DirectCall *c, int status) {
        char text[64];
        if (c->hung)
                return xasprintf("%s has not ended for %d s", path_base(c->program),
                                 RUNTIME_MS / 1000);
        _cleanup_free_ char *log_file = direct_file(d, c->name, "log");
        char *words = runtimelog_error(log_file);
        return words ? words
                     : xasprintf("%s: %s", c->program,
                                 sys_describe_status(status, text, sizeof text));
}

void direct_run_ended(DirectEngine *d, DirectCall *c, int status) {
        EngineReply r = { 0 };
        _cleanup_free_ char *text = NULL;
        _cleanup_free_ char *config_file = direct_file(d, c->name, "json");
        bool good = status == 0;
        if (c->verb == VERB_MAKE)
                unlink(config_file); /* the runtime keeps a copy of its own */
        if (c->verb == VERB_WIPE) {
                good = good || !direct_has_state(d, c->name);
                direct_box_free(d, direct_box_find(d, c->name));
        }
        if (!good)
                r.error = text = failure(d, c, status);
        if (c->verb == VERB_WIPE) {
                direct_remove_files(d, c->name);
        } else if (good && c->verb == VERB_MAKE) {
                if (direct_read_pid(d, c->name, &r.pid))
                        direct_write_life(d, direct_box_new(d, c->name, r.pid, -1));
                else
                        r.error = "the runtime has left no process id";
                r.started = c->start;
        }
        direct_answer(d, c, &r);
}
