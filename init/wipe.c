/* wipe.c - see wipe.h.  The order is not negotiable: a container deleted before its task leaves a
 * shim process that only a kill by pid removes (boot.md A.7). */
#include "init/wipe.h"

#include <signal.h>

#include "init/containerd.h"
#include "lib/base/mem.h"

/* Deleting races with the last moments of a process: "cannot delete a running process". */
#define TRIES           3
#define KILL_TIMEOUT_MS 15000

struct Wipe {
        Grpc *g;
        char *ns, *id;
        unsigned tries;
        uint64_t call;
        WipeDoneFn done;
        void *data;
};

static void wipe_free(Wipe *w) {
        free(w->ns);
        free(w->id);
        free(w);
}

static void finish(Wipe *w, const char *error) {
        w->done(w->data, error);
        wipe_free(w);
}

static void step_kill(Wipe *w);

static void on_container_deleted(void *data, const GrpcReply *r) {
        bool good = r->status == GRPC_OK || r->status == GRPC_NOT_FOUND;
        finish(data, good ? NULL : r->text);
}

static void on_task_deleted(void *data, const GrpcReply *r) {
        Wipe *w = data;
        if (r->status == GRPC_OK || r->status == GRPC_NOT_FOUND)
                w->call = containerd_delete_container(w->g, w->ns, w->id, on_container_deleted, w);
        else if (++w->tries < TRIES)
                step_kill(w);
        else
                finish(w, r->text);
}

static void on_waited(void *data, const GrpcReply *r) {
        (void)r; /* whether it ended or not, the answer to the deletion tells more */
        Wipe *w = data;
        w->call = containerd_delete_task(w->g, w->ns, w->id, on_task_deleted, w);
}

static void on_killed(void *data, const GrpcReply *r) {
        Wipe *w = data;
        if (r->status == GRPC_OK)
                w->call = containerd_wait_task(w->g, w->ns, w->id, KILL_TIMEOUT_MS, on_waited, w);
        else
                on_waited(w, r);
}

static void step_kill(Wipe *w) {
        w->call = containerd_kill_task(w->g, w->ns, w->id, SIGKILL, on_killed, w);
}

Wipe *wipe_start(Grpc *g, const char *ns, const char *id, bool kill, WipeDoneFn done, void *data) {
        Wipe *w = xcalloc(1, sizeof *w);
        *w = (Wipe){ .g = g, .ns = xstrdup(ns), .id = xstrdup(id), .done = done, .data = data };
        if (kill)
                step_kill(w);
        else
                w->call = containerd_delete_task(g, ns, id, on_task_deleted, w);
        return w;
}

void wipe_cancel(Wipe *w, Grpc *g) {
        if (!w)
                return;
        if (g)
                grpc_cancel(g, w->call);
        wipe_free(w);
}
