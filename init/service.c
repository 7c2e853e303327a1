/* service.c - see service.h.  Options may be written with one dash or two, with the value behind a
 * blank or '=': the reference parses its command line that way.  The reference starts a container
 * itself; here the supervisor does, so -sock and -path are accepted by `start` but have no effect.
 */
#include "init/service.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "init/containerd.h"
#include "init/control.h"
#include "init/log.h"
#include "init/logclient.h"
#include "init/logd.h"
#include "init/reporter.h"
#include "init/supervise.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

typedef struct Settings {
        SuperviseOptions o;
        const char *command, *name, *dump, *gate, *lines;
        bool json, follow, times;
} Settings;

/* Where an option may stand. */
enum { GLOBAL = 1, SUPERVISOR = 2, CLIENT = 4, STARTER = 8, REPORT = 16, READER = 32 };

typedef struct Option {
        const char *name;
        unsigned where;
        size_t flag, value; /* offset in Settings of a bool or of a string; 0: not this */
        const char *help;
} Option;

static const Option options[] = {
        { "q", GLOBAL, offsetof(Settings, o.quiet), 0, "print errors only" },
        { "v", GLOBAL, offsetof(Settings, o.verbose), 0, "print more" },
        { "containerd-namespace", GLOBAL | SUPERVISOR, 0, offsetof(Settings, o.ns),
          "containerd namespace of services that name none" },
        { "sock", SUPERVISOR | STARTER, 0, offsetof(Settings, o.socket), "containerd's socket" },
        { "path", SUPERVISOR | STARTER, 0, offsetof(Settings, o.path),
          "directory of the services" },
        { "containerd", SUPERVISOR, 0, offsetof(Settings, o.binary), "containerd program" },
        { "runtime", SUPERVISOR, 0, offsetof(Settings, o.runtime),
          "OCI runtime for an image without containerd" },
        { "config", SUPERVISOR, 0, offsetof(Settings, o.conf), "runtime-config.toml" },
        { "gate-fd", SUPERVISOR, 0, offsetof(Settings, gate),
          "descriptor that opens the way for services" },
        { "run", SUPERVISOR | CLIENT | STARTER | READER, 0, offsetof(Settings, o.run_dir),
          "directory of the control socket" },
        { "log", SUPERVISOR | CLIENT | READER, 0, offsetof(Settings, o.log_dir),
          "directory of the logs" },
        { "log-socket", SUPERVISOR | READER, 0, offsetof(Settings, o.log_socket),
          "the log daemon's socket: for streams, or with `logs` for questions" },
        { "f", READER, offsetof(Settings, follow), 0, "go on with what is written from now on" },
        { "n", READER, 0, offsetof(Settings, lines), "only so many of the last lines" },
        { "t", READER, offsetof(Settings, times), 0, "the time before each line" },
        { "dump-spec", STARTER, 0, offsetof(Settings, dump),
          "write the container's specification to this file" },
        { "json", REPORT, offsetof(Settings, json), 0, "print JSON" },
};

static int run_supervisor(const Settings *s);
static int run_change(const Settings *s);
static int run_list(const Settings *s);
static int run_logs(const Settings *s);
static int run_boot(const Settings *s);
static int run_help(const Settings *s);

static const struct {
        const char *name, *args, *help;
        unsigned where;
        enum { NO_NAME, NAME, MAY_NAME } takes;
        int (*run)(const Settings *s);
} commands[] = {
        { "system-init", "", "start containerd and all services and look after them", SUPERVISOR,
          NO_NAME, run_supervisor },
        { "supervise", "", "the same, as a child of init", SUPERVISOR, NO_NAME, run_supervisor },
        { "start", "NAME", "start a service that does not run", STARTER, NAME, run_change },
        { "stop", "NAME", "stop a service until it is started again", STARTER, NAME, run_change },
        { "restart", "NAME", "stop and start a service", STARTER, NAME, run_change },
        { "status", "[NAME]", "show one service, or all; exit 3 if it does not run",
          CLIENT | REPORT, MAY_NAME, run_list },
        { "list", "", "show all services", CLIENT | REPORT, NO_NAME, run_list },
        { "logs", "NAME", "print what a service wrote", READER, NAME, run_logs },
        { "boot", "", "show where the time of the boot went", REPORT, NO_NAME, run_boot },
        { "help", "", "show this text", CLIENT, NO_NAME, run_help },
};

static void print_usage(FILE *f) {
        fputs("Usage: service [-q|-v] [-containerd-namespace NS] COMMAND [OPTIONS]\n\nCommands:\n",
              f);
        for (size_t i = 0; i < ARRAY_LEN(commands); i++)
                fprintf(f, "  %-12s %-7s %s\n", commands[i].name, commands[i].args,
                        commands[i].help);
        fputs("\nOptions:\n", f);
        for (size_t i = 0; i < ARRAY_LEN(options); i++)
                fprintf(f, "  -%-21s %s\n", options[i].name, options[i].help);
}

