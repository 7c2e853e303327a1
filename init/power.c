/* power.c - see power.h.  The nodes are tried by number instead of being listed: opendir(3) would
 * allocate. */
#include "init/power.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { NODES = 64, BITS = 8 * sizeof(unsigned long) };

void power_init(Power *p) {
        for (int i = 0; i < POWER_DEVICES; i++)
                p->fds[i] = -1;
}

static bool has_power_key(int fd) {
        unsigned long keys[KEY_MAX / BITS + 1] = { 0 };
        return ioctl(fd, EVIOCGBIT(EV_KEY, sizeof(keys)), keys) >= 0 &&
               keys[KEY_POWER / BITS] >> (KEY_POWER % BITS) & 1;
}

/* A free slot, -1 when there is none or the number has one already. */
static int slot_for(const Power *p, int number) {
        int slot = -1;
        for (int i = POWER_DEVICES - 1; i >= 0; i--) {
                if (p->fds[i] < 0)
                        slot = i;
                else if (p->numbers[i] == number)
                        return -1;
        }
        return slot;
}

void power_scan(Power *p, const char *dir) {
        for (int n = 0; n < NODES; n++) {
                char path[128];
                int slot = slot_for(p, n);
                if (slot < 0)
                        continue;
                snprintf(path, sizeof(path), "%s/event%d", dir, n);
                int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
                if (fd < 0)
                        continue;
                if (has_power_key(fd)) {
                        p->fds[slot] = fd;
                        p->numbers[slot] = n;
                } else {
                        close(fd);
                }
        }
}

bool power_read(Power *p, int slot) {
        struct input_event events[16];
        bool pressed = false;
        ssize_t n;
        while ((n = read(p->fds[slot], events, sizeof(events))) > 0)
                for (size_t i = 0; i < (size_t)n / sizeof(events[0]); i++)
                        pressed |= events[i].type == EV_KEY && events[i].code == KEY_POWER &&
                                   events[i].value == 1;
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
                close(p->fds[slot]);
                p->fds[slot] = -1;
        }
        return pressed;
}
