/* power.h - the power button: every input device that has such a key (ACPI, gpio-keys, keyboards).
 *
 * No allocation: process 1 polls the devices itself. */
#pragma once

#include <stdbool.h>

enum { POWER_DEVICES = 8 };

typedef struct Power {
        int fds[POWER_DEVICES]; /* -1: free */
        int numbers[POWER_DEVICES];
} Power;

void power_init(Power *p);

/* Opens the devices in dir (/dev/input) that are not open yet. */
void power_scan(Power *p, const char *dir);

/* Reads from the device of a slot; true when the button was pressed.  A device that is gone leaves
 * its slot. */
bool power_read(Power *p, int slot);