static int run_help(const Settings *s) {
        (void)s;
        print_usage(stdout);
        return 0;
}

static int run_boot(const Settings *s) {
        return reporter_print(s->json);
}

static int fail(const char *text) {
        log_line("service: %s", text);
        return 1;
}

static int run_supervisor(const Settings *s) {
        SuperviseOptions o = s->o;
        uint64_t fd;
        if (s->gate) {
                if (!str_to_u64(s->gate, &fd) || fd < 3 || fd > 1048576)
                        return fail("-gate-fd needs the number of an open descriptor");
                o.gate_fd = (int)fd;
        }
        if (!containerd_id_is_valid(o.ns))
                return fail("-containerd-namespace: not a valid name");
        return supervise_run(&o);
}

/* NULL after a message. */
static json_t *ask(const Settings *s) {
        _cleanup_err_ Err err = ERR_INIT;
        _cleanup_free_ char *path = path_join(s->o.run_dir, SUPERVISE_CONTROL);
        json_t *request = json_pack("{s:s,s:s*,s:s*}", "command", s->command, "name", s->name,
                                    "dumpSpec", s->dump);
        json_t *reply = NULL;
        if (control_ask(path, request, &reply, &err) < 0) {
                if (err.kind == ERR_NOT_FOUND)
                        err_set(&err, ERR_NOT_FOUND, 0, "no supervisor runs");
                fail(err.text);
        } else if (!json_is_true(json_object_get(reply, "ok"))) {
                const char *text = json_string_value(json_object_get(reply, "error"));
                fail(text ? text : "the supervisor refused");
                json_decref(reply);
                reply = NULL;
        }
        json_decref(request);
        return reply;
}

/* The supervisor has another working directory. */
static int run_change(const Settings *s) {
        Settings here = *s;
        _cleanup_free_ char *cwd = s->dump ? getcwd(NULL, 0) : NULL;
        _cleanup_free_ char *dump = s->dump ? path_join(cwd, s->dump) : NULL;
        here.dump = dump;
        json_t *reply = ask(&here);
        const char *note = json_string_value(json_object_get(reply, "note"));
        if (note)
                log_line("%s", note);
        json_decref(reply);
        return reply ? 0 : 1;
}

static const char *text_of(const json_t *o, const char *key) {
        const char *s = json_string_value(json_object_get(o, key));
        return s ? s : "";
}

static void print_service(const json_t *o) {
        char uptime[32] = "-";
        json_int_t pid = json_integer_value(json_object_get(o, "pid"));
        if (pid > 0)
                snprintf(uptime, sizeof uptime, "%.1fs",
                         json_number_value(json_object_get(o, "uptime")));
        const char *health = *text_of(o, "health") ? text_of(o, "health") : "-";
        const char *error = text_of(o, "error");
        printf("%-24s %-9s %8lld %8lld %10s %-*s%s%s\n", text_of(o, "name"), text_of(o, "state"),
               (long long)pid, (long long)json_integer_value(json_object_get(o, "restarts")),
               uptime, *error ? 9 : 0, health, *error ? "  " : "", error);
}

static void print_table(const json_t *services) {
        size_t i;
        const json_t *o;
        printf("%-24s %-9s %8s %8s %10s %s\n", "NAME", "STATE", "PID", "RESTARTS", "UPTIME",
               "HEALTH");
        json_array_foreach(services, i, o) {
                print_service(o);
        }
}

/* What the table has no room for. */
static void print_details(const json_t *o) {
        size_t i;
        const json_t *need;
        json_int_t limit = json_integer_value(json_object_get(o, "restartLimit"));
        if (json_array_size(json_object_get(o, "needs")) > 0) {
                printf("needs:");
                json_array_foreach(json_object_get(o, "needs"), i, need) {
                        printf(" %s", json_string_value(need));
                }
                printf("\n");
        }
        printf("ready: %s\n", json_is_true(json_object_get(o, "ready")) ? "yes" : "no");
        if (limit > 0)
                printf("starts in quick succession: at most %lld\n", (long long)limit);
}

static int run_list(const Settings *s) {
        Settings all = *s;
        if (!s->name)
                all.command = "list";
        json_t *reply = ask(&all);
        if (!reply)
                return 1;
        const json_t *services = json_object_get(reply, "services");
        const json_t *first = json_array_get(services, 0);
        bool running = str_eq(text_of(first, "state"), "running");
        if (s->json) {
                json_dumpf(services, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
                printf("\n");
        } else {
                print_table(services);
                if (s->name)
                        print_details(first);
        }
        json_decref(reply);
        return s->name && !running ? 3 : 0;
}

/* Prints a file from behind its first *skip lines, and takes those that it has from *skip; with
 * print false it only adds their number.  0: done, 1: the file does not exist, -1: after a message.
 */
static int read_lines(const char *path, uint64_t *skip, bool print) {
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 && errno == ENOENT)
                return 1;
        char buf[16 << 10];
        ssize_t n = -1;
        while (fd >= 0 && (n = read(fd, buf, sizeof buf)) > 0) {
                const char *p = buf, *end = buf + n;
                while (p < end && (*skip > 0 || !print)) {
                        const char *nl = memchr(p, '\n', (size_t)(end - p));
                        if (nl)
                                *skip = print ? *skip - 1 : *skip + 1;
                        p = nl ? nl + 1 : end;
                }
                if (fwrite(p, 1, (size_t)(end - p), stdout) != (size_t)(end - p))
                        return -1;
        }
        if (n == 0)
                return 0;
        log_line("service: read %s: %s", path, strerror(errno));
        return -1;
}

