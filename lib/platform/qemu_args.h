/* qemu_args.h - the argument list for QEMU, as a pure function of what has been decided.
 *
 * Order and spelling are a contract (cli.md 8.1): people grep `ps` and wrap the program. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arch.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

typedef struct QemuDisk {
        const char *path;   /* NULL: none given */
        const char *format; /* always stated: QEMU would believe the content */
        uint64_t size_mib;  /* 0: none given */
} QemuDisk;

/* Everything that stands in the arguments. Strings are borrowed. */
typedef struct QemuVm {
        const Arch *arch;
        const char *accel; /* NULL: none, that is TCG */
        bool host_cpu;     /* the guest's architecture is the host's */
        uint32_t cpus, mem;
        const char *uuid, *mac, *state;
        const char *iso;
        const char *firmware;
        const char *firmware_vars; /* NULL: firmware is one file, and writable */
        const char *kernel, *initrd, *cmdline;
        const char *netdev;    /* NULL: no network */
        const QemuDisk *disks; /* boot disk first */
        size_t n_disks;
        bool boots_disk;            /* the machine starts from the first of them */
        bool names_root;            /* cmdline has the device name of the first of them */
        const char *const *devices; /* NULL-terminated or NULL */
        bool gui, usb;
        int report_fd; /* where the machine's boot report goes; 0: nowhere */
} QemuVm;

/* argv[0] is program; NULL-terminated, all of it in the arena. */
const char *const *qemu_args(Arena *arena, const char *program, const QemuVm *vm);

/* "[file=]PATH,size=N[G|M],format=F" (cli.md 7); strings live in the arena. ERR_USAGE. */
int qemu_parse_disk(Arena *arena, const char *spec, QemuDisk *ret, Err *e);
/* "[ADDRESS:]HOST:GUEST[/tcp|/udp]" to "hostfwd=PROTO:ADDRESS:HOST-:GUEST". ERR_USAGE. */
int qemu_parse_publish(Arena *arena, const char *spec, const char **ret, Err *e);
/* Value of -netdev for a --networking mode; *ret NULL for "none". ERR_USAGE. */
int qemu_parse_networking(Arena *arena, const char *mode, const char *const *publish,
                          const char **ret, Err *e);
/* Whether we know how to start a machine of this architecture. */
bool qemu_knows_arch(const Arch *arch);
/* Where the kernel finds the first disk: "/dev/sda" or "/dev/vda". */
const char *qemu_root_device(const Arch *arch);
