/* unitworld.h - for tests of units: an engine, probes and a clock that are played, and a folder of
 * bundles.
 *
 * Nothing here waits: time stands still until advance() moves it from deadline to deadline.  The
 * functions of log.h, bootlog.h and probe.h and clock_gettime() are defined here and so taken
 * instead of the real ones. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "init/bootlog.h"
#include "init/log.h"
#include "init/probe.h"
#include "init/unitorder.h"
#include "init/units.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { MAX_CALLS = 256, MAX_SERVICES = 16, MAX_PROBES = 16 };

typedef enum Verb { NONE, MAKE, START, WAIT, KILL, WIPE } Verb;

typedef struct Call {
        Verb verb;
        uint64_t id;
        char name[32];
        int signo;
        EngineFn fn;
        void *data;
} Call;

typedef struct Service {
        char name[32];
        bool runs, refuses, deaf; /* deaf: SIGTERM does not end it */
        pid_t pid;
        uint32_t status; /* of its end */
} Service;

/* A global: the functions that are played have no context. */
static struct {
        uint64_t now_ms;
        Buf console, events; /* events: what the engine was asked, in order */
        Call calls[MAX_CALLS];
        uint64_t last_id;
        Service services[MAX_SERVICES];
        pid_t last_pid, probes[MAX_PROBES]; /* probes at work */
        unsigned n_probes, asked, killed_probes;
        char asked_name[32];
        char dir[64];
        Units units;
        Engine engine;
        bool mute;
} w;

/* --- what is played ------------------------------------------------------------------------- */

int clock_gettime(clockid_t id, struct timespec *ts) {
        (void)id;
        *ts = (struct timespec){ .tv_sec = (time_t)(w.now_ms / 1000),
                                 .tv_nsec = (long)(w.now_ms % 1000) * 1000000 };
        return 0;
}

static inline void say(const char *prefix, const char *fmt, va_list ap) {
        if (w.mute)
                return;
        _cleanup_free_ char *text = xvasprintf(fmt, ap);
        buf_addf(&w.console, "%s%s\n", prefix, text);
}

void log_line(const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        say("", fmt, ap);
        va_end(ap);
}

void log_init(const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        say("linuxkit: ", fmt, ap);
        va_end(ap);
}

void log_stage(const char *stage) {
        (void)stage;
}

bool log_has_room(int fd) {
        (void)fd;
        return true;
}

double log_uptime(void) {
        return (double)w.now_ms / 1000;
}

void bootlog_note(const char *event, const char *name, const char *detail) {
        (void)detail;
        if (!w.mute)
                buf_addf(&w.events, "[%s%s%s] ", event, name ? " " : "", name ? name : "");
}

void bootlog_note_at(double seconds, const char *event) {
        (void)seconds;
        (void)event;
}

pid_t probe_start(const ProbeSpec *p, const ProbeTarget *t) {
        assert_true(p->kind != PROBE_NONE);
        assert_true(w.n_probes < MAX_PROBES);
        snprintf(w.asked_name, sizeof w.asked_name, "%s", t->name);
        w.asked++;
        return w.probes[w.n_probes++] = ++w.last_pid;
}

void probe_kill(pid_t pid) {
        assert_true(pid > 1);
        w.killed_probes++;
}

bool probe_succeeded(const ProbeSpec *p, int status, char *text, size_t size) {
        (void)p;
        if (status)
                snprintf(text, size, "answer %d", status);
        return status == 0;
}

static inline Service *service(const char *name) {
        for (size_t i = 0; i < MAX_SERVICES; i++) {
                if (!w.services[i].name[0])
                        snprintf(w.services[i].name, sizeof w.services[i].name, "%s", name);
                if (str_eq(w.services[i].name, name))
                        return &w.services[i];
        }
        fail_msg("too many services");
        return NULL;
}

