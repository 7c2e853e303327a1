/* containerd.c - see containerd.h.  Field numbers are those of boot.md A.2 to A.6; they are the
 * same in containerd 1.6, 1.7 and 2.x. */
#include "init/containerd.h"

#include <limits.h>
#include <string.h>

#include "init/pb.h"
#include "lib/base/mem.h"

#define CONTAINERS "/containerd.services.containers.v1.Containers/"
#define TASKS      "/containerd.services.tasks.v1.Tasks/"

#define SPEC_TYPE "types.containerd.io/opencontainers/runtime-spec/1/Spec"
#define RUNTIME   "io.containerd.runc.v2"
#define OPTIONS   "containerd.runc.v1.Options"

/* Generous: under full emulation and with every service starting at once a Tasks.Create that takes
 * 0.3 s elsewhere has been seen to need many times that. */
#define TIMEOUT_MS        60000
#define CREATE_TIMEOUT_MS 180000

bool containerd_id_is_valid(const char *id) {
        size_t n = strlen(id);
        if (n == 0 || n >= CONTAINERD_ID_SIZE)
                return false;
        bool separator = true;
        for (size_t i = 0; i < n; i++) {
                char c = id[i];
                bool alnum =
                        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
                if (!alnum && (separator || !strchr("._-", c)))
                        return false;
                separator = !alnum;
        }
        return !separator;
}

static uint64_t call(Grpc *g, const char *path, const char *ns, const Buf *msg, uint64_t timeout_ms,
                     GrpcDoneFn done, void *data) {
        const GrpcRequest req = { .path = path,
                                  .ns = ns,
                                  .msg = msg ? msg->data : NULL,
                                  .len = msg ? msg->len : 0,
                                  .timeout_ms = timeout_ms,
                                  .done = done,
                                  .data = data };
        return grpc_call(g, &req);
}

/* Most requests hold nothing but the container's id in field 1. */
static uint64_t call_id(Grpc *g, const char *path, const char *ns, const char *id,
                        uint64_t timeout_ms, GrpcDoneFn done, void *data) {
        _cleanup_buf_ Buf b = { 0 };
        pb_put_str(&b, 1, id);
        return call(g, path, ns, &b, timeout_ms, done, data);
}

uint64_t containerd_version(Grpc *g, GrpcDoneFn done, void *data) {
        return call(g, "/containerd.services.version.v1.Version/Version", NULL, NULL, 10000, done,
                    data);
}

void containerd_put_container(Buf *b, const char *id, const char *spec, size_t spec_len,
                              const char *binary) {
        _cleanup_buf_ Buf options = { 0 }, runtime = { 0 }, container = { 0 };
        pb_put_str(&runtime, 1, RUNTIME);
        if (binary) {
                pb_put_str(&options, 6, binary);
                pb_put_any(&runtime, 2, OPTIONS, options.data, options.len);
        }
        pb_put_str(&container, 1, id);
        pb_put_bytes(&container, 4, runtime.data, runtime.len);
        pb_put_any(&container, 5, SPEC_TYPE, spec, spec_len);
        pb_put_bytes(b, 1, container.data, container.len);
}

uint64_t containerd_create_container(Grpc *g, const char *ns, const char *id, const char *spec,
                                     size_t spec_len, const char *binary, GrpcDoneFn done,
                                     void *data) {
        _cleanup_buf_ Buf b = { 0 };
        containerd_put_container(&b, id, spec, spec_len, binary);
        return call(g, CONTAINERS "Create", ns, &b, TIMEOUT_MS, done, data);
}

uint64_t containerd_delete_container(Grpc *g, const char *ns, const char *id, GrpcDoneFn done,
                                     void *data) {
        return call_id(g, CONTAINERS "Delete", ns, id, TIMEOUT_MS, done, data);
}

uint64_t containerd_list_containers(Grpc *g, const char *ns, GrpcDoneFn done, void *data) {
        return call(g, CONTAINERS "List", ns, NULL, TIMEOUT_MS, done, data);
}

