/* supervise.c - see supervise.h.  One loop over one epoll set; every wait is a deadline.  The
 * services (unit.c) and what runs them, either the link to containerd (link.c) or the direct engine
 * (engine_direct.c), are state machines that this loop drives, and nothing here or there waits for
 * an answer. */
#include "init/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "init/clock.h"
#include "init/cmdline.h"
#include "init/engine_direct.h"
#include "init/link.h"
#include "init/log.h"
#include "init/logcap.h"
#include "init/logd.h"
#include "init/logsend.h"
#include "init/ociruntime.h"
#include "init/policy.h"
#include "init/requests.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

/* For all services together: SIGTERM and SIGKILL with their timeouts.  With the end of containerd
 * it stays below the 30 s that pid 1 grants. */
#define SHUTDOWN_MS     23000
#define LOG_INTERVAL_MS 10000
#define LOG_MAX         (8u << 20)

enum { TAG_SIGNAL, TAG_GATE, TAG_DAEMON, TAG_GRPC, TAG_DIRECT, TAG_CONTROL };

typedef struct Supervisor {
        const SuperviseOptions *o;
        int epoll, signals, gate;
        char *control_path, *state_dir, *pid_file, *daemon_log, *direct_dir, *fifos;
        LogTarget log;
        LogPipe daemon_pipe; /* of containerd */
        Units units;
        Link *link;           /* one of these two is NULL */
        DirectEngine *direct; /* the image has no containerd */
        Control *control;
        Requests requests;
        bool gate_open, stopping, ended;
        uint64_t stop_deadline, log_at;
} Supervisor;

static int watch(const Supervisor *s, int op, int fd, uint32_t events, uint32_t tag) {
        struct epoll_event ev = { .events = events, .data.u32 = tag };
        return epoll_ctl(s->epoll, op, fd, &ev);
}

static void on_unit_changed(void *data, Unit *u) {
        Supervisor *s = data;
        requests_unit_changed(&s->requests, u);
}

/* The log daemon may be a program of /etc/init.d, and is there when services may start. */
static void choose_log(Supervisor *s) {
        if (s->o->log_socket)
                s->log = (LogTarget){ .socket = s->o->log_socket, .fifos = s->fifos, .ours = true };
        else
                s->log = logsend_target();
}

/* Services may start: what runs them is in step and the gate is open. */
static void update_ready(Supervisor *s) {
        bool up = s->direct || link_is_up(s->link);
        bool ready = s->gate_open && !s->stopping && up;
        if (ready && !s->units.env.ready)
                choose_log(s);
        s->units.env.ready = ready;
        s->units.env.recheck = true;
}

static void on_link_changed(void *data) {
        update_ready(data);
}

static void open_gate(Supervisor *s) {
        s->gate_open = true;
        if (s->gate >= 0) {
                watch(s, EPOLL_CTL_DEL, s->gate, 0, 0);
                close(s->gate);
                s->gate = -1;
        }
        update_ready(s);
}

static void handle_gate(Supervisor *s) {
        char buf[8]; /* an eventfd wants eight bytes */
        ssize_t n = read(s->gate, buf, sizeof buf);
        if (n >= 0 || (errno != EAGAIN && errno != EINTR))
                open_gate(s);
}

static void begin_shutdown(Supervisor *s) {
        if (s->stopping)
                return;
        s->stopping = s->requests.closed = true;
        s->stop_deadline = clock_ms() + SHUTDOWN_MS;
        if (!s->o->quiet)
                log_init("stopping %zu services", s->units.n);
        update_ready(s);
        units_stop_all(&s->units, s->stop_deadline);
        if (s->link && !units_all_stopped(&s->units))
                link_hurry(s->link);
}

static void handle_signal(Supervisor *s) {
        struct signalfd_siginfo si;
        if (read(s->signals, &si, sizeof si) != (ssize_t)sizeof si)
                return;
        if (si.ssi_signo != SIGCHLD) {
                begin_shutdown(s);
                return;
        }
        units_reap(&s->units);
        if (s->direct)
                engine_direct_reap(s->direct);
}

static void check_logs(Supervisor *s, uint64_t now) {
        if (now < s->log_at)
                return;
        s->log_at = now + LOG_INTERVAL_MS;
        if (s->link)
                logcap_check(s->daemon_log, LOG_MAX);
        for (size_t i = 0; i < s->units.n; i++) {
                logcap_check(unit_log_path(s->units.v[i], false), LOG_MAX);
                logcap_check(unit_log_path(s->units.v[i], true), LOG_MAX);
        }
}

static bool is_ending(const Supervisor *s) {
        return s->ended || (s->link && link_is_ending(s->link));
}

