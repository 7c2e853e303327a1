/* pid1.c - the first process.
 *
 * It does as little as possible itself: boot, hooks, supervisor and unmounting are children, so a
 * crash or a hang of one of them leaves a process that can still reap, report and reboot.  After
 * the start nothing here allocates memory. */
#include "init/pid1.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/boot.h"
#include "init/bootlog.h"
#include "init/ending.h"
#include "init/hooks.h"
#include "init/hotplug.h"
#include "init/log.h"
#include "init/logkeep.h"
#include "init/mounts.h"
#include "init/power.h"
#include "init/reporter.h"
#include "init/shutdown.h"
#include "init/sys.h"

/* Seconds a stage may take before the next one begins (boot.md 13). */
enum {
        LIMIT_HOOKS = 60,
        LIMIT_SERVICES = 30,
        LIMIT_TERMINATE = 5,
        LIMIT_KILL = 2,
        LIMIT_STORAGE = 20,
};

enum { BACKOFF_MAX = 60, LIFE_LONG = 60 }; /* of the supervisor, in seconds */

typedef enum Stage {
        STAGE_RUNNING,
        STAGE_HOOKS,     /* /etc/shutdown.d */
        STAGE_SERVICES,  /* the supervisor stops services and containerd */
        STAGE_TERMINATE, /* SIGTERM to all */
        STAGE_KILL,      /* SIGKILL to all */
        STAGE_STORAGE,   /* unmount, sync */
        STAGE_END,
} Stage;

typedef struct Pid1 {
        bool machine;
        int signals, boot_fd;
        Hotplug hotplug;
        Power power;
        BootShared *shared;
        pid_t boot, supervisor, worker; /* 0: not running; worker: of the current stage */
        pid_t reporter;                 /* 0: not yet, -1: it has done its work */

        bool gate_open;
        int gate_fd; /* write end of the running supervisor's gate, -1 when there is none */
        double supervisor_since, supervisor_due; /* due 0: no start planned */
        unsigned backoff;
        bool restart_at_once;
        dev_t state_dev; /* file system of /var/lib when containerd was started early */

        LogKeep log;

        Stage stage;
        double deadline; /* of the stage, 0: none */
        Ending ending;
} Pid1;

/* File system that holds containerd's state now; a mount over any part of the path changes it. */
static dev_t state_device(void) {
        struct stat st;
        if (stat("/var/lib/containerd", &st) < 0 && stat("/var/lib", &st) < 0)
                return 0;
        return st.st_dev;
}

static void plan_supervisor(Pid1 *p, double delay) {
        p->supervisor_due = sys_now() + delay;
}

static void start_supervisor(Pid1 *p) {
        int gate[2];
        p->supervisor_due = 0;
        if (p->supervisor || p->stage != STAGE_RUNNING)
                return;
        if (pipe2(gate, O_CLOEXEC) < 0) {
                log_init("make a pipe: %s", strerror(errno));
                plan_supervisor(p, 1);
                return;
        }
        p->supervisor = sys_fork("service", gate[0]);
        if (p->supervisor == 0) {
                char number[16];
                snprintf(number, sizeof(number), "%d", gate[0]);
                fcntl(gate[0], F_SETFD, 0);
                execl("/usr/bin/service", "service", "supervise", "--gate-fd", number,
                      (char *)NULL);
                log_init("/usr/bin/service: %s", strerror(errno));
                _exit(127);
        }
        close(gate[0]);
        if (p->supervisor < 0 || p->gate_open)
                close(gate[1]); /* end of file opens the gate */
        else
                p->gate_fd = gate[1];
        if (p->supervisor < 0) {
                log_init("start the supervisor: %s", strerror(errno));
                p->supervisor = 0;
                plan_supervisor(p, 1);
                return;
        }
        p->supervisor_since = sys_now();
        p->state_dev = state_device();
}

static void open_gate(Pid1 *p) {
        if (p->gate_open)
                return;
        p->gate_open = true;
        bootlog_note(BOOTLOG_GATE, NULL, NULL);
        if (!p->supervisor) {
                start_supervisor(p);
        } else if (state_device() != p->state_dev) {
                /* An onboot container has mounted a disk where containerd keeps its state. */
                p->restart_at_once = true;
                kill(p->supervisor, SIGTERM);
        }
        if (p->gate_fd >= 0 && !p->restart_at_once) {
                close(p->gate_fd);
                p->gate_fd = -1;
        }
}

