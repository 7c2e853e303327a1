/* devices.h - drivers for the devices that are there at boot, and for those that come later.
 *
 * devtmpfs makes the nodes; what is left for user space is to load the module that a device's
 * modalias asks for.  The kernel tells about new devices by uevents, but the answer to any number
 * of them is the same pass over sysfs, so a lost event loses nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/modules.h"

/* Opens the netlink socket on which the kernel announces devices; -1 if it cannot. */
int devices_open_uevents(void);

/* Empties the socket without blocking.  Returns the highest sequence number of an event that may
 * want a driver, 0 if there was none, UINT64_MAX when events were lost.  *new_input is set when a
 * node of an input device (/dev/input/eventN) may have appeared. */
uint64_t devices_drain_uevents(int fd, bool *new_input);

/* Sequence number in one uevent message, 0 when it is not from a device that may want a driver. */
uint64_t devices_parse_uevent(const char *msg, size_t len);

/* True for the message about a new node of an input device. */
bool devices_is_new_input(const char *msg, size_t len);

/* Loads the modules of this set that the devices ask for, again and again until a pass finds
 * nothing new.  *seen gets the number of the last uevent that happened before the last pass.
 * Returns the number of modules. */
unsigned devices_coldplug(ModuleSet set, volatile uint64_t *seen);
