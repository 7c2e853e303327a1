/* place.h - mounting the root and moving into it. */
#pragma once

#include <stdbool.h>

#include "pkg/bootloader/words.h"

#define PLACE_ROOT "/newroot"

/* Attaches a file to a free loop device, read-only; the device goes away with its last user.  The
 * name of the node is in static memory; NULL and errno on failure. */
const char *place_loop(const char *file);
/* Mounts a device on PLACE_ROOT; what fails is told on the console. */
bool place_mount(const char *node, const Words *w);
/* The same for a file in an ISO 9660 file system on node; false when it is not there. */
bool place_mount_in_iso(const char *node, const char *file, const Words *w);
/* Leaves the initramfs, frees its memory and makes PLACE_ROOT the root.  False, with a message,
 * when that does not work. */
bool place_enter(void);
