/* devlinks.h - the names under which a device can be found without knowing what the kernel calls
 * it: /dev/disk/by-{label,uuid,partlabel,partuuid,id} and /dev/virtio-ports (boot.md 5.3).
 *
 * Every update is a pass over all devices of sysfs, so a lost event loses nothing.  It reads from
 * disks, which may hang: it belongs in a process of its own. */
#pragma once

#include <stdbool.h>

/* True when there is a device that somebody may want to find by name: any but loop devices and
 * memory disks, which tell when they get a content. */
bool devlinks_expected(const char *sys);

/* Makes, changes and removes links until they say what is there.  sys is /sys, dev /dev.  When
 * several devices claim one name, the one that has it keeps it while it is there; a new name goes
 * to the first of them.  watch is an inotify descriptor or -1: nodes of disks are added to it, so
 * that the caller learns when one was written to. */
void devlinks_update(const char *sys, const char *dev, int watch);
