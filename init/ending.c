/* ending.c - see ending.h.
 *
 * Called when everything else has failed: nothing here allocates memory. */
#include "init/ending.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "init/cmdline.h"
#include "init/log.h"

static const struct {
        const char *name;
        int signal, command;
} endings[] = {
        [ENDING_HALT] = { "halt", SIGUSR1, RB_HALT_SYSTEM },
        [ENDING_POWEROFF] = { "power off", SIGUSR2, RB_POWER_OFF },
        [ENDING_REBOOT] = { "reboot", SIGTERM, RB_AUTOBOOT },
};

const char *ending_name(Ending ending) {
        return endings[ending].name;
}

int ending_signal(Ending ending) {
        return endings[ending].signal;
}

void ending_now(Ending ending) {
        reboot(endings[ending].command);
}

void ending_panic(const char *what) {
        char value[16] = "";
        log_init("panic: %s", what);
        sync();
        bool given = cmdline_last(cmdline_text(), "panic", value, sizeof(value));
        int seconds = given ? atoi(value) : 0;
        if (seconds > 0)
                sleep((unsigned)seconds);
        ending_now(seconds != 0 ? ENDING_REBOOT : ENDING_POWEROFF);
        for (;;)
                pause();
}

static void on_crash(int sig) {
        char what[32];
        snprintf(what, sizeof(what), "signal %d in init", sig);
        ending_panic(what);
}

static void on_exit_of_init(void) {
        if (getpid() == 1)
                ending_panic("init has come to its end");
}

void ending_guard(void) {
        static const int crashes[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
        struct sigaction sa = { .sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND };
        for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
                sigaction(crashes[i], &sa, NULL);
        atexit(on_exit_of_init);
}
