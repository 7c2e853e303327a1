/* net.h - the few rtnetlink requests that boot and runtime.json need. */
#pragma once

#include <sys/types.h>

#include "lib/base/err.h"

/* 127.0.0.1/8 on lo, lo up; ::1 comes from the kernel.  An address that is there is no error. */
int net_loopback_up(Err *e);

/* Creates link NAME of a kind (RTNL link kind: "veth", "dummy", "wireguard" ...).  peer: name of
 * the other end of a veth, else NULL.  pid > 0 makes it in the network namespace of that process
 * (only sensible without peer).  A missing driver is loaded. */
int net_link_create(const char *name, const char *kind, const char *peer, pid_t pid, Err *e);

/* Moves link NAME of our network namespace to that of process pid. */
int net_link_move(const char *name, pid_t pid, Err *e);
