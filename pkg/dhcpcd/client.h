/* client.h - one udhcpc process for one interface. */
#pragma once

#include "pkg/dhcpcd/conf.h"

#include <sys/types.h>

typedef struct ClientSettings {
        const DhcpConf *conf;
        bool once;      /* stop after the first lease */
        bool broadcast; /* ask for broadcast replies */
} ClientSettings;

/* Starts udhcpc; *ret_report becomes the end of a pipe on which hook.h's reports arrive (the caller
 * closes it).  0, or a negative errno. */
int client_start(const char *interface, const ClientSettings *s, pid_t *ret_pid, int *ret_report);