static inline uint64_t add_call(Verb verb, const char *name, int signo, EngineFn fn, void *data) {
        for (size_t i = 0; i < MAX_CALLS; i++) {
                if (w.calls[i].verb != NONE)
                        continue;
                w.calls[i] = (Call){
                        .verb = verb, .id = ++w.last_id, .signo = signo, .fn = fn, .data = data
                };
                snprintf(w.calls[i].name, sizeof w.calls[i].name, "%s", name);
                return w.last_id;
        }
        fail_msg("too many calls");
        return 0;
}

static inline void note(const char *what, const char *name) {
        if (!w.mute)
                buf_addf(&w.events, "%s %s; ", what, name);
}

static inline uint64_t do_make(void *self, const EngineMake *m, EngineFn fn, void *data) {
        (void)self;
        assert_non_null(strstr(m->spec, "/rootfs"));
        note("make", m->name);
        return add_call(MAKE, m->name, 0, fn, data);
}

static inline uint64_t do_start(void *self, const char *ns, const char *name, EngineFn fn,
                                void *data) {
        (void)self;
        (void)ns;
        return add_call(START, name, 0, fn, data);
}

static inline uint64_t do_wait(void *self, const char *ns, const char *name, EngineFn fn,
                               void *data) {
        (void)self;
        (void)ns;
        return add_call(WAIT, name, 0, fn, data);
}

static inline uint64_t do_kill(void *self, const char *ns, const char *name, int signo, EngineFn fn,
                               void *data) {
        (void)self;
        (void)ns;
        note(signo == SIGTERM ? "term" : "kill", name);
        return add_call(KILL, name, signo, fn, data);
}

static inline uint64_t do_wipe(void *self, const char *ns, const char *name, bool kill, EngineFn fn,
                               void *data) {
        (void)self;
        (void)ns;
        if (kill)
                note("wipe", name);
        return add_call(WIPE, name, 0, fn, data);
}

static inline void do_cancel(void *self, uint64_t id) {
        (void)self;
        for (size_t i = 0; i < MAX_CALLS; i++)
                if (w.calls[i].id == id)
                        w.calls[i].verb = NONE;
}

static inline bool do_runtime(void *self, const char *ns, const char *name, EngineRuntime *ret) {
        (void)self;
        (void)ns;
        (void)name;
        *ret = (EngineRuntime){ .program = "/usr/bin/runc" };
        return true;
}

static const EngineOps ops = {
        do_make, do_start, do_wait, do_kill, do_wipe, do_cancel, do_runtime
};

static inline void end(const char *name, uint32_t status) {
        Service *s = service(name);
        s->runs = false;
        s->status = status;
}

/* Answers one call that can be answered; false when there is none. */
static inline bool answer_one(void) {
        for (size_t i = 0; i < MAX_CALLS; i++) {
                Call c = w.calls[i];
                Service *s = c.verb ? service(c.name) : NULL;
                EngineReply r = { 0 };
                if (c.verb == NONE || (c.verb == WAIT && s->runs))
                        continue;
                if (c.verb == MAKE && s->refuses) {
                        r.error = "refused";
                } else if (c.verb == MAKE) {
                        s->runs = r.started = true;
                        r.pid = s->pid = ++w.last_pid;
                } else if (c.verb == KILL && c.signo == SIGTERM && !s->deaf) {
                        end(c.name, 143);
                } else if (c.verb == KILL && c.signo == SIGKILL) {
                        end(c.name, 137);
                } else if (c.verb == WIPE) {
                        end(c.name, 137);
                } else if (c.verb == WAIT) {
                        r.status = s->status;
                }
                w.calls[i].verb = NONE;
                c.fn(c.data, &r);
                return true;
        }
        return false;
}

/* --- the world ------------------------------------------------------------------------------ */

static inline void turn(void) {
        for (int i = 0; i < 10000; i++) {
                units_tick(&w.units, w.now_ms);
                if (!answer_one() && units_deadline(&w.units) > w.now_ms)
                        return;
        }
        fail_msg("it does not come to rest");
}

