/* pins.h - which lock file a build obeys, and what that means for its images.
 *
 * A linuxkit.lock beside the build file is obeyed without being asked for: whoever has one wants
 * the same image tomorrow.  --locked makes it a duty; a bundle brings its own. */
#pragma once

#include "lib/build/speclock.h"
#include "lib/oci/image.h"
#include "lib/spec/spec.h"

typedef struct PinOptions {
        const char *const *files; /* build files; the lock file is beside the first */
        size_t n_files;
        const char *lock_file; /* NULL: linuxkit.lock there */
        bool locked;           /* every image must be locked */
        bool pull;             /* the newest is wanted: without `locked` no lock file is read */
        const char *bundle;    /* file to take images from, "-": stdin; NULL: none */
} PinOptions;

typedef struct Pins Pins;

/* Reads the lock file, if there is one, or takes the bundle into the cache.  *ret is never NULL
 * after success. */
int pins_open(const PinOptions *o, Cache *c, Pins **ret, Err *e);
void pins_free(Pins *p); /* p may be NULL */
/* Every image of spec for arch must be locked if that is demanded (ERR_SPEC with file:line:column);
 * otherwise those that are not are only mentioned. */
int pins_check(const Pins *p, const Spec *spec, const char *arch, Err *e);
/* True when some lock file or bundle decides about images: nothing else but cache and registry may
 * bring them then. */
bool pins_any(const Pins *p);
/* Sets pin and offline of source; p must outlive it. */
void pins_apply(const Pins *p, ImageSource *source);
/* A package that the cache has exactly as locked need not be built, wherever it was built. */
bool pins_has_package(const Pins *p, Cache *c, const char *ref, const char *arch);
/* Path of the lock file beside the first of the build files, malloc'ed; that of stdin and of a URL
 * is in the current directory. */
char *pins_lock_path(const char *const *files);