/* Standard output first, then standard error, each with what was rotated away. */
static int print_files(const Settings *s, uint64_t lines) {
        static const char *const kinds[] = { ".out.log.0", ".out.log", ".log.0", ".log" };
        uint64_t skip = 0;
        bool found = false;
        for (size_t i = lines ? 0 : ARRAY_LEN(kinds); i < 2 * ARRAY_LEN(kinds); i++) {
                const char *kind = kinds[i % ARRAY_LEN(kinds)];
                _cleanup_free_ char *path = xasprintf("%s/%s%s", s->o.log_dir, s->name, kind);
                if (i == ARRAY_LEN(kinds))
                        skip = lines && skip > lines ? skip - lines : 0;
                int r = read_lines(path, &skip, i >= ARRAY_LEN(kinds));
                if (r < 0)
                        return 1;
                found = found || r == 0;
        }
        return found ? 0 : fail("this service has no logs");
}

/* From the memory of the log daemon; the files hold what that has no room for any more, or
 * everything where there is no daemon. */
static int run_logs(const Settings *s) {
        _cleanup_err_ Err err = ERR_INIT;
        LogclientShow show = { .socket = s->o.log_socket ? s->o.log_socket : LOGD_QUERY_SOCKET,
                               .name = s->name,
                               .follow = s->follow,
                               .times = s->times };
        uint64_t lines = 0;
        if (!containerd_id_is_valid(s->name))
                return fail("no valid name for a service");
        if (s->lines && (!str_to_u64(s->lines, &lines) || lines == 0 || lines > 1000000))
                return fail("-n needs a number of lines");
        show.lines = lines;
        int r = logclient_show(&show, &err);
        if (r > 0 || (r == 0 && s->follow))
                return 0;
        if (r < 0 && (err.kind != ERR_NOT_FOUND || s->follow))
                return fail(err.text);
        return print_files(s, lines);
}

/* One option at argv[*i]: 1 when taken, 0 when it is none, -1 after a message. */
static int take_option(Settings *s, unsigned where, int argc, char **argv, int *i) {
        const char *arg = argv[*i];
        if (arg[0] != '-' || !arg[1])
                return 0;
        arg += arg[1] == '-' ? 2 : 1;
        size_t len = strcspn(arg, "=");
        for (size_t k = 0; k < ARRAY_LEN(options); k++) {
                const Option *opt = &options[k];
                if (strlen(opt->name) != len || memcmp(opt->name, arg, len) != 0 ||
                    !(opt->where & where))
                        continue;
                if (opt->flag) {
                        *(bool *)((char *)s + opt->flag) = true;
                        return 1;
                }
                const char *value = arg[len] ? arg + len + 1 : NULL;
                if (!value && *i + 1 < argc)
                        value = argv[++*i];
                if (!value || !*value) {
                        log_line("service: option -%s needs a value", opt->name);
                        return -1;
                }
                *(const char **)((char *)s + opt->value) = value;
                return 1;
        }
        log_line("service: unknown option %s", argv[*i]);
        return -1;
}

static int take_options(Settings *s, unsigned where, int argc, char **argv, int *i) {
        int r = 1;
        while (*i < argc && (r = take_option(s, where, argc, argv, i)) > 0)
                ++*i;
        return r < 0 ? -1 : 0;
}

int service_main(int argc, char **argv) {
        Settings s = { .o = SUPERVISE_DEFAULTS };
        int i = 1;
        if (take_options(&s, GLOBAL, argc, argv, &i) < 0) {
                print_usage(stderr);
                return 1;
        }
        if (s.o.quiet && s.o.verbose)
                return fail("-q and -v exclude each other");
        s.command = i < argc ? argv[i++] : "";
        for (size_t k = 0; k < ARRAY_LEN(commands); k++) {
                if (!str_eq(commands[k].name, s.command))
                        continue;
                if (take_options(&s, commands[k].where, argc, argv, &i) < 0)
                        return 1;
                if (i < argc && commands[k].takes != NO_NAME)
                        s.name = argv[i++];
                if (take_options(&s, commands[k].where, argc, argv, &i) < 0)
                        return 1;
                if (i < argc)
                        return fail("too many arguments");
                if (!s.name && commands[k].takes == NAME)
                        return fail("the name of a service is missing");
                return commands[k].run(&s);
        }
        if (*s.command)
                log_line("service: unknown command \"%s\"", s.command);
        print_usage(stderr);
        return 1;
}
