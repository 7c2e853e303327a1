/* engine_direct.c - see engine_direct.h: the verbs, and who has to be woken when.  Answers are only
 * given from handle(), reap() and tick(), so a unit never hears from within its own call. */
#include "init/engine_direct.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "init/engine_direct_inside.h"
#include "init/ociruntime.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

/* --- verbs ---------------------------------------------------------------------------------- */

/* The call is answered with the next tick. */
static uint64_t refuse(DirectCall *c, const char *error, bool exists) {
        c->reply = (EngineReply){ .error = error, .exists = exists };
        c->due = true;
        return c->id;
}

static uint64_t do_make(void *self, const EngineMake *m, EngineFn fn, void *data) {
        DirectEngine *d = self;
        _cleanup_err_ Err e = ERR_INIT;
        bool adapted;
        DirectCall *c = direct_call_new(d, VERB_MAKE, m->name, fn, data);
        if (direct_has_state(d, m->name))
                return refuse(c, "it exists already", true);
        char create[] = "create", run[] = "run", detach[] = "--detach", bundle[] = "--bundle",
             pid_option[] = "--pid-file", config[] = "--config";
        _cleanup_free_ char *pid_file = direct_file(d, m->name, "pid");
        _cleanup_free_ char *config_file = direct_file(d, m->name, "json");
        if (ociruntime_write_spec(c->program, m->path, m->spec, m->spec_len, config_file, &adapted,
                                  &e) < 0) {
                c->text = xstrdup(e.text);
                return refuse(c, c->text, false);
        }
        char *args[10] = { m->start ? run : create, bundle, (char *)m->path, pid_option, pid_file };
        size_t n = 5;
        if (adapted) {
                args[n++] = config;
                args[n++] = config_file;
        }
        if (m->start)
                args[n++] = detach;
        args[n] = c->name;
        c->start = m->start;
        unlink(pid_file);
        c->out = m->out;
        c->err = m->err;
        direct_run(d, c, args);
        return c->id;
}

static uint64_t do_start(void *self, const char *ns, const char *name, EngineFn fn, void *data) {
        (void)ns;
        char verb[] = "start";
        DirectCall *c = direct_call_new(self, VERB_START, name, fn, data);
        direct_run(self, c, (char *[]){ verb, c->name, NULL });
        return c->id;
}

static uint64_t do_wait(void *self, const char *ns, const char *name, EngineFn fn, void *data) {
        (void)ns;
        const DirectBox *b = direct_box_find(self, name);
        DirectCall *c = direct_call_new(self, VERB_WAIT, name, fn, data);
        c->due = !b || b->ended;
        c->reply.status = b && b->ended ? b->status : ENGINE_STATUS_UNKNOWN;
        return c->id;
}

static uint64_t do_kill(void *self, const char *ns, const char *name, int signo, EngineFn fn,
                        void *data) {
        (void)ns;
        direct_box_signal(direct_box_find(self, name), signo);
        DirectCall *c = direct_call_new(self, VERB_KILL, name, fn, data);
        c->due = true;
        return c->id;
}

static uint64_t do_wipe(void *self, const char *ns, const char *name, bool kill, EngineFn fn,
                        void *data) {
        (void)ns;
        DirectEngine *d = self;
        if (kill)
                direct_box_signal(direct_box_find(d, name), SIGKILL);
        DirectCall *c = direct_call_new(d, VERB_WIPE, name, fn, data);
        if (direct_has_state(d, name)) {
                char delete[] = "delete", force[] = "--force";
                direct_run(d, c, (char *[]){ delete, force, c->name, NULL });
        } else {
                direct_box_free(d, direct_box_find(d, name));
                direct_remove_files(d, name);
                c->due = true;
        }
        return c->id;
}

static void do_cancel(void *self, uint64_t call) {
        DirectEngine *d = self;
        for (DirectCall *c = d->calls; c; c = c->next) {
                if (c->id != call)
                        continue;
                if (c->pid > 0)
                        c->fn = NULL;
                else
                        direct_call_free(d, c);
                return;
        }
}

static bool do_runtime(void *self, const char *ns, const char *name, EngineRuntime *ret) {
        const DirectEngine *d = self;
        (void)ns;
        if (!units_find(d->units, name))
                return false;
        ret->program = direct_program(d, name);
        return snprintf(ret->root, sizeof ret->root, "%s", d->state_dir) < (int)sizeof ret->root;
}

