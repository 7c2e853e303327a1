/* hook.h - the program that udhcpc calls at every event; it is dhcpcd under another name. */
#pragma once

#include <stdbool.h>

/* In the environment: the descriptor on which the front end awaits reports, and what the
 * configuration wants of the optional answers, as letters of HOOK_WANTS. */
#define HOOK_REPORT_FD "DHCPCD_REPORT_FD"
#define HOOK_WANTS     "DHCPCD_WANTS"

/* A report is one byte: */
#define HOOK_BOUND  'b' /* address, routes and resolv.conf are set */
#define HOOK_FAILED 'f' /* there is a lease, but the interface could not be configured */
#define HOOK_LOST   'l' /* no lease (any more); also sent when udhcpc starts */

/* udhcpc: argv[1] is the event, everything else stands in the environment.  Returns the status. */
int hook_main(int argc, char **argv);
