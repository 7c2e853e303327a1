/* images.h - all images of a build file, fetched and opened in parallel, each reference once and
 * each layer once (W36, W37). */
#pragma once

#include "lib/oci/image.h"
#include "lib/oci/layer.h"
#include "lib/rootfs/flatten.h"
#include "lib/spec/spec.h"

typedef struct ImageSet ImageSet;

/* Opens the kernel, init and container images and the filesystem volumes. Errors carry the position
 * of the first image key that names the image. */
int images_open(const Spec *spec, const ImageSource *source, ImageSet **ret, Err *e);
void images_free(ImageSet *s); /* s may be NULL; entries of the images die with it */
/* NULL for a reference that images_open did not see. */
const Image *images_find(const ImageSet *s, const char *ref);
/* True when a docker engine exported the image, see Filter.exported. */
bool images_exported(const ImageSet *s, const char *ref);
/* flatten() over the layers of an image of the set. */
int images_flatten(const ImageSet *s, const char *ref, bool (*skip)(const char *name), EntryFn fn,
                   void *ctx, Err *e);

/* Puts "file:line:column: WHO: " in front of an error; the position only when it is known. Returns
 * -1. */
int err_at(Err *e, Pos pos, const char *who);
