/* speclock.h - linuxkit.lock: what every image reference of a build file stands for.
 *
 *     version: 1
 *     images:
 *       docker.io/library/redis:7:
 *         digest: sha256:...
 *         platforms:
 *           linux/amd64: sha256:...
 *       docker.io/linuxkit/runc:HASH:
 *         package: ../pkg/runc
 *
 * YAML, sorted, one fact a line: made to be committed and to give readable diffs.  References are
 * in normal form, so no mirror's address ever stands here.  Not to be confused with native.lock,
 * which names the Debian packages of one component (lib/package/lock.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"

#define SPECLOCK_FILE "linuxkit.lock"

typedef struct LockedPlatform {
        const char *platform; /* "linux/arm/v7" */
        Digest digest;        /* of the manifest */
} LockedPlatform;

typedef struct LockedImage {
        const char *ref;
        const char *package;       /* the path after "@pkg:", NULL: not a package of the checkout */
        Digest root;               /* of index or manifest; text "": not known */
        LockedPlatform *platforms; /* sorted */
        size_t n, cap;
} LockedImage;

typedef struct SpecLock {
        Arena *arena;
        LockedImage *images; /* sorted by ref */
        size_t n, cap;
} SpecLock;

void speclock_init(SpecLock *l);
void speclock_done(SpecLock *l); /* l may be zeroed */
#define _cleanup_speclock_ __attribute__((cleanup(speclock_done)))

/* file is the name in messages. *ret needs speclock_done after success only.  ERR_SPEC, one line
 * per fault, each with file:line:column. */
int speclock_parse(const char *text, size_t len, const char *file, SpecLock *ret, Err *e);
/* ERR_NOT_FOUND: no such file. */
int speclock_load(const char *path, SpecLock *ret, Err *e);
struct Buf;
void speclock_print(const SpecLock *l, struct Buf *out);

/* The entry of ref, made when there is none; valid until the next call.  Strings are copied. */
LockedImage *speclock_add(SpecLock *l, const char *ref);
void speclock_set_platform(SpecLock *l, LockedImage *image, const char *platform, const Digest *d);
/* NULL: not there. */
const LockedImage *speclock_find(const SpecLock *l, const char *ref);
/* Is there an image for linux/ARCH, whatever the variant? */
bool speclock_has(const LockedImage *image, const char *arch);
/* Its manifest; NULL: not there, or in several variants. */
const Digest *speclock_manifest(const LockedImage *image, const char *arch);
/* Appends a line for each difference: "REF: what changed".  Images with the same index are the
 * same; platforms: all that now has must be in old all the same. */
void speclock_diff(const SpecLock *old, const SpecLock *now, bool platforms, struct Buf *out);
