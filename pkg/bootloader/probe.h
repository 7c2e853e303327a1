/* probe.h - what stands on a block device: partition table, file system, label.
 *
 * The bytes come from disks that anybody may have written: every offset that is read is bounded by
 * what the read function can deliver, and nothing is trusted beyond its magic. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A device; read fills n bytes from position at, false when it cannot. */
typedef struct Probe {
        bool (*read)(const struct Probe *p, uint64_t at, void *buf, size_t n);
        const void *ctx;
        unsigned sector; /* logical sector size, for the position of the GPT */
} Probe;

enum { PROBE_ID_MAX = 64 };

/* The PARTUUID of partition `number` as the kernel spells it: the unique GUID of a GPT entry, or
 * "SIGNATURE-NN" of an MBR; lower case.  False when there is none. */
bool probe_partuuid(const Probe *p, unsigned number, char ret[PROBE_ID_MAX]);
/* "squashfs", "erofs", "ext4", "iso9660" ..., or NULL. */
const char *probe_type(const Probe *p);
/* Label, and UUID in lower case, of the file system; false when it has none or is unknown. */
bool probe_label(const Probe *p, char ret[PROBE_ID_MAX]);
bool probe_uuid(const Probe *p, char ret[PROBE_ID_MAX]);
