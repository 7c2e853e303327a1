/* firmware.h - UEFI for machines: where distributions put it. */
#pragma once

#include "lib/base/err.h"

/* Code, and the empty variables that belong to it; vars NULL: one file with both, which is written
 * to. */
typedef struct Firmware {
        const char *code, *vars;
} Firmware;

/* machine: as uname -m. Strings of *ret are static.  ERR_NOT_FOUND with a hint what to install. */
int firmware_find(const char *machine, Firmware *ret, Err *e);
/* Copies a file of firmware, of which most may be zeros: they stay a hole. */
int firmware_copy(const char *from, const char *to, Err *e);
