/* client.c - the command line of udhcpc, and its environment.
 *
 * udhcpc gets only its own descriptors plus the report pipe, whose number travels in the
 * environment to the hook.  It is never told to give up: retrying is its job, time limits are the
 * front end's. */
#include "pkg/dhcpcd/client.h"
#include "pkg/dhcpcd/hook.h"
#include "pkg/dhcpcd/netif.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUSYBOX      "/bin/busybox"
#define HOOK_PROGRAM "/sbin/dhcpcd-hook"
#define MAX_ARGS     32

typedef struct Command {
        const char *args[MAX_ARGS];
        unsigned n;
        char hostname[CONF_WORD + 16];
        char client_id[2 * CONF_CLIENT_ID + 16];
        char address[INET_ADDRSTRLEN];
        char wants[8];
} Command;

static void add(Command *c, const char *arg) {
        c->args[c->n++] = arg;
}

static void add_pair(Command *c, const char *option, const char *value) {
        add(c, option);
        add(c, value);
}

static void add_hostname(Command *c, const DhcpConf *conf) {
        char own[CONF_WORD] = "";
        gethostname(own, sizeof(own) - 1);
        const char *name = *conf->hostname ? conf->hostname : own;
        if (!conf->send_hostname || !*name || *name == '(')
                return;
        snprintf(c->hostname, sizeof(c->hostname), "hostname:%s", name);
        add_pair(c, "-x", c->hostname);
}

/* RFC 2132 9.14: type 0 means that the identifier is no hardware address. */
static void add_client_id(Command *c, const DhcpConf *conf) {
        if (!*conf->client_id)
                return;
        char *p = c->client_id + sprintf(c->client_id, "0x3d:00");
        for (const char *s = conf->client_id; *s; s++)
                p += sprintf(p, "%02x", (unsigned char)*s);
        add_pair(c, "-x", c->client_id);
}

static void add_wanted(Command *c, bool wanted, char letter, const char *option) {
        if (!wanted)
                return;
        c->wants[strlen(c->wants)] = letter;
        if (option)
                add_pair(c, "-O", option);
}

static void command_line(Command *c, const char *interface, const ClientSettings *s) {
        *c = (Command){ 0 };
        add_pair(c, "udhcpc", "-f");
        add_pair(c, "-i", interface);
        add_pair(c, "-s", HOOK_PROGRAM);
        add_pair(c, "-t", "5");                  /* discovers in a row, */
        add_pair(c, "-T", "1");                  /* a second apart, */
        add_pair(c, "-A", s->once ? "1" : "10"); /* then a pause */
        if (s->once)
                add(c, "-q");
        if (s->broadcast)
                add(c, "-B");
        struct in_addr had = netif_address(interface);
        if (had.s_addr != INADDR_ANY)
                add_pair(c, "-r", inet_ntop(AF_INET, &had, c->address, sizeof(c->address)));
        add_hostname(c, s->conf);
        add_client_id(c, s->conf);
        add_wanted(c, s->conf->want_mtu, 'm', "mtu");
        add_wanted(c, s->conf->want_search, 's', "search");
        add_wanted(c, s->conf->want_routes, 'r', "staticroutes");
        add_wanted(c, s->conf->want_hostname, 'h', NULL); /* asked for by default */
        add(c, NULL);
}

static _Noreturn void run_child(const Command *c, int report) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);

        char fd[16];
        snprintf(fd, sizeof(fd), "%d", report);
        fcntl(report, F_SETFD, 0);
        setenv(HOOK_REPORT_FD, fd, 1);
        setenv(HOOK_WANTS, c->wants, 1);
        execv(BUSYBOX, (char *const *)c->args);
        fprintf(stderr, "dhcpcd: " BUSYBOX ": %s\n", strerror(errno));
        _exit(127);
}

int client_start(const char *interface, const ClientSettings *s, pid_t *ret_pid, int *ret_report) {
        Command c;
        command_line(&c, interface, s);

        int ends[2];
        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        pid_t pid = fork();
        if (pid == 0)
                run_child(&c, ends[1]);
        int r = pid < 0 ? -errno : 0;
        close(ends[1]);
        if (r < 0) {
                close(ends[0]);
                return r;
        }
        *ret_pid = pid;
        *ret_report = ends[0];
        return 0;
}
