/* devices.h - drivers for the devices that are there at boot, and for those that come later.
 *
 * devtmpfs makes the nodes; what is left for user space is to load the module that a device's
 * modalias asks for, and the links of devlinks.h.  The kernel tells about new devices by uevents,
 * but the answer to any number of them is the same pass over sysfs, so a lost event loses nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/modules.h"

/* Opens the netlink socket on which the kernel announces devices; -1 if it cannot. */
int devices_open_uevents(void);

/* What the kernel's messages ask for. */
typedef struct DeviceNews {
        uint64_t driver; /* highest number of an event of a device that may want a driver; 0: none,
                          * UINT64_MAX: events were lost */
        bool input;      /* there may be a new node /dev/input/eventN */
        bool links;      /* a disk, partition or port of virtio came, went or changed */
} DeviceNews;

/* Reads the socket without blocking and adds what it held to *news.  When it is filled faster than
 * read, as root in a container can do it, some is left for the next call. */
void devices_drain_uevents(int fd, DeviceNews *news);

/* Adds what one message says; one that is not terminated is not from the kernel. */
void devices_parse_uevent(const char *msg, size_t len, DeviceNews *news);

/* Loads the modules of this set that the devices ask for, again and again until a pass finds
 * nothing new.  *seen gets the number of the last uevent that happened before the last pass.
 * Returns the number of modules. */
unsigned devices_coldplug(ModuleSet set, volatile uint64_t *seen);