uint64_t containerd_create_task(Grpc *g, const char *ns, const char *id, const char *out,
                                const char *err, GrpcDoneFn done, void *data) {
        _cleanup_buf_ Buf b = { 0 };
        pb_put_str(&b, 1, id);
        pb_put_str(&b, 5, out);
        pb_put_str(&b, 6, err);
        return call(g, TASKS "Create", ns, &b, CREATE_TIMEOUT_MS, done, data);
}

uint64_t containerd_start_task(Grpc *g, const char *ns, const char *id, GrpcDoneFn done,
                               void *data) {
        return call_id(g, TASKS "Start", ns, id, CREATE_TIMEOUT_MS, done, data);
}

uint64_t containerd_wait_task(Grpc *g, const char *ns, const char *id, uint64_t timeout_ms,
                              GrpcDoneFn done, void *data) {
        return call_id(g, TASKS "Wait", ns, id, timeout_ms, done, data);
}

uint64_t containerd_kill_task(Grpc *g, const char *ns, const char *id, int signo, GrpcDoneFn done,
                              void *data) {
        _cleanup_buf_ Buf b = { 0 };
        pb_put_str(&b, 1, id);
        pb_put_uint(&b, 3, (uint64_t)signo);
        return call(g, TASKS "Kill", ns, &b, TIMEOUT_MS, done, data);
}

uint64_t containerd_delete_task(Grpc *g, const char *ns, const char *id, GrpcDoneFn done,
                                void *data) {
        return call_id(g, TASKS "Delete", ns, id, TIMEOUT_MS, done, data);
}

uint64_t containerd_list_tasks(Grpc *g, const char *ns, GrpcDoneFn done, void *data) {
        return call(g, TASKS "List", ns, NULL, TIMEOUT_MS, done, data);
}

uint64_t containerd_subscribe(Grpc *g, GrpcMessageFn message, GrpcDoneFn done, void *data) {
        _cleanup_buf_ Buf b = { 0 };
        pb_put_str(&b, 1, "topic==\"/tasks/exit\"");
        pb_put_str(&b, 1, "topic==\"/tasks/oom\"");
        const GrpcRequest req = { .path = "/containerd.services.events.v1.Events/Subscribe",
                                  .msg = b.data,
                                  .len = b.len,
                                  .message = message,
                                  .done = done,
                                  .data = data };
        return grpc_call(g, &req);
}

/* Reads the fields of one message into a table of destinations; what has another wire type than its
 * row says is skipped, as an unknown field is. */
typedef struct Want {
        uint32_t number;
        char *str; /* PB_BYTES into str[size], or */
        size_t size;
        uint64_t *num; /* PB_VARINT */
} Want;

static int read_fields(const uint8_t *p, size_t n, const Want *want, size_t wants) {
        PbReader r = pb_reader(p, n);
        PbField f;
        while (pb_next(&r, &f)) {
                for (size_t i = 0; i < wants; i++) {
                        if (want[i].number != f.number)
                                continue;
                        if (want[i].str)
                                pb_copy_str(&f, want[i].str, want[i].size);
                        else if (f.wire == PB_VARINT)
                                *want[i].num = f.num;
                }
        }
        return r.bad ? -1 : 0;
}

static pid_t to_pid(uint64_t v) {
        return v <= INT_MAX ? (pid_t)v : 0;
}

static uint32_t to_status(uint64_t v) {
        return v <= UINT32_MAX ? (uint32_t)v : 255;
}

int containerd_read_version(const GrpcReply *r, char *ret, size_t size) {
        ret[0] = '\0';
        const Want want[] = { { .number = 1, .str = ret, .size = size } };
        return read_fields(r->msg, r->len, want, ARRAY_LEN(want));
}

int containerd_read_created_task(const GrpcReply *r, pid_t *ret) {
        uint64_t pid = 0;
        const Want want[] = { { .number = 2, .num = &pid } };
        if (read_fields(r->msg, r->len, want, ARRAY_LEN(want)) < 0 || to_pid(pid) == 0)
                return -1;
        *ret = to_pid(pid);
        return 0;
}

int containerd_read_waited_task(const GrpcReply *r, uint32_t *ret_status) {
        uint64_t status = 0;
        const Want want[] = { { .number = 1, .num = &status } };
        if (read_fields(r->msg, r->len, want, ARRAY_LEN(want)) < 0)
                return -1;
        *ret_status = to_status(status);
        return 0;
}