static const EngineOps ops = {
        do_make, do_start, do_wait, do_kill, do_wipe, do_cancel, do_runtime
};

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
                direct_call_free(d, d->calls);
        while (d->boxes)
                direct_box_free(d, d->boxes);
        close(d->epoll);
        free(d->dir);
        free(d->state_dir);
        free(d->mark);
        free(d);
}

const Engine *engine_direct(DirectEngine *d) {
        return &d->engine;
}

static void resync(DirectEngine *d) {
        units_adopt(d->units);
        for (size_t i = 0; i < d->units->n; i++) {
                Unit *u = d->units->v[i];
                const DirectBox *b = direct_box_adopt(d, unit_name(u));
                const Task task = { .pid = b ? b->pid : 0, .status = TASK_RUNNING };
                unit_resync(u, direct_has_state(d, unit_name(u)), b ? &task : NULL);
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
                direct_box_ended(d, ev.data.ptr, ENGINE_STATUS_UNKNOWN);
}

static uint32_t shell_status(int status) {
        return WIFSIGNALED(status) ? 128 + (uint32_t)WTERMSIG(status)
                                   : (uint32_t)WEXITSTATUS(status);
}

static bool child_ended(DirectEngine *d, pid_t pid, int status) {
        for (DirectCall *c = d->calls; c; c = c->next) {
                if (c->pid == pid) {
                        direct_run_ended(d, c, status);
                        direct_launch(d);
                        return true;
                }
        }
        for (DirectBox *b = d->boxes; b; b = b->next) {
                if (b->pid == pid && !b->ended) {
                        direct_box_ended(d, b, shell_status(status));
                        return true;
                }
        }
        return false;
}

/* One runtime or first process that has ended; false when there is none. */
static bool reap_known(DirectEngine *d) {
        int status;
        for (const DirectCall *c = d->calls; c; c = c->next)
                if (c->pid > 0 && waitpid(c->pid, &status, WNOHANG) == c->pid)
                        return child_ended(d, c->pid, status);
        for (DirectBox *b = d->boxes; b; b = b->next) {
                if (b->ended || b->pidfd >= 0)
                        continue;
                pid_t pid = waitpid(b->pid, &status, WNOHANG);
                if (pid == b->pid)
                        return child_ended(d, pid, status);
                /* The runtime itself has seen its end. */
                if (pid < 0 && errno == ECHILD && kill(b->pid, 0) < 0 && errno == ESRCH)
                        direct_box_ended(d, b, ENGINE_STATUS_UNKNOWN);
        }
        return false;
}

void engine_direct_reap(DirectEngine *d) {
        int status;
        while (reap_known(d))
                continue;
        /* Orphans of the containers.  While a container is being made, one of them may be its first
         * process, whose number is not known yet. */
        for (const DirectCall *c = d->calls; c; c = c->next)
                if (c->verb == VERB_MAKE && c->pid > 0 && !c->hung)
                        return;
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
                if (!child_ended(d, pid, status))
                        units_on_child(d->units, pid, status); /* a probe, or a stranger */
}

uint64_t engine_direct_deadline(const DirectEngine *d) {
        uint64_t t = UINT64_MAX;
        for (const DirectCall *c = d->calls; c; c = c->next)
                t = MIN(t, c->due ? 0 : c->hung ? UINT64_MAX : c->deadline);
        return t;
}

static DirectCall *first_due(const DirectEngine *d) {
        for (DirectCall *c = d->calls; c; c = c->next)
                if (c->due)
                        return c;
        return NULL;
}

void engine_direct_tick(DirectEngine *d, uint64_t now_ms) {
        bool freed = false;
        for (DirectCall *c = d->calls; c; c = c->next) {
                if (c->pid > 0 && !c->hung && now_ms >= c->deadline) {
                        c->hung = freed = true;
                        kill(c->pid, SIGKILL);
                }
        }
        if (freed) /* one that even this does not end holds up its own service only */
                direct_launch(d);
        for (DirectCall *c; (c = first_due(d));) {
                EngineReply r = c->reply;
                direct_answer(d, c, &r);
        }
}
