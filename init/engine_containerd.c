/* engine_containerd.c - see engine_containerd.h.  Making a container takes two calls of containerd
 * and removing one takes up to four: a Work is what stands between such a row and its one answer.
 */
#include "init/engine_containerd.h"

#include <stdio.h>

#include "init/containerd.h"
#include "init/ociruntime.h"
#include "init/ocispec.h"
#include "init/wipe.h"
#include "lib/base/mem.h"

typedef struct Work {
        struct Work *next;
        ContainerdEngine *engine;
        uint64_t id, call; /* call: of the connection, 0 for none */
        Wipe *wipe;
        EngineMake make;
        EngineFn fn;
        void *data;
} Work;

struct ContainerdEngine {
        Engine engine;
        Grpc *grpc;
        const Units *units;
        Work *works;
        uint64_t last_id;
};

static Work *work_new(ContainerdEngine *c, EngineFn fn, void *data) {
        Work *w = xcalloc(1, sizeof *w);
        *w = (Work){ .next = c->works, .engine = c, .id = ++c->last_id, .fn = fn, .data = data };
        return c->works = w;
}

static void work_free(Work *w) {
        for (Work **p = &w->engine->works; *p; p = &(*p)->next) {
                if (*p == w) {
                        *p = w->next;
                        break;
                }
        }
        free(w);
}

static void work_stop(Work *w, bool connected) {
        Grpc *g = connected ? w->engine->grpc : NULL;
        if (g)
                grpc_cancel(g, w->call);
        wipe_cancel(w->wipe, g);
        work_free(w);
}

static void answer(Work *w, const EngineReply *r) {
        EngineFn fn = w->fn;
        void *data = w->data;
        work_free(w);
        fn(data, r);
}

static void answer_error(Work *w, const char *what, const GrpcReply *r) {
        _cleanup_free_ char *text =
                xasprintf("%s: %s", what, *r->text ? r->text : "no reason given");
        answer(w, &(EngineReply){ .error = text, .exists = r->status == GRPC_ALREADY_EXISTS });
}

static void on_task_created(void *data, const GrpcReply *r) {
        EngineReply reply = { 0 };
        if (r->status != GRPC_OK) {
                answer_error(data, "create the task", r);
                return;
        }
        if (containerd_read_created_task(r, &reply.pid) < 0)
                reply.error = "containerd answered without a process id";
        answer(data, &reply);
}

static void on_container_created(void *data, const GrpcReply *r) {
        Work *w = data;
        const EngineMake *m = &w->make;
        if (r->status != GRPC_OK)
                answer_error(w, "create the container", r);
        else
                w->call = containerd_create_task(w->engine->grpc, m->ns, m->name, m->out, m->err,
                                                 on_task_created, w);
}

/* The program that the shim is told to run, NULL for its own choice. */
static const char *program_of(const ContainerdEngine *c, const char *ns, const char *name) {
        const Unit *u = units_find_in(c->units, ns, name);
        return ociruntime_for_shim(u ? unit_runtime(u) : NULL);
}

static uint64_t do_make(void *self, const EngineMake *m, EngineFn fn, void *data) {
        Work *w = work_new(self, fn, data);
        const char *program = program_of(self, m->ns, m->name);
        const char *version = program ? ociruntime_spec_version(program) : NULL;
        _cleanup_buf_ Buf spec = { 0 };
        w->make = *m;
        if (!version || ocispec_set_version(m->spec, m->spec_len, version, &spec, NULL) < 0) {
                buf_clear(&spec);
                buf_add(&spec, m->spec, m->spec_len);
        }
        w->call = containerd_create_container(w->engine->grpc, m->ns, m->name, spec.data, spec.len,
                                              program, on_container_created, w);
        return w->id;
}

static void on_started(void *data, const GrpcReply *r) {
        if (r->status != GRPC_OK)
                answer_error(data, "start", r);
        else
                answer(data, &(EngineReply){ 0 });
}

static uint64_t do_start(void *self, const char *ns, const char *name, EngineFn fn, void *data) {
        Work *w = work_new(self, fn, data);
        w->call = containerd_start_task(w->engine->grpc, ns, name, on_started, w);
        return w->id;
}

static void on_ended(void *data, const GrpcReply *r) {
        EngineReply reply = { .status = ENGINE_STATUS_UNKNOWN };
        if (r->status == GRPC_OK)
                (void)containerd_read_waited_task(r, &reply.status);
        answer(data, &reply);
}

static uint64_t do_wait(void *self, const char *ns, const char *name, EngineFn fn, void *data) {
        Work *w = work_new(self, fn, data);
        w->call = containerd_wait_task(w->engine->grpc, ns, name, 0, on_ended, w);
        return w->id;
}

static void on_killed(void *data, const GrpcReply *r) {
        (void)r; /* a process that is gone already answers the wait */
        answer(data, &(EngineReply){ 0 });
}

static uint64_t do_kill(void *self, const char *ns, const char *name, int signo, EngineFn fn,
                        void *data) {
        Work *w = work_new(self, fn, data);
        w->call = containerd_kill_task(w->engine->grpc, ns, name, signo, on_killed, w);
        return w->id;
}

static void on_wiped(void *data, const char *error) {
        Work *w = data;
        w->wipe = NULL;
        answer(w, &(EngineReply){ .error = error });
}

static uint64_t do_wipe(void *self, const char *ns, const char *name, bool kill, EngineFn fn,
                        void *data) {
        Work *w = work_new(self, fn, data);
        w->wipe = wipe_start(w->engine->grpc, ns, name, kill, on_wiped, w);
        return w->id;
}

static void do_cancel(void *self, uint64_t call) {
        ContainerdEngine *c = self;
        for (Work *w = c->works; w; w = w->next) {
                if (w->id == call) {
                        work_stop(w, true);
                        return;
                }
        }
}

static bool do_runtime(void *self, const char *ns, const char *name, EngineRuntime *ret) {
        const ContainerdEngine *c = self;
        if (!units_find_in(c->units, ns, name))
                return false;
        const char *program = program_of(c, ns, name);
        ret->program = program ? program : "runc"; /* in PATH, as the shim finds it */
        snprintf(ret->root, sizeof ret->root, "/run/containerd/runc/%s", ns);
        return true;
}

static const EngineOps ops = {
        do_make, do_start, do_wait, do_kill, do_wipe, do_cancel, do_runtime
};

ContainerdEngine *engine_containerd_new(Grpc *g, const Units *units) {
        ContainerdEngine *c = xcalloc(1, sizeof *c);
        *c = (ContainerdEngine){ .engine = { .ops = &ops, .self = c }, .grpc = g, .units = units };
        return c;
}

void engine_containerd_free(ContainerdEngine *c, bool connected) {
        if (!c)
                return;
        while (c->works)
                work_stop(c->works, connected);
        free(c);
}

const Engine *engine_containerd(ContainerdEngine *c) {
        return &c->engine;
}