static void supervisor_ended(Pid1 *p, int status) {
        char text[64];
        p->supervisor = 0;
        if (p->gate_fd >= 0)
                close(p->gate_fd);
        p->gate_fd = -1;
        if (p->stage != STAGE_RUNNING)
                return;
        if (p->restart_at_once) {
                p->restart_at_once = false;
                start_supervisor(p);
                return;
        }
        if (sys_now() - p->supervisor_since >= LIFE_LONG || !p->backoff)
                p->backoff = 1;
        log_init("supervisor of services: %s, next start in %u s",
                 sys_describe_status(status, text, sizeof(text)), p->backoff);
        plan_supervisor(p, p->backoff);
        p->backoff = p->backoff * 2 > BACKOFF_MAX ? BACKOFF_MAX : p->backoff * 2;
}

/* Who started the machine may have asked for a report of the boot. */
static void start_reporter(Pid1 *p, bool now) {
        if (!p->machine || p->reporter)
                return;
        p->reporter = sys_fork("report", -1);
        if (p->reporter == 0) {
                reporter_run(now);
                _exit(0);
        }
}

static void boot_ended(Pid1 *p, int status) {
        char text[64];
        p->boot = 0;
        if (p->stage != STAGE_RUNNING)
                return;
        bool stopped = WIFEXITED(status) && WEXITSTATUS(status) == BOOT_STOPPED;
        bootlog_note(stopped ? BOOTLOG_STOPPED : BOOTLOG_COMPLETE, NULL, NULL);
        start_reporter(p, false);
        if (status == 0) {
                log_init("boot complete in %.2fs", log_uptime());
                return;
        }
        if (stopped) {
                log_init("boot stopped at %.2fs: services are not started", log_uptime());
                return;
        }
        log_init("boot process: %s", sys_describe_status(status, text, sizeof(text)));
        if (p->shared->have_services)
                open_gate(p);
}

static void read_boot_messages(Pid1 *p) {
        char bytes[16];
        ssize_t n = read(p->boot_fd, bytes, sizeof(bytes));
        if (n <= 0) {
                if (n == 0 || errno != EINTR) {
                        close(p->boot_fd);
                        p->boot_fd = -1;
                }
                return;
        }
        for (ssize_t i = 0; i < n; i++) {
                if (bytes[i] == BOOT_START_CONTAINERD)
                        start_supervisor(p);
                else if (bytes[i] == BOOT_LINK_DEVICES)
                        hotplug_ask_for_links(&p->hotplug);
                else if (bytes[i] == BOOT_OPEN_GATE)
                        open_gate(p);
        }
}

static void start_boot(Pid1 *p) {
        int pipe_fds[2];
        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                ending_panic("no pipe for the boot process");
        p->boot = sys_fork("boot", pipe_fds[1]);
        if (p->boot == 0) {
                _exit(p->machine ? boot_machine(pipe_fds[1], p->shared)
                                 : boot_userspace(pipe_fds[1], p->shared));
        }
        if (p->boot < 0)
                ending_panic("no memory for the boot process");
        close(pipe_fds[1]);
        p->boot_fd = pipe_fds[0];
}

static void enter(Pid1 *p, Stage stage, int limit) {
        p->stage = stage;
        p->deadline = sys_now() + limit;
        p->worker = 0;
}

/* A stage whose work is done in a child. */
static void enter_worker(Pid1 *p, Stage stage, int limit, const char *name, void (*work)(void)) {
        enter(p, stage, limit);
        p->worker = sys_fork(name, -1);
        if (p->worker == 0) {
                work();
                _exit(0);
        }
        if (p->worker < 0) {
                log_init("%s: %s", name, strerror(errno));
                p->worker = 0;
                p->deadline = sys_now(); /* go on with the next stage */
        }
}

static void run_shutdown_hooks(void) {
        hooks_run("/etc/shutdown.d", NULL, NULL);
}

static bool may_kill_all(const Pid1 *p) {
        return p->machine || getpid() == 1; /* -1 would reach foreign processes otherwise */
}

static void finish(Pid1 *p) {
        p->stage = STAGE_END;
        log_init("%s", ending_name(p->ending));
        if (!p->machine)
                _exit(0);
        ending_now(p->ending);
        ending_panic("the kernel refuses to end");
}

