/* engine.h - what runs the containers of the services: containerd, or an OCI runtime called
 * directly.  A Unit does not know which.
 *
 * Every verb starts a call and returns its number, never 0; the answer comes later, never from
 * within the verb.  The strings given to a verb must live until the answer or engine_cancel(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The status of an end that nobody saw. */
#define ENGINE_STATUS_UNKNOWN 255

typedef struct EngineReply {
        const char *error; /* NULL: success */
        bool exists;       /* make: failed because something of that name is there already */
        bool started;      /* make: the container runs, it needs no start */
        pid_t pid;         /* make: the first process, which has its namespaces */
        uint32_t status;   /* wait: as a shell says it, 128 + N for signal N */
} EngineReply;

typedef void (*EngineFn)(void *data, const EngineReply *r);

typedef struct EngineMake {
        const char *ns, *name; /* ns: containerd namespace */
        const char *path;      /* the bundle, mounted and ready */
        const char *out, *err; /* existing files or FIFOs that the output is appended to */
        const char *spec;      /* config.json with an absolute root; not needed after the call */
        size_t spec_len;
        bool start; /* nothing is to be done between make and start: both at once, if it can */
} EngineMake;

/* How somebody else reaches a container: `PROGRAM --root ROOT exec NAME ...`. */
typedef struct EngineRuntime {
        const char *program; /* until the next start of the service at least */
        char root[256];
} EngineRuntime;

typedef struct EngineOps {
        uint64_t (*make)(void *self, const EngineMake *m, EngineFn fn, void *data);
        uint64_t (*start)(void *self, const char *ns, const char *name, EngineFn fn, void *data);
        uint64_t (*wait)(void *self, const char *ns, const char *name, EngineFn fn, void *data);
        uint64_t (*kill)(void *self, const char *ns, const char *name, int signo, EngineFn fn,
                         void *data);
        uint64_t (*wipe)(void *self, const char *ns, const char *name, bool kill, EngineFn fn,
                         void *data);
        void (*cancel)(void *self, uint64_t call);
        bool (*runtime)(void *self, const char *ns, const char *name, EngineRuntime *ret);
} EngineOps;

typedef struct Engine {
        const EngineOps *ops;
        void *self;
} Engine;

static inline uint64_t engine_make(const Engine *g, const EngineMake *m, EngineFn fn, void *data) {
        return g->ops->make(g->self, m, fn, data);
}

static inline uint64_t engine_start(const Engine *g, const char *ns, const char *name, EngineFn fn,
                                    void *data) {
        return g->ops->start(g->self, ns, name, fn, data);
}

/* Answered when the first process has ended; at once when it has already. */
static inline uint64_t engine_wait(const Engine *g, const char *ns, const char *name, EngineFn fn,
                                   void *data) {
        return g->ops->wait(g->self, ns, name, fn, data);
}

/* Sends a signal to the first process. */
static inline uint64_t engine_kill(const Engine *g, const char *ns, const char *name, int signo,
                                   EngineFn fn, void *data) {
        return g->ops->kill(g->self, ns, name, signo, fn, data);
}

/* Removes all that is kept of a container, whatever its state; kill: SIGKILL first. */
static inline uint64_t engine_wipe(const Engine *g, const char *ns, const char *name, bool kill,
                                   EngineFn fn, void *data) {
        return g->ops->wipe(g->self, ns, name, kill, fn, data);
}

/* The OCI runtime that runs, or would run, a service; false when there is none of that name. */
static inline bool engine_runtime(const Engine *g, const char *ns, const char *name,
                                  EngineRuntime *ret) {
        return g->ops->runtime(g->self, ns, name, ret);
}

/* The answer is not wanted any more; call 0 is none, and g may be NULL then. */
static inline void engine_cancel(const Engine *g, uint64_t call) {
        if (g && call)
                g->ops->cancel(g->self, call);
}
