/* hooks.c - /etc/init.d and /etc/shutdown.d.
 *
 * The images that are listed under `init:` compose by putting entries here; leaving one out leaves
 * its stage out.  An entry is ours when it is the same file as /usr/bin/service. */
#include "init/hooks.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "init/log.h"
#include "init/onboot.h"
#include "init/sys.h"
#include "init/volumes.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

HookKind hooks_kind_of_name(const char *name) {
        static const struct {
                const char *word;
                HookKind kind;
        } table[] = {
                { "volumes", HOOK_VOLUMES },
                { "onboot", HOOK_ONBOOT },
                { "onshutdown", HOOK_ONSHUTDOWN },
                { "containerd", HOOK_CONTAINERD },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++)
                if (strstr(name, table[i].word))
                        return table[i].kind;
        return HOOK_PROGRAM;
}

static HookKind classify(const char *path) {
        struct stat st;
        if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
                return HOOK_NONE;
        if (sys_same_file(path, "/usr/bin/service"))
                return hooks_kind_of_name(path_base(path));
        return HOOK_PROGRAM;
}

int hooks_internal(HookKind kind) {
        switch (kind) {
        case HOOK_VOLUMES:
                return volumes_main("/containers/volumes");
        case HOOK_ONBOOT:
                return onboot_main("/containers/onboot", "onboot");
        case HOOK_ONSHUTDOWN:
                return onboot_main("/containers/onshutdown", "shutdown");
        default:
                return 1;
        }
}

static void run_program(const char *path) {
        char text[64];
        pid_t pid = fork();
        if (pid == 0) {
                sys_reset_signals();
                execl(path, path, (char *)NULL);
                log_init("%s: %s", path, strerror(errno));
                _exit(127);
        }
        int status = pid < 0 ? -1 : sys_wait(pid);
        if (status != 0)
                log_init("%s: %s", path, sys_describe_status(status, text, sizeof(text)));
}

/* False when the boot is to stop. */
static bool run_internal(const char *path, HookKind kind) {
        char text[64];
        pid_t pid = fork();
        if (pid == 0)
                _exit(hooks_internal(kind));
        if (pid < 0) {
                log_init("fork: %s", strerror(errno));
                return true;
        }
        /* What can go wrong in it is reported there; a crash is not. */
        int status = sys_wait(pid);
        if (WIFSIGNALED(status))
                log_init("%s: %s", path, sys_describe_status(status, text, sizeof(text)));
        return kind != HOOK_ONBOOT || !WIFEXITED(status) || WEXITSTATUS(status) != ONBOOT_STOP;
}

/* The first entry behind the place of containerd's, n when there is none. */
static size_t place_of_services(const char *dir, char **names, size_t n) {
        if (hooks_have_containerd(dir))
                return n + 1; /* the entry itself is the place */
        size_t i = 0;
        while (i < n && strcmp(names[i], "020-containerd") < 0)
                i++;
        return i;
}

/* False when the boot is to stop. */
static bool run_hook(const char *path, void (*services)(void *ctx), void *ctx) {
        HookKind kind = classify(path);
        if (kind == HOOK_PROGRAM)
                run_program(path);
        else if (kind == HOOK_CONTAINERD && services)
                services(ctx);
        else if (kind != HOOK_NONE)
                return run_internal(path, kind);
        return true;
}

bool hooks_run(const char *dir, void (*services)(void *ctx), void *ctx) {
        _cleanup_err_ Err e = ERR_INIT;
        char **names;
        size_t n;
        bool go_on = true;
        if (sys_list(dir, &names, &n, &e) < 0) {
                if (e.kind != ERR_NOT_FOUND)
                        log_init("%s", e.text);
                return true;
        }
        size_t place = place_of_services(dir, names, n);
        for (size_t i = 0; i <= n && go_on; i++) {
                if (i == place && services)
                        services(ctx);
                if (i == n)
                        break;
                _cleanup_free_ char *path = path_join(dir, names[i]);
                go_on = run_hook(path, services, ctx);
        }
        sys_free_names(names, n);
        return go_on;
}

bool hooks_have_containerd(const char *dir) {
        char **names;
        size_t n;
        bool found = false;
        if (sys_list(dir, &names, &n, NULL) < 0)
                return false;
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *path = path_join(dir, names[i]);
                found |= classify(path) == HOOK_CONTAINERD;
        }
        sys_free_names(names, n);
        return found;
}
