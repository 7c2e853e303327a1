/* hotplug.h - process 1's side of devices that come and go: listens, and starts a process for what
 * is to be done.  Allocates nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "init/boot.h"

typedef struct Hotplug {
        int uevents, disks; /* to be polled for input; -1: not there.  disks is an inotify
                             * descriptor that tells when a disk's node was written to */
        BootShared *shared;

        pid_t devices;                   /* the pass that loads drivers; 0: not running */
        uint64_t last_event, pass_event; /* pass_event: the last one when the pass began */
        bool rescan;

        pid_t links;                    /* the pass that makes links */
        bool links_wanted, links_asked; /* asked: the boot process waits for the next pass */
        bool links_answer;              /* the running pass is the one that it waits for */
        double links_due;               /* not before */
} Hotplug;

#define HOTPLUG_INIT ((Hotplug){ .uevents = -1, .disks = -1 })

void hotplug_open(Hotplug *h);

/* True when there may be a new input device. */
bool hotplug_read_uevents(Hotplug *h);
void hotplug_read_disks(Hotplug *h);

/* The boot process wants links_made of the shared page. */
void hotplug_ask_for_links(Hotplug *h);

/* Starts what is due; booting: the boot process still runs. */
void hotplug_serve(Hotplug *h, bool booting);

/* When hotplug_serve() has something to do without an event; 0 for never. */
double hotplug_due(const Hotplug *h);

/* A child has ended; true when it was one of these. */
bool hotplug_ended(Hotplug *h, pid_t pid, int status);