/* From the current stage, which is over, to the next. */
static void next_stage(Pid1 *p) {
        switch (p->stage) {
        case STAGE_HOOKS:
                enter(p, STAGE_SERVICES, LIMIT_SERVICES);
                if (p->supervisor && kill(p->supervisor, SIGTERM) == 0)
                        return;
                next_stage(p);
                return;
        case STAGE_SERVICES:
                enter(p, STAGE_TERMINATE, LIMIT_TERMINATE);
                if (may_kill_all(p))
                        kill(-1, SIGTERM);
                return;
        case STAGE_TERMINATE:
                enter(p, STAGE_KILL, LIMIT_KILL);
                if (may_kill_all(p))
                        kill(-1, SIGKILL);
                return;
        case STAGE_KILL:
                if (!p->machine)
                        finish(p);
                enter_worker(p, STAGE_STORAGE, LIMIT_STORAGE, "storage", shutdown_storage);
                return;
        default:
                finish(p);
        }
}

static void begin_shutdown(Pid1 *p, Ending ending) {
        if (p->stage != STAGE_RUNNING)
                return;
        p->ending = ending;
        log_init("%s requested at %.2fs", ending_name(ending), log_uptime());
        if (p->boot)
                kill(-p->boot, SIGKILL); /* its process group: hooks and the onboot runner */
        if (p->reporter > 0)
                kill(p->reporter, SIGTERM); /* the report as it is now */
        start_reporter(p, true);
        enter_worker(p, STAGE_HOOKS, LIMIT_HOOKS, "shutdown", run_shutdown_hooks);
}

static void on_deadline(Pid1 *p) {
        static const char *const names[] = { [STAGE_HOOKS] = "shutdown hooks",
                                             [STAGE_SERVICES] = "services",
                                             [STAGE_TERMINATE] = "processes",
                                             [STAGE_KILL] = "killed processes",
                                             [STAGE_STORAGE] = "unmounting" };
        log_init("%s did not end in time", names[p->stage]);
        if (p->worker > 0)
                kill(-p->worker, SIGKILL);
        next_stage(p);
}

/* While services may still write: the time until then would be theirs. */
static void serve_log(Pid1 *p) {
        if (p->log.due && sys_now() >= p->log.due && p->stage <= STAGE_SERVICES)
                logkeep_start(&p->log);
}

static void child_ended(Pid1 *p, pid_t pid, int status) {
        if (pid == p->log.pid && p->stage <= STAGE_SERVICES)
                logkeep_ended(&p->log, status);
        else if (pid == p->boot)
                boot_ended(p, status);
        else if (hotplug_ended(&p->hotplug, pid, status))
                return;
        else if (pid == p->reporter)
                p->reporter = -1;
        else if (pid == p->supervisor) {
                supervisor_ended(p, status);
                if (p->stage == STAGE_SERVICES)
                        next_stage(p);
        } else if (pid == p->worker) {
                p->worker = 0;
                next_stage(p);
        }
}

static void reap(Pid1 *p) {
        for (;;) {
                int status;
                pid_t pid = waitpid(-1, &status, WNOHANG);
                if (pid > 0) {
                        child_ended(p, pid, status);
                        continue;
                }
                bool nothing_left = pid < 0 && errno == ECHILD;
                if (!nothing_left || (p->stage != STAGE_TERMINATE && p->stage != STAGE_KILL))
                        return;
                p->stage = STAGE_KILL; /* nobody is left to be killed */
                next_stage(p);
        }
}

static void read_signals(Pid1 *p) {
        struct signalfd_siginfo info;
        while (read(p->signals, &info, sizeof(info)) == sizeof(info)) {
                switch (info.ssi_signo) {
                case SIGUSR1:
                        begin_shutdown(p, ENDING_HALT);
                        break;
                case SIGUSR2:
                case SIGPWR:
                        begin_shutdown(p, ENDING_POWEROFF);
                        break;
                case SIGTERM:
                case SIGINT:
                        begin_shutdown(p, ENDING_REBOOT);
                        break;
                default:
                        break; /* SIGCHLD: reap runs after every turn; SIGHUP: nothing to reload */
                }
        }
}

