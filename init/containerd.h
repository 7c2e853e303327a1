/* containerd.h - the calls of containerd's API that a supervisor of services needs, with types.
 *
 * Each containerd_NAME() starts a call on a connection and returns its id (see grpc_call); the
 * matching containerd_read_NAME() takes the reply apart.  The container must outlive its task: when
 * it is deleted first, the shim stays behind for ever (boot.md A.7). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "init/grpc.h"

/* A container or namespace name has at most 76 characters (boot.md A.1). */
#define CONTAINERD_ID_SIZE 77

typedef enum TaskStatus {
        TASK_UNKNOWN,
        TASK_CREATED,
        TASK_RUNNING,
        TASK_STOPPED,
        TASK_PAUSED,
        TASK_PAUSING,
} TaskStatus;

typedef struct Task {
        char id[CONTAINERD_ID_SIZE];
        pid_t pid;
        TaskStatus status;
        uint32_t exit_status;
} Task;

typedef enum EventKind { EVENT_OTHER, EVENT_EXIT, EVENT_OOM } EventKind;

typedef struct Event {
        EventKind kind;
        char ns[CONTAINERD_ID_SIZE];
        char container[CONTAINERD_ID_SIZE];
        bool is_init; /* EVENT_EXIT: the container's first process, not one that was added by exec
                       */
        pid_t pid;
        uint32_t exit_status;
} Event;

/* True for 1-76 characters, alphanumeric parts joined by single '.', '_' or '-'. */
bool containerd_id_is_valid(const char *id);

/* The readiness probe; needs no namespace. */
uint64_t containerd_version(Grpc *g, GrpcDoneFn done, void *data);

/* spec is the text of config.json; binary is the program that the shim runs, NULL for runc. */
uint64_t containerd_create_container(Grpc *g, const char *ns, const char *id, const char *spec,
                                     size_t spec_len, const char *binary, GrpcDoneFn done,
                                     void *data);
/* Appends the request of it. */
void containerd_put_container(Buf *b, const char *id, const char *spec, size_t spec_len,
                              const char *binary);
uint64_t containerd_delete_container(Grpc *g, const char *ns, const char *id, GrpcDoneFn done,
                                     void *data);
uint64_t containerd_list_containers(Grpc *g, const char *ns, GrpcDoneFn done, void *data);

/* out and err name existing files that the shim appends to; "" is /dev/null. */
uint64_t containerd_create_task(Grpc *g, const char *ns, const char *id, const char *out,
                                const char *err, GrpcDoneFn done, void *data);
uint64_t containerd_start_task(Grpc *g, const char *ns, const char *id, GrpcDoneFn done,
                               void *data);
/* Answered when the task has ended; timeout_ms 0 waits for ever. */
uint64_t containerd_wait_task(Grpc *g, const char *ns, const char *id, uint64_t timeout_ms,
                              GrpcDoneFn done, void *data);
uint64_t containerd_kill_task(Grpc *g, const char *ns, const char *id, int signo, GrpcDoneFn done,
                              void *data);
uint64_t containerd_delete_task(Grpc *g, const char *ns, const char *id, GrpcDoneFn done,
                                void *data);
uint64_t containerd_list_tasks(Grpc *g, const char *ns, GrpcDoneFn done, void *data);

/* Exit and out-of-memory events of every namespace, until the connection ends. */
uint64_t containerd_subscribe(Grpc *g, GrpcMessageFn message, GrpcDoneFn done, void *data);

/* Readers: -1 when the message is malformed. */
int containerd_read_version(const GrpcReply *r, char *ret, size_t size);
int containerd_read_created_task(const GrpcReply *r, pid_t *ret);
int containerd_read_waited_task(const GrpcReply *r, uint32_t *ret_status);
/* Calls fn for every element; those whose id is no valid one are skipped. */
int containerd_read_containers(const GrpcReply *r, void (*fn)(void *data, const char *id),
                               void *data);
int containerd_read_tasks(const GrpcReply *r, void (*fn)(void *data, const Task *t), void *data);
int containerd_read_event(const uint8_t *msg, size_t n, Event *ret);
