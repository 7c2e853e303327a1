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
#include <sys/wait.h>

#include "init/bundle.h"
#include "init/cmdline.h"
#include "init/log.h"
#include "init/streams.h"
#include "init/sys.h"
#include "lib/base/json.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

static char runc[] = "/usr/bin/runc";

typedef struct Runner {
        const char *word;
        char *log_dir;
        bool debug, console, files;
        pid_t *cleaners; /* processes that delete ended containers beside the next one */
        size_t n_cleaners, cap_cleaners;
} Runner;

typedef struct Job {
        Runner *r;
        const char *name;
        Bundle *bundle;
        Streams *streams;
        char *id, *pid_file;
} Job;

/* Runs the runtime with its output in the container's streams; returns the wait status. */
static int run_runc(const Job *j, char *const *args) {
        char *argv[16] = { runc };
        size_t n = 1;
        if (j->r->debug) {
                static char debug[] = "--debug";
                argv[n++] = debug;
                log_line("%s %s: runc %s", j->r->word, j->name, args[0]);
        }
        while (*args && n < ARRAY_LEN(argv) - 1)
                argv[n++] = *args++;
        pid_t pid = fork();
        if (pid == 0) {
                sys_reset_signals();
                streams_attach(j->streams);
                execv(runc, argv);
                dprintf(STDERR_FILENO, "%s: %s\n", runc, strerror(errno));
                _exit(127);
        }
        return pid < 0 ? -1 : streams_wait(j->streams, pid);
}

/* `runc create`, or `runc run --detach` when nothing is to be done in between. */
static int runc_make(const Job *j, bool start, Err *e) {
        char verb[8], detach[] = "--detach", bundle[] = "--bundle", pid_file[] = "--pid-file";
        char status[64];
        char *path = (char *)bundle_path(j->bundle);
        snprintf(verb, sizeof(verb), "%s", start ? "run" : "create");
        char *args[8] = { verb, bundle, path, pid_file, j->pid_file };
        size_t n = 5;
        if (start)
                args[n++] = detach;
        args[n] = j->id;
        int r = run_runc(j, args);
        if (r != 0)
                return err_set(e, ERR_IO, 0, "runc %s: %s", verb,
                               sys_describe_status(r, status, sizeof(status)));
        return 0;
}

static int runc_start(const Job *j, Err *e) {
        char verb[] = "start", status[64];
        int r = run_runc(j, (char *[]){ verb, j->id, NULL });
        if (r != 0)
                return err_set(e, ERR_IO, 0, "runc start: %s",
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

/* True when processes are left in the cgroup of a container that shares a process namespace: a
 * daemon that it was meant to start.  Deleting the container would kill it. */
static bool has_processes(const Job *j) {
        enum { MAX_STATE = 4 << 20 };
        _cleanup_free_ char *path = xasprintf("/run/runc/%s/state.json", j->id);
        _cleanup_free_ char *text = NULL;
        if (sys_read_file(path, MAX_STATE, &text, NULL) < 0)
                return false;
        _cleanup_json_ json_t *state = json_loads(text, 0, NULL);
        const char *controller;
        json_t *dir;
        json_object_foreach(json_object_get(state, "cgroup_paths"), controller, dir) {
                char pid[32];
                _cleanup_free_ char *procs = path_join(json_string_value(dir), "cgroup.procs");
                if (sys_read_line(procs, pid, sizeof(pid)) && pid[0])
                        return true;
        }
        return false;
}

/* Removes what the runtime keeps of a container: state, cgroup; then our mounts. */
static void delete_container(const Job *j) {
        char delete[] = "delete", force[] = "--force";
        exec_quietly((char *[]){ runc, delete, force, j->id, NULL });
        unlink(j->pid_file);
        bundle_cleanup(j->bundle);
}

/* The next container need not wait for the removal of the last one. */
static void delete_in_background(const Job *j) {
        pid_t pid = fork();
        if (pid == 0) {
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
static int start_container(const Job *j, pid_t *pid, Err *e) {
        if (bundle_prepare(j->bundle, e) < 0)
                return -1;
        bool attach = bundle_needs_attach(j->bundle);
        if (runc_make(j, !attach, e) < 0 || read_pid(j, pid, e) < 0)
                return -1;
        if (attach && (bundle_attach(j->bundle, *pid, e) < 0 || runc_start(j, e) < 0))
                return -1;
        return 0;
}

/* A container of the same id is left only when a runner was killed. */
static void delete_leftover(const Job *j) {
        _cleanup_free_ char *state = xasprintf("/run/runc/%s", j->id);
        if (access(state, F_OK) == 0)
                delete_container(j);
}

static int run_job(const Job *j, Err *e) {
        char text[64];
        pid_t pid = 0;
        delete_leftover(j);
        double begin = sys_now();
        int r = start_container(j, &pid, e);
        if (r == 0) {
                int status = streams_wait(j->streams, pid);
                streams_finish(j->streams);
                log_line("%s %s: %s after %.1fs", j->r->word, j->name,
                         sys_describe_status(status, text, sizeof(text)), sys_now() - begin);
        } else {
                streams_finish(j->streams);
        }
        /* One that was created but not started has a process too: the runtime's own, waiting. */
        if (r < 0 || !has_processes(j))
                delete_in_background(j);
        return r;
}

static int run_one(Runner *r, const char *dir, const char *name, Err *e) {
        _cleanup_free_ char *path = path_join(dir, name);
        _cleanup_free_ char *id = xasprintf("%s.%s", r->word, name);
        _cleanup_free_ char *pid_file = xasprintf("/run/linuxkit/%s.pid", id);
        _cleanup_bundle_ Bundle *bundle = NULL;
        log_line("%s %s: from %s", r->word, name, path);
        if (bundle_open(path, &bundle, e) < 0 || sys_mkdir_p("/run/linuxkit", 0755, e) < 0)
                return -1;
        Job j = { r, name, bundle, NULL, id, pid_file };
        if (r->console)
                j.streams = streams_open_console();
        else if (streams_open(r->log_dir, id, &j.streams, e) < 0)
                return -1;
        r->files |= streams_in_files(j.streams);
        int ret = run_job(&j, e);
        streams_free(j.streams);
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

int onboot_main(const char *dir, const char *word) {
        _cleanup_err_ Err e = ERR_INIT;
        char **names;
        size_t n, failed = 0;
        if (sys_list(dir, &names, &n, &e) < 0) {
                if (e.kind != ERR_NOT_FOUND)
                        log_init("%s: %s", word, e.text);
                return e.kind == ERR_NOT_FOUND ? 0 : 1;
        }
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        const char *cmdline = cmdline_text();
        Runner r = { .word = word,
                     .log_dir = xasprintf("/run/log/%s", word),
                     .debug = cmdline_has(cmdline, "linuxkit.runc_debug=1"),
                     .console = cmdline_has(cmdline, "linuxkit.runc_console=1") };
        if (sys_mkdir_p(r.log_dir, 0755, &e) < 0)
                log_init("%s: %s", word, e.text);
        log_line("Using cgroup %s",
                 access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 ? "v2" : "v1");

        for (size_t i = 0; i < n; i++) {
                if (!is_directory(dir, names[i]))
                        continue;
                err_clear(&e);
                if (run_one(&r, dir, names[i], &e) < 0) {
                        log_line("%s %s: %s", word, names[i], e.text);
                        failed++;
                }
        }
        link_logs(&r);
        for (size_t i = 0; i < r.n_cleaners; i++)
                sys_wait(r.cleaners[i]);
        free(r.cleaners);
        free(r.log_dir);
        sys_free_names(names, n);
        return failed ? 1 : 0;
}
