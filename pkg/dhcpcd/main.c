/* main.c - dhcpcd: the command line of dhcpcd(8) in front of busybox' udhcpc; IPv4 only, IPv6 is
 * the kernel's (router advertisements).
 *
 *     dhcpcd [--nobackground] [-f FILE] [-1] [-B] [-d] [-t SECONDS] [INTERFACE...]
 *
 * It always stays in the foreground.  With -1 it ends when the first interface is configured
 * (others get a moment more), status 1 if none was in time.  udhcpc calls it as dhcpcd-hook. */
#include "pkg/dhcpcd/hook.h"
#include "pkg/dhcpcd/netif.h"
#include "pkg/dhcpcd/ports.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define DEFAULT_CONF    "/dhcpcd.conf"
#define DEFAULT_TIMEOUT 30   /* seconds, as dhcpcd's */
#define GRACE_MS        3000 /* for further interfaces once one is configured */
#define SCAN_MS         1000 /* also without any event: a client waits for its restart */

static int read_conf(const char *path, bool must_exist, DhcpConf *c) {
        conf_init(c);
        FILE *f = fopen(path, "re");
        if (!f) {
                if (!must_exist && errno == ENOENT)
                        return 0;
                fprintf(stderr, "dhcpcd: %s: %s\n", path, strerror(errno));
                return -1;
        }
        char *line = NULL;
        size_t size = 0;
        for (unsigned number = 1; getline(&line, &size, f) >= 0; number++) {
                const char *fault = conf_line(c, line);
                if (fault)
                        fprintf(stderr, "dhcpcd: %s:%u: %s\n", path, number, fault);
        }
        free(line);
        fclose(f);
        return 0;
}

/* -1 after a failure or without lease in time, 0 to go on, 1 when all is done. */
static int judge_once(const Ports *ps, int64_t started, int timeout) {
        int64_t now = ports_now();
        if (ps->bound_since && (ports_all_bound(ps) || now - ps->bound_since >= GRACE_MS))
                return 1;
        if (ps->bound_since || timeout == 0 || now - started < (int64_t)timeout * 1000)
                return 0;

        fprintf(stderr, "dhcpcd: no lease within %d s", timeout);
        for (unsigned i = 0; i < ps->n; i++)
                fprintf(stderr, "%s%s: %s", i ? ", " : " (", ps->list[i].name,
                        ps->list[i].carrier ? "no answer" : "no carrier");
        fprintf(stderr, "%s\n", ps->n ? ")" : " (no interface)");
        return -1;
}

static void wait_for_event(Ports *ps, int signals, int watch) {
        struct pollfd fds[2 + PORTS_MAX] = { { .fd = signals, .events = POLLIN },
                                             { .fd = watch, .events = POLLIN } };
        for (unsigned i = 0; i < ps->n; i++)
                fds[2 + i] = (struct pollfd){ .fd = ps->list[i].report, .events = POLLIN };
        poll(fds, 2 + ps->n, SCAN_MS);

        char scrap[4096];
        while (read(watch, scrap, sizeof(scrap)) > 0)
                ;
}

static bool asked_to_end(int signals) {
        struct signalfd_siginfo s;
        while (read(signals, &s, sizeof(s)) == sizeof(s))
                if (s.ssi_signo != SIGCHLD)
                        return true;
        return false;
}

static int serve(Ports *ps, int timeout) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGCHLD);
        sigprocmask(SIG_BLOCK, &set, NULL);
        int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        int watch = netif_watch();
        if (signals < 0 || watch < 0) {
                fprintf(stderr, "dhcpcd: %s\n", strerror(signals < 0 ? errno : -watch));
                return 1;
        }

        int64_t started = ports_now();
        int done = 0;
        while (done == 0) {
                ports_scan(ps);
                wait_for_event(ps, signals, watch);
                bool end = asked_to_end(signals);
                ports_update(ps);
                if (end)
                        break;
                if (ps->settings.once)
                        done = judge_once(ps, started, timeout);
        }
        ports_stop(ps);
        return done > 0 || (done == 0 && !ps->settings.once) ? 0 : 1;
}

int main(int argc, char **argv) {
        const char *base = strrchr(argv[0], '/');
        if (strcmp(base ? base + 1 : argv[0], "dhcpcd-hook") == 0)
                return hook_main(argc, argv);

        static const struct option options[] = {
                { "nobackground", no_argument, NULL, 'B' },
                { "config", required_argument, NULL, 'f' },
                { "oneshot", no_argument, NULL, '1' },
                { "debug", no_argument, NULL, 'd' },
                { "timeout", required_argument, NULL, 't' },
                { "broadcast", no_argument, NULL, 'J' },
                { 0 },
        };
        const char *path = NULL;
        char *timeout = NULL;
        static Ports ports;
        for (int c; (c = getopt_long(argc, argv, "Bf:1dt:J", options, NULL)) != -1;) {
                if (c == 'f')
                        path = optarg;
                else if (c == '1')
                        ports.settings.once = true;
                else if (c == 't')
                        timeout = optarg;
                else if (c == 'J')
                        ports.settings.broadcast = true;
                else if (c == '?')
                        return 2;
        }
        setvbuf(stdout, NULL, _IOLBF, 0);

        DhcpConf conf;
        if (read_conf(path ? path : DEFAULT_CONF, path != NULL, &conf) < 0)
                return 1;
        char line[CONF_WORD * 2];
        const char *fault = NULL;
        if (timeout) {
                snprintf(line, sizeof(line), "timeout %s", timeout);
                fault = conf_line(&conf, line);
        }
        if (optind < argc)
                conf.n_allow = 0; /* interfaces of the command line replace those of the file */
        for (int i = optind; i < argc && !fault; i++) {
                snprintf(line, sizeof(line), "allowinterfaces %s", argv[i]);
                fault = conf_line(&conf, line);
        }
        if (fault) {
                fprintf(stderr, "dhcpcd: %s\n", fault);
                return 2;
        }
        ports.settings.conf = &conf;
        return serve(&ports, conf.timeout >= 0 ? conf.timeout : DEFAULT_TIMEOUT);
}
