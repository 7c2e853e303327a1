/* onboot.c - containers that run one after another.
 *
 * We are a child subreaper: the runtime detaches, its container becomes our child, and its exit
 * status is ours to wait for.  Without interfaces or namespace files to set up, `runc run` does
 * create and start in one process, which saves the slowest part of a small machine's boot. */
#include "init/onboot.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/bootlog.h"
#include "init/bundle.h"
#include "init/clock.h"
#include "init/cmdline.h"
#include "init/ending.h"
#include "init/log.h"
#include "init/ociruntime.h"
#include "init/procgroup.h"
#include "init/streams.h"
#include "init/sys.h"
#include "lib/base/json.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

typedef struct Runner {
        const char *word;
        const char *runtime; /* the OCI runtime of containers that do not ask for another */
        char *log_dir;
        bool debug, console, files;
        pid_t *cleaners; /* processes that delete ended containers beside the next one */
        size_t n_cleaners, cap_cleaners;
} Runner;

/* Containers of the shutdown are no part of the boot. */
static void note(const Runner *r, const char *event, const char *name, const char *detail) {
        if (str_eq(r->word, "onboot"))
                bootlog_note(event, name, detail);
}

typedef struct Job {
        Runner *r;
        const char *name;
        Bundle *bundle;
        Streams *streams;
        char *id, *pid_file, *config_file, *runtime, *cgroup;
        uint64_t deadline; /* CLOCK_MONOTONIC ms, UINT64_MAX for none */
        bool expired;
} Job;

/* Runs the runtime with its output in the container's streams; returns the wait status. */
static int run_runtime(Job *j, char *const *args) {
        char *argv[16] = { j->runtime };
        size_t n = 1;
        if (j->r->debug) {
                static char debug[] = "--debug";
                argv[n++] = debug;
                log_line("%s %s: %s %s", j->r->word, j->name, path_base(j->runtime), args[0]);
        }
        while (*args && n < ARRAY_LEN(argv) - 1)
                argv[n++] = *args++;
        pid_t pid = fork();
        if (pid == 0) {
                sys_reset_signals();
                streams_attach(j->streams);
                execv(argv[0], argv);
                dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
                _exit(127);
        }
        return pid < 0 ? -1 : streams_wait(j->streams, pid, j->deadline, &j->expired);
}

/* `runc create`, or `runc run --detach` when nothing is to be done in between. */
static int make_container(Job *j, bool start, Err *e) {
        char verb[8], detach[] = "--detach", bundle[] = "--bundle", pid_file[] = "--pid-file",
                      config[] = "--config";
        char status[64];
        bool adapted;
        char *path = (char *)bundle_path(j->bundle);
        snprintf(verb, sizeof(verb), "%s", start ? "run" : "create");
        char *args[10] = { verb, bundle, path, pid_file, j->pid_file };
        size_t n = 5;
        if (ociruntime_write_spec(j->runtime, path, NULL, 0, j->config_file, &adapted, e) < 0)
                return -1;
        if (adapted) {
                args[n++] = config;
                args[n++] = j->config_file;
        }
        if (start)
                args[n++] = detach;
        args[n] = j->id;
        int r = run_runtime(j, args);
        if (adapted)
                unlink(j->config_file); /* the runtime keeps a copy of its own */
        if (r != 0)
                return err_set(e, ERR_IO, 0, "%s %s: %s", path_base(j->runtime), verb,
                               sys_describe_status(r, status, sizeof(status)));
        return 0;
}

static int start_made(Job *j, Err *e) {
        char verb[] = "start", status[64];
        int r = run_runtime(j, (char *[]){ verb, j->id, NULL });
        if (r != 0)
                return err_set(e, ERR_IO, 0, "%s start: %s", path_base(j->runtime),
                               sys_describe_status(r, status, sizeof(status)));
        return 0;
}

static void exec_quietly(char *const *argv) {
        pid_t pid = fork();
        if (pid == 0) {
                sys_reset_signals();
                Streams *none = streams_open_console();
                streams_attach(none); /* standard input from /dev/null */
                dup2(STDIN_FILENO, STDOUT_FILENO);
                dup2(STDIN_FILENO, STDERR_FILENO);
                execv(argv[0], argv);
                _exit(127);
        }
        if (pid > 0)
                sys_wait(pid);
}

/* cgroup v1 does not tell the cgroup of a process that has ended; runc has written down one path
 * for each hierarchy, crun one for all of them. */
static bool has_processes_by_state(const json_t *state) {
        const char *controller, *path = json_string_value(json_object_get(state, "cgroup-path"));
        json_t *dir;
        json_object_foreach(json_object_get(state, "cgroup_paths"), controller, dir) {
                if (procgroup_has_processes(json_string_value(dir)))
                        return true;
        }
        char **names;
        size_t n;
        bool found = false;
        if (str_is_empty(path) || sys_list("/sys/fs/cgroup", &names, &n, NULL) < 0)
                return false;
        for (size_t i = 0; i < n && !found; i++) {
                _cleanup_free_ char *group = xasprintf("/sys/fs/cgroup/%s/%s", names[i], path);
                found = procgroup_has_processes(group);
        }
        sys_free_names(names, n);
        return found;
}

