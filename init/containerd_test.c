/* containerd_test.c - names, the one request that varies, and replies taken apart: real shapes, cut
 * ones, wrong types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "init/containerd.h"
#include "init/pb.h"
#include "lib/base/mem.h"

static void test_names(void **state) {
        (void)state;
        static const struct {
                const char *id;
                bool want;
        } t[] = { { "a", true },    { "node_exporter-1.2", true },
                  { "", false },    { ".a", false },
                  { "a-", false },  { "a..b", false },
                  { "a/b", false }, { "..", false },
                  { "a b", false }, { "\xc3\xa4", false } };
        for (size_t i = 0; i < ARRAY_LEN(t); i++)
                assert_int_equal(containerd_id_is_valid(t[i].id), t[i].want);
        char longest[78] = { 0 };
        memset(longest, 'x', 76);
        assert_true(containerd_id_is_valid(longest));
        longest[76] = 'x';
        assert_false(containerd_id_is_valid(longest));
}

static void add_process(Buf *b, const char *id, uint64_t pid, uint64_t status, uint64_t exit) {
        _cleanup_buf_ Buf p = { 0 };
        pb_put_str(&p, 2, id);
        pb_put_uint(&p, 3, pid);
        pb_put_uint(&p, 4, status);
        pb_put_str(&p, 6, "/var/log/a.out.log");
        pb_put_uint(&p, 9, exit);
        pb_put_bytes(b, 1, p.data, p.len);
}

typedef struct Seen {
        unsigned n;
        Task last;
} Seen;

static void see_task(void *data, const Task *t) {
        Seen *s = data;
        s->n++;
        s->last = *t;
}

static GrpcReply reply_of(const void *p, size_t n) {
        return (GrpcReply){ .text = "", .msg = p, .len = n };
}

static void test_reads_tasks(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        Seen seen = { 0 };
        add_process(&b, "one", 100, 2, 0);
        add_process(&b, "../evil", 1, 2, 0);
        add_process(&b, "two", UINT64_MAX, 99, 137);
        const GrpcReply r = reply_of(b.data, b.len);
        assert_int_equal(containerd_read_tasks(&r, see_task, &seen), 0);
        assert_int_equal(seen.n, 2);
        assert_string_equal(seen.last.id, "two");
        assert_int_equal(seen.last.pid, 0);
        assert_int_equal(seen.last.status, TASK_UNKNOWN);
        assert_int_equal(seen.last.exit_status, 137);
}

static void make_exit_event(Buf *b, const char *exec_id) {
        _cleanup_buf_ Buf body = { 0 };
        pb_put_str(&body, 1, "web");
        pb_put_str(&body, 2, exec_id);
        pb_put_uint(&body, 3, 4711);
        pb_put_uint(&body, 4, 137);
        pb_put_str(b, 2, "services.linuxkit");
        pb_put_str(b, 3, "/tasks/exit");
        pb_put_any(b, 4, "containerd.events.TaskExit", body.data, body.len);
}

static void test_reads_exit_events(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 }, exec = { 0 };
        Event ev;
        make_exit_event(&b, "web");
        assert_int_equal(containerd_read_event((uint8_t *)b.data, b.len, &ev), 0);
        assert_int_equal(ev.kind, EVENT_EXIT);
        assert_string_equal(ev.ns, "services.linuxkit");
        assert_string_equal(ev.container, "web");
        assert_true(ev.is_init);
        assert_int_equal(ev.pid, 4711);
        assert_int_equal(ev.exit_status, 137);

        make_exit_event(&exec, "shell");
        assert_int_equal(containerd_read_event((uint8_t *)exec.data, exec.len, &ev), 0);
        assert_false(ev.is_init);
}

static void test_other_events_are_other(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        Event ev;
        pb_put_str(&b, 3, "/tasks/start");
        assert_int_equal(containerd_read_event((uint8_t *)b.data, b.len, &ev), 0);
        assert_int_equal(ev.kind, EVENT_OTHER);
        assert_int_equal(containerd_read_event(NULL, 0, &ev), 0);
        assert_int_equal(ev.kind, EVENT_OTHER);
}

/* Whatever arrives, a reader either succeeds or says that it is malformed. */
static void test_cut_and_flipped_bytes(void **state) {
        (void)state;
        _cleanup_buf_ Buf event = { 0 }, tasks = { 0 };
        make_exit_event(&event, "web");
        add_process(&tasks, "one", 100, 2, 0);
        for (size_t n = 0; n < event.len; n++) {
                _cleanup_free_ uint8_t *copy = xmalloc(event.len);
                memcpy(copy, event.data, event.len);
                Event ev;
                (void)containerd_read_event(copy, n, &ev);
                copy[n] ^= 0xff;
                (void)containerd_read_event(copy, event.len, &ev);
        }
        for (size_t n = 1; n < tasks.len; n++) {
                _cleanup_free_ uint8_t *copy = xmalloc(n);
                memcpy(copy, tasks.data, n);
                Seen seen = { 0 };
                const GrpcReply r = reply_of(copy, n);
                assert_int_equal(containerd_read_tasks(&r, see_task, &seen), -1);
                assert_int_equal(seen.n, 0);
        }
}

