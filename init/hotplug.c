/* hotplug.c - see hotplug.h.
 *
 * Drivers and links are two passes in two processes: a disk that hangs holds up the links and
 * nothing else. */
#include "init/hotplug.h"

#include <linux/futex.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init/devices.h"
#include "init/devlinks.h"
#include "init/log.h"
#include "init/sys.h"

/* Between two passes, or who writes to a disk again and again would keep the machine busy. */
#define LINKS_REST 0.1

void hotplug_open(Hotplug *h) {
        h->uevents = devices_open_uevents();
        h->disks = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
}

bool hotplug_read_uevents(Hotplug *h) {
        DeviceNews news = { 0 };
        devices_drain_uevents(h->uevents, &news);
        if (news.driver == UINT64_MAX)
                h->rescan = true;
        else if (news.driver > h->last_event)
                h->last_event = news.driver;
        h->links_wanted |= news.links;
        return news.input;
}

void hotplug_read_disks(Hotplug *h) {
        char drop[1024];
        /* Once: who writes again and again must not keep process 1 here. */
        if (read(h->disks, drop, sizeof(drop)) > 0)
                h->links_wanted = true;
}

void hotplug_ask_for_links(Hotplug *h) {
        h->links_wanted = h->links_asked = true;
}

/* One pass over sysfs at a time, and never beside the one that boot makes. */
static void serve_drivers(Hotplug *h, bool booting) {
        if (h->devices || (booting && h->shared->coldplugging) ||
            (!h->rescan && h->last_event <= h->shared->seen_event))
                return;
        h->rescan = false;
        h->pass_event = h->last_event;
        h->devices = sys_fork("devices", -1);
        if (h->devices == 0) {
                devices_coldplug(MODULES_ALL, &h->shared->seen_event);
                _exit(0);
        }
        if (h->devices < 0)
                h->devices = 0;
}

/* What a pass could not serve waits for the next event; trying again at once would never end. */
static void drivers_ended(Hotplug *h, int status) {
        char text[64];
        h->devices = 0;
        if (status == 0)
                return;
        log_init("pass over new devices: %s", sys_describe_status(status, text, sizeof(text)));
        if (h->shared->seen_event < h->pass_event)
                h->shared->seen_event = h->pass_event;
}

static void links_ended(Hotplug *h, int status) {
        char text[64];
        h->links = 0;
        h->links_due = sys_now() + LINKS_REST;
        if (status)
                log_init("links of disks: %s", sys_describe_status(status, text, sizeof(text)));
        if (!h->links_answer)
                return;
        __atomic_store_n(&h->shared->links_made, 1, __ATOMIC_RELEASE);
        syscall(SYS_futex, &h->shared->links_made, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Without memory for a process it is tried again. */
static void serve_links(Hotplug *h) {
        if (!h->links_wanted || h->links || (!h->links_asked && sys_now() < h->links_due))
                return;
        h->links_wanted = false;
        h->links_answer = h->links_asked;
        h->links_asked = false;
        h->links = sys_fork("links", h->disks);
        if (h->links == 0) {
                devlinks_update("/sys", "/dev", h->disks);
                _exit(0);
        }
        if (h->links < 0) {
                h->links = 0;
                h->links_wanted = true;
                h->links_asked = h->links_answer;
                h->links_due = sys_now() + LINKS_REST;
        }
}

void hotplug_serve(Hotplug *h, bool booting) {
        if (h->uevents >= 0 && !h->shared->no_modules)
                serve_drivers(h, booting);
        serve_links(h);
}

double hotplug_due(const Hotplug *h) {
        return h->links_wanted && !h->links ? h->links_due : 0;
}

bool hotplug_ended(Hotplug *h, pid_t pid, int status) {
        if (pid == h->devices)
                drivers_ended(h, status);
        else if (pid == h->links)
                links_ended(h, status);
        else
                return false;
        return true;
}
