/* netif.h - addresses, routes and state of network interfaces; IPv4 only.
 *
 * All functions return 0 or a negative errno. */
#pragma once

#include <net/if.h>
#include <netinet/in.h>

/* IFF_ flags of an Ethernet interface that can be configured; 0 for any other one (loopback, a port
 * of a bond or the fast path under a Hyper-V network device, tunnels, gone). */
unsigned netif_ethernet_flags(const char *name);

int netif_up(const char *name);
int netif_set_mtu(const char *name, int mtu);

/* INADDR_ANY if there is none. */
struct in_addr netif_address(const char *name);

/* Sets the address; does nothing to an interface that has exactly this one. */
int netif_set_address(const char *name, struct in_addr address, unsigned prefix,
                      struct in_addr broadcast);

/* Removes the address and with it the routes that need it. */
int netif_clear_address(const char *name);

/* Adds or replaces a route; gateway INADDR_ANY means that the destination is on the link. */
int netif_add_route(const char *name, struct in_addr dst, unsigned prefix, struct in_addr gateway,
                    struct in_addr source);

/* A socket that becomes readable whenever an interface appears or changes, or a negative errno. */
int netif_watch(void);
