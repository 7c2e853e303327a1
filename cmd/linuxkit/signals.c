/* signals.c - SIGINT, SIGTERM and SIGHUP end the program at once, but leave no temporary file and
 * no half transfer behind, and the caller sees the signal in the exit status.
 *
 * `run` is different: there the signals belong to the machine, see lib/platform/foreground.c. */
#include "cmd/linuxkit/cmd.h"

#include <signal.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"

/* Only async-signal-safe calls from here on. */
static void die(int sig) {
        registry_cancel();
        file_tmp_remove_all();
        log_area_abandon();
        (void)!write(2, "interrupted\n", 12);
        signal(sig, SIG_DFL);
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, sig);
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        raise(sig);
        _exit(128 + sig);
}

void signals_setup(void) {
        static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
        for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
                struct sigaction old, act = { .sa_handler = die };
                sigfillset(&act.sa_mask);
                /* whoever started us with nohup wants it that way */
                if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN)
                        continue;
                sigaction(signals[i], &act, NULL);
        }
}

void signals_die(int sig) {
        die(sig);
        _exit(128 + sig);
}