static inline void advance(uint64_t ms) {
        uint64_t target = w.now_ms + ms;
        for (;;) {
                turn();
                uint64_t next = units_deadline(&w.units);
                if (next > target)
                        break;
                w.now_ms = MAX(next, w.now_ms);
        }
        w.now_ms = target;
        turn();
}

/* The unanswered probe of a service gets its answer. */
static inline void reply_to(const char *name, int status) {
        Unit *u = units_find(&w.units, name);
        pid_t pid = unit_probe_pid(u);
        assert_true(pid > 0);
        for (unsigned i = 0; i < w.n_probes; i++)
                if (w.probes[i] == pid)
                        w.probes[i] = w.probes[--w.n_probes];
        units_on_child(&w.units, pid, status);
        turn();
}

static inline bool is_asked(const char *name) {
        return unit_probe_pid(units_find(&w.units, name)) > 0;
}

static inline void on_changed(void *data, Unit *u) {
        (void)data;
        (void)u;
}

static inline void put(const char *name, const char *file, const char *text) {
        _cleanup_free_ char *path = xasprintf("%s/services/%s/%s", w.dir, name, file);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
}

static inline void bundle(const char *name, const char *runtime) {
        _cleanup_free_ char *path = xasprintf("%s/services/%s", w.dir, name);
        mkdir(path, 0755);
        put(name, "runtime.json", runtime);
        put(name, "config.json", "{\"root\": {\"path\": \"rootfs\"}}");
}

static inline void load(void) {
        _cleanup_free_ char *dir = xasprintf("%s/services", w.dir);
        w.engine = (Engine){ .ops = &ops };
        w.units = (Units){ .dir = strdup(dir),
                           .env = { .engine = &w.engine,
                                    .ready = true,
                                    .recheck = true,
                                    .ns = "test",
                                    .log_dir = strdup(w.dir),
                                    .changed = on_changed } };
        _cleanup_free_ char *state = xasprintf("%s/state", w.dir);
        w.units.env.state_dir = strdup(state);
        units_load(&w.units);
}

static inline void unload(void) {
        units_free(&w.units);
        free((char *)w.units.dir);
        free((char *)w.units.env.log_dir);
        free((char *)w.units.env.state_dir);
        w.units = (Units){ 0 };
}

static inline void go(void) {
        load();
        turn();
}

static inline int set_up(void **state) {
        (void)state;
        memset(&w, 0, sizeof w);
        w.now_ms = 1000000;
        w.last_pid = 100;
        strcpy(w.dir, "/tmp/unit-test-XXXXXX");
        assert_non_null(mkdtemp(w.dir));
        _cleanup_free_ char *services = path_join(w.dir, "services"),
                            *states = path_join(w.dir, "state");
        return mkdir(services, 0755) || mkdir(states, 0755);
}

static inline int tear_down(void **state) {
        (void)state;
        unload();
        buf_done(&w.console);
        buf_done(&w.events);
        _cleanup_free_ char *command = xasprintf("rm -rf %s", w.dir);
        return system(command);
}

static inline Unit *unit(const char *name) {
        Unit *u = units_find(&w.units, name);
        assert_non_null(u);
        return u;
}

#define is(name, state) assert_string_equal(unit_state_name(unit(name)), state)

static inline void says(const char *text) {
        if (!w.console.data || !strstr(w.console.data, text))
                fail_msg("not said: %s\nbut:\n%s", text, w.console.data);
}

static inline void is_silent_about(const char *text) {
        if (w.console.data && strstr(w.console.data, text))
                fail_msg("said: %s\nin:\n%s", text, w.console.data);
}

static inline size_t times(const char *text) {
        size_t n = 0;
        for (const char *p = w.console.data ? w.console.data : ""; (p = strstr(p, text)); p++)
                n++;
        return n;
}

static inline void happened(const char *want) {
        assert_string_equal(w.events.data ? w.events.data : "", want);
        buf_clear(&w.events);
}

static inline void forget(void) {
        buf_clear(&w.console);
        buf_clear(&w.events);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