static bool has_ended(const Supervisor *s) {
        return s->ended || (s->link && link_has_ended(s->link));
}

static void progress_shutdown(Supervisor *s, uint64_t now) {
        if (!s->stopping || is_ending(s))
                return;
        bool all = units_all_stopped(&s->units);
        if (!all && now < s->stop_deadline)
                return;
        if (!all)
                log_init("some services did not stop");
        if (s->link) {
                link_end(s->link);
                return;
        }
        engine_direct_end(s->direct);
        s->ended = true;
}

static uint64_t next_deadline(const Supervisor *s) {
        uint64_t t = s->log_at;
        t = MIN(t, units_deadline(&s->units));
        t = MIN(t, s->direct ? engine_direct_deadline(s->direct) : link_deadline(s->link));
        t = MIN(t, control_deadline(s->control));
        if (s->stopping && !is_ending(s))
                t = MIN(t, s->stop_deadline);
        return t;
}

static void dispatch(Supervisor *s, const struct epoll_event *ev) {
        switch (ev->data.u32) {
        case TAG_SIGNAL:
                handle_signal(s);
                break;
        case TAG_GATE:
                handle_gate(s);
                break;
        case TAG_DAEMON:
                link_handle_daemon(s->link);
                break;
        case TAG_GRPC:
                link_handle_grpc(s->link);
                break;
        case TAG_DIRECT:
                engine_direct_handle(s->direct);
                break;
        default:
                control_handle(s->control, ev->data.u32);
        }
}

/* One event at a time: a handler may close any descriptor, and no event of a closed one can follow.
 */
static int loop(Supervisor *s) {
        while (!has_ended(s)) {
                uint64_t now = clock_ms();
                if (s->direct)
                        engine_direct_tick(s->direct, now);
                else
                        link_tick(s->link, now);
                units_tick(&s->units, now);
                control_expire(s->control, now);
                check_logs(s, now);
                progress_shutdown(s, now);
                if (s->link)
                        link_update_watch(s->link);

                uint64_t t = next_deadline(s);
                now = clock_ms();
                uint64_t wait = t > now ? t - now : 0;
                struct epoll_event ev;
                int n = has_ended(s)
                                ? 0
                                : epoll_wait(s->epoll, &ev, 1, (int)MIN(wait, (uint64_t)60000));
                if (n > 0)
                        dispatch(s, &ev);
                else if (n < 0 && errno != EINTR) {
                        log_init("epoll_wait: %s", strerror(errno));
                        return 1;
                }
        }
        return 0;
}

static RestartPolicy machine_policy(void) {
        char word[16];
        if (!cmdline_last(cmdline_text(), "linuxkit.restart", word, sizeof word))
                return RESTART_UNSET;
        RestartPolicy p = policy_from_word(word);
        if (p == RESTART_UNSET)
                log_init("linuxkit.restart=%s is not one of no, on-failure, always", word);
        return p;
}

/* A supervisor started without descriptors 0 to 2 must not hand one of its own out as such. */
static int secure_stdio(void) {
        int fd;
        do
                fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        while (fd >= 0 && fd < 3 && fcntl(fd, F_SETFD, 0) == 0);
        if (fd > 2)
                close(fd);
        return fd < 0 ? -1 : 0;
}

static int set_up_signals(Supervisor *s, Err *e) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGCHLD);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
            signal(SIGHUP, SIG_IGN) == SIG_ERR)
                return err_set(e, ERR_IO, errno, "signals");
        s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (s->signals < 0 || watch(s, EPOLL_CTL_ADD, s->signals, EPOLLIN, TAG_SIGNAL) < 0)
                return err_set(e, ERR_IO, errno, "signalfd");
        return 0;
}

static int set_up_gate(Supervisor *s, Err *e) {
        if (s->gate < 0) {
                s->gate_open = true;
                return 0;
        }
        int flags = fcntl(s->gate, F_GETFL);
        if (flags < 0 || fcntl(s->gate, F_SETFL, flags | O_NONBLOCK) < 0 ||
            fcntl(s->gate, F_SETFD, FD_CLOEXEC) < 0)
                return err_set(e, ERR_USAGE, errno, "gate descriptor %d", s->gate);
        if (watch(s, EPOLL_CTL_ADD, s->gate, EPOLLIN, TAG_GATE) < 0)
                return err_set(e, ERR_USAGE, errno, "gate descriptor %d", s->gate);
        return 0;
}

static int refuse_second(const Supervisor *s, Err *e) {
        _cleanup_err_ Err err = ERR_INIT;
        json_t *request = json_pack("{s:s}", "command", "list"), *reply = NULL;
        int r = control_ask(s->control_path, request, &reply, &err);
        json_decref(request);
        json_decref(reply);
        return r < 0 ? 0 : err_set(e, ERR_USAGE, 0, "a supervisor runs already");
}

