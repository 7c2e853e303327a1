/* mountopt.h - fstab words to mount(2) flags (table of boot.md 9.1). */
#pragma once

#include <stddef.h>

#include "lib/base/err.h"

typedef struct MountOpts {
        unsigned long flags;       /* everything but propagation */
        unsigned long propagation; /* MS_PRIVATE, MS_SHARED, MS_SLAVE, MS_UNBINDABLE; 0: as it is */
        char *data; /* words that are no flags, joined with commas; "" if none; owned */
        char *upperdir, *workdir; /* values of these overlay words, owned; NULL if absent */
} MountOpts;

/* Later words win.  Fails only when the data does not fit in the page the kernel takes. */
int mountopt_parse(char *const *words, size_t n, MountOpts *ret, Err *e);
void mountopt_done(MountOpts *o);

/* Mounts with these options.  What mount(2) silently ignores gets its own call: flags of a bind
 * (read-only, nosuid ...) and propagation.  A missing file system driver is loaded. */
int mountopt_mount(const char *source, const char *target, const char *type, const MountOpts *o,
                   Err *e);
