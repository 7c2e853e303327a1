/* conf.h - what we use of dhcpcd.conf(5). */
#pragma once

#include <stdbool.h>

#define CONF_PATTERNS  16
#define CONF_WORD      64
#define CONF_CLIENT_ID 128

typedef struct DhcpConf {
        char allow[CONF_PATTERNS][CONF_WORD]; /* fnmatch patterns; none: every Ethernet interface */
        char deny[CONF_PATTERNS][CONF_WORD];
        unsigned n_allow, n_deny;

        bool send_hostname;
        char hostname[CONF_WORD];       /* empty: the name of the machine */
        char client_id[CONF_CLIENT_ID]; /* empty: type and hardware address */
        int timeout;                    /* seconds for -1; 0: none; -1: not given */

        bool want_mtu, want_search, want_routes, want_hostname; /* `option` lines */
} DhcpConf;

/* A configuration without any line. */
void conf_init(DhcpConf *c);

/* Takes one line apart (in place) and applies it.  Settings of dhcpcd that mean nothing here (duid,
 * persistent, slaac, noarp, waitip: an IPv4 address is always awaited ...) are accepted and
 * ignored. NULL, or what is wrong with the line. */
const char *conf_line(DhcpConf *c, char *line);

/* Whether the interface is ours to configure. */
bool conf_allows(const DhcpConf *c, const char *interface);
