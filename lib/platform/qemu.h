/* qemu.h - a machine under QEMU, in the foreground, with the serial console on our terminal. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/str.h"

typedef struct QemuOptions { /* flags of `linuxkit run qemu` (cli.md 7, 8.1); NULL and 0: not given
                              */
        const char *path;
        const char *arch;          /* any name of lib/base/arch.h; NULL: this machine's */
        const char *accel;         /* NULL: $LINUXKIT_QEMU_ACCEL, else whatever works */
        const char *qemu;          /* program; NULL: qemu-system-ARCH */
        const char *state;         /* NULL: PREFIX-state */
        const char *firmware;      /* NULL: searched when uefi */
        const char *firmware_vars; /* file whose copy holds the UEFI variables; NULL: what belongs
                                      to the firmware that was found, or none */
        const char *networking;
        uint32_t cpus, mem;                                         /* MiB */
        const char *const *disks, *const *publish, *const *devices; /* NULL-terminated or NULL */
        bool iso, kernel, squashfs, erofs, uefi, usb, gui;
        Buf *boot_report; /* gets what the machine tells about its boots; NULL: not asked for */
} QemuOptions;

/* Checks everything first, then makes the state directory and runs the machine until it ends.
 * SIGINT, SIGTERM and SIGHUP are passed on to QEMU; *ret_signal is then the first of them, and the
 * caller should die of it.  A failure of QEMU itself is ERR_IO with its status. */
int qemu_run(const QemuOptions *o, int *ret_signal, Err *e);
