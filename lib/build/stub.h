/* stub.h - the small initramfs of the formats whose root file system stays on its medium: a static
 * program (pkg/bootloader) and the few kernel modules that lead to the root.
 *
 * With a kernel that has all of that built in it is not needed at all, and root= alone does it. */
#pragma once

#include <stdbool.h>

#include "lib/base/content.h"
#include "lib/base/err.h"
#include "lib/base/extents.h"
#include "lib/oci/cache.h"
#include "lib/rootfs/tree.h"

typedef enum StubRoot {
        STUB_PARTITION, /* root=PARTUUID=..., on any disk */
        STUB_ISO,       /* root=iso:/PATH, a file on an ISO 9660 medium */
        STUB_FILE,      /* root=file:/NAME, a file of the initramfs itself */
} StubRoot;

typedef struct StubOptions {
        StubRoot root;
        const char *fs;       /* "squashfs", "erofs", "ext4", "iso9660": what the root is */
        const Extents *image; /* STUB_FILE: the image; must outlive the result */
        const char *name;     /* STUB_FILE: its name, "root.squashfs" */
        bool gzip;    /* compress it; not with STUB_FILE, whose point is that nothing is unpacked */
        Cache *cache; /* for gzip; may be NULL */
} StubOptions;

/* Is a stub needed to reach the root?  Always except for a partition whose drivers are all built
 * in, or of whose kernel nothing is known because the tree has no modules.  ERR_SPEC when the
 * kernel cannot reach it in any way: no driver for the file system, say. */
int stub_needed(const Tree *t, const StubOptions *o, bool *ret, Err *e);

/* Appends the initramfs to out, a whole number of 512 bytes; *needed false: nothing was appended
 * and the kernel finds the root alone.  What t and stub_program refer to must outlive out.  The
 * same inputs give the same bytes.  Errors as for stub_needed; ERR_VERIFY for damaged lists of
 * modules. */
int stub_initrd(const Tree *t, const Content *stub_program, const StubOptions *o, Extents *out,
                bool *needed, Err *e);
