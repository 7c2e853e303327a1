/* applets.c - the small programs of the multi-call binary.
 *
 * They exist so that an image needs no shell or busybox to be switched off or to have the kernel
 * load a module on demand. */
#include "init/applets.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "init/ending.h"
#include "init/modules.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

static int ask_pid1(const char *name, Ending ending) {
        if (kill(1, ending_signal(ending)) == 0)
                return 0;
        fprintf(stderr, "%s: signal process 1: %s\n", name, strerror(errno));
        return 1;
}

static int end_machine(int argc, char **argv, Ending ending) {
        const char *name = path_base(argv[0]);
        bool force = false, do_sync = true;
        int c;
        while ((c = getopt(argc, argv, "d:fnw")) != -1) {
                switch (c) {
                case 'f':
                        force = true;
                        break;
                case 'n':
                        do_sync = false;
                        break;
                case 'd':
                case 'w':
                        break; /* busybox's delay and wtmp record: nothing to do here */
                default:
                        fprintf(stderr, "usage: %s [-f] [-n]\n", name);
                        return 2;
                }
        }
        if (!force)
                return ask_pid1(name, ending);
        if (do_sync)
                sync();
        ending_now(ending);
        fprintf(stderr, "%s: %s\n", name, strerror(errno));
        return 1;
}

int applet_poweroff(int argc, char **argv) {
        return end_machine(argc, argv, ENDING_POWEROFF);
}

int applet_reboot(int argc, char **argv) {
        return end_machine(argc, argv, ENDING_REBOOT);
}

int applet_halt(int argc, char **argv) {
        return end_machine(argc, argv, ENDING_HALT);
}

int applet_rc_shutdown(int argc, char **argv) {
        const char *action = argc > 1 ? argv[1] : "poweroff";
        if (str_eq(action, "poweroff"))
                return ask_pid1("rc.shutdown", ENDING_POWEROFF);
        if (str_eq(action, "reboot"))
                return ask_pid1("rc.shutdown", ENDING_REBOOT);
        if (str_eq(action, "halt"))
                return ask_pid1("rc.shutdown", ENDING_HALT);
        if (str_eq(action, "noop"))
                return 0; /* pid 1 runs the hooks itself */
        fprintf(stderr, "usage: rc.shutdown [poweroff|reboot|halt|noop]\n");
        return 2;
}

/* "modprobe NAME x=1 y=2": everything after the name is for the module. */
static void set_options(Modules *m, const char *name, char *const *words, int n) {
        _cleanup_buf_ Buf line = { 0 };
        buf_addf(&line, "options %s", name);
        for (int i = 0; i < n; i++)
                buf_addf(&line, " %s", words[i]);
        modules_configure(m, line.data);
}

int applet_modprobe(int argc, char **argv) {
        bool quiet = false, all = false;
        int c, status = 0;
        while ((c = getopt(argc, argv, "abqs")) != -1) {
                if (c == '?')
                        return 2;
                quiet |= c == 'q';
                all |= c == 'a';
        }
        if (optind == argc) {
                fprintf(stderr, "usage: modprobe [-bqs] [-a] NAME... | NAME OPTION=VALUE...\n");
                return 2;
        }
        Modules *m = modules_open_system();
        int end = all ? argc : optind + 1;
        if (end < argc)
                set_options(m, argv[optind], argv + end, argc - end);
        for (int i = optind; i < end; i++) {
                _cleanup_err_ Err e = ERR_INIT;
                if (modules_load_name(m, argv[i], &e) >= 0)
                        continue;
                if (e.kind == ERR_NOT_FOUND &&
                    modules_load_aliases(m, &argv[i], 1, MODULES_ALL) > 0)
                        continue;
                if (!quiet)
                        fprintf(stderr, "modprobe: %s\n", e.text);
                status = 1;
        }
        modules_free(m);
        return status;
}

int applet_usermode_helper(int argc, char **argv) {
        static const char *const allowed[] = { "/sbin/mdev", "/sbin/modprobe", "/sbin/poweroff",
                                               "/sbin/reboot" };
        for (size_t i = 0; argc > 0 && i < ARRAY_LEN(allowed); i++) {
                if (!str_eq(argv[0], allowed[i]))
                        continue;
                execv(argv[0], argv);
                return 1;
        }
        return 2;
}
