/* ports.c - state of each interface.
 *
 * udhcpc announces "no lease" when it starts too; only an address that this run has set is removed
 * then, so a daemon started after an onboot lease does not cut connections. */
#include "pkg/dhcpcd/ports.h"
#include "pkg/dhcpcd/hook.h"
#include "pkg/dhcpcd/netif.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RESTART_MS 1000

int64_t ports_now(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static Port *port_for(Ports *ps, const char *name) {
        for (unsigned i = 0; i < ps->n; i++)
                if (strcmp(ps->list[i].name, name) == 0)
                        return &ps->list[i];
        if (ps->n == PORTS_MAX || strlen(name) >= IFNAMSIZ)
                return NULL;
        Port *p = &ps->list[ps->n++];
        *p = (Port){ .report = -1 };
        strcpy(p->name, name);
        return p;
}

static void start(Ports *ps, Port *p) {
        int r = client_start(p->name, &ps->settings, &p->pid, &p->report);
        if (r < 0) {
                fprintf(stderr, "dhcpcd: %s: start udhcpc: %s\n", p->name, strerror(-r));
                p->start_at = ports_now() + RESTART_MS;
        }
}

static void see(Ports *ps, Port *p, unsigned flags) {
        p->present = true;
        if (!(flags & IFF_UP)) {
                int r = netif_up(p->name);
                if (r < 0)
                        fprintf(stderr, "dhcpcd: %s: bring up: %s\n", p->name, strerror(-r));
        }
        bool had = p->carrier;
        p->carrier = flags & IFF_RUNNING;
        if (!p->carrier || (ps->settings.once && p->bound))
                return;
        if (p->pid == 0 && ports_now() >= p->start_at)
                start(ps, p);
        else if (p->pid > 0 && !had)
                kill(p->pid, SIGUSR1); /* the network may be another one now */
}

void ports_scan(Ports *ps) {
        struct if_nameindex *names = if_nameindex();
        if (!names)
                return;
        for (unsigned i = 0; i < ps->n; i++)
                ps->list[i].present = false;
        for (struct if_nameindex *i = names; i->if_index; i++) {
                unsigned flags = netif_ethernet_flags(i->if_name);
                Port *p = flags && conf_allows(ps->settings.conf, i->if_name)
                                  ? port_for(ps, i->if_name)
                                  : NULL;
                if (p)
                        see(ps, p, flags);
        }
        if_freenameindex(names);
        for (unsigned i = 0; i < ps->n; i++)
                if (!ps->list[i].present && ps->list[i].pid > 0)
                        kill(ps->list[i].pid, SIGTERM);
}

static void take_report(Ports *ps, Port *p, char byte) {
        if (byte == HOOK_BOUND) {
                char text[INET_ADDRSTRLEN];
                struct in_addr a = netif_address(p->name);
                if (!p->bound)
                        printf("dhcpcd: %s: leased %s\n", p->name,
                               inet_ntop(AF_INET, &a, text, sizeof(text)));
                p->bound = true;
                if (ps->bound_since == 0)
                        ps->bound_since = ports_now();
        } else if (byte == HOOK_LOST && p->bound) {
                printf("dhcpcd: %s: lease lost\n", p->name);
                p->bound = false;
                netif_clear_address(p->name);
        }
}

static void read_reports(Ports *ps, Port *p) {
        char byte;
        while (p->report >= 0 && read(p->report, &byte, 1) == 1)
                take_report(ps, p, byte);
}

void ports_update(Ports *ps) {
        for (unsigned i = 0; i < ps->n; i++)
                read_reports(ps, &ps->list[i]);
        for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0;)
                for (unsigned i = 0; i < ps->n; i++) {
                        Port *p = &ps->list[i];
                        if (p->pid != pid)
                                continue;
                        read_reports(ps, p); /* what came between the two loops */
                        close(p->report);
                        p->report = -1;
                        p->pid = 0;
                        /* a daemon's next client says "no lease" first: that is no loss */
                        p->bound = p->bound && ps->settings.once;
                        p->start_at = ports_now() + RESTART_MS;
                }
}

bool ports_all_bound(const Ports *ps) {
        for (unsigned i = 0; i < ps->n; i++)
                if (ps->list[i].present && !ps->list[i].bound)
                        return false;
        return true;
}

void ports_stop(Ports *ps) {
        for (unsigned i = 0; i < ps->n; i++)
                if (ps->list[i].pid > 0)
                        kill(ps->list[i].pid, SIGTERM);
        while (wait(NULL) > 0 || errno == EINTR)
                ;
}