/* True when processes are left in the cgroup of a container that shares a process namespace: a
 * daemon that it was meant to start.  Deleting the container would kill it. */
static bool has_processes(const Job *j) {
        enum { MAX_STATE = 4 << 20 };
        static const char *const files[] = { "state.json", "status" };
        if (procgroup_has_processes(j->cgroup))
                return true;
        for (size_t i = 0; i < ARRAY_LEN(files); i++) {
                _cleanup_free_ char *path =
                        xasprintf("/run/%s/%s/%s", path_base(j->runtime), j->id, files[i]);
                _cleanup_free_ char *text = NULL;
                if (sys_read_file(path, MAX_STATE, &text, NULL) < 0)
                        continue;
                _cleanup_json_ json_t *state = json_loads(text, 0, NULL);
                return has_processes_by_state(state);
        }
        return false;
}

/* Removes what the runtime keeps of a container: state, cgroup; then our mounts. */
static void delete_container(const Job *j) {
        char delete[] = "delete", force[] = "--force";
        exec_quietly((char *[]){ j->runtime, delete, force, j->id, NULL });
        unlink(j->pid_file);
        bundle_cleanup(j->bundle);
}

/* The next container need not wait for the removal of the last one, nor share the processor with
 * it. */
static void delete_in_background(const Job *j) {
        pid_t pid = fork();
        if (pid == 0) {
                setpriority(PRIO_PROCESS, 0, 19);
                delete_container(j);
                _exit(0);
        }
        if (pid > 0)
                *vec_push(j->r->cleaners, j->r->n_cleaners, j->r->cap_cleaners) = pid;
        else
                delete_container(j);
}

static int read_pid(const Job *j, pid_t *ret, Err *e) {
        char line[32];
        uint64_t pid;
        if (!sys_read_line(j->pid_file, line, sizeof(line)) || !str_to_u64(line, &pid) || pid < 2 ||
            pid > INT32_MAX)
                return err_set(e, ERR_IO, 0, "no process id in %s", j->pid_file);
        *ret = (pid_t)pid;
        return 0;
}

/* Creates and starts the container; *pid is its process, a child of ours. */
static int start_container(Job *j, pid_t *pid, Err *e) {
        if (bundle_prepare(j->bundle, e) < 0)
                return -1;
        bool attach = bundle_needs_attach(j->bundle);
        note(j->r, BOOTLOG_ONBOOT_RUN, j->name, NULL);
        if (make_container(j, !attach, e) < 0 || read_pid(j, pid, e) < 0)
                return -1;
        j->cgroup = procgroup_path(*pid);
        if (attach && (bundle_attach(j->bundle, *pid, e) < 0 || start_made(j, e) < 0))
                return -1;
        return 0;
}

/* A container of the same id is left only when a runner was killed. */
static void delete_leftover(const Job *j) {
        _cleanup_free_ char *state = xasprintf("/run/%s/%s", path_base(j->runtime), j->id);
        if (access(state, F_OK) == 0)
                delete_container(j);
}

/* What has happened, on the console; true when the container has done its work. */
static bool report_end(const Job *j, int status, double seconds) {
        char text[64];
        if (j->expired) {
                log_line("%s %s: killed after its timeout of %u s", j->r->word, j->name,
                         bundle_timeout(j->bundle));
                return false;
        }
        log_line("%s %s: %s after %.1fs", j->r->word, j->name,
                 sys_describe_status(status, text, sizeof(text)), seconds);
        return status == 0;
}

/* The wait status of the first process, which is a child of ours once the runtime has gone.  crun
 * detaches by forking twice: the program that we called may have ended when the process that made
 * the container has not, and a container can be quicker than both. */
static int wait_for_end(Job *j, pid_t pid) {
        enum { TRIES = 2000, PAUSE_US = 2500 };
        int status = streams_wait(j->streams, pid, j->deadline, &j->expired);
        for (int i = 0; status < 0 && i < TRIES && kill(pid, 0) == 0; i++) {
                usleep(PAUSE_US);
                status = sys_wait(pid);
        }
        return status;
}

/* -1: could not be run; else whether it has done its work. */
static int run_job(Job *j, Err *e) {
        pid_t pid = 0;
        delete_leftover(j);
        double begin = sys_now();
        if (bundle_timeout(j->bundle))
                j->deadline = clock_ms() + (uint64_t)bundle_timeout(j->bundle) * 1000;
        int r = start_container(j, &pid, e);
        if (r == 0) {
                int status = wait_for_end(j, pid);
                streams_finish(j->streams);
                r = report_end(j, status, sys_now() - begin);
        } else {
                streams_finish(j->streams);
                if (j->expired)
                        err_wrap(e, "timeout of %u s", bundle_timeout(j->bundle));
        }
        /* One that was created but not started has a process too: the runtime's own, waiting. */
        if (r < 0 || j->expired || !has_processes(j))
                delete_in_background(j);
        return r;
}

