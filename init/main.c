/* main.c - one static program under many names: pid 1, hooks, `service` and small helpers.
 *
 * The base name of argv[0] selects, except for kernel upcalls, where argv[0] is what the kernel
 * wants and only the path of the executed file tells that the filter was called. */
#include <stdbool.h>
#include <stdio.h>
#include <sys/auxv.h>

#include "init/applets.h"
#include "init/hooks.h"
#include "init/logclient.h"
#include "init/logd.h"
#include "init/logwrite.h"
#include "init/pid1.h"
#include "init/service.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

static int init_main(int argc, char **argv) {
        (void)argc;
        if (getpid() != 1) {
                fprintf(stderr, "init: only for process 1; see poweroff, reboot and halt\n");
                return 1;
        }
        /* An image may bring its own /sbin/init; /init then only has to hand over to it. */
        if (str_eq(argv[0], "/init") && access("/sbin/init", F_OK) == 0 &&
            !sys_same_file("/init", "/sbin/init")) {
                char name[] = "/sbin/init";
                pid1_hand_over(name);
        }
        pid1_run(true);
}

/* boot.md 5: without /proc this is a machine, else the entry point of a container. */
static int rc_init_main(int argc, char **argv) {
        (void)argc;
        (void)argv;
        pid1_run(access("/proc/self", F_OK) < 0);
}

/* A link from /etc/init.d or /etc/shutdown.d that somebody runs by hand, or plain `service`. */
static int service_or_hook(int argc, char **argv) {
        HookKind kind = hooks_kind_of_name(path_base(argv[0]));
        if (argc > 1 || kind == HOOK_PROGRAM)
                return service_main(argc, argv);
        if (kind == HOOK_CONTAINERD) {
                fprintf(stderr, "%s: containerd is started and watched by process 1\n", argv[0]);
                return 1;
        }
        return hooks_internal(kind);
}

static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
} programs[] = {
        { "init", init_main },
        { "rc.init", rc_init_main },
        { "rc.shutdown", applet_rc_shutdown },
        { "poweroff", applet_poweroff },
        { "reboot", applet_reboot },
        { "halt", applet_halt },
        { "modprobe", applet_modprobe },
        { "memlogd", logd_main },
        { "logd", logd_main },
        { "logread", logclient_logread },
        { "logwrite", logwrite_main },
};

int main(int argc, char **argv) {
        if (argc < 1)
                return 2;
        const char *executed = (const char *)getauxval(AT_EXECFN);
        if (executed && str_eq(path_base(executed), "usermode-helper"))
                return applet_usermode_helper(argc, argv);
        const char *name = path_base(argv[0]);
        for (size_t i = 0; i < ARRAY_LEN(programs); i++)
                if (str_eq(name, programs[i].name))
                        return programs[i].run(argc, argv);
        return service_or_hook(argc, argv);
}