static void test_pid_and_status(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        pid_t pid = 7;
        uint32_t status = 7;
        GrpcReply r = reply_of(NULL, 0);
        assert_int_equal(containerd_read_created_task(&r, &pid), -1); /* a task without a process */
        assert_int_equal(pid, 7);
        assert_int_equal(containerd_read_waited_task(&r, &status), 0); /* the default: success */
        assert_int_equal(status, 0);
        pb_put_uint(&b, 1, 139);
        pb_put_uint(&b, 2, 4711);
        r = reply_of(b.data, b.len);
        assert_int_equal(containerd_read_created_task(&r, &pid), 0);
        assert_int_equal(pid, 4711);
        assert_int_equal(containerd_read_waited_task(&r, &status), 0);
        assert_int_equal(status, 139);
}

static PbField field_of(const void *p, size_t n, uint32_t number) {
        PbReader r = pb_reader(p, n);
        PbField f;
        while (pb_next(&r, &f))
                if (f.number == number)
                        return f;
        return (PbField){ 0 };
}

/* Without a program the runtime has a name and no options (boot.md A.3). */
static void test_container_with_a_runtime(void **state) {
        (void)state;
        for (int given = 0; given < 2; given++) {
                _cleanup_buf_ Buf b = { 0 };
                char text[64];
                containerd_put_container(&b, "web", "{}", 2, given ? "/usr/bin/crun" : NULL);
                PbField container = field_of(b.data, b.len, 1);
                PbField runtime = field_of(container.data, container.len, 4);
                PbField name = field_of(runtime.data, runtime.len, 1);
                assert_true(pb_copy_str(&name, text, sizeof text));
                assert_string_equal(text, "io.containerd.runc.v2");
                PbField any = field_of(runtime.data, runtime.len, 2);
                assert_int_equal(any.number, given ? 2 : 0);
                if (!given)
                        continue;
                PbField type = field_of(any.data, any.len, 1),
                        value = field_of(any.data, any.len, 2);
                assert_true(pb_copy_str(&type, text, sizeof text));
                assert_string_equal(text, "containerd.runc.v1.Options");
                PbField binary = field_of(value.data, value.len, 6);
                assert_true(pb_copy_str(&binary, text, sizeof text));
                assert_string_equal(text, "/usr/bin/crun");
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_reads_tasks),
                cmocka_unit_test(test_reads_exit_events),
                cmocka_unit_test(test_other_events_are_other),
                cmocka_unit_test(test_cut_and_flipped_bytes),
                cmocka_unit_test(test_pid_and_status),
                cmocka_unit_test(test_container_with_a_runtime),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