static int open_signals(void) {
        static const int wanted[] = { SIGCHLD, SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGHUP, SIGPWR };
        sigset_t set;
        sigemptyset(&set);
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
                sigaddset(&set, wanted[i]);
        sigprocmask(SIG_BLOCK, &set, NULL);
        signal(SIGPIPE, SIG_IGN);
        return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Milliseconds until something is due, -1 for never. */
static int time_left(const Pid1 *p) {
        double due = p->deadline;
        if (p->supervisor_due && (!due || p->supervisor_due < due))
                due = p->supervisor_due;
        double devices = p->stage == STAGE_RUNNING ? hotplug_due(&p->hotplug) : 0;
        if (devices && (!due || devices < due))
                due = devices;
        if (p->log.due && p->stage <= STAGE_SERVICES && (!due || p->log.due < due))
                due = p->log.due;
        if (!due)
                return -1;
        double left = (due - sys_now()) * 1000 + 1;
        return left < 0 ? 0 : (int)left;
}

static void loop(Pid1 *p) {
        for (;;) {
                enum { POWER = 4 };
                struct pollfd fds[POWER + POWER_DEVICES] = {
                        { .fd = p->signals, .events = POLLIN },
                        { .fd = p->boot_fd, .events = POLLIN },
                        { .fd = p->hotplug.uevents, .events = POLLIN },
                        { .fd = p->hotplug.disks, .events = POLLIN },
                };
                for (int i = 0; i < POWER_DEVICES; i++)
                        fds[POWER + i] = (struct pollfd){ .fd = p->power.fds[i], .events = POLLIN };
                int n = poll(fds, sizeof(fds) / sizeof(fds[0]), time_left(p));
                if (n < 0 && errno != EINTR)
                        sleep(1); /* out of kernel memory: no reason to spin */
                if (n > 0 && fds[0].revents)
                        read_signals(p);
                if (n > 0 && fds[1].revents)
                        read_boot_messages(p);
                if (n > 0 && fds[2].revents && hotplug_read_uevents(&p->hotplug))
                        power_scan(&p->power, "/dev/input");
                if (n > 0 && fds[3].revents)
                        hotplug_read_disks(&p->hotplug);
                for (int i = 0; n > 0 && i < POWER_DEVICES; i++)
                        if (fds[POWER + i].revents && power_read(&p->power, i))
                                begin_shutdown(p, ENDING_POWEROFF);
                reap(p);
                if (p->deadline && sys_now() >= p->deadline)
                        on_deadline(p);
                if (p->supervisor_due && sys_now() >= p->supervisor_due)
                        start_supervisor(p);
                serve_log(p);
                if (p->machine && p->stage == STAGE_RUNNING)
                        hotplug_serve(&p->hotplug, p->boot > 0);
        }
}

void pid1_hand_over(char *path) {
        mounts_open_console();
        mounts_move_root();
        execv(path, (char *[]){ path, NULL });
        log_init("%s: %s", path, strerror(errno));
}

void pid1_run(bool machine) {
        static Pid1 p;
        p = (Pid1){ .machine = machine,
                    .signals = open_signals(),
                    .hotplug = HOTPLUG_INIT,
                    .boot_fd = -1,
                    .gate_fd = -1 };
        power_init(&p.power);
        setsid();
        if (machine) {
                ending_guard();
                reboot(RB_DISABLE_CAD); /* Ctrl-Alt-Del becomes SIGINT */
                double begin = log_uptime();
                mounts_open_console();
                mounts_move_root();
                log_stage("init started");
                mounts_all();
                (void)mkdir("/run/linuxkit", 0755);
                bootlog_note_at(begin, BOOTLOG_INIT);
                bootlog_note(BOOTLOG_ROOT, NULL, NULL);
                mounts_open_console();
                logkeep_open(&p.log);
                logkeep_start(&p.log);
                hotplug_open(&p.hotplug);
                power_scan(&p.power, "/dev/input"); /* drivers that are built in */
                log_stage("mounts ready");
        } else {
                prctl(PR_SET_CHILD_SUBREAPER, 1);
        }
        p.shared = mmap(NULL, sizeof(*p.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                        -1, 0);
        if (p.signals < 0 || p.shared == MAP_FAILED)
                ending_panic("no memory to start with");
        p.hotplug.shared = p.shared;
        boot_limits();
        boot_environment();
        start_boot(&p);
        loop(&p);
        __builtin_unreachable();
}