/* A container has failed: true when the row ends with it. */
static bool ends_here(const Runner *r, const char *name, FailPolicy policy) {
        static const struct {
                const char *word;
                Ending ending;
        } ends[] = { [FAIL_REBOOT] = { "reboot", ENDING_REBOOT },
                     [FAIL_POWEROFF] = { "poweroff", ENDING_POWEROFF } };
        if (policy == FAIL_CONTINUE)
                return false;
        /* A machine that goes down already only passes over the rest. */
        bool down = str_eq(r->word, "shutdown");
        if (policy == FAIL_STOP || down) {
                log_line("%s %s: fail: %s: nothing behind it is started", r->word, name,
                         policy == FAIL_STOP ? "stop" : ends[policy].word);
                return true;
        }
        log_line("%s %s: fail: %s", r->word, name, ends[policy].word);
        kill(1, ending_signal(ends[policy].ending));
        return true;
}

/* As run_job(); *policy is what the bundle wants after a failure. */
static int run_one(Runner *r, const char *dir, const char *name, FailPolicy *policy, Err *e) {
        _cleanup_free_ char *path = path_join(dir, name);
        _cleanup_free_ char *id = xasprintf("%s.%s", r->word, name);
        _cleanup_free_ char *pid_file = xasprintf("/run/linuxkit/%s.pid", id);
        _cleanup_free_ char *config_file = xasprintf("/run/linuxkit/%s.json", id);
        _cleanup_free_ char *runtime = NULL;
        _cleanup_bundle_ Bundle *bundle = NULL;
        log_line("%s %s: from %s", r->word, name, path);
        if (bundle_open(path, &bundle, e) < 0 || sys_mkdir_p("/run/linuxkit", 0755, e) < 0)
                return -1;
        *policy = bundle_fail(bundle);
        if (ociruntime_named(bundle_oci_runtime(bundle), &runtime, e) < 0)
                return -1;
        if (!runtime)
                runtime = xstrdup(r->runtime);
        Job j = { .r = r,
                  .name = name,
                  .bundle = bundle,
                  .id = id,
                  .pid_file = pid_file,
                  .config_file = config_file,
                  .runtime = runtime,
                  .deadline = UINT64_MAX };
        const LogTarget log = logsend_target();
        if (r->console)
                j.streams = streams_open_console();
        else if (streams_open(r->log_dir, id, &log, &j.streams, e) < 0)
                return -1;
        r->files |= streams_in_files(j.streams);
        int ret = run_job(&j, e);
        streams_free(j.streams);
        free(j.cgroup);
        return ret;
}

static bool is_directory(const char *dir, const char *name) {
        _cleanup_free_ char *path = path_join(dir, name);
        return sys_is_dir(path);
}

/* boot.md 8: a disk that a container mounted on /var gets the link, not the logs. */
static void link_logs(const Runner *r) {
        _cleanup_free_ char *link = xasprintf("/var/log/%s", r->word);
        if (r->files && symlink(r->log_dir, link) < 0 && errno != EEXIST)
                log_init("make link %s: %s", link, strerror(errno));
}

/* Returns ONBOOT_STOP, or 1 when a container could not be run, or 0. */
static int run_all(Runner *r, const char *dir, char *const *names, size_t n) {
        int result = 0;
        for (size_t i = 0; i < n; i++) {
                _cleanup_err_ Err e = ERR_INIT;
                FailPolicy policy = FAIL_CONTINUE;
                if (!is_directory(dir, names[i]))
                        continue;
                note(r, BOOTLOG_ONBOOT_BEGIN, names[i], NULL);
                int ran = run_one(r, dir, names[i], &policy, &e);
                note(r, BOOTLOG_ONBOOT_END, names[i], ran > 0 ? "ok" : "failed");
                if (ran < 0) {
                        log_line("%s %s: %s", r->word, names[i], e.text);
                        result = 1;
                }
                if (ran <= 0 && ends_here(r, names[i], policy))
                        return ONBOOT_STOP;
        }
        return result;
}

int onboot_main(const char *dir, const char *word) {
        _cleanup_err_ Err e = ERR_INIT;
        char **names;
        size_t n;
        if (sys_list(dir, &names, &n, &e) < 0) {
                if (e.kind != ERR_NOT_FOUND)
                        log_init("%s: %s", word, e.text);
                return e.kind == ERR_NOT_FOUND ? 0 : 1;
        }
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        const char *cmdline = cmdline_text();
        const char *runtime = ociruntime_path();
        Runner r = { .word = word,
                     .runtime = *runtime ? runtime : "/usr/bin/runc",
                     .log_dir = xasprintf("/run/log/%s", word),
                     .debug = cmdline_has(cmdline, "linuxkit.runc_debug=1"),
                     .console = cmdline_has(cmdline, "linuxkit.runc_console=1") };
        if (sys_mkdir_p(r.log_dir, 0755, &e) < 0)
                log_init("%s: %s", word, e.text);
        log_line("Using cgroup %s",
                 access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 ? "v2" : "v1");
        int result = run_all(&r, dir, names, n);
        link_logs(&r);
        for (size_t i = 0; i < r.n_cleaners; i++)
                sys_wait(r.cleaners[i]);
        free(r.cleaners);
        free(r.log_dir);
        sys_free_names(names, n);
        return result;
}