static void set_up_link(Supervisor *s) {
        const SuperviseOptions *o = s->o;
        const LinkConfig config = { .daemon = { .binary = o->binary,
                                                .socket = o->socket,
                                                .conf = o->conf,
                                                .pid_file = s->pid_file,
                                                .log = s->daemon_log,
                                                .pipe = &s->daemon_pipe,
                                                .to = &s->log },
                                    .run_dir = o->run_dir,
                                    .epoll = s->epoll,
                                    .daemon_tag = TAG_DAEMON,
                                    .grpc_tag = TAG_GRPC,
                                    .verbose = o->verbose,
                                    .changed = on_link_changed,
                                    .data = s };
        s->link = link_new(&config, &s->units);
}

/* Nothing is to be connected to, so the engine is there from the start. */
static int set_up_direct(Supervisor *s, const char *runtime, Err *e) {
        s->direct_dir = path_join(s->o->run_dir, "direct");
        if (engine_direct_new(runtime, s->direct_dir, &s->units, &s->direct, e) < 0)
                return -1;
        if (watch(s, EPOLL_CTL_ADD, engine_direct_fd(s->direct), EPOLLIN, TAG_DIRECT) < 0)
                return err_set(e, ERR_IO, errno, "epoll");
        if (s->o->verbose)
                log_init("no containerd: services are run by %s", runtime);
        engine_direct_begin(s->direct);
        update_ready(s);
        return 0;
}

static int set_up(Supervisor *s, Err *e) {
        const SuperviseOptions *o = s->o;
        /* It is small, and without it no service comes back. */
        sys_write("/proc/self/oom_score_adj", "-900");
        if (secure_stdio() < 0)
                return err_set(e, ERR_IO, errno, "open /dev/null");
        s->control_path = path_join(o->run_dir, SUPERVISE_CONTROL);
        s->state_dir = path_join(o->run_dir, "services");
        s->pid_file = path_join(o->run_dir, "containerd.pid");
        s->daemon_log = path_join(o->log_dir, "containerd.log");
        s->fifos = path_join(o->run_dir, "log");
        choose_log(s);
        if (sys_mkdir_p(s->state_dir, 0755, e) < 0 || sys_mkdir_p(o->log_dir, 0755, e) < 0 ||
            refuse_second(s, e) < 0)
                return -1;
        s->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (s->epoll < 0)
                return err_set(e, ERR_IO, errno, "epoll");
        if (set_up_signals(s, e) < 0 || set_up_gate(s, e) < 0 ||
            control_new(s->control_path, s->epoll, TAG_CONTROL, requests_handle, requests_forget,
                        &s->requests, &s->control, e) < 0)
                return -1;
        s->requests.control = s->control;

        s->units.dir = o->path;
        s->units.env = (UnitEnv){ .ns = o->ns,
                                  .log_dir = o->log_dir,
                                  .log = &s->log,
                                  .state_dir = s->state_dir,
                                  .policy = machine_policy(),
                                  .quiet = o->quiet,
                                  .changed = on_unit_changed,
                                  .data = s };
        units_load(&s->units);
        const char *runtime = o->runtime ? o->runtime : ociruntime_path();
        if (access(o->binary, F_OK) < 0 && errno == ENOENT && access(runtime, X_OK) == 0)
                return set_up_direct(s, runtime, e);
        set_up_link(s);
        return 0;
}

int supervise_run(const SuperviseOptions *o) {
        Supervisor s = {
                .o = o, .epoll = -1, .signals = -1, .gate = o->gate_fd, .daemon_pipe = LOGPIPE_INIT
        };
        _cleanup_err_ Err err = ERR_INIT;
        int status = 1;
        s.requests.units = &s.units;
        _cleanup_free_ char *copies = path_join(o->run_dir, path_base(LOGD_INIT_SOCKET));
        log_copy_to(copies);
        if (set_up(&s, &err) < 0)
                log_init("supervisor: %s", err.text);
        else
                status = loop(&s);

        units_free(&s.units);
        link_free(s.link);
        engine_direct_free(s.direct);
        control_free(s.control);
        for (size_t i = 0; i < 3; i++) {
                int fd = ((int[]){ s.epoll, s.signals, s.gate })[i];
                if (fd >= 0)
                        close(fd);
        }
        free(s.control_path);
        free(s.state_dir);
        free(s.pid_file);
        free(s.daemon_log);
        free(s.direct_dir);
        free(s.fifos);
        logpipe_done(&s.daemon_pipe);
        return status;
}