int containerd_read_containers(const GrpcReply *r, void (*fn)(void *data, const char *id),
                               void *data) {
        PbReader reader = pb_reader(r->msg, r->len);
        PbField f;
        while (pb_next(&reader, &f)) {
                char id[CONTAINERD_ID_SIZE] = "";
                const Want want[] = { { .number = 1, .str = id, .size = sizeof id } };
                if (f.number != 1 || f.wire != PB_BYTES)
                        continue;
                if (read_fields(f.data, f.len, want, ARRAY_LEN(want)) < 0)
                        return -1;
                if (containerd_id_is_valid(id))
                        fn(data, id);
        }
        return reader.bad ? -1 : 0;
}

static int read_task(const PbField *f, Task *ret) {
        char container[CONTAINERD_ID_SIZE] = "", id[CONTAINERD_ID_SIZE] = "";
        uint64_t pid = 0, status = 0, exit_status = 0;
        const Want want[] = {
                { .number = 1, .str = container, .size = sizeof container },
                { .number = 2, .str = id, .size = sizeof id },
                { .number = 3, .num = &pid },
                { .number = 4, .num = &status },
                { .number = 9, .num = &exit_status },
        };
        if (read_fields(f->data, f->len, want, ARRAY_LEN(want)) < 0)
                return -1;
        *ret = (Task){ .pid = to_pid(pid),
                       .status = status <= TASK_PAUSING ? (TaskStatus)status : TASK_UNKNOWN,
                       .exit_status = to_status(exit_status) };
        /* The daemon fills field 2 and leaves 1 empty (boot.md A.4). */
        strcpy(ret->id, id[0] ? id : container);
        return 0;
}

int containerd_read_tasks(const GrpcReply *r, void (*fn)(void *data, const Task *t), void *data) {
        PbReader reader = pb_reader(r->msg, r->len);
        PbField f;
        while (pb_next(&reader, &f)) {
                Task t;
                if (f.number != 1 || f.wire != PB_BYTES)
                        continue;
                if (read_task(&f, &t) < 0)
                        return -1;
                if (containerd_id_is_valid(t.id))
                        fn(data, &t);
        }
        return reader.bad ? -1 : 0;
}

static int read_event_body(const PbField *any, Event *ret) {
        char id[CONTAINERD_ID_SIZE] = "";
        uint64_t pid = 0, status = 0;
        const Want want[] = {
                { .number = 1, .str = ret->container, .size = sizeof ret->container },
                { .number = 2, .str = id, .size = sizeof id },
                { .number = 3, .num = &pid },
                { .number = 4, .num = &status },
        };
        PbReader r = pb_reader(any->data, any->len);
        PbField f;
        while (pb_next(&r, &f))
                if (f.number == 2 && f.wire == PB_BYTES &&
                    read_fields(f.data, f.len, want, ARRAY_LEN(want)) < 0)
                        return -1;
        ret->is_init = str_eq(id, ret->container);
        ret->pid = to_pid(pid);
        ret->exit_status = to_status(status);
        return r.bad ? -1 : 0;
}

int containerd_read_event(const uint8_t *msg, size_t n, Event *ret) {
        Event ev = { 0 };
        char topic[64] = "";
        const Want want[] = { { .number = 2, .str = ev.ns, .size = sizeof ev.ns },
                              { .number = 3, .str = topic, .size = sizeof topic } };
        if (read_fields(msg, n, want, ARRAY_LEN(want)) < 0)
                return -1;
        if (str_eq(topic, "/tasks/exit"))
                ev.kind = EVENT_EXIT;
        else if (str_eq(topic, "/tasks/oom"))
                ev.kind = EVENT_OOM;

        PbReader r = pb_reader(msg, n);
        PbField f;
        while (ev.kind != EVENT_OTHER && pb_next(&r, &f))
                if (f.number == 4 && f.wire == PB_BYTES && read_event_body(&f, &ev) < 0)
                        return -1;
        *ret = ev;
        return 0;
}
