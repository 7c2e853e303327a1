/* ports.h - the interfaces under our care and the client process of each. */
#pragma once

#include "pkg/dhcpcd/client.h"

#include <net/if.h>
#include <stdint.h>

#define PORTS_MAX 32

typedef struct Port {
        char name[IFNAMSIZ];
        bool present; /* seen in the last scan */
        bool carrier;
        bool bound;
        pid_t pid;        /* of udhcpc; 0: none */
        int report;       /* its report pipe; -1: none */
        int64_t start_at; /* not before; milliseconds of the monotonic clock */
} Port;

typedef struct Ports {
        Port list[PORTS_MAX];
        unsigned n;
        ClientSettings settings;
        int64_t bound_since; /* when the first interface got its lease; 0: none has one */
} Ports;

int64_t ports_now(void);

/* Looks at all interfaces: brings new ones up, starts a client where there is a carrier, renews a
 * lease after the carrier was gone. */
void ports_scan(Ports *ps);

/* Reads the reports of all clients and collects the ones that ended. */
void ports_update(Ports *ps);

bool ports_all_bound(const Ports *ps);

/* Ends all clients; leases and addresses stay. */
void ports_stop(Ports *ps);
