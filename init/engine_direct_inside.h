/* engine_direct_inside.h - what the three sources of the direct engine share; nobody else looks
 * into one.  A DirectCall is one verb on its way; it may have a runtime program at work.  A
 * DirectBox is a container with a first process. */
#pragma once

#include "init/engine_direct.h"

typedef enum DirectVerb { VERB_MAKE, VERB_START, VERB_WAIT, VERB_KILL, VERB_WIPE } DirectVerb;

typedef struct DirectCall {
        struct DirectCall *next;
        uint64_t id;
        DirectVerb verb;
        char *name;
        bool start;            /* VERB_MAKE: `run` instead of `create` */
        char *program;         /* the runtime */
        char **argv;           /* of the runtime; NULL: none is needed */
        const char *out, *err; /* of the runtime and its container, NULL: nothing is kept */
        pid_t pid;             /* of the runtime at work, 0: none */
        uint64_t deadline;     /* of the runtime */
        bool hung;
        bool due; /* to be answered with the next tick, as `reply` says */
        EngineReply reply;
        char *text;  /* of reply.error, NULL when that is a constant */
        EngineFn fn; /* NULL: nobody waits any more */
        void *data;
} DirectCall;

typedef struct DirectBox {
        struct DirectBox *next;
        char *name, *cgroup;
        pid_t pid;
        int pidfd; /* of one that was taken over and is no child of ours, else -1 */
        bool ended;
        uint32_t status;
} DirectBox;

struct DirectEngine {
        Engine engine;
        const char *runtime;
        char *dir, *state_dir, *mark; /* state_dir: the runtime's own */
        int epoll;
        Units *units;
        uint64_t last_id;
        DirectCall *calls;
        DirectBox *boxes;
};

/* --- engine_direct_box.c -------------------------------------------------------------------- */

/* A file of the container: dir/NAME.SUFFIX; the caller frees it. */
char *direct_file(const DirectEngine *d, const char *name, const char *suffix);
void direct_remove_files(const DirectEngine *d, const char *name);
/* The runtime knows a container of that name. */
bool direct_has_state(const DirectEngine *d, const char *name);
/* The process id that the runtime has left. */
bool direct_read_pid(const DirectEngine *d, const char *name, pid_t *ret);

DirectBox *direct_box_find(const DirectEngine *d, const char *name);
/* Takes the place of one of the same name.  pidfd as in the struct. */
DirectBox *direct_box_new(DirectEngine *d, const char *name, pid_t pid, int pidfd);
void direct_box_free(DirectEngine *d, DirectBox *b); /* b may be NULL */
/* What the next supervisor needs to know the process again; without it, it starts the service
 * anew. */
void direct_write_life(const DirectEngine *d, const DirectBox *b);
/* The container that a former supervisor started, when its process is still the same one. */
DirectBox *direct_box_adopt(DirectEngine *d, const char *name);
/* Those who wait hear of it with the next tick. */
void direct_box_ended(DirectEngine *d, DirectBox *b, uint32_t status);
void direct_box_signal(const DirectBox *b, int signo); /* b may be NULL */

/* --- engine_direct_call.c ------------------------------------------------------------------- */

DirectCall *direct_call_new(DirectEngine *d, DirectVerb verb, const char *name, EngineFn fn,
                            void *data);
void direct_call_free(DirectEngine *d, DirectCall *c);
/* Frees the call, then tells whoever waits for it. */
void direct_answer(DirectEngine *d, DirectCall *c, const EngineReply *r);

/* The runtime of a container. */
const char *direct_program(const DirectEngine *d, const char *name);
/* Starts the runtime, as soon as it may, with the common options before args, which end with NULL.
 */
void direct_run(DirectEngine *d, DirectCall *c, char *const *args);
/* Starts as many of the runtimes that wait as may work at a time. */
void direct_launch(DirectEngine *d);
/* The runtime of a call has ended. */
void direct_run_ended(DirectEngine *d, DirectCall *c, int status);
